package worker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/workflows"
)

// fakeCrew notes what it is told, and has ended its work when it is told so.
type fakeCrew struct {
	mu     sync.Mutex
	told   []string
	rested chan struct{}
	away   error // what Work answers
}

func (c *fakeCrew) Work() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away != nil {
		return c.away
	}
	c.told = append(c.told, "work")
	return nil
}

func (c *fakeCrew) Rest() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, "rest")
	c.rested = make(chan struct{})
	return c.rested
}

func (c *fakeCrew) end() { c.mu.Lock(); defer c.mu.Unlock(); close(c.rested) }

// is waits for a state.
func is(t *testing.T, s *stand, want api.WorkerState, by string) {
	t.Helper()
	var got api.Worker
	for range 200 {
		if got = s.on(api.Worker{}); got.State == want {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if got.State != want || got.By != by {
		t.Fatalf("the worker is %s by %q (%s), want %s by %q", got.State, got.By, got.Reason, want, by)
	}
}

func TestAWorkerDoesWhatTheFarmWants(t *testing.T) {
	crew := &fakeCrew{}
	s := newStand(crew)
	is(t, s, api.Drained, "the worker itself")
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	is(t, s, api.Active, "")

	drain := api.Order{Rest: true, Reason: "a new disk", By: "ada", At: time.Unix(100, 0)}
	for range 2 { // an order comes with every answer
		if err := s.follow(drain); err != nil {
			t.Fatal(err)
		}
	}
	is(t, s, api.Draining, "ada")
	crew.end()
	is(t, s, api.Drained, "ada")
	if heard := s.on(api.Worker{}).Heard; heard == nil || !heard.Equal(drain.At) {
		t.Errorf("it has heard the order of %v", heard)
	}

	work := api.Order{By: "ada", At: time.Unix(200, 0)}
	crew.away = fault.Errorf(fault.Unavailable, "Temporal is away")
	if err := s.follow(work); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("working without Temporal: %v", err)
	}
	is(t, s, api.Drained, "ada")
	crew.away = nil
	if err := s.follow(work); err != nil { // it comes again
		t.Fatal(err)
	}
	is(t, s, api.Active, "")
	if want := []string{"work", "rest", "work"}; !slices.Equal(crew.told, want) {
		t.Errorf("the crew was told to %v, want %v", crew.told, want)
	}
}

func TestADrainThatIsTakenBackLeavesNothingBehind(t *testing.T) {
	crew := &fakeCrew{}
	s := newStand(crew)
	s.Drain("a new disk", "ada")
	first := crew.rested
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	s.Drain("another disk", "bea")
	close(first) // what ran at the first drain has ended; that of the second goes on
	time.Sleep(20 * time.Millisecond)
	is(t, s, api.Draining, "bea")
}

func TestAWorkerThatStepsOutIsBroughtBackByAnOrder(t *testing.T) {
	crew := &fakeCrew{}
	s := newStand(crew)
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	s.StepOut("the engine does not answer, three times in a row")
	is(t, s, api.Out, "the worker itself")
	if err := s.follow(api.Order{At: time.Unix(100, 0), By: "ada"}); err != nil {
		t.Fatal(err)
	}
	is(t, s, api.Active, "")
	s.Drain("a new disk", "ada")
	s.StepOut("the engine does not answer")
	is(t, s, api.Draining, "ada")
}

func TestAWorkerSaysWhatRunsOnIt(t *testing.T) {
	var during api.Worker
	s := newStage(t, nil)
	s.engine.Container = nil
	attempt, ended := s.stand.take(s.task, workflows.Attempt{ID: "a-1", Number: 2, Class: workflows.Large, Report: func(workflows.Progress) {}})
	attempt.Report(workflows.Progress{Phase: record.PhaseCompile})
	during = s.stand.on(api.Worker{})
	if len(during.Builds) != 1 || during.Builds[0].Recipe != "story" || during.Builds[0].Phase != "compile" || during.Builds[0].Class != "large" || during.Builds[0].Number != 2 {
		t.Errorf("it says that it builds %+v", during.Builds)
	}
	ended()
	if after := s.stand.on(api.Worker{}); len(after.Builds) != 0 {
		t.Errorf("it says that it still builds %+v", after.Builds)
	}
}

// What a drained worker was told stands when its process is started anew.
func TestAnOrderOutlivesTheProcess(t *testing.T) {
	s := newStage(t, nil)
	if err := s.enlist(context.Background()); err != nil {
		t.Fatal(err)
	}
	is(t, s.stand, api.Active, "")
	if _, err := s.farm.OrderWorker(context.Background(), "w1", api.Order{Rest: true, Reason: "a new disk", By: "ada"}); err != nil {
		t.Fatal(err)
	}
	crew := &fakeCrew{}
	s.stand = newStand(crew)
	if err := s.enlist(context.Background()); err != nil {
		t.Fatal(err)
	}
	is(t, s.stand, api.Draining, "ada")
	if !slices.Equal(crew.told, []string{"rest"}) {
		t.Errorf("it was told to %v", crew.told)
	}
}

// A worker ends when the farm refuses it; all else may pass.
func TestWhatIsARefusal(t *testing.T) {
	distrusted := access.Distrust("https://farm", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}})
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":                      {nil, false},
		"a revoked token":              {access.Unknown(), true},
		"another role":                 {access.Refuse(access.Identity{ID: "x", Role: access.Reader}, "telling", access.Worker), true},
		"nobody answers":               {fault.Errorf(fault.Unavailable, "refused"), false},
		"a defect":                     {errors.New("x"), false},
		"a certificate not trusted":    {distrusted, false},
		"the same, told by the client": {fmt.Errorf("asking: %w", distrusted), false},
	} {
		if got := refusal(c.err); got != c.want {
			t.Errorf("%s (%v): %v", name, c.err, got)
		}
	}
}
