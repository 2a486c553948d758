//go:build integration

package python_test

import (
	"os"
	"os/exec"
	"path/filepath"
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

// A runtime of our time compiles a small module of its own beside the interpreter. Whichever of the two is ready first, the interpreter is
// what gets the interpreter: a first start, with nothing in the system's cache, once ended here.
func TestSmallModuleIsReadyFirst(t *testing.T) {
	quick := filepath.Join(t.TempDir(), "quick.mjs")
	if err := os.WriteFile(quick, []byte(`
const { compile } = WebAssembly;
WebAssembly.compile = (code) => (code.byteLength < 1000 ? Promise.resolve(new WebAssembly.Module(code)) : compile(code));
`), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "--node", "npm", "-c", "print(6 * 7)")
	cmd.Env = append(cmd.Env, "NODE_OPTIONS=--import="+quick)
	if got := finish(t, cmd); got != (result{"42\n", "", 0}) {
		t.Errorf("%+v", got)
	}
}
