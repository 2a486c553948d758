package recipe_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/wheel"
)

func TestFromProject(t *testing.T) {
	dir := write(t, map[string]string{"pyproject.toml": `
[build-system]
requires = ["setuptools"]

[project]
name = "My.Project"
dynamic = ["version"]
description = "What it does"
license = {text = "MIT"}
dependencies = ["numpy>=2", "tomli; python_version < '3.11'", "Typing_Extensions"]
[project.urls]
Repository = "https://example.org/my"

[tool.wasmill]
extension-modules = ["my._core"]
timeout = "1h"
exclude-newer = 2026-01-02T03:04:05Z
`})
	got, err := recipe.FromProject(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := &recipe.Recipe{
		Name:         "My.Project",
		Source:       recipe.Source{Path: "."},
		Build:        recipe.Build{Type: recipe.Package, Exports: recipe.Exports{Mode: recipe.ExportPyInit}, UnvendorTests: true, VendorSharedLib: true},
		Requirements: recipe.Requirements{Run: []string{"numpy", "Typing_Extensions"}},
		About:        recipe.About{Home: "https://example.org/my", Summary: "What it does", License: "MIT"},
		Wasmill: recipe.Wasmill{
			DynamicVersion: true, ExtensionModules: []string{"my._core"}, Timeout: time.Hour, ExcludeNewer: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		},
		File: filepath.Join(dir, "pyproject.toml"), Dir: dir,
	}
	if diff := cmp.Diff(want, got, ignoreUnexported); diff != "" {
		t.Error(diff)
	}
	if _, err := got.Digests(); err != nil {
		t.Error(err)
	}
}

// A project's markers are about where it is built for, not about who builds, and not about another toolchain.
func TestWhatAProjectRequiresOnOneTarget(t *testing.T) {
	dir := write(t, map[string]string{"pyproject.toml": `
[project]
name = "a"
version = "1"
dependencies = [
	"always", "new; python_version >= '3.14'", "old; python_version < '3.14'", "Wasi_Only>=1; sys_platform == 'wasi'",
	"browser; platform_system == 'Emscripten'", "small; platform_machine == 'wasm32'", "always; os_name == 'posix'",
]
`})
	for story, c := range map[string]struct {
		target wheel.Environment
		want   []string
	}{
		"WASI":       {wheel.OnTarget("wasm32-wasip1", "3.13"), []string{"always", "old", "Wasi_Only", "small"}},
		"Emscripten": {wheel.OnTarget("wasm32-unknown-emscripten", "3.15"), []string{"always", "new", "browser", "small"}},
	} {
		r, err := recipe.FromProject(dir)
		if err != nil {
			t.Fatal(err)
		}
		r.RunOn(c.target)
		if diff := cmp.Diff(c.want, r.Requirements.Run); diff != "" {
			t.Errorf("%s (-want +got):\n%s", story, diff)
		}
	}
}

func TestAProjectInRustNeedsIt(t *testing.T) {
	for requires, want := range map[string][]string{
		`"maturin>=1.9,<2"`:                       {"cargo", "rustc"},
		`"setuptools", "Setuptools_Rust[x]>=1.7"`: {"cargo", "rustc"},
		`"setuptools", "rust-setuptools"`:         nil,
	} {
		dir := write(t, map[string]string{"pyproject.toml": "[build-system]\nrequires = [" + requires + "]\n[project]\nname = 'a'\nversion = '1'\n"})
		got, err := recipe.FromProject(dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Requirements.Executable); diff != "" {
			t.Errorf("%s (-want +got):\n%s", requires, diff)
		}
	}
}

// What a project's build requires and others are compiled against is for the target where there is a recipe for it.
func TestAProjectIsCompiledAgainstTheTarget(t *testing.T) {
	dir := write(t, map[string]string{"pyproject.toml": "[build-system]\nrequires = ['setuptools', 'NumPy>=2', 'cffi; python_version < \"4\"', 'numpy', 'scipy']\n[project]\nname = 'a'\nversion = '1'\ndependencies = ['numpy']\n"})
	project, err := recipe.FromProject(dir)
	if err != nil {
		t.Fatal(err)
	}
	folder := write(t, map[string]string{
		"numpy/src/x.py": "", "numpy/meta.yaml": "package: {name: numpy, version: '2'}\nsource: {path: src}\nbuild: {cross-build-env: true}\n",
		"cffi/src/x.py": "", "cffi/meta.yaml": "package: {name: cffi, version: '2'}\nsource: {path: src}\nbuild: {cross-build-env: true}\n",
		"setuptools/meta.yaml": "package: {name: setuptools, version: '80'}\nsource: {path: src}\n",
		"pandas/meta.yaml":     "package: {name: pandas, version: '3'}\nsource: {path: src}\nbuild: {cross-build-env: true}\n",
	})
	set, err := recipe.LoadSet(folder)
	if err != nil {
		t.Fatal(err)
	}
	project.CompileAgainst(set)
	if diff := cmp.Diff([]string{"numpy", "cffi"}, project.Requirements.Host); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var pack bytes.Buffer
	if err := recipe.Pack(&pack, []*recipe.Recipe{project, set.Get("numpy"), set.Get("cffi")}); err != nil {
		t.Fatal(err)
	}
	packed, err := recipe.Unpack(pack.Bytes(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(project.Requirements, packed.Get("a").Requirements); diff != "" {
		t.Errorf("on its way (-want +got):\n%s", diff)
	}
}

func TestFromProjectMistakes(t *testing.T) {
	for _, c := range []struct{ toml, want string }{
		{"[project\n", "pyproject.toml:1:9: not a valid pyproject.toml: expected ']' to close table name"},
		{"[build-system]\n", "pyproject.toml:1:1: [project] does not tell the project's name (add a [project] table with a name, or write a recipe)"},
		{"\n[project]\nname = 'a'\n", "pyproject.toml:2:1: [project] has no version (add version = \"…\", or dynamic = [\"version\"])"},
		{"[project]\nname = 'a'\nversion = '1'\ndynamic = ['version']\n", "pyproject.toml:1:1: [project] has a version, and says that it is dynamic (remove one of them)"},
		{"[project]\nname = 'a'\nversion = '1'\n[tool.wasmill]\npur = true\nclass = 'tiny'\n",
			"pyproject.toml:4:1: `wasmill.class` can't be `tiny` (one of small, medium, large)\n" +
				"pyproject.toml:4:1: unknown key `pur` in section `wasmill` (did you mean `pure`?)"},
	} {
		t.Chdir(write(t, map[string]string{"pyproject.toml": c.toml}))
		_, err := recipe.FromProject(".")
		if err == nil || fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%v", err)
		}
		if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := recipe.FromProject(t.TempDir()); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}
