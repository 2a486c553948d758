package worker

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
)

// patient is a worker's health whose pauses the test ends, and whose looks at itself it answers.
type patient struct {
	*health
	*stand
	pauses chan time.Duration
	wake   chan struct{}
	looks  chan error
}

func newPatient(t *testing.T) *patient {
	s := newStand(&fakeCrew{})
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p := &patient{stand: s, pauses: make(chan time.Duration), wake: make(chan struct{}), looks: make(chan error)}
	p.health = &health{
		stand: s, name: "w1", log: zap.NewNop(), ctx: ctx,
		check: func(context.Context) error { return <-p.looks },
		sleep: func(ctx context.Context, d time.Duration) error {
			select {
			case p.pauses <- d:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case <-p.wake:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
	t.Cleanup(func() { cancel(); p.group.Wait() })
	return p
}

var broken = fault.Errorf(fault.Unavailable, "the engine does not answer")

func (p *patient) fails(n int) {
	for range n {
		p.ended(context.Background(), broken)
	}
}

func TestAWorkerTakesItselfOutAndComesBack(t *testing.T) {
	p := newPatient(t)
	p.fails(2)
	p.ended(context.Background(), nil)
	p.fails(2)
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	p.ended(canceled, broken)
	is(t, p.stand, api.Active, "") // not three in a row

	p.fails(1)
	is(t, p.stand, api.Out, "the worker itself")
	if reason := p.on(api.Worker{}).Reason; !strings.Contains(reason, "3 attempts in a row") || !strings.Contains(reason, "the engine does not answer (unavailable)") {
		t.Errorf("it says: %s", reason)
	}
	p.fails(9) // what still ran
	var last time.Duration
	for look := range 3 {
		pause := <-p.pauses
		if pause > firstPause<<look || pause < firstPause<<look*3/4 || pause <= last {
			t.Errorf("look %d comes after %s", look, pause)
		}
		last = pause
		p.wake <- struct{}{}
		if look < 2 {
			p.looks <- fault.Errorf(fault.Unavailable, "a container that does nothing ended with status 125")
		}
	}
	is(t, p.stand, api.Out, "the worker itself")
	if reason := p.on(api.Worker{}).Reason; !strings.Contains(reason, "ended with status 125") {
		t.Errorf("after a look at itself it says: %s", reason)
	}
	p.looks <- nil
	is(t, p.stand, api.Active, "")
	p.group.Wait()

	// Ill again before anything has gone well: it rests for longer. After a good attempt it begins anew.
	p.fails(3)
	if pause := <-p.pauses; pause <= last {
		t.Errorf("out again, it looks at itself after %s", pause)
	}
	p.wake <- struct{}{}
	p.looks <- nil
	is(t, p.stand, api.Active, "")
	p.group.Wait()
	p.ended(context.Background(), nil)
	p.fails(3)
	if pause := <-p.pauses; pause > firstPause {
		t.Errorf("out after a good attempt, it looks at itself after %s", pause)
	}
}

// Who was told to drain while it was out does not come back by itself.
func TestAnOrderCountsMoreThanHealth(t *testing.T) {
	p := newPatient(t)
	p.fails(3)
	<-p.pauses
	p.Drain("a new disk", "ada")
	p.wake <- struct{}{}
	p.group.Wait()
	is(t, p.stand, api.Draining, "ada")
}

func TestAWorkerLooksAtItself(t *testing.T) {
	for _, story := range []struct {
		name string
		ill  func(s *stage)
		want string
	}{
		{"all is well", func(*stage) {}, ""},
		{"the engine does not answer", func(s *stage) { s.engine.Stop() }, "engine"},
		{"the engine starts nothing", func(s *stage) {
			s.engine.Container = func(context.Context, engine.Spec, io.Writer) engine.Result {
				return engine.Result{ExitStatus: 125}
			}
		}, "a container that does nothing ended with status 125"},
		{"the registry is away", func(s *stage) { s.address = "127.0.0.1:1" }, "asking the registry"},
		{"there is no disk", func(s *stage) { s.cfg.Dir = datadir.Dir{} }, "looking at the disk"},
	} {
		t.Run(story.name, func(t *testing.T) {
			s := newStage(t, nil)
			story.ill(s)
			err := s.selfCheck(t.Context())
			if (err == nil) != (story.want == "") || err != nil && !strings.Contains(err.Error(), story.want) {
				t.Errorf("it says: %v", err)
			}
		})
	}
}
