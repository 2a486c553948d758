//go:build integration

package workflows

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

var someTime = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// steer tells a run to be held back, and waits until it has told the farm that it is.
func (s *stage) steer(runID string, c Control, running ...string) {
	s.Helper()
	if err := SteerRun(s.Context(), s.client, runID, Steering{Control: c, Running: running}); err != nil {
		s.Fatal(err)
	}
	s.until("the run tells of its control", func() bool { return cmp.Equal(s.farm.controlled(), c) })
}

func (s *stage) until(what string, is func() bool) {
	s.Helper()
	for range 3000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("it never came to be that %s; states: %v", what, s.farm.states())
}

// A run that is paused starts nothing, not even what waits for a slot already; what runs goes on. It stays so when the farm
// is started anew, and all is built, once, when it goes on.
func TestAPausedRunStartsNothing(t *testing.T) {
	s := newStage(t, &fakeFarm{plans: map[string][]Action{
		"before": builds(map[string][]string{"blocker": nil}), "r1": builds(map[string][]string{"a": nil, "b": nil, "c": {"a"}}),
	}})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"blocker": g.step}}
	s.hire(w, 1)
	s.ask("before", Submission, Tunables{})
	<-g.begun
	s.ask("r1", Submission, Tunables{})
	s.until("a and b wait for a slot", func() bool { now := s.farm.states(); return now["a"] == Queued && now["b"] == Queued })
	paused := Control{Paused: someTime, By: "ada", Reason: "the machine is needed"}
	for range 2 {
		s.steer("r1", paused)
	}
	s.until("a and b are withdrawn", func() bool { now := s.farm.states(); return now["a"] == Planned && now["b"] == Planned })
	close(g.open)
	if got := s.await("before"); got.Outcome != Passed {
		t.Errorf("the run that is not paused ended as %v", got)
	}
	address := s.address
	s.end()
	s.begin(address)
	time.Sleep(2 * time.Second)
	if diff := cmp.Diff(map[string]int{"blocker": 1}, w.built()); diff != "" {
		t.Errorf("builds of a paused run: %s", diff)
	}
	s.steer("r1", Control{})
	if got := s.await("r1"); got.Outcome != Passed || got.Counts[Passed] != 3 {
		t.Errorf("the run ended as %v", got)
	}
	if diff := cmp.Diff(map[string]int{"blocker": 1, "a": 1, "b": 1, "c": 1}, w.built()); diff != "" {
		t.Errorf("builds: %s", diff)
	}
	if err := SteerRun(t.Context(), s.client, "r1", Steering{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("steering a run that has ended: %v", err)
	}
	s.keep("run-paused", "run/r1", "")
}

// The limit holds through all executions of a run, and is the run's alone.
func TestALimitedRun(t *testing.T) {
	s := newStage(t, &fakeFarm{plans: map[string][]Action{"limited": chains(24), "free": builds(map[string][]string{"x": nil, "y": nil})}})
	s.ask("limited", Submission, Tunables{BuildsPerExecution: 6})
	s.steer("limited", Control{Limit: 2})
	first := s.client.GetWorkflow(t.Context(), "run/limited", "").GetRunID()
	w := &fakeWorker{build: map[string]step{}}
	s.hire(w, 8)
	if got := s.await("limited"); got.Outcome != Passed || got.Counts[Passed] != 24 {
		t.Errorf("the run ended as %v", got)
	}
	w.mu.Lock()
	if w.most > 2 {
		t.Errorf("there were %d builds at a time", w.most)
	}
	w.mu.Unlock()
	for recipe, n := range w.built() {
		if n != 1 {
			t.Errorf("%s was built %d times", recipe, n)
		}
	}
	if last := s.client.GetWorkflow(t.Context(), "run/limited", "").GetRunID(); last == first {
		t.Error("the run has not continued as new")
	}
	s.ask("free", Submission, Tunables{})
	if got := s.await("free"); got.Outcome != Passed {
		t.Errorf("the other run ended as %v", got)
	}
}

// What an execution before has asked for is withdrawn, too.
func TestAPauseReachesWhatAnEarlierExecutionAskedFor(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: append(builds(map[string][]string{"a-slow": nil, "b-waits": nil}), chains(10)...)})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"a-slow": g.step, "b-waits": g.step}}
	s.hire(w, 3)
	s.ask("r1", Submission, Tunables{Parallel: 4, BuildsPerExecution: 3})
	<-g.begun
	<-g.begun
	first := s.client.GetWorkflow(t.Context(), "run/r1", "").GetRunID()
	// As if nobody knew yet that b-waits was taken up: it is canceled, and begins again.
	s.until("the run has continued as new", func() bool {
		run := s.client.GetWorkflow(t.Context(), "run/r1", "")
		return run.GetRunID() != first
	})
	s.steer("r1", Control{Paused: someTime, By: "ada"}, "a-slow")
	s.until("b-waits is withdrawn", func() bool { return s.farm.states()["b-waits"] == Planned })
	s.steer("r1", Control{}, "a-slow")
	<-g.begun
	close(g.open)
	if got := s.await("r1"); got.Outcome != Passed || got.Counts[Passed] != 12 {
		t.Errorf("the run ended as %v", got)
	}
	if n := w.built(); n["a-slow"] != 1 || n["b-waits"] != 2 {
		t.Errorf("builds: %v", n)
	}
	s.keep("run-paused-after-continuing", "run/r1", "")
}

func TestAPausedRunIsCanceled(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil, "b": nil})})
	s.ask("r1", Submission, Tunables{})
	s.until("a waits for a slot", func() bool { return s.farm.states()["a"] == Queued })
	s.steer("r1", Control{Paused: someTime, By: "ada"})
	if err := CancelRun(t.Context(), s.client, "r1"); err != nil {
		t.Fatal(err)
	}
	if got := s.await("r1"); got.Outcome != Canceled || got.Counts[Canceled] != 2 {
		t.Errorf("the run ended as %v", got)
	}
}

// A build that another run wants goes on when its own run is paused; that joins it again.
func TestAPauseLeavesASharedBuildToTheOther(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil})})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"a": g.step}}
	s.ask("first", Nightly, Tunables{})
	s.until("a waits for a slot", func() bool { return s.farm.states()["a"] == Queued })
	s.ask("second", Nightly, Tunables{})
	s.joined("build/a/tc/key-a")
	s.steer("first", Control{Paused: someTime, By: "ada"})
	s.hire(w, 1)
	<-g.begun
	s.steer("first", Control{})
	time.Sleep(time.Second)
	close(g.open)
	for _, run := range []string{"first", "second"} {
		if got := s.await(run); got.Outcome != Passed {
			t.Errorf("run %s ended as %v", run, got)
		}
	}
	if n := w.built()["a"]; n != 1 {
		t.Errorf("a was built %d times", n)
	}
}
