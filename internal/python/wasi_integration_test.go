//go:build integration

package python_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

var wasiRuntime = testRuntime{name: "wasi"}

// An endless loop hears of nothing, and ends by Ctrl-C like the command itself; so does a program that waits.
func TestWASIEndsBySignals(t *testing.T) {
	needsWASI(t)
	for name, code := range map[string]string{
		"a loop": "while True: pass", "in C": "sum(range(10 ** 12))", "a sleep": "import time; time.sleep(60)", "a read": "input()", "threadless waiting": "import asyncio; asyncio.run(asyncio.sleep(60))",
	} {
		for _, number := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(name+", "+number.String(), func(t *testing.T) {
				cmd := wasiRuntime.command(t, "-c", "print('ready', flush=True)\n"+code)
				startReady(t, cmd)
				_ = cmd.Process.Signal(number)
				_ = cmd.Wait()
				if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != number {
					t.Errorf("it ended with %v", cmd.ProcessState)
				}
			})
		}
	}
}

func TestWASILimitsSaySo(t *testing.T) {
	needsWASI(t)
	const code = `
import os, subprocess, threading, sys
def expect(error, words, call):
    try: call()
    except error as e: assert words in str(e), str(e)
    else: raise AssertionError(words)
expect(RuntimeError, "can't start new thread: WebAssembly has no threads here (docs/python-wasm.md#threads)", threading.Thread(target=print).start)
expect(OSError, "docs/python-wasm.md#processes", lambda: subprocess.run(["true"]))
for module, section in (("ctypes", "wasi"), ("sqlite3", "wasi"), ("ssl", "wasi"), ("lzma", "wasi"), ("readline", "terminal"), ("tkinter", "curses"), ("curses", "curses"), ("venv", "wasi")):
    expect(ModuleNotFoundError, "docs/python-wasm.md#" + section, lambda: __import__(module))
import asyncio
expect(OSError, "starting true: WebAssembly has no processes", lambda: asyncio.run(asyncio.create_subprocess_exec("true")))
async def f(n):
    await asyncio.sleep(.01)
    return n
async def main(): return await asyncio.gather(f(1), f(2))
print(asyncio.run(main()), sys.platform, os.getpid() > 1, len([v for v in os.environ if v.startswith("_PYTHON_WASM")]))
`
	if got := finish(t, wasiRuntime.command(t, "-c", code)); got.out != "[1, 2] wasi True 0\n" || got.status != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWASIFolders(t *testing.T) {
	needsWASI(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "secret", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(dir, "way")); err != nil {
		t.Fatal(err)
	}
	const code = `
import os, sys
os.chdir(sys.argv[1])
open("a", "w").write("x" * 100000); os.utime("a", (1, 1234567890)); os.symlink(sys.argv[1] + "/b", "link"); os.rename("a", "b")
s = os.stat("link")
print(s.st_mtime, s.st_size, os.path.samefile("b", "link"), os.getcwd() == sys.argv[1], sorted(os.listdir("way")), open(os.devnull).read() == "")
`
	if got := finish(t, wasiRuntime.command(t, "-c", code, dir)); got.out != "1234567890.0 100000 True True ['x'] True\n" {
		t.Errorf("%+v", got)
	}
	file := filepath.Join(dir, "new")
	if got := finish(t, wasiRuntime.command(t, "--fs-readonly", "-c", "import sys; open(sys.argv[1], 'w')", file)); got.status != 1 || !strings.Contains(got.err, "Read-only file system") {
		t.Errorf("writing where nothing may be written: %+v", got)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it was written")
	}
	if got := finish(t, wasiRuntime.command(t, "--fs-readonly", "-c", "import tempfile; f = tempfile.TemporaryFile(); f.write(b'x'); print('written')")); got.out != "written\n" {
		t.Errorf("temporary files: %+v", got)
	}
	const look = "import os, sys; print(*[sorted(os.listdir(sys.argv[1] + n)) for n in ('/secret', '/way')], os.path.exists(sys.argv[1] + '/way/x'))"
	if got := finish(t, wasiRuntime.command(t, "--fs-exclude", filepath.Join(dir, "secret"), "-c", look, dir)); got.out != "[] [] False\n" {
		t.Errorf("a hidden folder: %+v", got)
	}
}

// What begins with modules about terminals begins, and hears that there is none.
func TestWASITerminal(t *testing.T) {
	needsWASI(t)
	const code = `
import errno, getpass, io, sys, termios, tty
for ask in (tty.setraw, termios.tcgetattr, termios.tcgetwinsize):
    try:
        ask(sys.stdin)
    except termios.error as e:
        print(e.args[0] == errno.ENOTTY, e.args[1])
print(getpass.getpass(stream=io.StringIO()))
`
	cmd := wasiRuntime.command(t, "-W", "ignore", "-c", code)
	cmd.Stdin = strings.NewReader("secret\n")
	if got := finish(t, cmd); got.out != strings.Repeat("True Not a tty\n", 3)+"secret\n" {
		t.Errorf("%+v", got)
	}
}

// Programs that start together for the first time all start, and what they leave behind is whole.
func TestWASIFirstStartsTogether(t *testing.T) {
	needsWASI(t)
	cache := t.TempDir()
	var running sync.WaitGroup
	const programs = 3
	for range programs {
		cmd := wasiRuntime.command(t, "-c", "print('hello')")
		cmd.Env = append(cmd.Env, "WASMILL_PYTHON_CACHE="+cache)
		running.Go(func() {
			if got := finish(t, cmd); got.out != "hello\n" || got.err != "" {
				t.Errorf("%+v", got)
			}
		})
	}
	running.Wait()
	if left, _ := filepath.Glob(filepath.Join(cache, "wasi", ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// What is damaged is made anew.
	compiled, _ := filepath.Glob(filepath.Join(cache, "wasi", "compiled", "*", "*"))
	for _, file := range compiled {
		if err := os.Truncate(file, 1000); err != nil {
			t.Fatal(err)
		}
	}
	cmd := wasiRuntime.command(t, "-c", "print('hello')")
	cmd.Env = append(cmd.Env, "WASMILL_PYTHON_CACHE="+cache)
	if got := finish(t, cmd); got.out != "hello\n" || len(compiled) == 0 {
		t.Errorf("with a damaged cache: %+v, %v", got, compiled)
	}
}

func TestWASIThatCantBeginSaysWhy(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "python.wasm")
	if err := os.WriteFile(text, []byte("no module"), 0o644); err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(dir, "empty.wasm")
	if err := os.WriteFile(module, []byte("\x00asm\x01\x00\x00\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken.tar.gz")
	if err := os.WriteFile(broken, []byte("\x1f\x8bno archive"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		args   []string
		env    string
		status int
		says   string
	}{
		{"nobody names one", nil, "", 2, "wasmill build --toolchain wasip1_cp313"},
		{"no such file", []string{"--wasi-python", "/nonexistent"}, "", 2, "there is no such file"},
		{"a folder of something else", []string{"--wasi-python", dir}, "", 2, "no bin/python.wasm"},
		{"no module", []string{"--wasi-python", text}, "", 2, "it is no WebAssembly"},
		{"no program", []string{"--wasi-python", module}, "", 2, "exports no function _start"},
		{"no archive", []string{"--wasi-python", broken}, "", 2, "broken.tar.gz"},
		{"no farm", nil, "WASMILL_SERVER=http://127.0.0.1:9", 3, "getting python.wasm from the farm http://127.0.0.1:9"},
		{"another name", []string{"--runtime", "firefox"}, "", 2, `there is no runtime "firefox"; known are node, chromium, wasi`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := command(t, append(append([]string{"--runtime", "wasi"}, c.args...), "-c", "pass")...)
			cmd.Env = append(cmd.Env, "WASMILL_PYTHON_WASI=", "WASMILL_SERVER=", "WASMILL_PYTHON_CACHE="+t.TempDir())
			if c.env != "" {
				cmd.Env = append(cmd.Env, c.env)
			}
			if got := finish(t, cmd); got.status != c.status || !strings.Contains(got.err, c.says) || got.out != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// An environment is Python's for WASI without being told again, in which packages are installed and test themselves.
func TestWASIEnvironment(t *testing.T) {
	needsWASI(t)
	venv := filepath.Join(t.TempDir(), ".venv")
	run := func(wantStatus int, name string, args ...string) result {
		t.Helper()
		cmd := command(t, args...)
		if name != "" {
			cmd.Path, cmd.Args[0] = filepath.Join(venv, "bin", name), filepath.Join(venv, "bin", name)
		}
		cmd.Dir = filepath.Dir(venv)
		got := finish(t, cmd)
		if got.status != wantStatus {
			t.Fatalf("%s %q: %+v", name, args, got)
		}
		return got
	}
	run(0, "", "--runtime", "wasi", "--wasi-python", os.Getenv("WASMILL_WASI_PYTHON"), "-m", "venv", venv)
	run(0, "pip", "install", "pytest", "toolz")
	if got := run(1, "pip", "install", "jinja2"); !strings.Contains(got.err, "no wheel for wasi_wasm32 of\n  markupsafe") || !strings.Contains(got.err, "wasmill app markupsafe==") {
		t.Errorf("what is compiled: %+v", got)
	}
	if got := run(0, "pip", "list", "--format", "freeze"); !strings.Contains(got.out, "toolz==") || strings.Contains(got.out, "jinja2") {
		t.Errorf("%+v", got)
	}
	if got := run(0, "python", "-c", "import sys, toolz; print(sys.platform, sys.prefix, toolz.__file__.startswith(sys.prefix))"); got.out != "wasi "+venv+" True\n" {
		t.Errorf("%+v", got)
	}
	test := "import os, toolz\ndef test_sum(tmp_path, capfd):\n    (tmp_path / 'x').write_text('1')\n    print('x')\n    assert capfd.readouterr().out == 'x\\n'\ndef test_wrong(): assert toolz.first([1]) == 2\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(venv), "test_it.py"), []byte(test), 0o644); err != nil {
		t.Fatal(err)
	}
	got := run(1, "python", "-m", "pytest", "-q", "test_it.py", "--junitxml=out.xml")
	report, err := os.ReadFile(filepath.Join(filepath.Dir(venv), "out.xml"))
	if !strings.Contains(got.out, "1 failed, 1 passed") || err != nil || !strings.Contains(string(report), `tests="2"`) {
		t.Errorf("%+v\n%s %v", got, report, err)
	}
	if got := run(4, "pytest", "-n", "2"); !strings.Contains(got.err, "WASI has no second runtime") {
		t.Errorf("%+v", got)
	}
}
