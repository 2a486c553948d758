package recipe_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

// Whatever comes in, there is a recipe or a list of mistakes, each of which stands in the file.
func FuzzParse(f *testing.F) {
	f.Add(everyKey)
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, data string) {
		r, err := recipe.Parse("meta.yaml", []byte(data))
		if err == nil {
			if r.Name == "" || r.Version == "" {
				t.Fatalf("accepted without a name or version: %+v", r)
			}
			return
		}
		mistakes := (*recipe.Errors)(nil)
		if !errors.As(err, &mistakes) || fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%T: %v", err, err)
		}
		lines := strings.Count(data, "\n") + strings.Count(data, "\r") + 1 // YAML breaks lines at both
		for _, e := range mistakes.List {
			if e.File != "meta.yaml" || e.Line < 1 || e.Line > lines || e.Column < 1 {
				t.Errorf("a mistake outside the %d lines of the file: %v", lines, e)
			}
			if strings.Contains(e.Message, "\n") || strings.Contains(e.Hint, "\n") {
				t.Errorf("a mistake of more than one line: %q", e.Error())
			}
		}
	})
}
