//go:build integration

package python_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a program prints and how it ends is the same as with a native Python, whether the interpreter starts anew or from a
// snapshot, and whatever runs it. The lines are such that the version of Python does not matter.
func TestCommandLinesAsNative(t *testing.T) {
	for _, runtime := range runtimes {
		t.Run(runtime.name, func(t *testing.T) { testCommandLines(t, runtime) })
	}
}

func testCommandLines(t *testing.T, runtime testRuntime) {
	runtime.needs(t)
	native, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine to compare with")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"show.py":         "import sys\nprint(__name__, sys.argv, sys.path[0], __file__)\n",
		"mod.py":          "import sys\nprint(__name__, sys.argv[1:], bool(sys.path[0]))\n",
		"pkg/__main__.py": "import sys\nprint('package', __name__, sys.argv[1:])\n",
		"helper.py":       "value = 42\n",
		"uses.py":         "import helper\nprint(helper.value)\n",
		"latin.py":        "# coding: latin-1\nprint('\\xe9')\n",
		"wrong.py":        "def f(:\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	flags := "import sys; f = sys.flags; print(f.optimize, f.isolated, f.ignore_environment, f.no_user_site, f.no_site, f.inspect, f.dont_write_bytecode, f.quiet, f.bytes_warning, f.safe_path, __debug__)"
	for _, c := range []struct {
		name  string
		stdin string
		env   string
		cold  bool // is compared without a snapshot, too
		args  []string
	}{
		{name: "script", args: []string{"show.py", "a", "-c", "--toolchain"}, cold: true},
		{name: "script in another folder", args: []string{"./pkg/../show.py"}},
		{name: "module", args: []string{"-m", "mod", "-x"}},
		{name: "package as a module", args: []string{"-m", "pkg", "y"}},
		{name: "folder", args: []string{"pkg", "z"}},
		{name: "neighbours of a script", args: []string{"uses.py"}},
		{name: "neighbours are not for -P", args: []string{"-P", "uses.py"}},
		{name: "neighbours are not for -I", args: []string{"-I", "uses.py"}},
		{name: "code", args: []string{"-c", "import sys; print(sys.argv, repr(sys.path[0]))", "-v", "--"}},
		{name: "standard input", stdin: "import sys\nprint(sys.argv, __name__)\n"},
		{name: "standard input by name", stdin: "import sys\nprint(sys.argv)\n", args: []string{"-", "a"}},
		{name: "input of a program", stdin: "one\ntwo", args: []string{"-c", "print(input(), input())"}},
		{name: "no more input", args: []string{"-c", "input()"}},
		{name: "bytes", stdin: "\x00\xff\xfe", args: []string{"-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])"}},
		{name: "options joined", args: []string{"-IBsqc", flags}},
		{name: "optimized", args: []string{"-OO", "-c", flags + "; assert 0"}, cold: true},
		{name: "environment", env: "PYTHONOPTIMIZE=1", args: []string{"-c", flags}},
		{name: "environment ignored", env: "PYTHONOPTIMIZE=1", args: []string{"-E", "-c", flags}},
		{name: "no site", args: []string{"-S", "-c", flags + "; import sys; print('site' in sys.modules)"}},
		{name: "path", env: "PYTHONPATH=pkg:/nowhere", args: []string{"-c", "import sys; print(sys.path[1:3])"}},
		{name: "warnings as errors", args: []string{"-W", "error", "-c", "import warnings; warnings.warn('x')"}, cold: true},
		{name: "warnings ignored", args: []string{"-Wignore", "-c", "import warnings; warnings.warn('x'); print(1)"}},
		{name: "warnings by environment", env: "PYTHONWARNINGS=error::UserWarning", args: []string{"-c", "import sys; print(sys.warnoptions)"}},
		{name: "-X", args: []string{"-X", "a", "-Xb=c", "-c", "import sys; print({k: v for k, v in sys._xoptions.items() if k in 'ab'})"}},
		{name: "digits of a number", args: []string{"-X", "int_max_str_digits=700", "-c", "import sys; print(sys.get_int_max_str_digits()); int('1' * 800)"}},
		{name: "a file with another coding", args: []string{"latin.py"}},
		{name: "a syntax error", args: []string{"wrong.py"}},
		{name: "no such file", args: []string{"nothing.py"}},
		{name: "no such module", args: []string{"-m", "nothing"}},
		{name: "no code", args: []string{"-c"}},
		{name: "exit with a number", args: []string{"-c", "raise SystemExit(5)"}},
		{name: "exit with a large number", args: []string{"-c", "raise SystemExit(256 + 7)"}},
		{name: "exit with nothing", args: []string{"-c", "raise SystemExit"}},
		{name: "exit with a text", args: []string{"-c", "raise SystemExit('bye')"}},
		{name: "exit with an object", args: []string{"-c", "raise SystemExit([1])"}},
		{name: "exit at once", args: []string{"-c", "import os; print(1, flush=True); os._exit(9)"}},
		{name: "an exception", args: []string{"-c", "1/0"}},
		{name: "an exception hook", args: []string{"-c", "import sys; sys.excepthook = lambda *e: print('hook', e[0].__name__); 1/0"}},
		{name: "at exit", args: []string{"-c", "import atexit; atexit.register(print, 'bye'); print('hello')"}, cold: true},
		{name: "at exit after an exception", args: []string{"-c", "import atexit; atexit.register(print, 'bye'); 1/0"}},
		{name: "encoding of the streams", env: "PYTHONIOENCODING=latin-1", args: []string{"-c", "import sys; print('é')"}},
		{name: "main is a module", args: []string{"-c", "import __main__, sys; print(sorted(n for n in vars(__main__) if n not in ('__annotations__', '__main__', 'sys')), __spec__)"}},
		{name: "what the program prints and then what it complains of", args: []string{"-c", "import sys; print('out'); print('err', file=sys.stderr)"}},
		{name: "inspect after the end", stdin: "print(x)\n", args: []string{"-i", "-c", "x = 7"}},
		{name: "random numbers differ", args: []string{"-c", "import random; print(random.random() == 0.5)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.name == "chromium" && !c.cold && os.Getenv("WASMILL_TEST_NIGHTLY") == "" {
				t.Skip("each start of Chromium takes seconds: WASMILL_TEST_NIGHTLY has all")
			}
			run := func(cmd *exec.Cmd) result {
				cmd.Dir, cmd.Stdin = dir, strings.NewReader(c.stdin)
				if cmd.Env == nil {
					cmd.Env = os.Environ()
				}
				cmd.Env = append(cmd.Env, "PYTHONDONTWRITEBYTECODE=", "PYTHONUNBUFFERED=", "PYTHON_BASIC_REPL=1", "PYTHON_COLORS=0")
				if c.env != "" {
					cmd.Env = append(cmd.Env, c.env)
				}
				r := finish(t, cmd)
				r.err = lastWords(r.err)
				return r
			}
			want := run(exec.Command(native, c.args...))
			got := run(runtime.command(t, c.args...))
			if d, ok := runtime.differs[c.name]; ok {
				if got == want || got != d.result {
					t.Errorf("it should differ, since %s: %+v\nnatively: %+v", d.why, got, want)
				}
				return
			}
			if got != want {
				t.Errorf("%+v\nnatively: %+v", got, want)
			}
			if !c.cold || runtime.name != "node" {
				return
			}
			if got := run(command(t, append([]string{"--no-snapshot"}, c.args...)...)); got != want {
				t.Errorf("anew:     %+v\nnatively: %+v", got, want)
			}
		})
	}
}

// errno has other numbers in Emscripten.
var errno = regexp.MustCompile(`\[Errno \d+\] `)

// lastWords are what an error comes to: the lines above have the paths and the underlining of their version.
func lastWords(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	line := errno.ReplaceAllString(lines[len(lines)-1], "")
	if _, after, found := strings.Cut(line, ": "); found && strings.HasPrefix(line, "/") {
		return after // behind the program's own name
	}
	return line
}
