//go:build integration

package python_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What the command got as a signal reaches a program that is running, sleeping or reading; the command ends as the program does.
func TestSignals(t *testing.T) {
	for _, c := range []struct {
		name, code string
		signal     syscall.Signal
		out        string
		status     int            // where it ends by itself
		killed     syscall.Signal // where it ends by a signal
	}{
		{name: "a loop is interrupted", code: "while True: pass", signal: syscall.SIGINT, killed: syscall.SIGINT},
		{name: "a KeyboardInterrupt is caught", code: "try:\n  while True: pass\nexcept KeyboardInterrupt: print('caught')", signal: syscall.SIGINT, out: "caught"},
		{name: "a sleep is interrupted", code: "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('caught')", signal: syscall.SIGINT, out: "caught"},
		{name: "a read is interrupted", code: "try: input()\nexcept KeyboardInterrupt: print('caught')", signal: syscall.SIGINT, out: "caught"},
		{name: "ended from outside", code: "while True: pass", signal: syscall.SIGTERM, killed: syscall.SIGTERM},
		{
			name: "a handler of its own", signal: syscall.SIGTERM, out: "got 15", status: 3,
			code: "import signal, sys, time\ndef f(n, frame):\n  print('got', n); sys.exit(3)\nsignal.signal(signal.SIGTERM, f)\nprint('ready', flush=True)\ntime.sleep(60)",
		},
		{
			name: "an alarm ends a loop", out: "(0.0, 0.0) True True (0.0, 0.0)",
			code: "import signal\ndef f(n, frame): raise TimeoutError\nsignal.signal(signal.SIGALRM, f)\na = signal.setitimer(signal.ITIMER_REAL, .2)\nb = signal.getitimer(signal.ITIMER_REAL)[0] <= .2\ntry:\n  while True: pass\nexcept TimeoutError: print(a, b, n := True, signal.getitimer(0))",
		},
		{
			name: "no alarm is lost", out: "100",
			code: "import signal\ndef f(n, frame): raise TimeoutError\nsignal.signal(signal.SIGALRM, f)\nseen = 0\nwhile seen < 100:\n  try:\n    signal.setitimer(signal.ITIMER_REAL, .01)\n    while True: pass\n  except TimeoutError: seen += 1\nprint(seen)",
		},
		{
			name: "alarms at regular times end sleeps", out: "3",
			code: "import signal, time\nseen = []\nsignal.signal(signal.SIGALRM, lambda n, frame: seen.append(n))\nsignal.setitimer(signal.ITIMER_REAL, .1, .1)\nwhile len(seen) < 3: time.sleep(.01)\nsignal.setitimer(signal.ITIMER_REAL, 0)\ntime.sleep(.5)\nprint(len(seen))",
		},
		{name: "an alarm that is called off", code: "import signal, time\nsignal.alarm(1)\nassert signal.alarm(0) == 1\ntime.sleep(1.5)\nprint('alive')", out: "alive"},
		{name: "an alarm that nobody takes", code: "import signal, time\nsignal.alarm(1)\ntime.sleep(60)", status: 128 + int(syscall.SIGALRM)}, // Go can't die of it
		{name: "sent to itself", code: "import os\nos.kill(os.getpid(), 15)", killed: syscall.SIGTERM},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := c.code
			if !strings.Contains(code, "'ready'") {
				code = "print('ready', flush=True)\n" + code
			}
			cmd := command(t, "-c", code)
			lines := startReady(t, cmd)
			if c.signal != 0 {
				_ = cmd.Process.Signal(c.signal)
			}
			lines.Scan()
			if lines.Text() != c.out && c.out != "" {
				t.Errorf("it prints %q", lines.Text())
			}
			_ = cmd.Wait()
			if c.killed != 0 {
				if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != c.killed {
					t.Errorf("it ended with %v", cmd.ProcessState)
				}
			} else if cmd.ProcessState.ExitCode() != c.status {
				t.Errorf("it ended with %v", cmd.ProcessState)
			}
		})
	}
}

// What can't work says so at once, with the exception that libraries catch.
func TestLimitsSaySo(t *testing.T) {
	const code = `
import asyncio, os, subprocess, socket, threading, sys
def expect(error, words, call):
    try: call()
    except error as e: assert words in str(e), str(e)
    else: raise AssertionError(words)
expect(RuntimeError, "can't start new thread: WebAssembly has no threads here (docs/python-wasm.md#threads)", threading.Thread(target=print).start)
expect(OSError, "docs/python-wasm.md#processes", lambda: subprocess.run(["true"]))
expect(OSError, "docs/python-wasm.md#processes", lambda: os.system("true"))
expect(OSError, "docs/python-wasm.md#processes", lambda: os.popen("true"))
expect(OSError, "docs/python-wasm.md#processes", os.fork)
expect(OSError, "starting true: WebAssembly has no processes", lambda: asyncio.run(asyncio.create_subprocess_exec("true")))
expect(OSError, "docs/python-wasm.md#processes", lambda: os.execv("/bin/true", ["true"]))
expect(ModuleNotFoundError, "docs/python-wasm.md#curses", lambda: __import__("curses"))
expect(ModuleNotFoundError, "docs/python-wasm.md#processes", lambda: __import__("_multiprocessing"))
expect(OSError, "docs/python-wasm.md#sockets", lambda: socket.socket().connect(("127.0.0.1", 9)))
expect(socket.gaierror, "docs/python-wasm.md#sockets", lambda: socket.getaddrinfo("localhost", 80))
async def f(n):
    await asyncio.sleep(.01)
    return n
async def main(): return await asyncio.gather(f(1), f(2))
print(asyncio.run(main()))
`
	// The system's own node has no promises for Python before 24; with it, sockets work.
	if got := call(t, "print(__import__('_python_wasm').__name__)", "-"); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	if got := call(t, "", "-c", code); got.out != "[1, 2]\n" || got.status != 0 {
		t.Errorf("%+v", got)
	}
	// A traceback says it, too: Python has words of its own for missing modules there.
	for _, module := range []string{"curses", "_multiprocessing", "venv"} {
		if got := call(t, "", "-c", "import "+module); got.status != 1 || !strings.Contains(got.err, "docs/python-wasm.md#") {
			t.Errorf("import %s: %+v", module, got)
		}
	}
}

// An interpreter out of a snapshot knows where it is now.
func TestTimeZone(t *testing.T) {
	for zone, want := range map[string]string{"Asia/Tokyo": "('UTC+0900', 'UTC+0900') -32400 UTC+0900 +0900\n", "America/New_York": "('UTC-0500', 'UTC-0400') 18000 UTC-0500 -0500\n"} {
		cmd := command(t, "-c", "import time; print(time.tzname, time.timezone, time.strftime('%Z %z', time.localtime(0)))")
		cmd.Env = append(cmd.Env, "TZ="+zone)
		if got := finish(t, cmd); got != (result{want, "", 0}) {
			t.Errorf("%s: %+v", zone, got)
		}
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "secret", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	const code = `
import os, shutil, sys, tempfile
os.chdir(sys.argv[1])
open("a", "w").write("x" * 100000); os.chmod("a", 0o640); os.utime("a", (1, 1234567890)); os.symlink("a", "link"); os.rename("a", "b"); os.symlink("b", "link2")
s = os.stat("b")
print(oct(s.st_mode), s.st_mtime, s.st_size, os.readlink("link"), os.path.exists("link"), os.path.samefile("b", "link2"), os.path.realpath("link2") == os.path.realpath("b"))
`
	for _, abi := range []string{"2024_0", "2026_5"} {
		got := call(t, "", "--toolchain", abi, "-c", code, dir)
		if got.out != "0o100640 1234567890.0 100000 a False True True\n" {
			t.Errorf("%s: %+v", abi, got)
		}
		info, err := os.Stat(filepath.Join(dir, "b"))
		if err != nil || info.Mode().Perm() != 0o640 || info.ModTime().Unix() != 1234567890 {
			t.Errorf("%s: on the machine it is %v %v", abi, info, err)
		}
		for _, name := range []string{"b", "link", "link2"} {
			os.Remove(filepath.Join(dir, name))
		}
	}
	file := filepath.Join(dir, "new")
	if got := call(t, "", "--fs-readonly", "-c", "import sys; open(sys.argv[1], 'w')", file); got.status != 1 || !strings.Contains(got.err, "Read-only file system") {
		t.Errorf("writing where nothing may be written: %+v", got)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it was written")
	}
	got := call(t, "", "--fs-readonly", "-c", "import tempfile; f = tempfile.TemporaryFile(); f.write(b'x'); print('written')")
	if got.out != "written\n" {
		t.Errorf("temporary files: %+v", got)
	}
	got = call(t, "", "--fs-exclude", filepath.Join(dir, "secret"), "-c", "import os, sys; print(os.listdir(sys.argv[1]), os.listdir(sys.argv[1] + '/secret'))", dir)
	if got.out != "['secret'] []\n" {
		t.Errorf("a hidden folder: %+v", got)
	}
}

func TestWhatCantBeginSaysWhy(t *testing.T) {
	old := filepath.Join(t.TempDir(), "node")
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho v18.1.0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		env    []string
		args   []string
		status int
		says   string
	}{
		{"an unknown toolchain", nil, []string{"--toolchain", "2023_0"}, 2, "known are 2024_0, 2025_0, 2026_0, 2026_5"},
		{"an old node", nil, []string{"--node", old}, 2, "it is node v18.1.0; at least 20 is needed"},
		{"no node", nil, []string{"--node", "/nonexistent/node"}, 2, "--node /nonexistent/node"},
		{"no such folder to hide", nil, []string{"--fs-exclude", "/nonexistent"}, 2, "no such folder"},
		{"an option of nobody", nil, []string{"--nonsense"}, 2, "nknown option"},
		{"a cache that can't be written", []string{"WASMILL_PYTHON_CACHE=/proc/nothing"}, nil, 2, "WASMILL_PYTHON_CACHE names another folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := command(t, append(c.args, "-c", "pass")...)
			cmd.Env = append(cmd.Env, c.env...)
			got := finish(t, cmd)
			if got.status != c.status || !strings.Contains(got.err, c.says) || got.out != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// pip has put the command into a virtual environment of this machine's Python: that is none of the command's own.
func TestInstalledIntoAnotherPythonsEnvironment(t *testing.T) {
	dir := t.TempDir()
	self := command(t)
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"pyvenv.cfg": "home = /usr/bin\nversion = 3.11.2\n", "lib/python3.15/site-packages/alien.py": "", "lib/python3.13/site-packages/alien.py": "",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"python-wasm", "python"} {
		if err := os.Symlink(self.Path, filepath.Join(dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	const tell = "import sys, importlib.util as u; print(sys.prefix == sys.base_prefix, u.find_spec('alien') is None, sys.executable)"
	for _, toolchain := range []string{"2026_5", "2025_0"} {
		for name, want := range map[string]string{"python-wasm": "True True ", "python": "False False "} {
			cmd := *self
			cmd.Path, cmd.Args = filepath.Join(dir, "bin", name), []string{filepath.Join(dir, "bin", name), "--toolchain", toolchain, "-c", tell}
			got := finish(t, &cmd)
			if strings.TrimSpace(got.out) != want+cmd.Path || got.status != 0 {
				t.Errorf("%s of %s: %+v", name, toolchain, got)
			}
		}
	}
}
