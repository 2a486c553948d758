//go:build integration

package python_test

import (
	"os"
	"os/exec"
	"testing"
)

// testRuntime is what runs Python in a test.
type testRuntime struct {
	name    string
	needs   func(*testing.T)      // skips with words where it is not there
	differs map[string]difference // from a native Python, by the names of the stories
}

// difference is what a runtime does otherwise, and why.
type difference struct {
	result
	why string
}

func (r testRuntime) command(t *testing.T, args ...string) *exec.Cmd {
	cmd := command(t, args...)
	cmd.Env = append(cmd.Env, "WASMILL_PYTHON_RUNTIME="+r.name)
	if r.name == "wasi" {
		cmd.Env = append(cmd.Env, "WASMILL_PYTHON_WASI="+os.Getenv("WASMILL_WASI_PYTHON"))
	}
	return cmd
}

var runtimes = []testRuntime{
	{name: "node", needs: func(*testing.T) {}},
	{name: "wasi", needs: needsWASI},
	{name: "chromium", needs: needsChromium},
}

func needsChromium(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("there is no chromium on this machine; TestInChromium runs this where there is one")
	}
}

func needsWASI(t *testing.T) {
	if os.Getenv("WASMILL_WASI_PYTHON") == "" {
		t.Skip("WASMILL_WASI_PYTHON names no archive of cpython-wasi")
	}
}
