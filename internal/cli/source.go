package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) sourceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "source",
		Short: "Look after the files that builds are made from",
		Long: `A farm keeps every source archive and build requirement that it has ever fetched, by sha256, so that a build can be
repeated when the host is gone. A file whose host can't be reached can be given to it.`,
	}
	cmd.AddCommand(a.sourceAdd(), a.sourceList(), a.sourceGet(), a.sourceRemove())
	return cmd
}

// addedSource is a file that was given, and who wants it.
type addedSource struct {
	api.Source
	WantedBy []string `json:"wanted_by,omitempty"`
	Kept     bool     `json:"kept,omitempty"` // of one that would be added: the farm has it already
}

func (a *app) sourceAdd() *cobra.Command {
	recipes, dry := "", false
	cmd := &cobra.Command{
		Use:   "add FILE…",
		Short: "Give files to the farm whose hosts can't be reached",
		Long: `Gives files to the farm: to the one that --server names, or that has the data folder, or else to the data folder
itself, from which ` + "`wasmill build`" + ` takes them. A recipe finds its source there by the sha256 alone; the file's name
does not matter.`,
		Example: "  wasmill source add ~/Downloads/crc32c-1.1.1.tar.gz\n  wasmill source add --recipes recipes downloads/*     # and say which recipes want them\n  wasmill source add --dry-run downloads/*               # which are kept already?",
		Args:    command.Arguments(1, -1, "at least one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := wantedSources(recipes)
			if err != nil {
				return err
			}
			for _, file := range args { // before any is sent
				if info, err := os.Stat(file); err != nil || info.IsDir() {
					return fault.Errorf(fault.NotFound, "there is no file %s", file)
				}
			}
			farm, done, err := a.farm(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			add := farm.PutSource
			var kept []api.Source
			if dry {
				add = hashSource
				if kept, err = farm.Sources(cmd.Context()); err != nil {
					return err
				}
			}
			added := []addedSource{}
			for _, file := range args {
				f, err := os.Open(file)
				if err != nil {
					return fault.Errorf(fault.Invalid, "adding a source: %w", err)
				}
				src, err := add(cmd.Context(), filepath.Base(file), f)
				f.Close()
				if err != nil {
					return fmt.Errorf("adding %s: %w", file, err)
				}
				has := slices.ContainsFunc(kept, func(s api.Source) bool { return s.SHA256 == src.SHA256 })
				added = append(added, addedSource{src, namesOf(wanted[src.SHA256]), has})
			}
			return a.print(added, func(w io.Writer) error {
				for _, s := range added {
					line := s.SHA256 + "  " + s.Name
					switch {
					case s.Kept:
						line += " is kept already"
					case dry:
						line += " would be added"
					}
					switch {
					case recipes == "":
					case len(s.WantedBy) == 0:
						line += "  (no recipe wants it)"
					default:
						line += "  (for " + strings.Join(s.WantedBy, ", ") + ")"
					}
					if _, err := fmt.Fprintln(w, line); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&recipes, "recipes", "", "folder of recipes: say which of them want the files")
	dryFlag(cmd, &dry, "added", "add")
	return cmd
}

// hashSource is what would become of a file that is given to a farm.
func hashSource(_ context.Context, name string, r io.Reader) (api.Source, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, r)
	return api.Source{SHA256: hex.EncodeToString(sum.Sum(nil)), Name: name, Size: size}, err
}

// wantedSources are the recipes of a folder by the sha256 of their source; none without a folder.
func wantedSources(dir string) (map[string][]*recipe.Recipe, error) {
	wanted := map[string][]*recipe.Recipe{}
	if dir == "" {
		return wanted, nil
	}
	set, err := recipe.LoadSet(dir)
	if err != nil {
		return nil, err
	}
	for _, r := range set.Recipes() {
		if r.Source.SHA256 != "" {
			wanted[r.Source.SHA256] = append(wanted[r.Source.SHA256], r)
		}
	}
	return wanted, nil
}

func namesOf(recipes []*recipe.Recipe) []string {
	var names []string
	for _, r := range recipes {
		names = append(names, r.Name)
	}
	return names
}

// recipeSource is a recipe's source, and whether the farm has it.
type recipeSource struct {
	Recipe  string `json:"recipe"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	URL     string `json:"url"`
	Kept    bool   `json:"kept"`
}

func (a *app) sourceList() *cobra.Command {
	recipes := ""
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List what the farm keeps, or what of it recipes want",
		Example: "  wasmill source list\n  wasmill source list --recipes recipes        # of each recipe: is its source kept?\n  wasmill source list --json | jq -r '.[].sha256'",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			wanted, err := wantedSources(recipes)
			if err != nil {
				return err
			}
			farm, done, err := a.farm(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			list, err := farm.Sources(cmd.Context())
			if err != nil {
				return err
			}
			if recipes == "" {
				return a.print(list, func(w io.Writer) error {
					rows := [][]string{{"sha256", "size>", "file", "from"}}
					for _, s := range list {
						rows = append(rows, []string{s.SHA256, term.Bytes(s.Size), s.Name, hostOf(s.URL)})
					}
					return term.Table(w, rows)
				})
			}
			sources := keptOf(wanted, list)
			return a.print(sources, func(w io.Writer) error {
				rows := [][]string{{"recipe", "version", "kept", "file", "from"}}
				for _, s := range sources {
					kept := "no"
					if s.Kept {
						kept = "yes"
					}
					rows = append(rows, []string{s.Recipe, s.Version, kept, fileOf(s.URL), hostOf(s.URL)})
				}
				return term.Table(w, rows)
			})
		},
	}
	cmd.Flags().StringVar(&recipes, "recipes", "", "folder of recipes: list their sources, kept or not")
	return cmd
}

func keptOf(wanted map[string][]*recipe.Recipe, list []api.Source) []recipeSource {
	sources := []recipeSource{}
	for sum, recipes := range wanted {
		kept := slices.ContainsFunc(list, func(s api.Source) bool { return s.SHA256 == sum })
		for _, r := range recipes {
			sources = append(sources, recipeSource{Recipe: r.Name, Version: r.Version, SHA256: sum, URL: r.Source.URL, Kept: kept})
		}
	}
	slices.SortFunc(sources, func(a, b recipeSource) int { return strings.Compare(a.Recipe, b.Recipe) })
	return sources
}

// hostOf says in a word where a file came from.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return "given"
}

func fileOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return path.Base(u.Path)
	}
	return path.Base(address)
}

func (a *app) sourceGet() *cobra.Command {
	out := ""
	cmd := &cobra.Command{
		Use:     "get SHA256",
		Short:   "Write a file that the farm keeps to this folder",
		Example: "  wasmill source get a6533f45b1670b5d59b38a514d82b09c6fb70cc1050467220216335e873074e8 --out crc32c.tar.gz",
		Args:    command.Arguments(1, 1, "a sha256"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			list, err := farm.Sources(ctx)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(list, func(s api.Source) bool { return s.SHA256 == args[0] })
			if i < 0 {
				return fault.Errorf(fault.NotFound, "the farm keeps no source with the sha256 %s: `wasmill source list` shows what it keeps", args[0])
			}
			if out == "" {
				out = filepath.Base(list[i].Name)
			}
			r, err := farm.OpenBlob(ctx, record.Digest("sha256:"+args[0]))
			if err != nil {
				return err
			}
			defer r.Close()
			if err := writeVerified(out, r, args[0]); err != nil {
				return err
			}
			return a.print(map[string]string{"file": out, "sha256": args[0]}, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, out)
				return err
			})
		}),
	}
	cmd.Flags().StringVar(&out, "out", "", "name of the file (default: the one it was fetched under)")
	return cmd
}

// writeVerified writes a new file whose hash is known.
func writeVerified(file string, r io.Reader, want string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fault.Errorf(fault.Conflict, "writing a source (name another file with --out): %w", err)
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), r)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(file)
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		os.Remove(file)
		return fault.Errorf(fault.Internal, "the farm gave a file with sha256 %s for %s", got, want)
	}
	return nil
}
