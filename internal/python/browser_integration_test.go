//go:build integration

package python_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// running is a process of this machine.
type running struct {
	pid, group int
	command    string
}

// processes are those that run, by /proc; what has ended and waits for its parent does not.
func processes(t *testing.T) []running {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		t.Skip("there is no /proc on this machine")
	}
	var out []running
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		var state string
		var parent int
		var p running
		_, _ = fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &state, &parent, &p.group)
		p.pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(file)))
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		p.command = strings.ReplaceAll(string(command), "\x00", " ")
		if state != "Z" {
			out = append(out, p)
		}
	}
	return out
}

// ofBrowser are the processes of one browser.
func ofBrowser(t *testing.T, group int) []running {
	t.Helper()
	var out []running
	for _, p := range processes(t) {
		if p.group == group {
			out = append(out, p)
		}
	}
	return out
}

// startInChromium starts an endless program with a folder of its own for profiles, and finds the browser.
func startInChromium(t *testing.T, stderr *bytes.Buffer) (cmd *exec.Cmd, group int, temporary string) {
	t.Helper()
	temporary, err := os.MkdirTemp("", "pw") // short, since the browser has a socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temporary) })
	cmd = chromium.command(t, "-c", "print('ready', flush=True)\nwhile True: pass")
	cmd.Env = append(cmd.Env, "TMPDIR="+temporary)
	if stderr != nil {
		cmd.Stderr = stderr
	}
	startReady(t, cmd)
	for _, p := range processes(t) {
		if p.pid == p.group && strings.Contains(p.command, "--user-data-dir="+temporary) {
			return cmd, p.group, temporary
		}
	}
	t.Fatal("no process has the profile")
	return nil, 0, ""
}

// However the command is ended, no browser runs on, and no profile stays for longer than until the next start.
func TestChromiumLeavesNothing(t *testing.T) {
	needsChromium(t)
	for _, number := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(number.String(), func(t *testing.T) {
			cmd, group, temporary := startInChromium(t, nil)
			if len(ofBrowser(t, group)) < 2 {
				t.Fatalf("%v is no browser with its helpers", ofBrowser(t, group))
			}
			_ = cmd.Process.Signal(number)
			_ = cmd.Wait()
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != number {
				t.Errorf("it ended with %v", cmd.ProcessState)
			}
			until := time.Now().Add(20 * time.Second)
			for len(ofBrowser(t, group)) > 0 && time.Now().Before(until) {
				time.Sleep(50 * time.Millisecond)
			}
			if left := ofBrowser(t, group); len(left) > 0 {
				t.Errorf("still running: %v", left)
			}
			if number == syscall.SIGKILL {
				next := chromium.command(t, "-c", "pass")
				next.Env = append(next.Env, "TMPDIR="+temporary)
				if got := finish(t, next); got.status != 0 {
					t.Errorf("%+v", got)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(temporary, "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// A browser that dies in the middle ends the program with words.
func TestChromiumDies(t *testing.T) {
	needsChromium(t)
	for name, dies := range map[string]func(running) bool{
		"the page":    func(p running) bool { return strings.Contains(p.command, "--type=renderer") },
		"the browser": func(p running) bool { return p.pid == p.group },
	} {
		t.Run(name, func(t *testing.T) {
			var words bytes.Buffer
			cmd, group, _ := startInChromium(t, &words)
			for _, p := range ofBrowser(t, group) {
				if dies(p) {
					_ = syscall.Kill(p.pid, syscall.SIGKILL)
				}
			}
			_ = cmd.Wait()
			if cmd.ProcessState.ExitCode() != 3 || !strings.Contains(words.String(), "ended before the program did") {
				t.Errorf("it ended with %v: %s", cmd.ProcessState, words.String())
			}
		})
	}
}

// What is no browser, or none that begins, is named, with what it said.
func TestBrowsersThatDoNotBegin(t *testing.T) {
	for _, c := range []struct{ name, script, says string }{
		{"it ends", "echo Missing X server >&2; exit 1", "ended before the program did (exit status 1): Missing X server"},
		{"it does nothing", "echo waiting >&2; exec sleep 1000", "has not run its page within 2s; --chromium names another one. It said: waiting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "chromium")
			if err := os.WriteFile(program, []byte("#!/bin/sh\n"+c.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := command(t, "--runtime", "chromium", "--no-snapshot", "--chromium", program, "-c", "pass")
			cmd.Env = append(cmd.Env, "TEST_BROWSER_PATIENCE=2s")
			if got := finish(t, cmd); got.status != 3 || !strings.Contains(got.err, c.says) {
				t.Errorf("%+v", got)
			}
		})
	}
	full := command(t, "--runtime", "chromium", "--no-snapshot", "--chromium", "sleep", "-c", "pass")
	full.Env = append(full.Env, "TMPDIR=/nonexistent")
	if got := finish(t, full); got.status != 3 || !strings.Contains(got.err, "TMPDIR names another folder") {
		t.Errorf("no place for a profile: %+v", got)
	}
}

// Where the machine has no Chromium, the one from npm runs; one that is damaged is unpacked anew.
func TestChromiumFromNPM(t *testing.T) {
	if runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
		t.Skip("npm has a headless Chromium for linux/amd64 alone")
	}
	if os.Getenv("TEST_PACKAGES") != "" {
		t.Skip("there is no network in this container")
	}
	told := finish(t, command(t, "--runtime", "chromium", "--chromium", "npm", "--wasm-info", "--json"))
	var info struct{ Chromium struct{ Program string } }
	if err := json.Unmarshal([]byte(told.out), &info); err != nil || told.status != 0 {
		t.Fatalf("%v %+v", err, told)
	}
	for _, change := range []func(){func() {}, func() {
		if err := os.Truncate(info.Chromium.Program, 1000); err != nil {
			t.Fatal(err)
		}
	}} {
		change()
		if got := finish(t, command(t, "--runtime", "chromium", "--chromium", "npm", "-c", "import sys; print(sys.platform)")); got.out != "emscripten\n" || got.status != 0 {
			t.Errorf("%+v", got)
		}
	}
}
