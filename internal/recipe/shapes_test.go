package recipe_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/recipe"
)

// What people write in recipes, shape by shape: the golden files hold all of a recipe that is not the default, and its
// config settings.
func TestShapes(t *testing.T) {
	files, err := filepath.Glob("testdata/shapes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := recipe.Parse("meta.yaml", data)
			if err != nil {
				t.Fatal(err)
			}
			settings, err := recipe.ParseBackendFlags(r.Build.BackendFlags)
			if err != nil {
				t.Fatal(err)
			}
			shown := said(t, r)
			if len(settings) > 0 {
				shown["settings"] = settings
			}
			text, err := json.MarshalIndent(shown, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))+"\n")
		})
	}
}

// said is what differs from a recipe in which nothing is said.
func said(t *testing.T, r *recipe.Recipe) map[string]any {
	t.Helper()
	fields := func(r *recipe.Recipe) map[string]any {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	nothing, err := recipe.Parse("meta.yaml", []byte("package: {name: x, version: '0'}\nsource: {path: x}\n"))
	if err != nil {
		t.Fatal(err)
	}
	nothing.Name, nothing.Version, nothing.Source.Path = "", "", ""
	return without(fields(r), fields(nothing))
}

func without(m, defaults map[string]any) map[string]any {
	for key, v := range m {
		sub, ok := v.(map[string]any)
		was, both := defaults[key].(map[string]any)
		switch {
		case ok && both:
			if without(sub, was); len(sub) == 0 {
				delete(m, key)
			}
		case reflect.DeepEqual(v, defaults[key]):
			delete(m, key)
		}
	}
	return m
}

// The graph of all of pyodide-recipes: names, versions, types and requirements of 332 recipes as they are.
func TestForeignGraph(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "../shared/corpus/graph.json"))
	if err != nil {
		t.Skip("../shared/corpus/graph.json is not on this machine")
	}
	var graph map[string]struct {
		Host, Run     []string
		Type, Version string
	}
	if err := json.Unmarshal(text, &graph); err != nil {
		t.Fatal(err)
	}
	var recipes []*recipe.Recipe
	for name, n := range graph {
		meta, err := json.Marshal(map[string]any{ // which is YAML
			"package": map[string]any{"name": name, "version": n.Version}, "source": map[string]any{"path": "src"},
			"build": map[string]any{"type": n.Type}, "requirements": map[string]any{"host": n.Host, "run": n.Run},
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := recipe.Parse(name+"/meta.yaml", meta)
		if err != nil {
			t.Error(err)
			continue
		}
		recipes = append(recipes, r)
	}
	set, err := recipe.NewSet(recipes...)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := set.Closure(set.Recipes()); err != nil || len(all) != 332 {
		t.Errorf("%d recipes, %v", len(all), err)
	}
}
