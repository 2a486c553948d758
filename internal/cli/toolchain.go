package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/oci"
	"github.com/wasmill/wasmill/internal/orchestrator"
	"github.com/wasmill/wasmill/internal/term"
	"github.com/wasmill/wasmill/internal/toolchain"
)

func (a *app) toolchainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "toolchain",
		Short: "Lock, bake, verify and list toolchains",
		Long: `A toolchain is a folder with a spec (toolchain.yaml) and a lock (lock.json) that names every byte by sha256. Baking
makes two images from the lock: one in which packages are compiled, one in which wheels are tested. The same lock gives
the same digests. Extensions are further images in which packages are compiled, made only when they are asked for.`,
	}
	cmd.AddCommand(a.toolchainList(), a.toolchainLock(), a.toolchainBake(), a.toolchainCopy(), a.toolchainVerify())
	return cmd
}

func (a *app) toolchainList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the toolchains, and whether their images are in the registry",
		Example: "  wasmill toolchain list --json",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, _ []string) error {
			list, err := farm.Toolchains(ctx)
			if err != nil {
				return err
			}
			return a.print(list, func(w io.Writer) error { return toolchainTable(w, list) })
		}),
	}
}

func toolchainTable(w io.Writer, list []api.Toolchain) error {
	rows := [][]string{{"toolchain", "platform", "image", "compressed>", "compiler"}}
	for _, t := range list {
		image, size := "not baked", ""
		if t.Baked {
			image, size = t.Digest[:min(len(t.Digest), len("sha256:")+12)], term.Bytes(t.Size)
		}
		rows = append(rows, []string{t.Name, t.Platform, image, size, t.Compiler})
		for _, e := range t.Extensions {
			image, size := "not baked", ""
			if e.Baked {
				image, size = e.Digest[:min(len(e.Digest), len("sha256:")+12)], term.Bytes(e.Size)
			}
			rows = append(rows, []string{"  " + e.Name, "", image, size, purpose(e)})
		}
	}
	return term.Table(w, rows)
}

func (a *app) toolchainLock() *cobra.Command {
	dry := false
	cmd := &cobra.Command{
		Use:   "lock NAME",
		Short: "Resolve what a spec asks for and write lock.json",
		Example: `  wasmill toolchain lock --toolchains ./toolchains pyemscripten_2026_5
  wasmill toolchain lock --toolchains ./toolchains --dry-run pyemscripten_2026_5    # which inputs would be others`,
		Args: command.Arguments(1, 1, "the name of a toolchain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.toolchains == "" {
				return fault.Errorf(fault.Invalid, "name the folder whose lock is to be written with --toolchains")
			}
			t, err := toolchain.Load(filepath.Join(a.toolchains, filepath.Base(args[0])))
			if err != nil {
				return err
			}
			p := a.progress()
			defer p.Close()
			before := t.Lock
			if dry {
				if t.Dir, err = os.MkdirTemp("", "wasmill-lock-*"); err != nil {
					return fmt.Errorf("locking %s: %w", args[0], err)
				}
				defer os.RemoveAll(t.Dir)
			}
			if err := t.Relock(cmd.Context(), toolchain.LockOptions{
				Progress: show(p), Note: func(text string) { p.Line("%s", text) },
			}); err != nil {
				return err
			}
			if dry {
				changes := changedInputs(before, t.Lock)
				return a.print(changes, func(w io.Writer) error { return changedInputLines(w, args[0], changes, len(t.Lock.Inputs)) })
			}
			p.Line("%s: %d inputs locked", args[0], len(t.Lock.Inputs))
			return nil
		},
	}
	dryFlag(cmd, &dry, "locked", "write")
	return cmd
}

// changedInput is an input of a toolchain that another lock has otherwise. An empty version: it has none.
type changedInput struct {
	Kind   toolchain.Kind `json:"kind"`
	Name   string         `json:"name"`
	Before string         `json:"before,omitempty"`
	After  string         `json:"after,omitempty"`
}

// changedInputs holds two locks against each other; there may be none before.
func changedInputs(before, after *toolchain.Lock) []changedInput {
	type id struct {
		kind      toolchain.Kind
		name, ext string
	}
	of := func(in toolchain.Input) id { return id{in.Kind, in.Name, in.Extension} }
	old := map[id]toolchain.Input{}
	if before != nil {
		for _, in := range before.Inputs {
			old[of(in)] = in
		}
	}
	changes := []changedInput{}
	for _, in := range after.Inputs {
		was, had := old[of(in)]
		delete(old, of(in))
		if !had || was.SHA256 != in.SHA256 {
			changes = append(changes, changedInput{in.Kind, in.Name, was.Version, in.Version})
		}
	}
	if before != nil {
		for _, in := range before.Inputs {
			if _, gone := old[of(in)]; gone {
				changes = append(changes, changedInput{in.Kind, in.Name, in.Version, ""})
			}
		}
	}
	return changes
}

func changedInputLines(w io.Writer, name string, changes []changedInput, all int) error {
	rows := [][]string{{"input", "kind", "before", "after"}}
	for _, c := range changes {
		rows = append(rows, []string{c.Name, string(c.Kind), cmp.Or(c.Before, "-"), cmp.Or(c.After, "-")})
	}
	if len(changes) > 0 {
		if err := term.Table(w, rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s: %d inputs would be locked, %d of them changed\n", name, all, len(changes))
	return err
}

func (a *app) toolchainBake() *cobra.Command {
	again, update, dry, extension := false, false, false, ""
	cmd := &cobra.Command{
		Use:   "bake NAME",
		Short: "Make a toolchain's images from its lock, where the registry does not have them",
		Example: `  wasmill toolchain bake pyemscripten_2026_5
  wasmill toolchain bake --extension rust pyemscripten_2026_5                     # the image for recipes that need Rust
  wasmill toolchain bake --toolchains ./toolchains --update pyemscripten_2026_5    # after a change: pin the new digests`,
		Args: command.Arguments(1, 1, "the name of a toolchain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if update && a.toolchains == "" {
				return fault.Errorf(fault.Invalid, "name the folder whose lock is to be changed with --toolchains")
			}
			if dry {
				return a.showBake(cmd.Context(), args[0], extension, again)
			}
			return a.withBaking(cmd.Context(), args[0], func(t *toolchain.Toolchain, o toolchain.BakeOptions) error {
				// An extension stands on the image that the lock names, whatever is asked for the extension itself.
				if extension != "" {
					if _, err := t.Bake(cmd.Context(), o); err != nil {
						return err
					}
				}
				o.Again, o.Update = again, update
				if extension != "" {
					baked, err := t.BakeExtension(cmd.Context(), extension, o)
					if err != nil {
						return err
					}
					return a.print(baked, func(w io.Writer) error { return extendedText(w, args[0], baked) })
				}
				baked, err := t.Bake(cmd.Context(), o)
				if err != nil {
					return err
				}
				return a.print(baked, func(w io.Writer) error { return bakedText(w, args[0], baked) })
			})
		},
	}
	dryFlag(cmd, &dry, "baked", "bake")
	cmd.Flags().BoolVar(&again, "again", false, "bake even where the registry has the images; the digests must come out the same")
	cmd.Flags().BoolVar(&update, "update", false, "write the new digests into the lock instead of comparing")
	cmd.Flags().StringVar(&extension, "extension", "", "bake the image of this extension, and what it stands on where that is not there")
	return cmd
}

func (a *app) toolchainCopy() *cobra.Command {
	from, dry := "", false
	cmd := &cobra.Command{
		Use:   "copy --from REGISTRY NAME",
		Short: "Bring a toolchain's images from another registry to the farm's, instead of baking them again",
		Long: `Copies the images that the toolchain's lock names, and those of its extensions that the other registry has, as they are: the
digests stay, and so do the keys of builds. For a farm that moves from its embedded registry to another one, or a second farm.`,
		Example: `  wasmill toolchain copy --from 127.0.0.1:7471 --server http://farm.example:7470 pyemscripten_2026_5`,
		Args:    command.Arguments(1, 1, "the name of a toolchain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if from == "" {
				return fault.Errorf(fault.Invalid, "say with --from which registry has the images")
			}
			return a.withBaking(cmd.Context(), args[0], func(t *toolchain.Toolchain, o toolchain.BakeOptions) error {
				list, err := t.Copy(cmd.Context(), from, o.Registry, dry, o.Progress, o.Remote...)
				if err != nil {
					return err
				}
				return a.print(list, func(w io.Writer) error { return copiedText(w, list, dry) })
			})
		},
	}
	dryFlag(cmd, &dry, "copied", "copy")
	cmd.Flags().StringVar(&from, "from", "", "address of the registry that has the images")
	return cmd
}

func copiedText(w io.Writer, list []toolchain.Copied, dry bool) error {
	for _, c := range list {
		what := state(false)
		switch {
		case c.Fresh && dry:
			what = "would be copied"
		case c.Fresh:
			what = "copied"
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n", c.Image, what); err != nil {
			return err
		}
	}
	return nil
}

// showBake says which images a bake would make.
func (a *app) showBake(ctx context.Context, name, extension string, again bool) error {
	farm, done, err := a.farm(ctx)
	if err != nil {
		return err
	}
	defer done()
	list, err := farm.Toolchains(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(t api.Toolchain) bool { return t.Name == name })
	if i < 0 {
		return fault.Errorf(fault.NotFound, "there is no toolchain %s: `wasmill toolchain list` shows those that are", name)
	}
	t := list[i]
	type image struct {
		Image string `json:"image"`
		Bake  bool   `json:"would_bake"`
	}
	images := []image{{name, !t.Baked || again && extension == ""}}
	if extension != "" {
		i := slices.IndexFunc(t.Extensions, func(e api.Extension) bool { return e.Name == extension })
		if i < 0 {
			return fault.Errorf(fault.NotFound, "toolchain %s has no extension %s", name, extension)
		}
		images = append(images, image{name + ", " + extension, !t.Extensions[i].Baked || again})
	}
	return a.print(images, func(w io.Writer) error {
		for _, m := range images {
			what := state(false)
			if m.Bake {
				what = "would be baked"
			}
			if _, err := fmt.Fprintf(w, "%s: %s\n", m.Image, what); err != nil {
				return err
			}
		}
		return nil
	})
}

// purpose says what an extension's image is for.
func purpose(e api.Extension) string {
	if e.Runtime != "" {
		return "for tests in " + e.Runtime
	}
	return "for recipes that need " + strings.Join(e.Executables, ", ")
}

func bakedText(w io.Writer, name string, baked *toolchain.Baked) error {
	_, err := fmt.Fprintf(w, "%s: %s\n  build    %s  %s compressed\n  runtime  %s  %s compressed\n", name, state(baked.Fresh),
		baked.Image.Build, term.Bytes(baked.BuildSize), baked.Image.Runtime, term.Bytes(baked.RuntimeSize))
	return err
}

func extendedText(w io.Writer, name string, baked *toolchain.Extended) error {
	_, err := fmt.Fprintf(w, "%s: %s\n  %s  %s  %s compressed\n", name, state(baked.Fresh), baked.Extension, baked.Image, term.Bytes(baked.Size))
	return err
}

func state(fresh bool) string {
	if fresh {
		return "baked"
	}
	return "already in the registry"
}

func (a *app) toolchainVerify() *cobra.Command {
	extension := ""
	cmd := &cobra.Command{
		Use:   "verify NAME",
		Short: "Bake again from empty caches and compare the digests with the lock's",
		Example: `  wasmill toolchain verify pyemscripten_2026_5
  wasmill toolchain verify --extension rust pyemscripten_2026_5`,
		Args: command.Arguments(1, 1, "the name of a toolchain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withBaking(cmd.Context(), args[0], func(t *toolchain.Toolchain, o toolchain.BakeOptions) (err error) {
				name := args[0]
				if extension == "" {
					_, err = t.Verify(cmd.Context(), o)
				} else {
					_, err = t.VerifyExtension(cmd.Context(), extension, o)
					name += ", " + extension
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.out, "%s: baked anew from empty caches, the digests are the lock's\n", name)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&extension, "extension", "", "verify the image of this extension, on the Build image that the registry has")
	return cmd
}

// withBaking finds a toolchain and what baking needs: the registry of the farm that is running, or of one in this
// process.
func (a *app) withBaking(ctx context.Context, name string, do func(*toolchain.Toolchain, toolchain.BakeOptions) error) error {
	farm, done, err := a.farm(ctx)
	if err != nil {
		return err
	}
	defer done()
	if o, ok := farm.(*orchestrator.Orchestrator); ok {
		return a.bakeInto(ctx, o.Registry(), o.Remote(), name, do)
	}
	join, err := farm.Join(ctx)
	if err != nil {
		return err
	}
	return a.bakeInto(ctx, join.Registry, a.access.Remote(join), name, do)
}

func (a *app) bakeInto(ctx context.Context, registry string, remote *oci.Client, name string, do func(*toolchain.Toolchain, toolchain.BakeOptions) error) error {
	dir, err := datadir.Open(a.data)
	if err != nil {
		return err
	}
	folder, err := command.Toolchains(a.toolchains, dir)
	if err != nil {
		return err
	}
	t, err := toolchain.Load(filepath.Join(folder, filepath.Base(name)))
	if err != nil {
		return err
	}
	docker, err := engine.NewDocker(engine.WithKeychain(remote))
	if err != nil {
		return err
	}
	defer docker.Close()
	p := a.progress()
	defer p.Close()
	return do(t, toolchain.BakeOptions{
		Registry: registry, Remote: remote.Options(), Engine: docker, Cache: dir.Downloads(), Work: dir.Scratch(), Progress: show(p), Log: io.Discard,
	})
}

// show tells of a bake's steps.
func show(p *term.Progress) func(toolchain.Event) {
	last := ""
	return func(e toolchain.Event) {
		if last != "" && last != e.Step {
			p.Done(last, "done")
		}
		last = e.Step
		p.Update(e.Step, e.Done, e.Total, true, "")
	}
}
