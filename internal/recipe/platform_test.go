package recipe_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

// parsed are recipes by what is other than in the smallest one.
func parsed(t *testing.T, more map[string]string) *recipe.Set {
	t.Helper()
	var all []*recipe.Recipe
	for name, text := range more {
		r, err := recipe.Parse(name+"/meta.yaml", []byte("package:\n  name: "+name+"\n  version: '1'\nsource:\n  url: https://x.example/"+name+"-1.tar.gz\n  sha256: "+strings.Repeat("0", 64)+"\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	set, err := recipe.NewSet(all...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestWhatAPlatformMeansForTheGraph(t *testing.T) {
	set := parsed(t, map[string]string{
		"python":   "build:\n  type: static_library\n  script: make\nrequirements:\n  host: [zlib]\nwasmill:\n  targets: [wasm32-wasip1]\n",
		"zlib":     "build:\n  type: static_library\n  script: make\n",
		"compiled": "", "above": "requirements:\n  run: [compiled]\n", "pure": "wasmill:\n  pure: true\n",
		"elsewhere": "wasmill:\n  targets: [wasm32-unknown-emscripten]\n", "needs-it": "requirements:\n  host: [elsewhere]\n",
	})
	wasi := set.On(recipe.Platform{Target: "wasm32-wasip1", Interpreter: "Python"})
	other := wasi.On(recipe.Platform{Target: "wasm32-unknown-emscripten"})
	for _, c := range []struct {
		story        string
		set          *recipe.Set
		recipe, want string // of Closure
		hosts        string
	}{
		{"a package needs Python, and what that is linked with", wasi, "compiled", "zlib python compiled", "zlib python"},
		{"one that needs another, too", wasi, "above", "zlib python compiled above", "zlib python"},
		{"what is pure needs it, too: its build asks for sysconfig", wasi, "pure", "zlib python pure", "zlib python"},
		{"a library needs none", wasi, "zlib", "zlib", ""},
		{"Python does not need itself", wasi, "python", "zlib python", "zlib"},
		{"where the toolchain has Python, nobody needs a recipe for it", other, "above", "compiled above", ""},
		{"what is for this target", other, "needs-it", "elsewhere needs-it", "elsewhere"},
	} {
		r := c.set.Get(c.recipe)
		closure, err := c.set.Closure([]*recipe.Recipe{r})
		if diff := cmp.Diff([]string{c.want, c.hosts}, []string{names(closure), names(c.set.Hosts(r))}); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.story, err, diff)
		}
	}
	all, err := other.Select("*")
	if want := "above compiled elsewhere needs-it pure zlib"; names(all) != want || err != nil {
		t.Errorf("all recipes for a target are %s, %v; want %s", names(all), err, want)
	}
}

func TestWhatIsForAnotherTargetIsRefusedInWords(t *testing.T) {
	set := parsed(t, map[string]string{"elsewhere": "wasmill:\n  targets: [wasm32-unknown-emscripten]\n", "needs-it": "requirements:\n  host: [elsewhere]\n"})
	wasi := set.On(recipe.Platform{Target: "wasm32-wasip1"})
	if _, err := wasi.Select("elsewhere"); err == nil || fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "recipe `elsewhere` is not for wasm32-wasip1 (elsewhere/meta.yaml:8:") {
		t.Errorf("selecting it gives %v", err)
	}
	if _, err := wasi.Closure([]*recipe.Recipe{wasi.Get("needs-it")}); err == nil || !strings.Contains(err.Error(), "`elsewhere` is not for wasm32-wasip1") {
		t.Errorf("needing it gives %v", err)
	}
	if _, err := recipe.Parse("x/meta.yaml", []byte("package: {name: x, version: '1'}\nsource: {path: .}\nwasmill: {targets: [WASI]}\n")); err == nil || !strings.Contains(err.Error(), "is not what a compiler calls a target") {
		t.Errorf("a target that is none gives %v", err)
	}
}
