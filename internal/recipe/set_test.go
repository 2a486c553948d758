package recipe_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

// farm makes a folder of recipes out of lines of the form "name: run,run | host" with words in front: "!" disables,
// "#tag" tags. It becomes the working directory, so that errors name short files.
func farm(t *testing.T, lines ...string) *recipe.Set {
	t.Helper()
	files := map[string]string{"README.md": "not a recipe", "notes/README.md": "not a recipe either"}
	for _, line := range lines {
		head, needs, _ := strings.Cut(line, ":")
		run, host, _ := strings.Cut(needs, "|")
		words := strings.Fields(head)
		name, tag := words[len(words)-1], ""
		disabled := false
		for _, w := range words[:len(words)-1] {
			if disabled = w == "!"; !disabled {
				tag = strings.TrimPrefix(w, "#")
			}
		}
		files["recipes/"+name+"/meta.yaml"] = fmt.Sprintf("package:\n  name: %s\n  version: '1'\n  tag: [%s]\n  _disabled: %v\n"+
			"source: {path: src}\nrequirements:\n  run: [%s]\n  host: [%s]\n", name, tag, disabled, strings.TrimSpace(run), strings.TrimSpace(host))
	}
	t.Chdir(write(t, files))
	set, err := recipe.LoadSet("recipes")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func names(recipes []*recipe.Recipe) string {
	var all []string
	for _, r := range recipes {
		all = append(all, r.Name)
	}
	return strings.Join(all, " ")
}

func TestSelect(t *testing.T) {
	set := farm(t, "#core Jinja2: MarkupSafe", "MarkupSafe:", "#core zope.interface:", "! broken:", "needs-broken: Broken", "#always base:")
	for _, c := range []struct{ patterns, want string }{
		{"*", "base Jinja2 MarkupSafe zope.interface"},
		{"tag:core", "base Jinja2 zope.interface"},
		{"jinja2", "base Jinja2"},
		{"JINJA2 tag:core Zope_Interface", "base Jinja2 zope.interface"},
		{"", "base"},
		{"* !tag:core", "base MarkupSafe"},
		{"!jinja2 tag:core", "base zope.interface"},
		{"* !*", "base"},
	} {
		got, err := set.Select(strings.Fields(c.patterns)...)
		if err != nil || names(got) != c.want {
			t.Errorf("%q selects %q, %v", c.patterns, names(got), err)
		}
	}
	for _, c := range []struct {
		pattern, want string
		kind          fault.Kind
	}{
		{"markup-saef", "there is no recipe `markup-saef` (did you mean `markupsafe`?)", fault.NotFound},
		{"numpy", "there is no recipe `numpy`", fault.NotFound},
		{"!tag:cor", "no recipe has the tag `cor` (did you mean `core`?)", fault.NotFound},
		{"tag:cor", "no recipe has the tag `cor` (did you mean `core`?)", fault.NotFound},
		{"broken", "recipe `broken` is disabled (recipes/broken/meta.yaml:5:3)", fault.Conflict},
		{"needs-broken", "recipe `needs-broken` needs `broken`, which is disabled (recipes/broken/meta.yaml:5:3)", fault.Conflict},
	} {
		_, err := set.Select(c.pattern)
		if err == nil || err.Error() != c.want || fault.KindOf(err) != c.kind {
			t.Errorf("%q: %v (%v)", c.pattern, err, fault.KindOf(err))
		}
	}
	if len(set.Excluded()) != 2 {
		t.Errorf("excluded: %+v", set.Excluded())
	}
}

func TestClosure(t *testing.T) {
	set := farm(t, "app: Lib_A, lib-b | zlib", "lib-a: base", "lib.b: base|zlib,zlib", "base:", "zlib:", "other:")
	for _, c := range []struct{ of, want string }{
		{"base", "base"},
		{"app", "zlib base lib-a lib.b app"},
		{"lib-b app", "zlib base lib-a lib.b app"},
		{"other base", "base other"},
	} {
		chosen, err := set.Select(strings.Fields(c.of)...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := set.Closure(chosen)
		if err != nil || names(got) != c.want {
			t.Errorf("%q needs %q, %v", c.of, names(got), err)
		}
	}
}

func TestWithTakesTheGivenRecipe(t *testing.T) {
	set := farm(t, "Lib_A: base", "base:", "! broken:")
	given, err := recipe.Parse("lib-a/meta.yaml", []byte("package: {name: lib-a, version: '2'}\nsource: {path: src}\nrequirements: {run: [broken]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	with, err := set.With(given)
	if err != nil {
		t.Fatal(err)
	}
	if names(with.Recipes()) != "base" || len(with.Excluded()) != 2 {
		t.Errorf("%s, without %v", names(with.Recipes()), with.Excluded())
	}
	if _, err := with.Closure([]*recipe.Recipe{given}); fault.KindOf(err) != fault.Conflict {
		t.Error(err)
	}
	if names(set.Recipes()) != "base Lib_A" {
		t.Error("the set itself has changed")
	}
}

func TestClosureOfABrokenGraph(t *testing.T) {
	set := farm(t, "a: b", "b: |C", "c: A", "d: nmupy | libz", "e: d", "numpy:", "loner: loner")
	for _, c := range []struct{ of, want string }{
		{"a", "recipes/c/meta.yaml:8:9: dependency cycle: a → b → c → a"},
		{"b", "recipes/a/meta.yaml:8:9: dependency cycle: b → c → a → b"},
		{"loner", "recipes/loner/meta.yaml:8:9: dependency cycle: loner → loner"},
		{"e", "recipes/d/meta.yaml:8:9: `d` needs `nmupy`, and there is no such recipe (did you mean `numpy`?)\n" +
			"recipes/d/meta.yaml:9:10: `d` needs `libz`, and there is no such recipe (add a recipe for it)"},
	} {
		chosen, err := set.Select(c.of)
		if err != nil {
			t.Fatal(err)
		}
		_, err = set.Closure(chosen)
		if err == nil || fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%s: %v", c.of, err)
		}
		if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestLoadSetReportsAllMistakesAndKeepsTheRest(t *testing.T) {
	t.Chdir(write(t, map[string]string{
		"a/meta.yaml":       "package: {name: a, version: '1'}\nsource: {path: src}\nbiuld: {}\n",
		"b/meta.yaml":       "package: {name: b}\nsource: {path: src}\n",
		"c/meta.yaml":       "package: {name: c, version: '1'}\nsource: {path: src}\n",
		"py_yaml/meta.yaml": "package: {name: py_yaml, version: '1'}\nsource: {path: src}\n",
		"Py-Yaml/meta.yaml": "package: {name: Py-Yaml, version: '1'}\nsource: {path: src}\n",
	}))
	set, err := recipe.LoadSet(".")
	want := "a/meta.yaml:3:1: unknown section `biuld` (did you mean `build`?)\n" +
		"b/meta.yaml:1:1: `package.version` is missing\n" +
		"py_yaml/meta.yaml:1:11: `py_yaml` is the same package as `Py-Yaml` (Py-Yaml/meta.yaml:1:11)"
	if err == nil || err.Error() != want {
		t.Error(cmp.Diff(want, fmt.Sprint(err)))
	}
	if set == nil || names(set.Recipes()) != "c Py-Yaml" {
		t.Errorf("left: %v", set)
	}
	if _, err := recipe.LoadSet("missing"); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}
