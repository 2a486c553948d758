//go:build integration

package python_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/python"
)

// The test program is the command, when it is told so: no build is needed, and no program can be stale.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_AS_PYTHON_WASM") != "" {
		os.Exit(python.Main(os.Args))
	}
	os.Exit(m.Run())
}

type result struct {
	out, err string
	status   int
}

// command is python-wasm with these arguments; what it has fetched stays for the next test.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "wasmill-test", "python")
	if dir := os.Getenv("WASMILL_PYTHON_CACHE"); dir != "" {
		cache = dir
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "TEST_AS_PYTHON_WASM=1", "WASMILL_PYTHON_CACHE="+cache)
	return cmd
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// call runs python-wasm.
func call(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	cmd := command(t, args...)
	cmd.Stdin = strings.NewReader(stdin)
	return finish(t, cmd)
}

func TestCommandRuns(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script.py")
	if err := os.WriteFile(script, []byte("import sys\nprint(sys.argv[1:], input())\nsys.exit(4)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		stdin string
		args  []string
		want  result
	}{
		{"code", "", []string{"-c", "import sys; print(sys.platform, sys.argv)", "a"}, result{"emscripten ['-c', 'a']\n", "", 0}},
		{"a module", "", []string{"-m", "calendar", "2026", "1"}, result{"    January 2026\nMo Tu We Th Fr Sa Su\n          1  2  3  4\n 5  6  7  8  9 10 11\n12 13 14 15 16 17 18\n19 20 21 22 23 24 25\n26 27 28 29 30 31\n", "", 0}},
		{"a script", "line\n", []string{script, "b"}, result{"['b'] line\n", "", 4}},
		{"standard input", "print(__name__)", []string{"-"}, result{"__main__\n", "", 0}},
		{"SystemExit with a text", "", []string{"-c", "raise SystemExit('bye')"}, result{"", "bye\n", 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := call(t, c.stdin, c.args...); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
