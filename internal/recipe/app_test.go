package recipe_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

func TestAnAppUsesAllThatItRunsWith(t *testing.T) {
	set := parsed(t, map[string]string{
		"python": "build:\n  type: static_library\n  script: make\nrequirements:\n  host: [zlib]\nwasmill:\n  targets: [wasm32-wasip1]\n",
		"zlib":   "build:\n  type: static_library\n  script: make\n",
		"glpk":   "build:\n  type: static_library\n  script: make\n",
		"deep":   "requirements:\n  host: [glpk]\n", "above": "requirements:\n  run: [deep]\n", "pure": "wasmill:\n  pure: true\n", "other": "",
	})
	app, err := recipe.WriteApp(t.TempDir(), []*recipe.Recipe{set.Get("above"), set.Get("pure")}, recipe.AppSpec{
		Entry: "above.main:run", ExcludeModules: []string{"b", "a", "b"}, StripSources: true,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if set, err = set.With(app); err != nil {
		t.Fatal(err)
	}
	wasi := set.On(recipe.Platform{Target: "wasm32-wasip1", Interpreter: "python"})
	closure, err := wasi.Closure([]*recipe.Recipe{app})
	if want := "glpk zlib python deep above pure app-above"; names(closure) != want || err != nil {
		t.Errorf("it needs %s, %v", names(closure), err)
	}
	if want := "zlib python deep above pure"; names(wasi.Hosts(app)) != want {
		t.Errorf("it is linked of %s, want %s", names(wasi.Hosts(app)), want)
	}
	if diff := cmp.Diff(&recipe.AppSpec{Entry: "above.main:run", ExcludeModules: []string{"a", "b"}, StripSources: true}, app.Wasmill.App); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if app.HasRequirements() || app.Library() || len(app.TestImports()) > 0 || app.Version != "1" {
		t.Errorf("it is taken for a package: %+v", app)
	}
}

// An app's key has all that it is told, and its script; its recipe travels to other machines.
func TestTheDigestOfAnApp(t *testing.T) {
	of := func(spec recipe.AppSpec, script string) string {
		set := parsed(t, map[string]string{"a": ""})
		r, err := recipe.WriteApp(t.TempDir(), []*recipe.Recipe{set.Get("a")}, spec, []byte(script))
		if err != nil {
			t.Fatal(err)
		}
		d, err := r.Digests()
		if err != nil {
			t.Fatal(err)
		}
		var pack bytes.Buffer
		if err := recipe.Pack(&pack, []*recipe.Recipe{r}); err != nil {
			t.Fatal(err)
		}
		there, err := recipe.Unpack(pack.Bytes(), filepath.Join(t.TempDir(), "packs"))
		if err != nil {
			t.Fatal(err)
		}
		other, err := there.Get(r.Name).Digests()
		if err != nil || other.Build != d.Build {
			t.Errorf("elsewhere its digest is another: %v", err)
		}
		return string(d.Build)
	}
	seen := map[string]string{}
	for story, d := range map[string]string{
		"plain": of(recipe.AppSpec{}, ""), "entry": of(recipe.AppSpec{Entry: "a"}, ""), "stripped": of(recipe.AppSpec{StripSources: true}, ""),
		"smaller": of(recipe.AppSpec{ExcludeModules: []string{"a"}}, ""), "script": of(recipe.AppSpec{Script: "x.py"}, "1"), "other script": of(recipe.AppSpec{Script: "x.py"}, "2"),
	} {
		if other := seen[d]; other != "" {
			t.Errorf("%s has the digest of %s", story, other)
		}
		seen[d] = story
	}
	if seen[of(recipe.AppSpec{Script: "x.py"}, "1")] != "script" {
		t.Error("the same app has two digests")
	}
}

func TestMistakesInApps(t *testing.T) {
	for text, want := range map[string]string{
		"build: {type: app}\nwasmill: {app: {entry: 'a b'}}":             "`a b` is not MODULE or MODULE:FUNCTION",
		"build: {type: app}\nwasmill: {app: {entry: 'a:'}}":              "`a:` is not MODULE or MODULE:FUNCTION",
		"build: {type: app}\nwasmill: {app: {entry: a, script: b.py}}":   "an app runs an entry or a script, not both",
		"build: {type: app}\nwasmill: {app: {script: ../b.py}}":          "`../b.py` is not the name of a file",
		"build: {type: app}\nwasmill: {app: {script: test_b.py}}":        "is no test",
		"build: {type: app}\nwasmill: {app: {exclude-modules: ['a-b']}}": "`a-b` is not a module",
		"build: {type: app}\nwasmill: {app: {entri: a}}":                 "unknown key `entri` in `wasmill.app`",
		"build: {type: app}\nwasmill: {app: yes}":                        "`wasmill.app` must be",
		"build: {type: app, post: x}":                                    "`build.post` can't be used when `build.type` is app",
		"source: {path: .}\nwasmill: {app: {entry: a}}":                  "`wasmill.app` is about apps",
	} {
		_, err := recipe.Parse("x/meta.yaml", []byte("package: {name: x, version: '1'}\n"+text+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %s", text, err, want)
		}
	}
	set := parsed(t, map[string]string{"lib": "build:\n  type: static_library\n  script: make\n"})
	if _, err := recipe.WriteApp(t.TempDir(), set.Recipes(), recipe.AppSpec{}, nil); err == nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "`lib` is no package") {
		t.Errorf("a library in an app gives %v", err)
	}
}
