package recipe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/wasmill/wasmill/internal/recipe"
)

var ignoreUnexported = cmpopts.IgnoreUnexported(recipe.Recipe{})

// Every key of the schema, once.
const everyKey = `
package:
  name: demo
  version: 3.10
  top-level: [demo, _demo]
  tag: [core]
  _disabled: true
  pinned: true
source:
  url:
    https://example.org/v$(PKG_VERSION)/demo.tar.gz
  sha256: 0123456789012345678901234567890123456789012345678901234567890123
  extract_dir: demo-3.10/python
  patches:
    - ./patches/a.patch
  extras:
    - [extra/config.h, src/config.h]
build:
  type: package
  script: |
    # nothing in here is touched: $(X) ${Y} $ORIGIN
    make
  cross-script: export A=1
  post: >
    rm
    x
  backend-flags: |
    # a comment
    setup-args=-Da=b
  cflags: -I$(WASM_LIBRARY_DIR)/include -DNAME="a (b)"
  cxxflags: -O2
  ldflags: -Wl,-rpath,$ORIGIN
  exports: [PyInit_demo, demo_main]
  unvendor-tests: false
  _retain-test-patterns: ["*_test.py"]
  vendor-sharedlib: False
  cross-build-env: true
  _cross-build-env-skip-install: true
  cross-build-files: [demo/include/demo.h]
requirements:
  run: [six]
  host: [libz, libz]
  build-extras: ["cython<3.1"]
  executable: [rustc]
  constraint: [setuptools < 82]
test:
  imports: [demo.sub]
about:
  home:
  PyPI: https://pypi.org/project/demo
  summary: Größe ☃
  license: MIT
extra:
  recipe-maintainers: [somebody]
  free: {form: [1, true, null]}
wasmill:
  pure: false
  dynamic-version: false
  extension-modules: [demo._c]
  targets: [wasm32-wasip1]
  class: large
  timeout: 1h30m
  max-size: 1.5 MiB
  exclude-newer: 2026-02-03T04:05:06+01:00
  not-reproducible: It writes the time.
  patches:
    patches/a.patch:
      why: It does not compile.
      upstream: https://example.org/pull/1
      status: merged-in 3.11
`

func TestParseReadsEveryKey(t *testing.T) {
	got, err := recipe.Parse("demo/meta.yaml", []byte(everyKey))
	if err != nil {
		t.Fatal(err)
	}
	want := &recipe.Recipe{
		Name: "demo", Version: "3.10", TopLevel: []string{"demo", "_demo"}, Tags: []string{"core"}, Disabled: true, Pinned: true,
		Source: recipe.Source{
			URL:        "https://example.org/v$(PKG_VERSION)/demo.tar.gz",
			SHA256:     "0123456789012345678901234567890123456789012345678901234567890123",
			ExtractDir: "demo-3.10/python",
			Patches:    []string{"./patches/a.patch"},
			Extras:     []recipe.Extra{{From: "extra/config.h", To: "src/config.h"}},
		},
		Build: recipe.Build{
			Type:         recipe.Package,
			Script:       "# nothing in here is touched: $(X) ${Y} $ORIGIN\nmake\n",
			CrossScript:  "export A=1",
			Post:         "rm x\n",
			BackendFlags: "# a comment\nsetup-args=-Da=b\n",
			CFlags:       `-I$(WASM_LIBRARY_DIR)/include -DNAME="a (b)"`, CXXFlags: "-O2", LDFlags: "-Wl,-rpath,$ORIGIN",
			Exports:            recipe.Exports{Mode: recipe.ExportList, Symbols: []string{"PyInit_demo", "demo_main"}},
			RetainTestPatterns: []string{"*_test.py"},
			CrossBuildEnv:      true, CrossBuildEnvSkipInstall: true, CrossBuildFiles: []string{"demo/include/demo.h"},
		},
		Requirements: recipe.Requirements{
			Run: []string{"six"}, Host: []string{"libz", "libz"}, BuildExtras: []string{"cython<3.1"},
			Executable: []string{"rustc"}, Constraint: []string{"setuptools < 82"},
		},
		Test:  recipe.Test{Imports: []string{"demo.sub"}},
		About: recipe.About{PyPI: "https://pypi.org/project/demo", Summary: "Größe ☃", License: "MIT"},
		Extra: map[string]any{"recipe-maintainers": []any{"somebody"}, "free": map[string]any{"form": []any{"1", true, nil}}},
		Wasmill: recipe.Wasmill{
			ExtensionModules: []string{"demo._c"}, Class: recipe.Large, MaxSize: 3 << 19, Timeout: 90 * time.Minute,
			Targets: []string{"wasm32-wasip1"}, ExcludeNewer: time.Date(2026, 2, 3, 3, 5, 6, 0, time.UTC), NotReproducible: "It writes the time.",
			Patches: map[string]recipe.PatchNote{
				"patches/a.patch": {Why: "It does not compile.", Upstream: "https://example.org/pull/1", Status: "merged-in 3.11"},
			},
		},
		File: "demo/meta.yaml",
	}
	if diff := cmp.Diff(want, got, ignoreUnexported); diff != "" {
		t.Error(diff)
	}
	if at := got.At("requirements.host[1]").String(); at != "demo/meta.yaml:42:16" {
		t.Error("the second host requirement is said to stand at", at)
	}
}

func TestDefaults(t *testing.T) {
	r, err := recipe.Parse("demo/meta.yaml", []byte("package: {name: demo, version: '1'}\nsource: {path: src}\n"))
	if err != nil {
		t.Fatal(err)
	}
	b, w := r.Build, r.Wasmill
	if b.Type != recipe.Package || b.Exports.Mode != recipe.ExportPyInit || !b.UnvendorTests || !b.VendorSharedLib {
		t.Errorf("build: %+v", b)
	}
	if w.Class != "" || w.Timeout != recipe.DefaultTimeout || !w.ExcludeNewer.IsZero() {
		t.Errorf("wasmill: %+v", w)
	}
	if diff := cmp.Diff([]string{"demo"}, r.TestImports()); diff != "" {
		t.Error(diff)
	}
}

func TestParseBackendFlags(t *testing.T) {
	for _, c := range []struct {
		flags string
		want  []recipe.ConfigSetting
	}{
		{"", nil},
		{"build-dir=build", []recipe.ConfigSetting{{Key: "build-dir", Values: []string{"build"}}}},
		{
			"# numpy\nsetup-args=-Da=b  setup-args=--cross-file=/x y=\n  # more\n--bare\n",
			[]recipe.ConfigSetting{
				{Key: "setup-args", Values: []string{"-Da=b", "--cross-file=/x"}}, {Key: "y", Values: []string{""}}, {Key: "--bare", Values: []string{""}},
			},
		},
	} {
		got, err := recipe.ParseBackendFlags(c.flags)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", c.flags, err, diff)
		}
	}
	for _, flags := range []string{"word", "=value"} {
		if got, err := recipe.ParseBackendFlags(flags); err == nil {
			t.Errorf("%q gives %v", flags, got)
		}
	}
}

// write makes files below a new folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoadLooksAtTheFolder(t *testing.T) {
	dir := write(t, map[string]string{
		"demo/meta.yaml": "package: {name: Demo, version: '1'}\nsource:\n  url: https://example.org/a.tar.gz\n" +
			"  sha256: 0123456789012345678901234567890123456789012345678901234567890123\n" +
			"  patches:\n    - patches/0001-fix.patch\n    - patches/0002-more.patch\n  extras:\n    - [config, src]\n",
		"demo/patches/0001-fix.patch":   "",
		"demo/patches/0002-moore.patch": "",
		"good/meta.yaml":                "package: {name: good, version: '1'}\nsource: {path: src}\n",
		"good/test_b.py":                "", "good/test_a.py": "", "good/helper.py": "", "good/sub/test_c.py": "",
	})
	t.Chdir(dir)
	_, err := recipe.Load("demo")
	want := "demo/meta.yaml:1:11: `package.name` is `Demo`, but the folder is `demo` (rename the one or the other)\n" +
		"demo/meta.yaml:7:7: there is no file `patches/0002-more.patch` in the recipe's folder (did you mean `patches/0002-moore.patch`?)\n" +
		"demo/meta.yaml:9:8: there is no file `config` in the recipe's folder"
	if err == nil || err.Error() != want {
		t.Error(cmp.Diff(want, err.Error()))
	}
	r, err := recipe.Load("good/meta.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"test_a.py", "test_b.py"}, r.Tests); diff != "" {
		t.Error(diff)
	}
	if r.Dir != filepath.Join(dir, "good") {
		t.Error(r.Dir)
	}
}

// The URL is made when the source is fetched, out of what is known of the toolchain then.
func TestVariablesInTheURL(t *testing.T) {
	const meta = "package: {name: demo, version: '1.2'}\nsource:\n  url: URL\n  sha256: 0123456789012345678901234567890123456789012345678901234567890123\n"
	facts := recipe.Facts{Python: "3.15", ABI: "2026_5", Emscripten: "6.0.5", Pyodide: "315.0.0-alpha.2"}
	for url, want := range map[string]string{
		"https://example.org/demo.tar.gz":                                           "https://example.org/demo.tar.gz",
		"https://example.org/$(PKG_VERSION)/${PKG_NAME}.zip":                        "https://example.org/1.2/demo.zip",
		"https://example.org/py$(PYMAJOR)$(PYMINOR)-$(PYODIDE_ABI_VERSION)-any.whl": "https://example.org/py315-2026_5-any.whl",
		"https://example.org/$HOME/$(":                                              "https://example.org/$HOME/$(",
	} {
		r, err := recipe.Parse("meta.yaml", []byte(strings.Replace(meta, "URL", url, 1)))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := r.SourceURL(facts); got != want {
			t.Errorf("%s becomes %s, want %s", url, got, want)
		}
	}
	for url, want := range map[string]string{
		"https://example.org/$(PYODIDE_ROOT).zip": "meta.yaml:3:3: the variable `$(PYODIDE_ROOT)` in `source.url` has no value when a source is fetched",
		"https://example.org/${PKG_VERSON}.zip":   "meta.yaml:3:3: the variable `${PKG_VERSON}` in `source.url` has no value when a source is fetched (did you mean `PKG_VERSION`?)",
	} {
		_, err := recipe.Parse("meta.yaml", []byte(strings.Replace(meta, "URL", url, 1)))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
