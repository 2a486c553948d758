//go:build engine

package build_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
)

const pyproject = `[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "story"
version = "1.0"
`

const goodC = `#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "story", NULL, 0, NULL};
PyMODINIT_FUNC PyInit_story(void) { return PyModule_Create(&def); }
`

const setup = `from setuptools import Extension, setup
setup(ext_modules=[Extension("story", ["story.c"])])
`

// What goes wrong in a build is told in a record, with the kind that reports group by and the lines that matter.
func TestWhatGoesWrong(t *testing.T) {
	f := realFarm(t)
	setupWith := func(python string) map[string]string {
		return map[string]string{"pyproject.toml": pyproject, "setup.py": python + "\n" + setup, "story.c": goodC}
	}
	for _, c := range []struct {
		story           string
		files           map[string]string
		limits          func(*build.Limits)
		kind            record.FailureKind
		message, detail string // both must contain these
	}{
		{
			story: "C that does not compile",
			files: map[string]string{"pyproject.toml": pyproject, "setup.py": setup, "story.c": "#include <Python.h>\nint f(void) { return undeclared; }\n"},
			kind:  record.CompileFailed, message: "story.c:2:", detail: "use of undeclared identifier 'undeclared'",
		},
		{
			story: "an implicit declaration, which would trap at run time",
			files: map[string]string{"pyproject.toml": pyproject, "setup.py": setup, "story.c": goodC + "int f(void) { return missing(); }\n"},
			kind:  record.CompileFailed, message: "call to undeclared function 'missing'", detail: "story.c:4:",
		},
		{
			story: "an optional extension that does not compile",
			files: map[string]string{
				"pyproject.toml": pyproject, "story.c": "int f(void) { return undeclared; }\n",
				"setup.py": `from setuptools import Extension, setup
setup(ext_modules=[Extension("story", ["story.c"], optional=True)], py_modules=[])`,
			},
			kind: record.SilentFallback, message: "story", detail: "use of undeclared identifier",
		},
		{
			story: "a build that downloads",
			files: setupWith(`import urllib.request; urllib.request.urlopen("https://example.org/")`),
			kind:  record.CompileFailed, message: "it tried to use the network, which builds do not have", detail: "urlopen",
		},
		{
			story: "a build that eats memory", limits: func(l *build.Limits) { l.Memory = 200 << 20 },
			files: setupWith(`import os; x = b"x" * (1 << 30)`),
			kind:  record.OutOfMemory, message: "200 MiB",
		},
		{
			story: "a build that forks without end", limits: func(l *build.Limits) { l.Pids = 60 },
			files: setupWith("import subprocess\nps = [subprocess.Popen(['sleep', '60']) for _ in range(500)]"),
			kind:  record.OutOfPids, message: "60 processes",
		},
		{
			story: "a build that sleeps", limits: func(l *build.Limits) { l.Time = 8 * time.Second },
			files: setupWith("import time; time.sleep(600)"),
			kind:  record.OutOfTime, message: "longer than 8s",
		},
		{
			story: "a build that prints a gigabyte",
			files: setupWith("for _ in range(1 << 20): print('x' * 1023)"),
			kind:  record.LogLimit, message: "more than 64 MiB",
		},
		{
			story: "build requirements that do not exist",
			files: map[string]string{"pyproject.toml": strings.Replace(pyproject, `"setuptools"`, `"wasmill-has-no-such-package==1"`, 1), "setup.py": setup},
			kind:  record.Requirements, message: "wasmill-has-no-such-package",
		},
	} {
		t.Run(c.story, func(t *testing.T) {
			got := f.build(t, project(t, c.files), func(j *build.Job) {
				if c.limits != nil {
					c.limits(&j.Limits)
				}
			})
			failure := got.Record.Failure
			if got.Record.Outcome != record.Failed || failure == nil {
				t.Fatalf("it passed\n%s", tail(got.log))
			}
			if failure.Kind != c.kind || !strings.Contains(failure.Message, c.message) || !strings.Contains(failure.Detail, c.detail) {
				t.Errorf("kind %s, phase %s\nmessage: %s\ndetail:\n%s\nlog:\n%s", failure.Kind, failure.Phase, failure.Message, failure.Detail, tail(got.log))
			}
			if len(failure.Detail) > 4<<10 || strings.Contains(failure.Message, "\n") || got.Path != "" {
				t.Errorf("detail of %d bytes, message %q, wheel %q", len(failure.Detail), failure.Message, got.Path)
			}
		})
	}
}

func tail(log string) string { return log[max(0, len(log)-4000):] }

func TestWhatGoesWrongInARecipe(t *testing.T) {
	f := realFarm(t)
	const badPatch = `--- a/src/markupsafe/_speedups.c
+++ b/src/markupsafe/_speedups.c
@@ -1,3 +1,3 @@
 not what is there
-nor this
+whatever
 at all
`
	const wasMerged = `--- a/pyproject.toml
+++ b/pyproject.toml
@@ -1,2 +1,2 @@
-[project]
+[projekt]
 name = "MarkupSafe"
`
	for _, c := range []struct {
		story   string
		files   map[string]string
		kind    record.FailureKind
		phase   record.Phase
		message string
	}{
		{"a patch that does not apply", map[string]string{"meta.yaml": markupsafe + "  patches: [patches/fix.patch]\n", "patches/fix.patch": badPatch},
			record.PatchFailed, record.PhasePrepare, "patch patches/fix.patch does not apply: src/markupsafe/_speedups.c, hunk #1 at line 1"},
		{"a patch that breaks pyproject.toml", map[string]string{"meta.yaml": markupsafe + "  patches: [a.patch]\n", "a.patch": wasMerged},
			record.CompileFailed, record.PhaseCompile, ""},
		{"a script that fails", map[string]string{"meta.yaml": markupsafe + "build:\n  script: |\n    export A=1\n    echo this is why >&2\n    false\n    echo not reached\n"},
			record.ScriptFailed, record.PhaseScript, "the recipe's script failed: exit status 1"},
		{"a program that the image lacks", map[string]string{"meta.yaml": markupsafe + "requirements:\n  executable: [no-such-program]\n"},
			record.Unsupported, record.PhasePrepare, "no-such-program"},
		{"a hash that is another file's", map[string]string{"meta.yaml": strings.Replace(markupsafe, "722695", "722690", 1)},
			record.HashMismatch, record.PhaseFetch, "expected sha256 722690"},
		{"a version that is not the recipe's", map[string]string{"meta.yaml": strings.Replace(markupsafe, "version: 3.0.3", "version: 3.0.4", 1)},
			record.CompileFailed, record.PhasePack, "the recipe says version 3.0.4, the wheel is version 3.0.3"},
		{"a module that the recipe announces and nobody makes", map[string]string{"meta.yaml": markupsafe + "wasmill:\n  extension-modules: [markupsafe._other]\n"},
			record.SilentFallback, record.PhasePack, "markupsafe._other"},
		{"a library that installs nothing", map[string]string{"meta.yaml": markupsafe + "build:\n  type: static_library\n  script: 'true'\n"},
			record.CompileFailed, record.PhasePack, "installed nothing into $WASM_LIBRARY_DIR"},
	} {
		t.Run(c.story, func(t *testing.T) {
			got := f.build(t, loadRecipe(t, "markupsafe", c.files), nil)
			failure := got.Record.Failure
			if failure == nil {
				t.Fatalf("it passed\n%s", tail(got.log))
			}
			if failure.Kind != c.kind || failure.Phase != c.phase || !strings.Contains(failure.Message, c.message) {
				t.Errorf("kind %s, phase %s, message %s\n%s", failure.Kind, failure.Phase, failure.Message, tail(got.log))
			}
		})
	}
}

// A recipe's script, flags, extras and post script reach the build; variables are substituted after the script.
func TestARecipeWithEverything(t *testing.T) {
	f := realFarm(t)
	r := loadRecipe(t, "markupsafe", map[string]string{
		"meta.yaml": markupsafe + `  extras: [[extra.py, src/markupsafe/extra.py]]
build:
  script: |
    export GREETING=hello
    test "$PYODIDE" = 1 -a -n "$SIDE_MODULE_CFLAGS" -a -f "$PKGDIR/extra.py" -a "$PKG_VERSION" = 3.0.3 -a "$PWD" = "$PKG_BUILD_DIR"
  cross-script: |
    test "$CC" = /opt/wasmill/cross/cc -a "$GREETING" = hello
  cflags: -DGREETING=$(GREETING) -DUNSET=$(UNSET)
  ldflags: -Wl,-rpath,$ORIGIN
  backend-flags: |
    # a comment
    --quiet=
  post: |
    test "$PWD" = "$WHEELDIR"
    echo 'made_by = "post"' > markupsafe/post.py
`,
		"extra.py": "x = 1\n",
	})
	got := f.build(t, r, nil)
	if got.Record.Outcome != record.Passed {
		t.Fatalf("%+v\n%s", got.Record.Failure, tail(got.log))
	}
	for _, file := range []string{"markupsafe/extra.py", "markupsafe/post.py"} {
		if !hasFile(t, got.Path, file) {
			t.Errorf("the wheel has no %s", file)
		}
	}
}

func hasFile(t *testing.T, file, name string) bool {
	t.Helper()
	w, err := wheel.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return slices.ContainsFunc(w.Files, func(f wheel.File) bool { return f.Name == name })
}
