//go:build engine

package runtimes_test

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/runtimes/runtimestest"
)

// lab is a runtime with the images that its tests run in.
type lab struct {
	runtimes.Runtime
	*runtimes.Pyodide
	name, image, browser string // the name is pytest-pyodide's
}

func newLab(t *testing.T) lab {
	t.Helper()
	docker, err := engine.NewDocker()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docker.Close() })
	tools := &runtimes.Tools{Fetcher: &fetch.Fetcher{Cache: t.TempDir()}, Dir: t.TempDir()}
	p := &runtimes.Pyodide{Engine: docker, Cache: t.TempDir(), Work: t.TempDir(), Tools: tools.Folder}
	return lab{Runtime: p, Pyodide: p, name: "node", image: runtimestest.Image(t)}
}

// Test is the runtime's, not what the embedded Pyodide has of the same name.
func (l lab) Test(ctx context.Context, job runtimes.Job) (*record.Test, error) {
	job.Image, job.Browser = l.image, l.browser
	return l.Runtime.Test(ctx, job)
}

// TestPyodide has all that needs the real image, so that one snapshot serves all of it, as on a worker.
func TestPyodide(t *testing.T) {
	l := newLab(t)
	runtimestest.Test(t, l.Runtime, l.image, "")
	t.Run("pytest-pyodide", func(t *testing.T) { pytestPyodide(t, l) })
	t.Run("suite", func(t *testing.T) { suite(t, l) })
	t.Run("outcomes", func(t *testing.T) { outcomes(t, l) })
	t.Run("randomness", func(t *testing.T) { randomness(t, l) })
	t.Run("dependencies", func(t *testing.T) { dependencies(t, l) })
}

// What packages and their tests do to a runtime, and what the record says of it. Those that are named are chosen; all, if
// none is.
func outcomes(t *testing.T, l lab, chosen ...string) {
	for _, c := range []struct {
		name    string
		module  string // tiny.py
		test    string // test_tiny.py; empty for none
		limits  runtimes.Limits
		want    []record.Case      // imports, then tests, without times
		kind    record.FailureKind // empty for a pass
		message string             // of the failure
		log     string             // is in the log
	}{
		{
			name: "kinds of outcomes", module: "answer = 42",
			test: `import asyncio, sys, pytest, tiny

def test_good(tmp_path, capsys):
    (tmp_path / "x").write_text("x")
    print("caught")
    assert capsys.readouterr().out == "caught\n"

def test_bad():
    assert tiny.answer == 43

def test_exit():
    print('said in a test'); sys.exit(3)

def test_async():
    async def answer():
        await asyncio.sleep(0.001)
        return tiny.answer
    assert asyncio.run(answer()) == 42

@pytest.mark.skip(reason="not here")
def test_skipped(): pass

@pytest.mark.xfail(reason="known")
def test_known(): assert 0
`,
			want: []record.Case{
				{Name: "tiny", Outcome: record.Passed},
				{Name: "test_tiny.py::test_good", Outcome: record.Passed},
				{Name: "test_tiny.py::test_bad", Outcome: record.Failed, Message: "test_tiny.py:9: assert 42 == 43\n +  where 42 = tiny.answer"},
				{Name: "test_tiny.py::test_exit", Outcome: record.Failed, Message: "test_tiny.py:12: SystemExit: 3"},
				{Name: "test_tiny.py::test_async", Outcome: record.Passed},
				{Name: "test_tiny.py::test_skipped", Outcome: record.Skipped, Message: "Skipped: not here"},
				{Name: "test_tiny.py::test_known", Outcome: record.Skipped, Message: "expected to fail: known"},
			},
			kind: record.TestFailed, message: "2 failed, the first: test_tiny.py::test_bad: test_tiny.py:9: assert 42 == 43", log: "said in a test",
		},
		{
			name: "an undeclared dependency", module: "import toolz",
			want: []record.Case{{Name: "tiny", Outcome: record.Failed, Message: "ModuleNotFoundError: No module named 'toolz' (only declared run requirements are installed)"}},
			kind: record.ImportFailed, message: "importing tiny: ModuleNotFoundError: No module named 'toolz' (only declared run requirements are installed)",
			log: "Traceback",
		},
		{
			name: "pytest's own modules are no dependency", module: "import packaging",
			want: []record.Case{{Name: "tiny", Outcome: record.Failed, Message: "ModuleNotFoundError: No module named 'packaging' (only declared run requirements are installed)"}},
			kind: record.ImportFailed, message: "importing tiny: ModuleNotFoundError: No module named 'packaging' (only declared run requirements are installed)",
		},
		{
			name: "an error in an import", module: "raise ValueError('no answer')",
			want: []record.Case{{Name: "tiny", Outcome: record.Failed, Message: "ValueError: no answer"}},
			kind: record.ImportFailed, message: "importing tiny: ValueError: no answer",
		},
		{
			name: "an import that ends the process", module: "import os\nos._exit(0)",
			want: []record.Case{{Name: "tiny", Outcome: record.Failed, Message: "the runtime died: Exit: Program terminated with exit(0)"}},
			kind: record.ImportFailed, message: "importing tiny: the runtime died: Exit: Program terminated with exit(0)",
		},
		{
			name: "a test that aborts", module: "", test: "import os\ndef test():\n    print('last words')\n    os.abort()\n",
			want: []record.Case{
				{Name: "tiny", Outcome: record.Passed},
				{Name: "test_tiny.py::test", Outcome: record.Failed, Message: "the runtime died: RuntimeError: unreachable"},
			},
			kind: record.TestFailed, message: "test_tiny.py::test: the runtime died: RuntimeError: unreachable", log: "last words",
		},
		{
			name: "an endless loop", module: "", test: "def test():\n    while True: pass\n", limits: runtimes.Limits{Time: 10 * time.Second},
			want: []record.Case{
				{Name: "tiny", Outcome: record.Passed},
				{Name: "test_tiny.py::test", Outcome: record.Failed, Message: "out of time: more than 10s"},
			},
			kind: record.OutOfTime, message: "test_tiny.py::test: out of time: more than 10s",
		},
		{
			name: "too much memory", module: "hoard = []\nwhile True: hoard.append(b'x' * (1 << 24))", limits: runtimes.Limits{Memory: 512 << 20},
			want: []record.Case{{Name: "tiny", Outcome: record.Failed, Message: "out of memory: more than 512 MiB"}},
			kind: record.OutOfMemory, message: "importing tiny: out of memory: more than 512 MiB",
		},
		{
			name: "endless output", module: "while True: print('nonsense')", limits: runtimes.Limits{Log: 1 << 20},
			want: []record.Case{{Name: "tiny", Outcome: record.Failed, Message: "too much output: more than 1048576 bytes"}},
			kind: record.LogLimit, message: "importing tiny: too much output: more than 1048576 bytes",
		},
		{
			name: "no network", module: `from js import process
assert process.getBuiltinModule("os").networkInterfaces().to_py().keys() == {"lo"}`,
			want: []record.Case{{Name: "tiny", Outcome: record.Passed}},
		},
		{
			name: "test files that can't be read", module: "", test: "import nothing",
			want: []record.Case{
				{Name: "tiny", Outcome: record.Passed},
				{Name: "test_tiny.py", Outcome: record.Failed, Message: "E   ModuleNotFoundError: No module named 'nothing'"},
			},
			kind: record.TestFailed, message: "test_tiny.py: E   ModuleNotFoundError: No module named 'nothing'",
		},
		{
			name: "test files that hold no test", module: "", test: "answer = 42\n",
			want: []record.Case{{Name: "tiny", Outcome: record.Passed}},
			kind: record.TestFailed, message: "no tests were found in the recipe's test files",
		},
	} {
		if len(chosen) > 0 && !slices.Contains(chosen, c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			job := runtimes.Job{
				Imports: []string{"tiny"}, Limits: c.limits, Log: &log,
				Artifact: runtimestest.Wheel(t, t.TempDir(), "tiny", "1.0", map[string]string{"tiny.py": c.module}),
			}
			if c.test != "" {
				job.TestDir = runtimestest.Tests(t, map[string]string{"test_tiny.py": c.test})
				job.Tests = []string{"test_tiny.py"}
			}
			got, err := l.Test(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%.2f s", got.Seconds)
			cases := append(got.Imports, got.Cases...)
			for i := range cases {
				cases[i].Seconds, cases[i].Detail = 0, ""
			}
			if diff := cmp.Diff(c.want, cases); diff != "" {
				t.Error(diff)
			}
			var failure record.Failure
			if got.Failure != nil {
				failure = *got.Failure
			}
			if diff := cmp.Diff([]string{string(c.kind), c.message}, []string{string(failure.Kind), failure.Message}); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(log.String(), c.log) {
				t.Errorf("log: %.3000s", log.String())
			}
		})
	}
}

// A snapshot holds the state of the random generator: each interpreter must draw its own numbers all the same. The
// imports and the tests are two interpreters, so the module is executed twice.
func randomness(t *testing.T, l lab) {
	var log bytes.Buffer
	_, err := l.Test(t.Context(), runtimes.Job{
		Imports: []string{"tiny"}, Log: &log,
		Artifact: runtimestest.Wheel(t, t.TempDir(), "tiny", "1.0", map[string]string{
			"tiny.py": "import random\nprint('drawn', random.getrandbits(64))\n",
		}),
		TestDir: runtimestest.Tests(t, map[string]string{"test_tiny.py": "import tiny\ndef test(): pass\n"}),
		Tests:   []string{"test_tiny.py"},
	})
	if err != nil {
		t.Fatal(err)
	}
	drawn := regexp.MustCompile(`drawn \d+`).FindAllString(log.String(), -1)
	if len(drawn) != 2 || drawn[0] == drawn[1] {
		t.Errorf("drew %q", drawn)
	}
}

// What is needed is there, in the order and the version that the lock of the job says; of two packages that pytest
// has too, the one under test is used.
func dependencies(t *testing.T, l lab) {
	dir := t.TempDir()
	var log bytes.Buffer
	got, err := l.Test(t.Context(), runtimes.Job{
		Imports: []string{"tiny", "tiny.part"}, Log: &log,
		Artifact: runtimestest.Wheel(t, dir, "tiny", "1.0", map[string]string{
			"tiny/__init__.py": "import some_dep\nfrom importlib.metadata import version\nassert version('some-dep') == '2.0'\n", "tiny/part.py": "",
		}),
		Deps: []runtimes.Wheel{
			runtimestest.Wheel(t, dir, "Some_Dep", "2.0", map[string]string{"some_dep.py": ""}),
			runtimestest.Wheel(t, dir, "iniconfig", "99", map[string]string{"iniconfig.py": "ours = True\nclass IniConfig: pass\nclass ParseError(Exception): pass\nclass SectionWrapper: pass\n"}),
		},
		TestDir: runtimestest.Tests(t, map[string]string{
			"test_tiny.py": "import helper, iniconfig\ndef test(answer):\n    assert helper.read() == answer and iniconfig.ours\n",
			"conftest.py":  "import pytest\n@pytest.fixture\ndef answer(): return '42'\n",
			"helper.py":    "from pathlib import Path\ndef read(): return (Path(__file__).parent / 'data' / 'answer').read_text()\n",
			"data/answer":  "42",
		}),
		Tests: []string{"test_tiny.py"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcome != record.Passed || len(got.Imports) != 2 || got.Passed != 1 {
		t.Errorf("%+v\n%s", got, &log)
	}
}
