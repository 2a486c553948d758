//go:build integration

package index_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wasmill/wasmill/internal/index"
)

// The lock is held against the model that Pyodide's own tools read it with.
func TestLockIsValid(t *testing.T) {
	python := modernPython(t)
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	run(python, "-m", "venv", dir)
	run(filepath.Join(dir, "bin/pip"), "install", "--quiet", "pyodide-lock==0.2.1", "packaging==26.2")

	h := index.NewHandler(farm(t), index.Options{Runtime: runtime})
	for path, names := range map[string]string{"/pyodide-lock.json": "URLs", "/pyodide-lock.json?relative": "names"} {
		lock := filepath.Join(dir, "pyodide-lock.json")
		if err := os.WriteFile(lock, []byte(body(t, ask(t, h, "GET", path))), 0o644); err != nil {
			t.Fatal(err)
		}
		// Names are checked where file_name is one: the model does not take URLs apart.
		run(filepath.Join(dir, "bin/python"), "-c", `
import pathlib, sys
from pyodide_lock import PyodideLockSpec
lock = PyodideLockSpec.from_json(pathlib.Path(sys.argv[1]))
assert sorted(lock.packages) == ["beta", "cy-toolz", "toolz"], lock.packages
if sys.argv[2] == "names":
    lock.check_wheel_filenames()
`, lock, names)
	}
}

// modernPython finds an interpreter that pyodide-lock takes: 3.12 or later.
func modernPython(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"python3", "python3.15", "python3.14", "python3.13", "python3.12"} {
		if exec.CommandContext(t.Context(), name, "-c", "import sys, venv, ensurepip; assert sys.version_info >= (3, 12)").Run() == nil {
			return name
		}
	}
	t.Skip("no Python 3.12 or later here, which pyodide-lock wants")
	return ""
}
