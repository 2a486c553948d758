//go:build integration

package workflows

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// slots are those of a worker whose builds end when they are told to. It notes the order in which they begin.
type slots struct {
	mu    sync.Mutex
	begun []string
	ends  chan struct{} // each lets one build end
}

func (s *slots) Build(ctx context.Context, task Task, _ Attempt) (BuildResult, error) {
	s.mu.Lock()
	s.begun = append(s.begun, task.Recipe)
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return BuildResult{}, ctx.Err()
	case <-s.ends:
	}
	return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:built"}, nil
}

func (s *slots) Test(_ context.Context, task Task, _ Attempt) (BuildResult, error) {
	return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:tested"}, nil
}

func (s *slots) Reproduce(context.Context, Task, Attempt) (BuildResult, error) {
	return BuildResult{}, fault.Errorf(fault.Internal, "nobody has asked for a second build")
}

func (s *slots) order() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.begun)
}

// waiting waits until a build is in the queue.
func (s *stage) waiting(recipe string) {
	for {
		if step, running := s.begun(BuildWorkflowID(recipe, "tc", "key-"+recipe, "", false)); step == "Build" && !running {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// inFlight waits until as many builds have been asked for that have not ended, and says how many.
func (s *stage) inFlight(n int) int {
	for {
		s.farm.mu.Lock()
		now := len(s.farm.inFlight)
		s.farm.mu.Unlock()
		if now >= n {
			return now
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// However much is rebuilt in a lower lane: when a submission's build is ready, each slot ends at most the one build that it has.
func TestAMassRebuildDelaysASubmissionByAtMostOneBuildPerSlot(t *testing.T) {
	const mass, some, workers = 400, 6, 4
	plan := func(prefix string, n int) (actions []Action) {
		for i := range n {
			actions = append(actions, Action{Recipe: fmt.Sprintf("%s-%03d", prefix, i), Kind: KindBuild})
		}
		return actions
	}
	s := newStage(t, &fakeFarm{plans: map[string][]Action{"mass": plan("m", mass), "urgent": plan("u", some)}})
	w := &slots{ends: make(chan struct{})}
	c := s.dial()
	crew, err := StartWorker(c, w, WorkerOptions{Slots: map[Class]int{Small: workers}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { crew.Stop(); c.Close() })

	// As many in the queue as Temporal is ever asked for by one run: nobody has told it how many slots there are.
	s.ask("mass", Migration, Tunables{})
	for range 20 {
		w.ends <- struct{}{}
	}
	s.inFlight(DefaultTunables().Parallel)
	s.ask("urgent", Submission, Tunables{})
	for i := range some {
		s.waiting(fmt.Sprintf("u-%03d", i))
	}
	before := len(w.order())
	urgent := 0
	for ended := 0; urgent < some; ended++ {
		w.ends <- struct{}{}
		time.Sleep(50 * time.Millisecond) // for the slot to take the next
		urgent = 0
		for _, recipe := range w.order()[before:] {
			if recipe[0] == 'u' {
				urgent++
			}
		}
		if ended > 4*workers {
			break
		}
	}
	after := w.order()[before:]
	late := 0 // of the mass rebuild, before the submission's last
	for i, recipe := range after {
		if recipe[0] == 'm' && slices.ContainsFunc(after[i:], func(r string) bool { return r[0] == 'u' }) {
			late++
		}
	}
	t.Logf("with %d builds of the mass rebuild in flight, %d began before those of the submission: %v", DefaultTunables().Parallel, late, after)
	if urgent != some || late > workers {
		t.Errorf("%d builds of the submission began, after %d of the mass rebuild", urgent, late)
	}
	for _, run := range []string{"mass", "urgent"} {
		if err := CancelRun(t.Context(), s.client, run); err != nil {
			t.Fatal(err)
		}
		s.await(run)
	}
}

// A recipe that fails for the machinery's sake is tried again behind those that wait, not before them.
func TestAnotherTryWaitsItsTurn(t *testing.T) {
	plans := map[string][]Action{"first": {{Recipe: "bad", Kind: KindBuild}}}
	for i := range 5 {
		plans["others"] = append(plans["others"], Action{Recipe: fmt.Sprintf("good-%d", i), Kind: KindBuild})
	}
	s := newStage(t, &fakeFarm{plans: plans})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"bad": func(_ context.Context, task Task, a Attempt) (BuildResult, error) {
		if a.Number == 1 {
			return BuildResult{}, fault.Errorf(fault.Unavailable, "the source's host is away")
		}
		return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:built"}, nil
	}}}
	for _, a := range plans["others"] { // whichever of them comes first holds the slot until bad waits again
		w.build[a.Recipe] = g.step
	}
	s.ask("first", Nightly, Tunables{})
	s.waiting("bad")
	s.ask("others", Nightly, Tunables{})
	for _, a := range plans["others"] {
		s.waiting(a.Recipe)
	}
	s.hire(w, 1)
	<-g.begun
	s.waiting("bad")
	close(g.open)
	s.await("first")
	s.await("others")
	order := w.order()
	if order[0] != "bad" || order[len(order)-1] != "bad" || len(order) != 7 {
		t.Errorf("tried in the order %v", order)
	}
	s.keep("build-rested", "build/bad/tc/key-bad", "")
}

// A run hears of workers that come, and asks for more.
func TestARunHearsOfMoreSlots(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: func() (actions []Action) {
		for i := range 40 {
			actions = append(actions, Action{Recipe: fmt.Sprintf("r-%02d", i), Kind: KindBuild})
		}
		return actions
	}(), slots: map[Class]int{Small: 0}})
	s.ask("r", Nightly, Tunables{BuildsPerExecution: 10})
	s.inFlight(2)
	time.Sleep(200 * time.Millisecond)
	if n := s.inFlight(2); n != 2 {
		t.Errorf("%d builds were asked for of a farm without workers", n)
	}
	if err := TellSlots(t.Context(), s.client, "r", map[Class]int{Small: 4}); err != nil {
		t.Fatal(err)
	}
	s.inFlight(8)
	s.hire(&fakeWorker{}, 4)
	if got := s.await("r"); got.Counts[Passed] != 40 || s.farm.most > 8 {
		t.Errorf("%v, %d in flight at a time", got.Counts, s.farm.most)
	}
	if err := TellSlots(t.Context(), s.client, "r", map[Class]int{Small: 1}); err != nil {
		t.Errorf("telling a run that has ended: %v", err)
	}
}
