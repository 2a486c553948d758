//go:build engine

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience ends a test that waits for something that will not happen.
const patience = 3 * time.Minute

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// process is a program that runs beside the test.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}

	mu     sync.Mutex
	output bytes.Buffer
}

// Write takes the program's output.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(b)
}

func (p *process) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// start starts a program, with further environment variables.
func start(t testing.TB, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return p
}

// says waits until a program has printed something.
func (p *process) says(t testing.TB, text string) {
	t.Helper()
	eventually(t, p.cmd.Path+" prints "+text, func() bool {
		select {
		case <-p.ended:
			if !strings.Contains(p.String(), text) {
				t.Fatalf("%s has ended: %s", p.cmd.Path, p)
			}
		default:
		}
		return strings.Contains(p.String(), text)
	})
}

// end sends a signal and returns the exit status, -1 if a signal ended it.
func (p *process) end(signal syscall.Signal) int {
	_ = p.cmd.Process.Signal(signal)
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// result is how a command has ended.
type result struct {
	status   int
	out, err string
}

// wasmill runs the command to its end.
func wasmill(t testing.TB, env []string, args ...string) result {
	t.Helper()
	return wasmillWithin(t, patience, env, args...)
}

// wasmillWithin interrupts the command where it takes longer, so that it takes its containers with it.
func wasmillWithin(t testing.TB, most time.Duration, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, "wasmill"), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), env...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	runErr := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("it took longer than %s:\n%s", most, err.String())
	}
	if exit := (*exec.ExitError)(nil); runErr != nil && !errors.As(runErr, &exit) {
		t.Fatal(runErr)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), err.String()}
}

// expect checks a command's exit status, and that its words contain all these.
func (r result) expect(t testing.TB, status int, words ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("exit status %d, want %d\n%s%s", r.status, status, r.out, r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.out+r.err, w) {
			t.Errorf("it does not say %q:\n%s%s", w, r.out, r.err)
		}
	}
	if strings.Contains(r.err, "goroutine ") {
		t.Errorf("it shows its insides:\n%s", r.err)
	}
}

// read decodes what a command with --json has printed.
func read[T any](t testing.TB, r result) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.out), &v); err != nil {
		t.Fatalf("exit status %d, no JSON: %v\n%s%s", r.status, err, r.out, r.err)
	}
	return v
}
