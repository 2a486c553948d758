// Package enginetest is the contract of engine.Engine as tests. Every implementation runs Test; one whose containers
// are real runs TestIsolation too. Containers run the helper program (see helper/main.go), or play it.
package enginetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
)

// Setup is an engine and what a registry serves it.
type Setup struct {
	Engine  engine.Engine
	Image   string // holds the helper program at /helper
	Unknown string // a digest that the registry doesn't have
	Away    string // an image in a registry that doesn't answer; empty for an engine without real registries
}

// Spec is a container that runs the helper.
func (s Setup) Spec(args ...string) engine.Spec {
	return engine.Spec{Image: s.Image, Command: append([]string{"/helper"}, args...), User: "1000:1000", Memory: 64 << 20, Pids: 32}
}

// run runs a container that must end as a result, and returns its output too.
func (s Setup) run(t *testing.T, spec engine.Spec) (engine.Result, string) {
	t.Helper()
	var out bytes.Buffer
	result, err := s.Engine.Run(t.Context(), spec, &out)
	if err != nil {
		t.Fatalf("Run(%q): %v", spec.Command, err)
	}
	return result, out.String()
}

// Test runs the contract. The engine is left running.
func Test(t *testing.T, s Setup) {
	if err := s.Engine.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is there already
		if err := s.Engine.Pull(t.Context(), s.Image); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("exit status", s.exitStatus)
	t.Run("output", s.output)
	t.Run("environment", s.environment)
	t.Run("out of memory", s.outOfMemory)
	t.Run("out of time", s.outOfTime)
	t.Run("canceled", s.canceled)
	t.Run("writer fails", s.writerFails)
	t.Run("reap", s.reap)
	t.Run("refused specifications", s.refusedSpecs)
	t.Run("pull", s.pull)
}

func (s Setup) exitStatus(t *testing.T) {
	for _, status := range []int{0, 1, 42} {
		got, _ := s.run(t, s.Spec("exit", fmt.Sprint(status)))
		got.Wall = 0
		if diff := cmp.Diff(engine.Result{ExitStatus: status}, got); diff != "" {
			t.Error(diff)
		}
	}
}

// All lines come, those of one stream in order, however soon the container ends.
func (s Setup) output(t *testing.T) {
	const lines = 20_000
	_, out := s.run(t, s.Spec("print", fmt.Sprint(lines)))
	next := [2]int{0, 1}
	for line := range strings.Lines(out) {
		var n int
		if _, err := fmt.Sscanf(line, "line %d\n", &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if n != next[n%2] {
			t.Fatalf("line %d came where %d was due", n, next[n%2])
		}
		next[n%2] += 2
	}
	if next != [2]int{lines, lines + 1} {
		t.Fatalf("output ended at %v", next)
	}
	for range 5 {
		if _, out := s.run(t, s.Spec("print", "1")); out != "line 0\n" {
			t.Fatalf("output of a container that ends at once: %q", out)
		}
	}
}

func (s Setup) environment(t *testing.T) {
	spec := s.Spec("env", "COLOUR")
	spec.Env = []string{"COLOUR=green"}
	if _, out := s.run(t, spec); out != "green\n" {
		t.Errorf("COLOUR is %q", out)
	}
}

func (s Setup) outOfMemory(t *testing.T) {
	got, out := s.run(t, s.Spec("eat", fmt.Sprint(256<<20)))
	if !got.OOMKilled || got.ExitStatus != 137 {
		t.Errorf("%+v, output %q", got, out)
	}
	got, out = s.run(t, s.Spec("child", "eat", fmt.Sprint(256<<20)))
	if !got.OOMKilled || got.ExitStatus != 1 || out != "signal: killed\n" {
		t.Errorf("a child was killed: %+v, output %q", got, out)
	}
	got, out = s.run(t, s.Spec("eat", fmt.Sprint(16<<20)))
	if got.OOMKilled || got.ExitStatus != 0 {
		t.Errorf("within its limit: %+v, output %q", got, out)
	}
}

func (s Setup) outOfTime(t *testing.T) {
	spec := s.Spec("sleep")
	spec.Time = time.Second
	got, _ := s.run(t, spec)
	got.Wall = 0
	if diff := cmp.Diff(engine.Result{ExitStatus: 137, TimedOut: true}, got); diff != "" {
		t.Error(diff)
	}
}

func (s Setup) canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	spec := labelled(s.Spec("sleep"))
	out := &watch{want: "sleeping\n", then: cancel}
	if _, err := s.Engine.Run(ctx, spec, out); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled in the middle: %v", err)
	}
	s.nothingLeft(t, spec)
	if _, err := s.Engine.Run(ctx, spec, out); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: %v", err)
	}
	s.nothingLeft(t, spec)
}

func (s Setup) writerFails(t *testing.T) {
	full := errors.New("the log has reached its limit")
	spec := labelled(s.Spec("sleep"))
	out := &watch{want: "sleeping\n", err: full}
	if _, err := s.Engine.Run(t.Context(), spec, out); err != full {
		t.Errorf("got %v, want the writer's error", err)
	}
	s.nothingLeft(t, spec)
}

func (s Setup) reap(t *testing.T) {
	mine, other := labelled(s.Spec("sleep")), labelled(s.Spec("sleep"))
	mine.Labels["colour"], other.Labels["colour"] = "green", "green"
	var running, ended sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	errs := map[*engine.Spec]error{}
	var mu sync.Mutex
	for _, spec := range []*engine.Spec{&mine, &other} {
		running.Add(1)
		ended.Go(func() {
			_, err := s.Engine.Run(ctx, *spec, &watch{want: "sleeping\n", then: running.Done})
			mu.Lock()
			defer mu.Unlock()
			errs[spec] = err
		})
	}
	running.Wait()
	if n, err := s.Engine.Reap(t.Context(), mine.Labels); n != 1 || err != nil {
		t.Errorf("Reap: %d, %v", n, err)
	}
	s.nothingLeft(t, mine)
	cancel()
	ended.Wait()
	if fault.KindOf(errs[&mine]) != fault.Unavailable || !errors.Is(errs[&other], context.Canceled) {
		t.Errorf("reaped: %v; the other: %v", errs[&mine], errs[&other])
	}
	if _, err := s.Engine.Reap(t.Context(), nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("reaping everything: %v", err)
	}
}

func (s Setup) refusedSpecs(t *testing.T) {
	for name, change := range map[string]func(*engine.Spec){
		"tag":            func(s *engine.Spec) { s.Image = "debian:12" },
		"no command":     func(s *engine.Spec) { s.Command = nil },
		"no user":        func(s *engine.Spec) { s.User = "" },
		"root":           func(s *engine.Spec) { s.User = "0:1000" },
		"root's group":   func(s *engine.Spec) { s.User = "1000:0" },
		"user by name":   func(s *engine.Spec) { s.User = "build" },
		"relative mount": func(s *engine.Spec) { s.Mounts = []engine.Mount{{Source: "x", Target: "/x"}} },
		"endless tmpfs":  func(s *engine.Spec) { s.Tmpfs = map[string]int64{"/tmp": 0} },
		"negative limit": func(s *engine.Spec) { s.Memory = -1 },
	} {
		spec := s.Spec("exit", "0")
		change(&spec)
		if _, err := s.Engine.Run(t.Context(), spec, &bytes.Buffer{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (s Setup) pull(t *testing.T) {
	repository, _, _ := strings.Cut(s.Image, "@")
	for _, c := range []struct {
		ref  string
		want fault.Kind
	}{
		{repository + ":latest", fault.Invalid},
		{repository, fault.Invalid},
		{repository + "@sha256:beef", fault.Invalid},
		{s.Unknown, fault.NotFound},
		{s.Away, fault.Unavailable},
	} {
		if c.ref == "" {
			continue
		}
		if err := s.Engine.Pull(t.Context(), c.ref); fault.KindOf(err) != c.want || err == nil {
			t.Errorf("Pull(%s) = %v, want kind %v", c.ref, err, c.want)
		}
	}
}

// labelled gives a container a label that nobody else has.
func labelled(spec engine.Spec) engine.Spec {
	spec.Labels = map[string]string{"wasmill.test": rand.Text()}
	return spec
}

func (s Setup) nothingLeft(t *testing.T, spec engine.Spec) {
	t.Helper()
	if n, err := s.Engine.Reap(context.WithoutCancel(t.Context()), spec.Labels); n != 0 || err != nil {
		t.Errorf("%d containers left behind, %v", n, err)
	}
}

// watch acts once, when it has been given the text it waits for.
type watch struct {
	want string
	then func()
	err  error
	seen strings.Builder
	done bool
}

func (w *watch) Write(p []byte) (int, error) {
	w.seen.Write(p)
	if !w.done && strings.Contains(w.seen.String(), w.want) {
		w.done = true
		if w.then != nil {
			w.then()
		}
		if w.err != nil {
			return 0, w.err
		}
	}
	return len(p), nil
}
