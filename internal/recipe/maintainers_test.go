package recipe_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/recipe"
)

func TestMaintainers(t *testing.T) {
	for extra, want := range map[string][]string{
		"": nil,
		"extra:\n  recipe-maintainers:\n    - ada\n    - grace\n": {"ada", "grace"},
		"extra:\n  recipe-maintainers: []\n":                      nil,
		"extra:\n  recipe-maintainers: ada\n":                     nil,
		"extra: [ada]\n":                                          nil,
	} {
		r, err := recipe.Parse("meta.yaml", []byte("package:\n  name: a\n  version: '1'\nsource:\n  path: src\n"+extra))
		if err != nil {
			t.Fatalf("%s: %v", extra, err)
		}
		if diff := cmp.Diff(want, r.Maintainers()); diff != "" {
			t.Errorf("%s: %s", extra, diff)
		}
	}
}
