package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/diff"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

func (a *app) diffCommand() *cobra.Command {
	out := ""
	cmd := &cobra.Command{
		Use:   "diff FILE FILE | RECIPE | KEY",
		Short: "Say how two wheels, or the two builds of a recipe, differ",
		Long: `Compares two files of any kind: archives (wheels, zip, tar, gzip, static libraries) entry by entry, with order, times, modes and
compression, also in each other; texts by lines; WebAssembly modules section by section, and in them the functions and
data segments that differ.

With a recipe or a build's key it shows what the farm found when it made that build twice, and --out writes the files of
both builds into a folder, for other tools. The newest such build of a recipe is kept from ` + "`wasmill gc`" + ` until it was shown.

Exit status: 0 the files are equal · 1 they differ, or the two builds do · 2 and above as for all commands.`,
		Example: `  wasmill diff a/lz4-4.4.5-cp315-cp315-pyemscripten_2026_5_wasm32.whl b/lz4-4.4.5-cp315-cp315-pyemscripten_2026_5_wasm32.whl
  wasmill diff --json old.whl new.whl | jq '.differences[].parts[].name'
  wasmill diff lz4 --out both     # what the farm built: both/first/…, both/second/…`,
		Args: command.Arguments(1, 2, "two files, a recipe, or the key of a build"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				if out != "" {
					return fault.Errorf(fault.Invalid, "--out is for a recipe or a key: the two files are here")
				}
				return a.diffFiles(args[0], args[1])
			}
			return a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
				return a.diffBuilds(ctx, farm, args[0], out)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "folder that gets the files of both builds")
	return cmd
}

func (a *app) diffFiles(first, second string) error {
	name := filepath.Base(first)
	report, err := diff.Files([]diff.File{{Name: name, Path: first}}, []diff.File{{Name: name, Path: second}})
	if err != nil {
		return err
	}
	if err := a.print(report, report.Text); err != nil {
		return err
	}
	if !report.Equal {
		return command.ErrFailed
	}
	return nil
}

func (a *app) diffBuilds(ctx context.Context, farm api.Farm, name, out string) error {
	d, err := farm.Difference(ctx, name)
	if err != nil {
		return err
	}
	if out != "" {
		for folder, list := range map[string][]record.Artifact{"first": d.First, "second": d.Second} {
			for _, artifact := range list {
				if err := save(ctx, farm, artifact, filepath.Join(out, folder)); err != nil {
					return err
				}
			}
		}
	}
	if err := a.print(d, func(w io.Writer) error { return differenceText(w, &d) }); err != nil {
		return err
	}
	return command.ErrFailed
}

// save writes an artifact into a folder.
func save(ctx context.Context, farm api.Farm, artifact record.Artifact, dir string) error {
	if err := write(ctx, farm, artifact, dir); err != nil {
		return fmt.Errorf("writing %s: %w", artifact.Filename, err)
	}
	return nil
}

// write writes an artifact aside and then renames it.
func write(ctx context.Context, farm api.Farm, artifact record.Artifact, dir string) error {
	if artifact.Filename != filepath.Base(artifact.Filename) {
		return fault.Errorf(fault.Invalid, "%q is no file's name", artifact.Filename)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.Errorf(fault.Invalid, "making the folder: %w", err)
	}
	r, err := farm.OpenBlob(ctx, artifact.Digest)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, artifact.Filename))
}

func differenceText(w io.Writer, d *api.Difference) error {
	r := d.Reproduction
	where := "both on " + d.Worker
	if d.Worker != r.Worker {
		where = "on " + d.Worker + " and " + r.Worker
	}
	fmt.Fprintf(w, "%s %s was built twice, %s, and came out otherwise.\n", d.Recipe, d.Version, where)
	fmt.Fprintf(w, "key %s\nwhy twice: %s\n", d.Key, r.Why)
	for _, v := range r.Varied {
		fmt.Fprintf(w, "varied: %s\n", v)
	}
	switch {
	case r.Known != "":
		fmt.Fprintf(w, "the recipe says why: %s\n", r.Known)
	case r.Blocks:
		fmt.Fprintln(w, "It failed for that, and is not published.")
	default:
		fmt.Fprintln(w, "That was only noted.")
	}
	fmt.Fprintln(w)
	if r.Failure != nil {
		_, err := fmt.Fprintf(w, "%s\n%s\n", r.Summary, r.Failure.Detail)
		return err
	}
	return d.Report.Text(w)
}
