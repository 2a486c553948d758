//go:build engine

package runtimes_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/build/buildtest"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/runtimes/runtimestest"
)

// mill builds packages for WASI and tests them, on the real engine.
type mill struct {
	*buildtest.Farm
	*runtimes.Wazero
	python      runtimes.Wheel
	interpreter *recipe.Recipe
	runner      string
}

func newMill(t *testing.T) *mill {
	t.Helper()
	for _, name := range []string{"WASMILL_BUILD_IMAGE", "WASMILL_WASI_IMAGE", "WASMILL_WASI_RUNTIME_IMAGE", "WASMILL_WASI_PYTHON"} {
		if os.Getenv(name) == "" {
			t.Skip(name + " is not set; `make test` sets it")
		}
	}
	f, err := buildtest.New(t.Context(), os.Getenv("WASMILL_BUILD_IMAGE"), os.Getenv("WASMILL_RUNTIME_IMAGE"))
	if err == nil {
		f, err = f.On(t.Context(), os.Getenv("WASMILL_WASI_IMAGE"))
	}
	if err != nil {
		t.Fatal(err)
	}
	m := &mill{Farm: f, runner: filepath.Join(t.TempDir(), "wasirun")}
	compile := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", m.runner, "github.com/wasmill/wasmill/cmd/wasirun")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if m.interpreter, err = recipe.Load(filepath.Join("..", "..", "recipes", "cpython-wasi", recipe.MetaFile)); err != nil {
		t.Fatal(err)
	}
	m.python = file(t, os.Getenv("WASMILL_WASI_PYTHON"))
	docker, err := engine.NewDocker()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docker.Close() })
	m.Wazero = &runtimes.Wazero{Engine: docker, Work: t.TempDir()}
	return m
}

func file(t *testing.T, path string) runtimes.Wheel {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return runtimes.Wheel{Path: path, Digest: record.Digest("sha256:" + hex.EncodeToString(sum[:]))}
}

// project builds a project of these files.
func (m *mill) project(t *testing.T, name string, files map[string]string) runtimes.Wheel {
	t.Helper()
	dir := runtimestest.Tests(t, files)
	r, err := recipe.FromProject(dir)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	out, err := m.Build(t.Context(), build.Job{
		Recipe: r, Toolchain: m.Image, Limits: build.LimitsOf(r, r.Wasmill.Class), Attempt: name + "-" + time.Now().Format("150405.000000"),
		Out: t.TempDir(), Log: &log,
		Hosts: []build.Host{{Recipe: m.interpreter, Files: []build.File{{Artifact: record.Artifact{Filename: filepath.Base(m.python.Path), Kind: record.KindLibrary}, Path: m.python.Path}}}},
	})
	if err != nil || out.Record.Outcome != record.Passed {
		t.Fatalf("%v, %+v\n%s", err, out, log.String())
	}
	return file(t, out.Path)
}

func (m *mill) Build(ctx context.Context, job build.Job) (*build.Output, error) {
	return m.Builder.Build(ctx, job)
}

// Test is the runtime's, with the farm's images and its Python.
func (m *mill) Test(ctx context.Context, job runtimes.Job) (*record.Test, error) {
	job.Image, job.Host = os.Getenv("WASMILL_WASI_RUNTIME_IMAGE"), os.Getenv("WASMILL_WASI_IMAGE")
	job.Interpreter = &runtimes.Interpreter{Archive: m.python, Version: m.interpreter.Version, Linker: m.Image.Facts.Linker(), Runner: m.runner}
	return m.Wazero.Test(ctx, job)
}

// story is a package with a module in C that does what the tests want of it.
func (m *mill) story(t *testing.T) runtimes.Wheel {
	return m.project(t, "story", map[string]string{
		"pyproject.toml":    "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n[project]\nname = 'story'\nversion = '1.0'\n",
		"setup.py":          "from setuptools import Extension, setup\nsetup(packages=['story', 'dying'], ext_modules=[Extension('story._c', ['c.c']), Extension('dying._c', ['d.c'])])\n",
		"story/__init__.py": "from story._c import *\n", "dying/__init__.py": "import dying._c\n",
		"c.c": `#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(42); }
static PyObject *die(PyObject *self, PyObject *none) { abort(); }
static PyObject *loop(PyObject *self, PyObject *none) { for (volatile int i = 0;; i++) ; }
static PyObject *eat(PyObject *self, PyObject *none) {
	for (;;) { char *volatile p = malloc(64 << 20); if (!p) abort(); memset(p, 1, 64 << 20); }
}
static int one(int x) { return x; }
static PyObject *mistake(PyObject *self, PyObject *none) {
	void *volatile p = (void *)one;
	return PyLong_FromLong(((int (*)(int, int))p)(1, 2));
}
static PyMethodDef methods[] = {
	{"answer", answer, METH_NOARGS}, {"die", die, METH_NOARGS}, {"loop", loop, METH_NOARGS}, {"eat", eat, METH_NOARGS}, {"mistake", mistake, METH_NOARGS}, {0}
};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "_c", 0, 0, methods};
PyMODINIT_FUNC PyInit__c(void) { return PyModule_Create(&def); }
`,
		"d.c": "#include <Python.h>\nPyMODINIT_FUNC PyInit__c(void) { abort(); }\n",
	})
}

// TestWazero has all that needs a linked interpreter: the package is built once.
func TestWazero(t *testing.T) {
	m := newMill(t)
	story := m.story(t)
	dir := t.TempDir()
	dep := runtimestest.Wheel(t, dir, "dep", "1.0", map[string]string{"dep.py": "x = 1\n"})
	only := runtimestest.Wheel(t, dir, "only_tests", "1.0", map[string]string{"only_tests.py": "x = 2\n"})

	t.Run("each test that kills the interpreter fails, and no other", func(t *testing.T) {
		var log bytes.Buffer
		got, err := m.Test(t.Context(), runtimes.Job{
			Artifact: story, Deps: []runtimes.Wheel{dep}, Imports: []string{"story", "dying", "story._c", "only_tests", "mmap"}, Log: &log, Limits: runtimes.Limits{Memory: 1536 << 20, Time: 5 * time.Minute},
			Suite: &runtimes.Suite{Wheels: []runtimes.Wheel{only}},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"passed story", "failed dying", "passed story._c", "failed only_tests", "failed mmap"}
		if diff := cmp.Diff(want, briefly(got.Imports)); diff != "" {
			t.Errorf("imports (-want +got):\n%s\n%s", diff, log.String())
		}
		f := got.Failure
		if f == nil || f.Kind != record.ImportFailed || !strings.HasPrefix(f.Message, "3 failed, the first: importing dying: the interpreter died: trap: unreachable in abort, called by PyInit__c") {
			t.Errorf("%+v", f)
		}
		if !strings.Contains(got.Imports[3].Message, "No module named 'only_tests'") {
			t.Errorf("%+v", got.Imports[3])
		}
		if want := "No module named 'mmap' (a part of the standard library that Python lacks here)"; !strings.Contains(got.Imports[4].Message, want) {
			t.Errorf("%+v", got.Imports[4])
		}

		got, err = m.Test(t.Context(), runtimes.Job{
			Artifact: story, Deps: []runtimes.Wheel{dep}, Imports: []string{"story"}, Log: &log, Limits: runtimes.Limits{Memory: 1536 << 20, Time: 5 * time.Minute},
			Tests: []string{"test_a.py", "test_b.py"},
			TestDir: runtimestest.Tests(t, map[string]string{
				"test_a.py": `import os, pytest, story, sys
def test_answer(): assert story.answer() == 42
def test_die(): story.die()
def test_eat(): story.eat()
def test_mistake(): story.mistake()
def test_wrong(): assert story.answer() == 43
def test_memory_in_python():
    with pytest.raises(MemoryError): bytearray(1 << 30)
def test_walls(tmp_path):
    (tmp_path / "x").write_text("y")
    assert sys.platform == "wasi" and not os.path.exists("/etc") and not os.path.exists("/proc")
    with pytest.raises(OSError): open("/job/x", "w")
    with pytest.raises(OSError): open("/tmp/../etc/passwd")
`,
				"test_b.py": "import dep, only_tests, sys\ndef test_b(): assert dep.x + only_tests.x == 3\ndef test_exit(): print('said', flush=True); sys.exit(3)\n",
			}),
			Suite: &runtimes.Suite{
				Wheels: []runtimes.Wheel{only}, Time: time.Minute, Env: map[string]string{"SAID": "yes"}, Expected: map[string]string{"test_s.py::test_die": "it aborts"},
				Dir:      runtimestest.Tests(t, map[string]string{"test_s.py": "import story, os\ndef test_die(): story.die()\ndef test_env(): assert os.environ['SAID'] == 'yes'\n", "prog.py": "import story; print('prog', story.answer())\n", "worse.py": "import story; story.die()\n"}),
				Commands: [][]string{{"pytest", "test_s.py"}, {"prog"}, {"worse"}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		want = []string{
			"passed test_a.py::test_answer", "failed test_a.py::test_die", "failed test_a.py::test_eat", "failed test_a.py::test_mistake", "failed test_a.py::test_wrong",
			"passed test_a.py::test_memory_in_python", "passed test_a.py::test_walls", "passed test_b.py::test_b", "failed test_b.py::test_exit",
			"expected-failure test_s.py::test_die", "passed test_s.py::test_env", "passed prog", "failed worse",
		}
		if diff := cmp.Diff(want, briefly(got.Cases)); diff != "" {
			t.Errorf("cases (-want +got):\n%s\n%s", diff, log.String())
		}
		for name, words := range map[string]string{
			"test_a.py::test_die":     "the interpreter died: trap: unreachable in abort, called by die",
			"test_a.py::test_eat":     "of memory were refused: it may have 768.0 MiB",
			"test_a.py::test_mistake": "indirect call type mismatch in mistake, called by cfunction_vectorcall_NOARGS",
			"worse":                   "the interpreter died: trap: unreachable",
		} {
			i := slices.IndexFunc(got.Cases, func(c record.Case) bool { return c.Name == name })
			if i < 0 || !strings.Contains(got.Cases[i].Message, words) {
				t.Errorf("%s: %+v, want %q", name, got.Cases, words)
			}
		}
		if got.Runtime == "" || got.Needs == nil || got.Needs.Memory < 10<<20 || got.Failure == nil || got.Failure.Kind != record.TestFailed {
			t.Errorf("%+v", got)
		}
		for _, words := range []string{"said\n", "prog 42\n"} {
			if !strings.Contains(log.String(), words) {
				t.Errorf("the log has no %q:\n%s", words, log.String())
			}
		}
	})

	t.Run("a test without end is stopped, and named", func(t *testing.T) {
		got, err := m.Test(t.Context(), runtimes.Job{
			Artifact: story, Imports: []string{"story"}, Limits: runtimes.Limits{Memory: 2 << 30, Time: 60 * time.Second},
			Tests: []string{"test_a.py"}, TestDir: runtimestest.Tests(t, map[string]string{"test_a.py": "import story\ndef test_good(): pass\ndef test_loop(): story.loop()\n"}),
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"passed test_a.py::test_good", "failed test_a.py::test_loop"}, briefly(got.Cases)); diff != "" {
			t.Errorf("cases (-want +got):\n%s", diff)
		}
		if f := got.Failure; f == nil || f.Kind != record.OutOfTime || f.Message != "test_a.py::test_loop: out of time: more than 1m0s" {
			t.Errorf("%+v", f)
		}
	})

	t.Run("two packages with one module can't be one program", func(t *testing.T) {
		other := m.project(t, "other", map[string]string{
			"pyproject.toml":    "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n[project]\nname = 'other'\nversion = '1.0'\n",
			"setup.py":          "from setuptools import Extension, setup\nsetup(packages=['story'], ext_modules=[Extension('story._c', ['d.c'])])\n",
			"story/__init__.py": "", "d.c": "#include <Python.h>\nPyMODINIT_FUNC PyInit__c(void) { abort(); }\n",
		})
		got, err := m.Test(t.Context(), runtimes.Job{Artifact: story, Deps: []runtimes.Wheel{other}, Imports: []string{"story"}})
		if err != nil {
			t.Fatal(err)
		}
		if f := got.Failure; f == nil || !strings.Contains(f.Message, "linking it into an interpreter: two packages have a module story._c") {
			t.Errorf("%+v", f)
		}
	})

	t.Run("pure packages alone need no link", func(t *testing.T) {
		got, err := m.Test(t.Context(), runtimes.Job{Artifact: dep, Imports: []string{"dep"}})
		if err != nil || got.Outcome != record.Passed || len(got.Imports) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
