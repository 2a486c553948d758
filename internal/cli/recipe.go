package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

func (a *app) recipeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "recipe", Short: "Check recipes, begin one, convert others' recipes, update them"}
	cmd.AddCommand(a.recipeCheck(), a.recipeSkeleton(), a.recipeImport(), a.recipeUpdate())
	return cmd
}

func (a *app) recipeCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check [FOLDER|meta.yaml]…",
		Short:   "Say all that is wrong with recipes, by file, line and column",
		Example: "  wasmill recipe check recipes\n  wasmill recipe check recipes/markupsafe/meta.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"recipes"}
			}
			checked := 0
			var mistakes []error
			for _, arg := range args {
				n, err := check(arg)
				checked += n
				if err != nil {
					mistakes = append(mistakes, err)
				}
			}
			if err := errors.Join(mistakes...); err != nil {
				return fault.Errorf(fault.KindOf(mistakes[0]), "%w", err)
			}
			_, err := fmt.Fprintf(a.out, "checked %d, no mistakes\n", checked)
			return err
		},
	}
}

// check reads one meta.yaml, one recipe's folder, or a folder of recipes with its graph.
func check(arg string) (int, error) {
	if _, err := os.Stat(filepath.Join(arg, recipe.MetaFile)); err == nil {
		arg = filepath.Join(arg, recipe.MetaFile)
	}
	if info, err := os.Stat(arg); err == nil && !info.IsDir() {
		_, err := recipe.Load(arg)
		return 1, err
	}
	set, err := recipe.LoadSet(arg)
	if err != nil {
		return 0, err
	}
	all := set.Recipes()
	_, err = set.Closure(all)
	return len(all), err
}

func get(ctx context.Context, url, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "asking the package index: %w", err)
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "asking the package index: %w", err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, fault.Errorf(fault.NotFound, "%s: not there", url)
	case resp.StatusCode != http.StatusOK:
		return nil, fault.Errorf(fault.Unavailable, "%s: %s", url, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "asking the package index: %w", err)
	}
	return text, nil
}
