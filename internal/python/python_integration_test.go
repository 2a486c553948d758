//go:build integration

package python_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/python"
	"github.com/wasmill/wasmill/internal/python/pythontest"
)

func TestMain(m *testing.M) {
	if patience, err := time.ParseDuration(os.Getenv("TEST_BROWSER_PATIENCE")); err == nil {
		python.SetBrowserPatience(patience)
	}
	pythontest.Main()
	os.Exit(m.Run())
}

type result struct {
	out, err string
	status   int
}

// command is python-wasm with these arguments; what it has fetched stays for the next test.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return pythontest.Command(context.Background(), t, args...)
}

func finish(t *testing.T, cmd *exec.Cmd) (r result) {
	t.Helper()
	r.out, r.err, r.status = pythontest.Run(t, cmd)
	return r
}

// startReady starts a program whose first line is "ready", and returns what reads its further lines. Its standard input stays open until the
// test ends; a program that hangs is killed.
func startReady(t *testing.T, cmd *exec.Cmd) *bufio.Scanner {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(4*time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { late.Stop(); in.Close() })
	lines := bufio.NewScanner(pipe)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("it begins with %q", lines.Text())
	}
	time.Sleep(300 * time.Millisecond) // into what follows
	return lines
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
		{"where the library is", "", []string{"-c", "import os, sysconfig; print(sysconfig.get_path('stdlib') == os.path.dirname(os.__file__))"}, result{"True\n", "", 0}},
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
