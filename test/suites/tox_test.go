//go:build integration

package suites

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// programs is a virtual environment of this machine's Python with tox and nox.
func programs(t *testing.T) string {
	t.Helper()
	base, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("this machine has no python3, with which tox and nox run")
	}
	if exec.CommandContext(t.Context(), base, "-c", "import sys; sys.exit(sys.version_info < (3, 11))").Run() != nil {
		t.Skip("the tox and nox of testdata/tox.json need Python 3.11 or newer, and this machine's python3 is none")
	}
	l := readLock(t, "tox")
	wheels, err := fetcher(t).Wheels(t.Context(), &l)
	if err != nil {
		t.Fatal(err)
	}
	dir, uv := filepath.Join(t.TempDir(), "venv"), tool(t, fetcher(t))
	install := []string{"pip", "install", "--no-deps", "--no-index", "--python", filepath.Join(dir, "bin", "python")}
	for _, p := range l.Packages {
		install = append(install, filepath.Join(wheels, p.File))
	}
	for _, args := range [][]string{{"venv", "--python", base, dir}, install} {
		if out, err := exec.CommandContext(t.Context(), uv, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return filepath.Join(dir, "bin")
}

// tox and nox themselves run the example's tests, with python-wasm as the Python of their environments.
func TestToxAndNox(t *testing.T) {
	bin := programs(t)
	command := filepath.Join(t.TempDir(), "python-wasm")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, "github.com/wasmill/wasmill/cmd/python-wasm").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, args := range [][]string{{"tox", "-e", "wasm", "--", "-q"}, {"nox", "-s", "wasm", "--", "-q"}} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS("../../examples/python-wasm")); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), filepath.Join(bin, args[0]), args[1:]...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PYTHON_WASM="+command, "PATH="+bin+":"+os.Getenv("PATH"), "NO_COLOR=1")
			out, status := run(t, cmd)
			if status != 0 || !strings.Contains(out, "1 passed") {
				t.Errorf("status %d\n%s", status, out)
			}
			// What fails there fails here.
			test := filepath.Join(dir, "tests", "test_tiny.py")
			if err := os.WriteFile(test, []byte("def test(): assert False\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			again := exec.CommandContext(t.Context(), filepath.Join(bin, args[0]), args[1:]...)
			again.Dir, again.Env = dir, cmd.Env
			if out, status := run(t, again); status == 0 || !strings.Contains(out, "1 failed") {
				t.Errorf("status %d\n%s", status, out)
			}
		})
	}
}

// A drawing library that was made for Python in browsers draws without one.
func TestTurtle(t *testing.T) {
	dir := files(t, map[string]string{"draw.py": `
import turtle
turtle.color("red")
for _ in range(4):
    turtle.forward(100)
    turtle.left(90)
turtle.done()
turtle.Screen().save("square.svg")
`})
	cmd := wasm(t, dir, "site", "draw.py") // a relative PYTHONPATH, too
	if err := os.CopyFS(filepath.Join(dir, "site"), os.DirFS(installed(t, "turtle"))); err != nil {
		t.Fatal(err)
	}
	if out, status := run(t, cmd); status != 0 {
		t.Fatalf("status %d\n%s", status, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "square.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(text, &struct{}{}); err != nil {
		t.Error(err)
	}
	if svg := string(text); !strings.Contains(svg, "<svg") || strings.Count(svg, "<line") < 4 || !strings.Contains(svg, "red") {
		t.Errorf("%s", svg)
	}
}
