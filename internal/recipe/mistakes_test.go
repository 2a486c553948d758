package recipe_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

var update = flag.Bool("update", false, "write what the code says now into the golden files")

// golden compares with a file below testdata, or rewrites it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", file, diff)
	}
}

// What a person reads: every mistake of a file at once, in the order of the file, with its place and what was meant.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = recipe.Parse(name+".yaml", data)
			if err == nil {
				t.Fatal("accepted")
			}
			if kind := fault.KindOf(err); kind != fault.Invalid {
				t.Errorf("kind is %v", kind)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", err.Error()+"\n")
		})
	}
}

func TestMistakesCanBeTakenApart(t *testing.T) {
	_, err := recipe.Parse("recipes/demo/meta.yaml", []byte("package:\n  name: demo\n  verson: \"1.0\"\nsource:\n  path: .\n"))
	mistakes := (*recipe.Errors)(nil)
	if !errors.As(err, &mistakes) {
		t.Fatalf("%T is not *Errors", err)
	}
	want := []*recipe.Error{
		{Position: recipe.Position{File: "recipes/demo/meta.yaml", Line: 1, Column: 1}, Message: "`package.version` is missing"},
		{
			Position: recipe.Position{File: "recipes/demo/meta.yaml", Line: 3, Column: 3},
			Message:  "unknown key `verson` in section `package`", Hint: "did you mean `version`?",
		},
	}
	if diff := cmp.Diff(want, mistakes.List); diff != "" {
		t.Error(diff)
	}
}

func TestFilesThatAreNotRecipesAtAll(t *testing.T) {
	for name, data := range map[string]string{
		"not UTF-8":  "package: \xff",
		"too long":   "build:\n  script: |\n" + strings.Repeat("    echo\n", 20_000),
		"too deep":   "extra: " + strings.Repeat("[", 50_000),
		"not YAML":   "\x00\x01",
		"never ends": strings.Repeat("- ", 10_000),
	} {
		if _, err := recipe.Parse("meta.yaml", []byte(data)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
