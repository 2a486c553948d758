//go:build engine

package runtimes_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/runtimes/runtimestest"
)

// hostImage is the image with a Python of its own.
func hostImage(t *testing.T) string {
	t.Helper()
	image := os.Getenv("WASMILL_BUILD_IMAGE")
	if image == "" {
		t.Skip("WASMILL_BUILD_IMAGE does not name a Build image; `make test` sets it")
	}
	return image
}

// briefly is what a case came to: times differ, and so do the words of other projects.
func briefly(cases []record.Case) (out []string) {
	for _, c := range cases {
		out = append(out, string(c.Outcome)+" "+c.Name)
	}
	return out
}

// Tests as Pyodide's recipes have them, by the real pytest-pyodide: beside them a plain one, which runs inside.
func pytestPyodide(t *testing.T, l lab) {
	dir := t.TempDir()
	var log bytes.Buffer
	dep := runtimestest.Wheel(t, dir, "Some_Dep", "2.0", map[string]string{"some_dep.py": "answer = 42\n"})
	artifact := runtimestest.Wheel(t, dir, "Tiny_Pkg", "1.0", map[string]string{"tiny.py": "import some_dep\nanswer = some_dep.answer\n"})
	artifact.Depends = []string{"some.dep"}
	got, err := l.Test(t.Context(), runtimes.Job{
		Host: hostImage(t), Imports: []string{"tiny"}, Log: &log, Artifact: artifact, Deps: []runtimes.Wheel{dep},
		Tests: []string{"test_plain.py", "test_pyodide.py", "test_runner.py"},
		TestDir: runtimestest.Tests(t, map[string]string{
			"test_plain.py": "import sys, tiny\ndef test(): assert sys.platform == 'emscripten'\n",
			"test_runner.py": `def test_runner(selenium):
    selenium.load_package("Tiny-Pkg")
    assert selenium.run("import tiny; tiny.answer") == 42
    assert selenium.run_js("return [typeof pyodide.runPython, 1]") == ["function", 1]
    assert selenium.run_async("import asyncio\nawait asyncio.sleep(0.01)\n'slept'") == "slept"

def test_alone(selenium_standalone):
    assert selenium_standalone.run("import sys; 'tiny' in sys.modules") is False
`,
			"test_pyodide.py": `import pytest
from pytest_pyodide import run_in_pyodide
from pytest_pyodide.decorator import run_in_pyodide as same

@run_in_pyodide(packages=["Tiny-Pkg"])
def test_good(selenium):
    import pytest, tiny
    with pytest.raises(ZeroDivisionError):
        1 / 0
    assert tiny.answer == 42

@pytest.mark.parametrize("x", [1, 2])
@same(packages=["tiny-pkg"], pytest_assert_rewrites=False)
async def test_parametrized(selenium_standalone, x):
    assert x in (1, 2)

@run_in_pyodide(packages=["Tiny-Pkg"])
def test_bad(selenium):
    import tiny
    assert tiny.answer == 43

@pytest.mark.xfail_browsers(node="not here", chrome="nor here")
@run_in_pyodide
def test_known(selenium):
    assert False

@pytest.mark.skip_refcount_check
@pytest.mark.driver_timeout(60)
@run_in_pyodide(packages=["numpy"])
def test_undeclared(selenium):
    import numpy
`,
		}),
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	want := []string{
		"passed test_plain.py::test", "passed test_pyodide.py::test_good[node]",
		"passed test_pyodide.py::test_parametrized[node-1]", "passed test_pyodide.py::test_parametrized[node-2]",
		"failed test_pyodide.py::test_bad[node]", "skipped test_pyodide.py::test_known[node]", "failed test_pyodide.py::test_undeclared[node]",
		"passed test_runner.py::test_runner[node]", "passed test_runner.py::test_alone[node]",
	}
	for i := range want {
		want[i] = strings.Replace(want[i], "[node", "["+l.name, 1)
	}
	if diff := cmp.Diff(want, briefly(got.Cases), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("%s\n%s", diff, &log)
	}
	if got.Failure == nil || got.Failure.Kind != record.TestFailed {
		t.Errorf("failure %+v", got.Failure)
	}
	for _, c := range got.Cases {
		t.Logf("%.2f s %s %s: %s", c.Seconds, c.Outcome, c.Name, c.Message)
	}
	t.Logf("%+v, %.1f s", got.Needs, got.Seconds)
	if got.Needs == nil || got.Needs.Memory < 20<<20 || got.Needs.Stack <= 0 || got.Needs.Stack > got.Needs.StackLimit {
		t.Errorf("needs %+v", got.Needs)
	}
}

// The package's own tests, in the runtime and natively: what is expected to fail, what kills the runtime, and what the
// two make of the same tests.
func suite(t *testing.T, l lab) {
	dir, site := t.TempDir(), t.TempDir()
	artifact := runtimestest.Wheel(t, dir, "tiny", "1.0", map[string]string{
		"tiny/__init__.py": "answer = 42\n", "tiny/tests/__init__.py": "", "tiny/tests/test_own.py": "def test(): import tiny\n",
		"tiny/check.py": "import sys\nprint('checked', sys.argv[1:])\nsys.exit(len(sys.argv) - 2)\n",
	})
	helper := runtimestest.Wheel(t, dir, "helper", "3", map[string]string{"helper.py": "import os\nvalue = os.environ['VALUE']\n"})
	tools, err := l.Tools(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(site, os.DirFS(tools)); err != nil { // has a pytest
		t.Fatal(err)
	}
	for _, w := range []runtimes.Wheel{artifact, helper} {
		if err := runtimes.InstallWheel(w.Path, site); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(site, 0o755); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	got, err := l.Test(t.Context(), runtimes.Job{
		Host: hostImage(t), Imports: []string{"tiny"}, Log: &log, Artifact: artifact,
		Suite: &runtimes.Suite{
			Dir: runtimestest.Tests(t, map[string]string{
				"tests/test_threads.py": "import threading\ndef test_thread():\n    threading.Thread(target=print).start()\nclass TestMany:\n    def test_same(self): test_thread()\n",
				"tests/test_broken.py":  "import _no_such_module\n",
				"tests/test_death.py":   "import os, sys\ndef test_before(): pass\ndef test_abort():\n    if sys.platform == 'emscripten': os.abort()\ndef test_after(): pass\n",
				"tests/test_helper.py":  "import helper\ndef test(): assert helper.value == 'x'\n",
				"tests/test_fine.py":    "def test_fine(): pass\n",
			}),
			Commands: [][]string{{"pytest", "tests"}, {"pytest", "--pyargs", "tiny"}, {"tiny.check", "a"}, {"tiny.check", "a", "b"}},
			Wheels:   []runtimes.Wheel{helper},
			Env:      map[string]string{"VALUE": "x"},
			Expected: map[string]string{
				"tests/test_threads.py": "needs threads", "tests/test_broken.py": "needs a module", "tests/test_fine.py::test_fine": "I thought so",
				"tests/test_death.py::test_abort": "aborts", "tests/test_gone.py": "once there was one",
			},
			Native: &runtimes.Native{Site: site, Wheel: filepath.Base(artifact.Path)},
		},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	want := []string{
		"expected-failure tests/test_broken.py", "expected-failure tests/test_death.py::test_abort", "passed tests/test_death.py::test_before",
		"passed tests/test_death.py::test_after", "passed tests/test_fine.py::test_fine", "passed tests/test_helper.py::test",
		"expected-failure tests/test_threads.py::test_thread", "expected-failure tests/test_threads.py::TestMany::test_same",
		"passed tiny/tests/test_own.py::test", "passed tiny.check a", "failed tiny.check a b",
	}
	if diff := cmp.Diff(want, briefly(got.Cases), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("%s\n%s", diff, &log)
	}
	for _, c := range got.Cases {
		t.Logf("%.2f s %s %s: %s", c.Seconds, c.Outcome, c.Name, c.Message)
	}
	if got.Expected != 4 || got.Failed != 1 || got.Failure == nil {
		t.Errorf("%d expected, %d failed, %+v", got.Expected, got.Failed, got.Failure)
	}
	wantNotes := []string{
		"tests/test_fine.py::test_fine passes, though wasmill.test.expected-failures says: I thought so",
		"wasmill.test.expected-failures: there is no test `tests/test_gone.py`",
	}
	if diff := cmp.Diff(wantNotes, got.Notes); diff != "" {
		t.Error(diff)
	}
	n := got.Native
	if l.browser != "" {
		if n != nil {
			t.Errorf("compared with native once more: %+v", n)
		}
		return
	}
	if n == nil {
		t.Fatalf("no comparison\n%s", &log)
	}
	t.Logf("%+v", n)
	wantDifferences := []record.Difference{
		{Name: "tests/test_death.py::test_abort", From: "pytest tests", Native: record.Passed, Runtime: record.Failed},
		{Name: "tests/test_threads.py::TestMany::test_same", From: "pytest tests", Native: record.Passed, Runtime: record.Failed},
		{Name: "tests/test_threads.py::test_thread", From: "pytest tests", Native: record.Passed, Runtime: record.Failed},
	}
	if diff := cmp.Diff(wantDifferences, n.Differences, cmpopts.IgnoreFields(record.Difference{}, "Message")); diff != "" {
		t.Errorf("%s\n%s", diff, &log)
	}
}
