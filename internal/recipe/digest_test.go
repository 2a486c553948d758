package recipe_test

import (
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/recipe"
)

const digested = `
package: {name: demo, version: "1", top-level: [demo], tag: [core], pinned: false, _disabled: false}
source:
  url: https://example.org/demo-1.tar.gz
  sha256: 0123456789012345678901234567890123456789012345678901234567890123
  extract_dir: demo-1
  patches: [patches/a.patch, patches/b.patch]
  extras: [[extra.h, src/extra.h]]
build:
  type: package
  script: make
  cross-script: export A=1
  post: rm x
  backend-flags: a=b
  cflags: -O1
  cxxflags: -O1
  ldflags: -lm
  exports: [one, two]
  unvendor-tests: false
  _retain-test-patterns: [x]
  vendor-sharedlib: false
  cross-build-env: false
  _cross-build-env-skip-install: false
  cross-build-files: [a.h]
requirements:
  run: [six]
  host: [zlib, libpng]
  build-extras: [cython]
  executable: [rustc]
  constraint: [setuptools<82]
test: {imports: [demo]}
about: {home: a, PyPI: a, summary: a, license: a}
extra: {a: b}
wasmill:
  pure: false
  extension-modules: [demo._a, demo._b]
  class: small
  timeout: 5m
  exclude-newer: 2026-01-01T00:00:00Z
  patches: {patches/a.patch: {why: because}}
`

func digestedFiles() map[string]string {
	return map[string]string{
		"demo/meta.yaml": digested, "demo/patches/a.patch": "a", "demo/patches/b.patch": "b", "demo/extra.h": "h",
		"demo/helper.sh": "true", "demo/test_demo.py": "def test(): pass",
	}
}

func digestsOf(t *testing.T, files map[string]string) *recipe.Digests {
	t.Helper()
	r, err := recipe.Load(write(t, files) + "/demo")
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.Digests()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Each line changes one thing in the recipe above: what must come out different, and which part says so.
func TestDigests(t *testing.T) {
	const (
		build = 1 << iota
		test
	)
	before := digestsOf(t, digestedFiles())
	for _, c := range []struct {
		what     string
		old, new string // in meta.yaml, or else in the file of the name old
		changes  int
		part     string
	}{
		{"nothing", "cflags: -O1", "cflags: -O1 # a comment", 0, ""},
		{"version", `version: "1"`, `version: "2"`, build, "package"},
		{"hash", "sha256: 0", "sha256: 1", build, "source"},
		{"file name", "demo-1.tar.gz", "demo-1.zip", build, "source"},
		{"mirror", "example.org", "mirror.example.org/x", 0, ""},
		{"folder in the archive", "extract_dir: demo-1", "extract_dir: demo", build, "source"},
		{"order of patches", "[patches/a.patch, patches/b.patch]", "[patches/b.patch, patches/a.patch]", build, "source"},
		{"spelling of a patch", "[patches/a.patch,", "[./patches/a.patch,", 0, ""},
		{"place of an extra", "src/extra.h", "lib/extra.h", build, "source"},
		{"type", "type: package", "type: package #", 0, ""},
		{"script", "script: make", "script: make all", build, "build"},
		{"cross-script", "A=1", "A=2", build, "build"},
		{"post", "rm x", "rm y", build, "build"},
		{"backend flags", "a=b", "a=c", build, "build"},
		{"cflags", " cflags: -O1", " cflags: -O2", build, "build"},
		{"cxxflags", "cxxflags: -O1", "cxxflags: -O2", build, "build"},
		{"ldflags", "-lm", "-lz", build, "build"},
		{"exports", "[one, two]", "[one]", build, "build"},
		{"export mode", "[one, two]", "requested", build, "build"},
		{"unvendor-tests", "unvendor-tests: false", "unvendor-tests: true", build, "build"},
		{"retained tests", "[x]", "[y]", build, "build"},
		{"vendor-sharedlib", "vendor-sharedlib: false", "vendor-sharedlib: true", build, "build"},
		{"cross-build-env", " cross-build-env: false", " cross-build-env: true", build, "build"},
		{"skip install", "skip-install: false", "skip-install: true", build, "build"},
		{"cross-build files", "[a.h]", "[b.h]", build, "build"},
		{"run requirements", "run: [six]", "run: [six, attrs]", test, ""},
		{"host requirements", "[zlib, libpng]", "[zlib]", build, "requirements"},
		{"spelling, order and number of requirements", "[zlib, libpng]", "[libpng, ZLIB, zlib]", 0, ""},
		{"build-extras", "[cython]", "[cython, meson]", build, "requirements"},
		{"executables", "[rustc]", "[cargo]", build, "requirements"},
		{"constraints", "setuptools<82", "setuptools<81", build, "requirements"},
		{"test imports", "imports: [demo]", "imports: [demo.sub]", test, ""},
		{"import names", "top-level: [demo]", "top-level: [demo, more]", 0, ""}, // test.imports is given
		{"tags", "[core]", "[always]", 0, ""},
		{"pinned", "pinned: false", "pinned: true", 0, ""},
		{"about", "about: {home: a", "about: {home: b", 0, ""},
		{"extra", "extra: {a: b}", "extra: {a: c}", 0, ""},
		{"pure", "  pure: false\n  extension-modules: [demo._a, demo._b]", "  pure: true", build, "wasmill"},
		{"extension modules", "[demo._a, demo._b]", "[demo._a]", build, "wasmill"},
		{"order of extension modules", "[demo._a, demo._b]", "[demo._b, demo._a]", 0, ""},
		{"exclude-newer", "2026-01-01T00", "2026-01-02T00", build, "wasmill"},
		{"the same moment elsewhere", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", 0, ""},
		{"class", "class: small", "class: large", 0, ""},
		{"timeout", "timeout: 5m", "timeout: 6m", 0, ""},
		{"a known difference", "timeout: 5m", "timeout: 5m\n  not-reproducible: time", 0, ""},
		{"a size budget", "timeout: 5m", "timeout: 5m\n  max-size: 5 MB", build, "wasmill"},
		{"note on a patch", "because", "why not", 0, ""},
		{"bytes of a patch", "demo/patches/a.patch", "other", build, "file patches/a.patch"},
		{"bytes of an extra", "demo/extra.h", "other", build, "file extra.h"},
		{"bytes of a file that a script may use", "demo/helper.sh", "other", build, "file helper.sh"},
		{"bytes of a test", "demo/test_demo.py", "other", test, ""},
		{"a new test", "demo/test_more.py", "other", test, ""},
		{"a hidden file", "demo/.cache", "other", 0, ""},
		{"a build folder", "demo/build/x.o", "other", 0, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			files := digestedFiles()
			switch {
			case strings.HasPrefix(c.old, "demo/"):
				files[c.old] = c.new
			case strings.Count(digested, c.old) != 1:
				t.Fatalf("%q is not once in the recipe", c.old)
			default:
				files["demo/meta.yaml"] = strings.Replace(digested, c.old, c.new, 1)
			}
			after := digestsOf(t, files)
			changes := 0
			if after.Build != before.Build {
				changes |= build
			}
			if after.Test != before.Test {
				changes |= test
			}
			if changes != c.changes {
				t.Errorf("changes %b, want %b", changes, c.changes)
			}
			old := map[string]bool{}
			for _, p := range before.Parts {
				old[p.Name+string(p.Digest)] = true
			}
			for _, p := range after.Parts {
				if !old[p.Name+string(p.Digest)] && p.Name != c.part {
					t.Errorf("part %q has changed, want %q", p.Name, c.part)
				}
			}
		})
	}
}

// If this changes, every recipe is built again everywhere: digestVersion must change with it.
func TestDigestsStayTheSame(t *testing.T) {
	d := digestsOf(t, digestedFiles())
	golden(t, "testdata/digests.golden", "build "+string(d.Build)+"\ntest "+string(d.Test)+"\n")
}

func TestDigestsCoverASourceInAFolder(t *testing.T) {
	files := map[string]string{
		"demo/meta.yaml": "package: {name: demo, version: '1'}\nsource: {path: ../src}\n",
		"src/a.c":        "int a;", "src/.git/HEAD": "1",
	}
	before := digestsOf(t, files).Build
	files["src/.git/HEAD"], files["src/build/a.o"] = "2", "3"
	if digestsOf(t, files).Build != before {
		t.Error("version control and build products change the digest")
	}
	files["src/a.c"] = "int b;"
	if digestsOf(t, files).Build == before {
		t.Error("the source's bytes do not change the digest")
	}
}
