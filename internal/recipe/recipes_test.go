package recipe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/recipe"
)

// root is the module's folder.
const root = "../.."

// The recipes of the project's own: whoever adds one says what must come out compiled, and tests it.
func TestOwnRecipes(t *testing.T) {
	set, err := recipe.LoadSet(filepath.Join(root, "recipes"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := set.Select("*")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Closure(all); err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Name != recipe.Canonical(r.Name) {
			t.Errorf("%s: the folder is not named in the canonical spelling, %s", r.Name, recipe.Canonical(r.Name))
		}
		if r.Build.Type == recipe.Package && !r.Wasmill.Pure && len(r.Wasmill.ExtensionModules) == 0 {
			t.Errorf("%s: neither wasmill.pure nor wasmill.extension-modules", r.Name)
		}
		if r.Build.Type == recipe.Package && len(r.Tests) == 0 {
			t.Errorf("%s: no tests", r.Name)
		}
		for _, p := range r.Source.Patches {
			if r.Wasmill.Patches[p].Why == "" || r.Wasmill.Patches[p].Status == "" {
				t.Errorf("%s: wasmill.patches does not say why %s is needed, and what upstream thinks", r.Name, p)
			}
		}
		for _, name := range r.Tests {
			data, err := os.ReadFile(r.Path(name))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(data), "\ndef test_") {
				t.Errorf("%s: %s has no test functions", r.Name, name)
			}
		}
	}
}

// Recipes that others wrote for pyodide-build are read as they are. They are not part of the project.
func TestForeignRecipes(t *testing.T) {
	shared, err := filepath.Abs(filepath.Join(root, "../shared/corpus"))
	if err != nil {
		t.Fatal(err)
	}
	for folder, count := range map[string]int{"recipes": 25, "recipes-numpy": 4} {
		t.Run(folder, func(t *testing.T) {
			dir := filepath.Join(shared, folder)
			if _, err := os.Stat(dir); err != nil {
				t.Skipf("%s is not on this machine", dir)
			}
			set, err := recipe.LoadSet(dir)
			if err != nil {
				t.Fatal(err)
			}
			all := set.Recipes()
			if len(all) != count {
				t.Errorf("%d recipes, want %d", len(all), count)
			}
			if _, err := set.Closure(all); err != nil {
				t.Error(err)
			}
			for _, r := range all {
				if _, err := r.Digests(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
