//go:build engine

package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pythonWasm runs it, or a program of its environments, with a farm that builds for it.
func (f *farm) pythonWasm(t *testing.T, path string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "WASMILL_SERVER="+f.url, "WASMILL_PYTHON_CACHE="+filepath.Join(cacheDir(), "python"))
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err, exit := cmd.Run(), (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), said.String()}
}

// What PyPI has no wheel of the farm builds, once: the next who asks gets the same wheel.
func TestPipBuildsOnTheFarm(t *testing.T) {
	if scaled() {
		t.Skip("uv trusts the authorities of this machine alone, and this farm's is another")
	}
	f, _ := sharedFarm(t)
	const pin = "markupsafe==3.0.3"
	for i, want := range [][]string{
		{"wasmill submit --wait --toolchain " + toolchainName + " " + pin, "markupsafe: compile", "Successfully installed markupsafe-3.0.3"},
		{"Successfully installed markupsafe-3.0.3"},
	} {
		venv := filepath.Join(t.TempDir(), "venv")
		f.pythonWasm(t, program(t, "python-wasm"), "-m", "venv", venv).expect(t, 0)
		pip := filepath.Join(venv, "bin/pip")
		f.pythonWasm(t, pip, "install", pin).expect(t, 1, "wasmill submit "+pin, "Nothing was changed.")
		r := f.pythonWasm(t, pip, "install", "--build", pin)
		r.expect(t, 0, want...)
		if i > 0 && strings.Contains(r.err, "submit") {
			t.Errorf("it was built again:\n%s", r.err)
		}
		f.pythonWasm(t, filepath.Join(venv, "bin/python"), "-c", "import markupsafe._speedups as s; print(s.__name__)").expect(t, 0, "markupsafe._speedups")
	}
	venv := filepath.Join(t.TempDir(), "venv")
	f.pythonWasm(t, program(t, "python-wasm"), "-m", "venv", venv).expect(t, 0)
	f.pythonWasm(t, filepath.Join(venv, "bin/pip"), "install", "--build", "markupsafe==0.0.77").expect(t, 1, "Nothing was changed.")
}
