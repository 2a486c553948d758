//go:build engine && nightly

package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
)

// numpy from its source, packages that are compiled against it, and what it computes in Pyodide. The numbers are those
// that numpy documents or gives on any machine.
func TestNumpy(t *testing.T) {
	s := newRecipes(t)
	if err := os.CopyFS(s.dir, os.DirFS(corpus(t, "recipes-numpy"))); err != nil {
		t.Fatal(err)
	}
	s.add(t, "numpy-check", "source: {path: source}\nrequirements: {run: [numpy]}\n", map[string]string{
		"source/pyproject.toml": "[build-system]\nrequires = [\"setuptools\"]\n[project]\nname = \"numpy-check\"\nversion = \"1.0\"\n[tool.setuptools]\npy-modules = [\"numpy_check\"]\n",
		"source/numpy_check.py": "",
		"test_numpy.py": `import numpy as np


def test_matmul():
    a = np.arange(12, dtype=np.float64).reshape(3, 4)
    assert (a @ a.T).tolist() == [[14, 38, 62], [38, 126, 214], [62, 214, 366]]


def test_svd():
    a = np.array([[3.0, 0.0], [4.0, 5.0]])
    u, s, v = np.linalg.svd(a)
    assert np.allclose(s, [np.sqrt(45), np.sqrt(5)])
    assert np.allclose(u @ np.diag(s) @ v, a)


def test_fft():
    x = np.exp(2j * np.pi * np.arange(8) / 8)
    assert np.allclose(np.fft.fft(x), [0, 8, 0, 0, 0, 0, 0, 0])


def test_random_seeds():
    assert np.allclose(np.random.default_rng(42).random(3), [0.7739560485559633, 0.4388784397520523, 0.8585979199113825], rtol=1e-15)
    assert np.allclose(np.random.RandomState(0).rand(2), [0.5488135039273248, 0.7151893663724195], rtol=1e-15)


def test_sizes_of_the_target():
    assert np.dtype(np.intp).itemsize == 4
    assert np.dtype(np.longdouble).itemsize == 16
`,
	})
	s.source(t, "declared", "requirements: {host: [numpy]}\n", sizes("declared"))
	// numpy alone takes four minutes where nothing else runs.
	env := []string{"WASMILL_DATA=" + loneFolder(t)}
	r := wasmillWithin(t, time.Hour, env, "build", "--json", "--recipes", s.dir, "--out", t.TempDir(), "*")
	run := read[api.Run](t, r)
	passed(t, run)
	if a := action(t, run, "numpy-check"); a.Tests == nil || a.Tests.Passed != 5 {
		t.Errorf("numpy in Pyodide: %+v", a.Tests)
	}
	for _, name := range []string{"numpy", "Bottleneck", "contourpy", "declared"} { // cftime's recipe has no tests
		if a := action(t, run, name); a.Tests == nil || a.Tests.Passed == 0 {
			t.Errorf("%s: %+v", name, a.Tests)
		}
	}

	// Who requires numpy for the build only: a project gets the farm's, as there is a recipe; a recipe that forgets it fails.
	dir := t.TempDir()
	write(t, dir, project("undeclared", sizes("undeclared")))
	r = alone(t, "--json", "--recipes", s.dir, "--out", t.TempDir(), dir)
	passed(t, read[api.Run](t, r))
	s.source(t, "undeclared", "", sizes("undeclared"))
	r = alone(t, "--json", "--recipes", s.dir, "--out", t.TempDir(), "undeclared")
	if a := action(t, read[api.Run](t, r), "undeclared"); a.Status != "failed" || !strings.Contains(a.Cause, "list numpy under requirements.host") {
		t.Errorf("compiled with native headers: %s %s", a.Status, a.Cause)
	}
}

// sizes is the source of a module that is compiled with numpy's headers. Its answer is right where they are the target's.
func sizes(name string) map[string]string {
	files := project(name, nil)
	return map[string]string{
		"pyproject.toml": strings.Replace(files["pyproject.toml"], `"setuptools"`, `"setuptools", "numpy"`, 1),
		"setup.py":       strings.NewReplacer("from", "import numpy\nfrom", `.c"]`, `.c"], include_dirs=[numpy.get_include()]`).Replace(files["setup.py"]),
		name + ".c": strings.NewReplacer("<Python.h>", "<Python.h>\n#include <numpy/npy_common.h>", "(42)", "(NPY_SIZEOF_INTP == sizeof(void *) ? 42 : NPY_SIZEOF_INTP)").
			Replace(files[name+".c"]),
	}
}
