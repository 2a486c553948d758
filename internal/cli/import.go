package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

// importedRecipe is what became of one recipe.yaml.
type importedRecipe struct {
	From    string   `json:"from"`
	Recipe  string   `json:"recipe,omitempty"`
	Version string   `json:"version,omitempty"`
	File    string   `json:"file,omitempty"` // the meta.yaml
	Notes   []remark `json:"notes,omitempty"`
	Refused []remark `json:"refused,omitempty"`
	err     error    // why it was refused
	notes   []*recipe.Error
}

// remark is something to say about a place in a file.
type remark struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func remarks(list []*recipe.Error) (out []remark) {
	for _, e := range list {
		out = append(out, remark{e.File, e.Line, e.Column, e.Message, e.Hint})
	}
	return out
}

func (a *app) recipeImport() *cobra.Command {
	out, have, dry := "recipes", "", false
	cmd := &cobra.Command{
		Use:   "import recipe.yaml…",
		Short: "Convert recipes of emscripten-forge",
		Long: `Converts recipes of emscripten-forge (rattler-build's recipe.yaml) with their patches and tests, as far as both forms
say the same. All that does not is refused, with file, line and reason, and nothing is written for that recipe. What is
left out because the farm does it in its own way is told on standard error.

A library is taken for requirements.host where --out or --recipes has a recipe for it, under the name that conda or that
Pyodide's recipes give it.

Exit status: 0 all were converted · 2 some were refused; the others are written.`,
		Example: "  wasmill recipe import ../emscripten-forge/recipes/recipes_emscripten/regex\n  wasmill recipe import --out converted forge/*/recipe.yaml\n" +
			"  wasmill recipe import --json forge/* | jq '.[] | select(.refused)'",
		Args: command.Arguments(1, -1, "a recipe.yaml, or the folder that holds one"),
		RunE: func(_ *cobra.Command, args []string) error {
			var done []*importedRecipe
			exists := func(name string) bool {
				would := func(r *importedRecipe) bool { return r.err == nil && r.Recipe == name }
				return hasRecipe(out, name) || have != "" && hasRecipe(have, name) || dry && slices.ContainsFunc(done, would)
			}
			var refused []error
			for _, arg := range args {
				r, err := importOne(arg, out, exists, dry)
				if err != nil {
					return err
				}
				done = append(done, r)
				if r.err != nil {
					refused = append(refused, r.err)
				}
			}
			verb := "converted"
			if dry {
				verb = "would be converted"
			}
			err := a.print(done, func(w io.Writer) error {
				for _, r := range done {
					for _, n := range r.notes {
						fmt.Fprintf(a.err, "%v\n", n)
					}
					if r.err == nil {
						if _, err := fmt.Fprintf(w, "%s: %s from %s\n", r.File, verb, r.From); err != nil {
							return err
						}
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			if len(refused) > 0 {
				return fault.Errorf(fault.Invalid, "%d of %d refused:\n%w", len(refused), len(args), errors.Join(refused...))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", out, "folder of recipes to write to")
	dryFlag(cmd, &dry, "written", "write")
	cmd.Flags().StringVar(&have, "recipes", "", "another folder of recipes, in which libraries are looked for too")
	return cmd
}

func hasRecipe(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name, recipe.MetaFile))
	return err == nil
}

// importOne converts one recipe and writes it. That it is refused is part of the answer; an error is trouble with files.
func importOne(from, out string, have func(string) bool, dry bool) (*importedRecipe, error) {
	r := &importedRecipe{From: from}
	im, err := recipe.Import(from, have)
	if mistakes := (*recipe.Errors)(nil); errors.As(err, &mistakes) {
		r.err, r.Refused = err, remarks(mistakes.List)
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(out, im.Recipe.Name)
	r.Recipe, r.Version, r.File, r.Notes, r.notes = im.Recipe.Name, im.Recipe.Version, filepath.Join(dir, recipe.MetaFile), remarks(im.Notes), im.Notes
	if _, err := os.Stat(r.File); err == nil {
		return nil, fault.Errorf(fault.Conflict, "%s is there already: remove it, or name another folder with --out", r.File)
	}
	if dry {
		return r, nil
	}
	for i := len(im.Files) - 1; i >= 0; i-- { // meta.yaml last: what has one is whole
		file := filepath.Join(dir, filepath.FromSlash(im.Files[i].Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, fmt.Errorf("writing a recipe: %w", err)
		}
		if err := os.WriteFile(file, im.Files[i].Data, 0o644); err != nil {
			return nil, fmt.Errorf("writing a recipe: %w", err)
		}
	}
	return r, nil
}
