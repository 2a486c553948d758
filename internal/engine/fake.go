package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// Fake is an Engine without containers. What a container does is a Go function; what goes wrong with the engine is
// set by the test. The zero Fake answers, holds no images, and ends every container at once with status 0.
type Fake struct {
	// Container plays a container. It returns when ctx ends: the container is being killed then. Nil plays one that
	// ends at once with status 0.
	Container func(ctx context.Context, spec Spec, out io.Writer) Result
	// Images are the refs a registry serves; Pull of another is fault.NotFound. Nil serves everything.
	Images []string

	mu      sync.Mutex
	down    error
	calls   map[string]int
	running map[string]fakeContainer
	specs   []Spec
}

type fakeContainer struct {
	labels map[string]string
	kill   context.CancelCauseFunc
}

var _ Engine = (*Fake)(nil)

// ErrDown is the cause of every error while the fake engine is down.
var ErrDown = fault.Errorf(fault.Unavailable, "no Docker engine answers: this is the fake one, and a test has stopped it")

// Stop makes the engine go away: containers that run are lost in the middle, and every call fails with ErrDown.
func (f *Fake) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = ErrDown
	for _, c := range f.running {
		c.kill(ErrDown)
	}
}

// Start brings the engine back.
func (f *Fake) Start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = nil
}

// Calls says how often a method has been called, by its name.
func (f *Fake) Calls(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// Specs are the specifications of all containers run so far, in order.
func (f *Fake) Specs() []Spec {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.specs)
}

// enter counts a call and says whether the engine is up.
func (f *Fake) enter(ctx context.Context, method string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[method]++
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.down
}

// Ping implements Engine.
func (f *Fake) Ping(ctx context.Context) error { return f.enter(ctx, "Ping") }

// Pull implements Engine.
func (f *Fake) Pull(ctx context.Context, ref string) error {
	if err := f.enter(ctx, "Pull"); err != nil {
		return err
	}
	if _, err := parseRef(ref); err != nil {
		return err
	}
	if f.Images != nil && !slices.Contains(f.Images, ref) {
		return fault.Errorf(fault.NotFound, "pulling %s: manifest unknown", ref)
	}
	return nil
}

// Run implements Engine.
func (f *Fake) Run(ctx context.Context, spec Spec, out io.Writer) (Result, error) {
	if err := f.enter(ctx, "Run"); err != nil {
		return Result{}, err
	}
	if err := spec.validate(); err != nil {
		return Result{}, err
	}
	play := f.Container
	if play == nil {
		play = func(context.Context, Spec, io.Writer) Result { return Result{} }
	}
	inside, kill := context.WithCancelCause(ctx)
	defer f.begin(spec, kill)()
	if spec.Time > 0 {
		timer := time.AfterFunc(spec.Time, func() { kill(errTimedOut) })
		defer timer.Stop()
	}
	result := play(inside, spec, fakeOut{out, kill})
	switch cause := context.Cause(inside); cause {
	case nil:
		return result, nil
	case errTimedOut:
		result.ExitStatus, result.TimedOut = 137, true
		return result, nil
	default:
		return Result{}, cause
	}
}

var errTimedOut = errors.New("out of time")

// begin registers a container; the function it returns removes it.
func (f *Fake) begin(spec Spec, kill context.CancelCauseFunc) (end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running == nil {
		f.running = map[string]fakeContainer{}
	}
	id := rand.Text()
	f.running[id] = fakeContainer{spec.Labels, kill}
	f.specs = append(f.specs, spec)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		kill(nil)
		delete(f.running, id)
	}
}

// fakeOut kills the container when the caller's writer fails, with the writer's error as the cause.
type fakeOut struct {
	w    io.Writer
	kill context.CancelCauseFunc
}

func (o fakeOut) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		o.kill(err)
	}
	return n, err
}

// Reap implements Engine.
func (f *Fake) Reap(ctx context.Context, labels map[string]string) (int, error) {
	if err := f.enter(ctx, "Reap"); err != nil {
		return 0, err
	}
	if len(labels) == 0 {
		return 0, fault.Errorf(fault.Invalid, "removing containers: no labels given")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for id, c := range f.running {
		merged := maps.Clone(c.labels)
		maps.Copy(merged, labels)
		if len(c.labels) > 0 && maps.Equal(merged, c.labels) {
			c.kill(errReaped)
			delete(f.running, id)
			n++
		}
	}
	return n, nil
}

// Close implements Engine.
func (f *Fake) Close() error { return f.enter(context.Background(), "Close") }
