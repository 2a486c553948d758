package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

// updatedRecipe is what `recipe update` found out about one recipe.
type updatedRecipe struct {
	Recipe   string                 `json:"recipe"`
	File     string                 `json:"file"`
	From     string                 `json:"from"`
	To       string                 `json:"to,omitempty"`
	Skipped  string                 `json:"skipped,omitempty"` // why nobody looked for a newer release
	Error    string                 `json:"error,omitempty"`   // why there is no answer
	Patches  []recipe.PatchToLookAt `json:"patches,omitempty"`
	Mentions []int                  `json:"mentions,omitempty"` // lines on which the old version still stands
	meta     []byte
	kind     fault.Kind
}

func (a *app) recipeUpdate() *cobra.Command {
	dir, dry, check, named := "recipes", false, false, false
	cmd := &cobra.Command{
		Use:   "update [NAME…]",
		Short: "Bring recipes to the newest releases on the package index",
		Long: `Writes version, address and sha256 of the newest release into the recipes that are named, or into all of a folder, and
leaves every other byte of meta.yaml as it is. A release is taken if it is not yanked, if the toolchain's Python may use
it, and if it has a file of the kind that the recipe has; a pre-release only by a recipe that is of one. Recipes with
package.pinned, of libraries, and with sources from elsewhere are left alone.

Exit status: 0 all are up to date or were written · 1 with --check, some are not up to date, or the index had no answer
about some · 2 and above as for all commands.`,
		Example: "  wasmill recipe update --dry-run\n  wasmill recipe update markupsafe lz4\n  wasmill recipe update --check --json | jq -r '.[] | select(.to) | .recipe'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if named = len(args) > 0; !named {
				args = []string{"*"}
			}
			set, err := (&targets{recipes: dir}).set(true)
			if err != nil {
				return err
			}
			chosen, err := set.Select(args...)
			if err != nil {
				return err
			}
			python, err := a.targetPython()
			if err != nil {
				return err
			}
			list, err := a.updates(cmd.Context(), chosen, python)
			if err != nil {
				return err
			}
			newer, failed := 0, fault.Internal
			unanswered := false
			for _, u := range list {
				if u.Error != "" {
					unanswered, failed = true, u.kind
				}
				if u.meta == nil {
					continue
				}
				newer++
				if dry || check {
					continue
				}
				if err := replaceFile(u.File, u.meta); err != nil {
					return fmt.Errorf("updating %s: %w", u.File, err)
				}
			}
			if err := a.print(list, func(w io.Writer) error { return updateLines(w, list, named, dry || check) }); err != nil {
				return err
			}
			switch {
			case unanswered && failed == fault.Unavailable:
				return fault.Errorf(failed, "the index did not answer about some recipes: %s", a.index)
			case unanswered, check && newer > 0:
				return command.ErrFailed
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "recipes", dir, "folder of recipes")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be written and write nothing")
	cmd.Flags().BoolVar(&check, "check", false, "write nothing, and end with status 1 if there are newer releases")
	return cmd
}

// updates asks the index about many recipes at a time.
func (a *app) updates(ctx context.Context, chosen []*recipe.Recipe, python string) ([]*updatedRecipe, error) {
	list := make([]*updatedRecipe, len(chosen))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, r := range chosen {
		group.Go(func() error {
			list[i] = a.update(ctx, r, python)
			return ctx.Err()
		})
	}
	return list, group.Wait()
}

func (a *app) update(ctx context.Context, r *recipe.Recipe, python string) *updatedRecipe {
	out := &updatedRecipe{Recipe: r.Name, File: r.File, From: r.Version, Skipped: r.Fixed()}
	if out.Skipped != "" {
		return out
	}
	p, err := recipe.FetchProject(ctx, get, a.index, r.Name)
	if err == nil {
		var u *recipe.Update
		if u, err = r.UpdateFrom(p, python); err == nil && u != nil {
			out.To, out.Patches, out.Mentions, out.meta = u.To, u.Patches, u.Mentions, u.Meta
		}
	}
	if err != nil {
		out.Error, out.kind = err.Error(), fault.KindOf(err)
	}
	return out
}

// replaceFile gives a file new content, with its own permissions, so that nobody sees half of it.
func replaceFile(file string, data []byte) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	aside, err := os.CreateTemp(filepath.Dir(file), ".update-*")
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name())
	_, err = aside.Write(data)
	for _, e := range []error{err, aside.Chmod(info.Mode().Perm()), aside.Close()} {
		if e != nil {
			return e
		}
	}
	return os.Rename(aside.Name(), file)
}

// updateLines says what is new, what there is to look at, and, where recipes were named, also what stays.
func updateLines(w io.Writer, list []*updatedRecipe, named, dry bool) error {
	var b strings.Builder
	current, skipped := 0, 0
	for _, u := range list {
		switch {
		case u.Error != "":
			fmt.Fprintf(&b, "%s %s: %s\n", u.Recipe, u.From, u.Error)
		case u.Skipped != "":
			if skipped++; named {
				fmt.Fprintf(&b, "%s %s: left alone: %s\n", u.Recipe, u.From, u.Skipped)
			}
		case u.To == "":
			if current++; named {
				fmt.Fprintf(&b, "%s %s: up to date\n", u.Recipe, u.From)
			}
		default:
			fmt.Fprintf(&b, "%s %s → %s\n", u.Recipe, u.From, u.To)
			for _, p := range u.Patches {
				fmt.Fprintf(&b, "  look at %s: %s\n", p.Name, p.Reason)
			}
			if len(u.Mentions) > 0 {
				lines := make([]string, len(u.Mentions))
				for i, n := range u.Mentions {
					lines[i] = strconv.Itoa(n)
				}
				fmt.Fprintf(&b, "  look at %s: %s is still named on line %s\n", u.File, u.From, strings.Join(lines, ", "))
			}
		}
	}
	verb := "written"
	if dry {
		verb = "newer on the index"
	}
	newer := 0
	for _, u := range list {
		if u.To != "" {
			newer++
		}
	}
	fmt.Fprintf(&b, "%d %s, %d up to date, %d left alone\n", newer, verb, current, skipped)
	_, err := io.WriteString(w, b.String())
	return err
}
