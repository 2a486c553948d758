//go:build integration

package workflows

import (
	"bufio"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// gate is a step that says when it has begun, and ends when told to, or when canceled.
type gate struct {
	begun chan string
	open  chan struct{}
	ended atomic.Int32
}

func newGate() *gate { return &gate{begun: make(chan string, 100), open: make(chan struct{})} }

func (g *gate) step(ctx context.Context, task Task, _ Attempt) (BuildResult, error) {
	g.begun <- task.Recipe
	defer g.ended.Add(1)
	select {
	case <-ctx.Done():
		return BuildResult{}, ctx.Err()
	case <-g.open:
		return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:built"}, nil
	}
}

func TestTwoWorkersShareTheWork(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil, "b": nil, "bad": nil, "after": {"bad"}})})
	// Neither a nor b ends before the other has begun: one worker of one slot could not do it.
	both := newGate()
	one := &fakeWorker{build: map[string]step{"a": both.step, "b": both.step, "bad": doesNotCompile}}
	two := &fakeWorker{build: one.build}
	s.hire(one, 1)
	s.hire(two, 1)
	s.ask("r1", Submission, Tunables{})
	<-both.begun
	<-both.begun
	close(both.open)
	want := RunResult{RunID: "r1", Lane: Submission, Outcome: Failed, Counts: map[State]int{Passed: 2, Failed: 1, Skipped: 1}}
	if diff := cmp.Diff(want, s.await("r1")); diff != "" {
		t.Error(diff)
	}
	s.keep("run-with-failure", "run/r1", "")
	s.keep("build-passed", "build/a/tc/key-a", "")
	s.keep("build-failed", "build/bad/tc/key-bad", "")
}

func TestAnotherAttemptFinishesWhatAKilledWorkerHad(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil})})
	doomed, output := startWorkerProcess(t, s.relay.Address, s.namespace)
	s.ask("r1", Submission, impatient)
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "a\n" {
		t.Fatalf("the worker said %q, %v", line, err)
	}
	if err := doomed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var attempt Attempt
	s.hire(&fakeWorker{build: map[string]step{"a": func(_ context.Context, task Task, a Attempt) (BuildResult, error) {
		attempt = a
		return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:built"}, nil
	}}}, 1)
	if got := s.await("r1"); got.Outcome != Passed || attempt.Number != 2 {
		t.Errorf("the run %s at attempt %d", got.Outcome, attempt.Number)
	}
	s.keep("build-second-attempt", "build/a/tc/key-a", "")
}

func TestAStoppedWorkerHandsItsBuildOver(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil})})
	g := newGate()
	leaving := s.hire(&fakeWorker{build: map[string]step{"a": g.step}}, 1)
	s.ask("r1", Submission, impatient)
	<-g.begun
	leaving.Stop()
	if g.ended.Load() != 1 {
		t.Error("the worker has stopped before its build")
	}
	s.hire(&fakeWorker{}, 1)
	if got := s.await("r1"); got.Outcome != Passed {
		t.Errorf("the run ended as %v", got)
	}
}

// What a worker has when it begins to rest goes on, and it takes nothing new until it works again.
func TestAWorkerThatRestsTakesNothingNew(t *testing.T) {
	s := newStage(t, &fakeFarm{plans: map[string][]Action{"before": builds(map[string][]string{"a": nil}), "after": builds(map[string][]string{"b": nil})}})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"a": g.step}}
	crew := s.hire(w, 2)
	s.ask("before", Submission, impatient)
	<-g.begun
	rested := crew.Rest()
	s.ask("after", Submission, impatient)
	for step := ""; step != "Build"; step, _ = s.begun("build/b/tc/key-b") {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(3 * time.Second) // longer than a heartbeat may take
	if n := w.built(); n["b"] != 0 || n["a"] != 1 || g.ended.Load() != 0 {
		t.Errorf("while it rests: builds %v, %d of them ended", n, g.ended.Load())
	}
	select {
	case <-rested:
		t.Error("it has rested before its build has ended")
	default:
	}
	close(g.open)
	<-rested
	// The test of a comes after its build, and waits, too.
	if err := crew.Work(); err != nil {
		t.Fatal(err)
	}
	for _, run := range []string{"before", "after"} {
		if got := s.await(run); got.Outcome != Passed {
			t.Errorf("run %s ended as %v", run, got)
		}
	}
	if n := w.built(); n["a"] != 1 || n["b"] != 1 {
		t.Errorf("builds: %v", n)
	}
}

// Who works again before the rest has led to anything has no more slots than before.
func TestARestThatIsTakenBackMakesNoSlots(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil, "b": nil, "c": nil})})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"a": g.step, "b": g.step, "c": g.step}}
	crew := s.hire(w, 1)
	s.ask("r1", Submission, Tunables{})
	<-g.begun
	crew.Rest()
	if err := crew.Work(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	close(g.open)
	if got := s.await("r1"); got.Outcome != Passed || w.most != 1 {
		t.Errorf("the run ended as %v with up to %d builds at a time", got, w.most)
	}
}

func TestRunGoesOnAfterARestartOfTheFarm(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil, "b": {"a"}, "c": {"b"}})})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"b": g.step}}
	s.hire(w, 1)
	s.ask("r1", Submission, Tunables{})
	<-g.begun
	s.end()
	s.begin(s.address)
	close(g.open)
	if got := s.await("r1"); got.Outcome != Passed {
		t.Errorf("the run ended as %v", got)
	}
	if diff := cmp.Diff(map[string]int{"a": 1, "c": 1}, cmpBuilt(w)); diff != "" {
		t.Error(diff)
	}
}

// cmpBuilt leaves b out, which may be tried twice when the restart takes longer than a heartbeat's timeout.
func cmpBuilt(w *fakeWorker) map[string]int {
	n := w.built()
	delete(n, "b")
	return n
}

func TestTwoRunsShareABuild(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil})})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"a": g.step}}
	s.hire(w, 2)
	s.ask("first", Nightly, Tunables{})
	<-g.begun
	joined := make(chan Change, 10)
	s.farm.mu.Lock()
	s.farm.onChange = func(c Change) {
		if c.Joined && c.State == Queued {
			joined <- c
		}
	}
	s.farm.mu.Unlock()
	s.ask("second", Submission, Tunables{})
	<-joined
	if step, running := s.begun("build/a/tc/key-a"); step != "Build" || !running {
		t.Errorf("the build is at step %q, running: %v", step, running)
	}
	close(g.open)
	for _, run := range []string{"first", "second"} {
		if got := s.await(run); got.Counts[Passed] != 1 {
			t.Errorf("run %s ended as %v", run, got)
		}
	}
	if n := w.built()["a"]; n != 1 {
		t.Errorf("%d builds of one key", n)
	}
	s.keep("run-joined", "run/second", "")
}

// Whoever of two runs that share a build is canceled, the build goes on for the other; it ends when both are.
func TestASharedBuildEndsWithTheLastRunThatWantsIt(t *testing.T) {
	for _, story := range []struct {
		name   string
		cancel []string
		want   map[string]State
		ended  int32 // containers that end because nobody wants them
		keep   []string
	}{
		{"the one that has started it is canceled", []string{"first"}, map[string]State{"first": Canceled, "second": Passed}, 0,
			[]string{"run-canceled-build-kept", "run/first", "run-joined-told", "run/second", "build-kept", "build/a/tc/key-a"}},
		{"the one that has joined it is canceled", []string{"second"}, map[string]State{"first": Passed, "second": Canceled}, 0, nil},
		{"first one, then the other is canceled", []string{"first", "second"}, map[string]State{"first": Canceled, "second": Canceled}, 1, nil},
		{"the other way round", []string{"second", "first"}, map[string]State{"first": Canceled, "second": Canceled}, 1,
			[]string{"build-wanted-by-nobody", "build/a/tc/key-a"}},
	} {
		t.Run(story.name, func(t *testing.T) {
			s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil})})
			g := newGate()
			w := &fakeWorker{build: map[string]step{"a": g.step}}
			s.hire(w, 2)
			s.ask("first", Nightly, Tunables{})
			<-g.begun
			s.ask("second", Submission, Tunables{})
			s.joined("build/a/tc/key-a")
			for _, run := range story.cancel {
				if err := CancelRun(t.Context(), s.client, run); err != nil {
					t.Fatal(err)
				}
				if got := s.await(run); got.Outcome != Canceled { // without waiting for the build, where that goes on
					t.Errorf("run %s ended as %v", run, got)
				}
			}
			if n := g.ended.Load(); n != story.ended { // a run has ended when its containers are gone
				t.Errorf("%d containers were ended, want %d", n, story.ended)
			}
			close(g.open)
			for run, want := range story.want {
				if got := s.await(run); got.Outcome != want {
					t.Errorf("run %s ended as %v, want %s", run, got, want)
				}
			}
			if n := w.built()["a"]; n != 1 {
				t.Errorf("%d builds of one key", n)
			}
			if err := s.client.GetWorkflow(t.Context(), "build/a/tc/key-a", "").Get(t.Context(), nil); (err != nil) != (story.ended > 0) {
				t.Errorf("the build ended as %v", err)
			}
			for i := 0; i < len(story.keep); i += 2 {
				s.keep(story.keep[i], story.keep[i+1], "")
			}
		})
	}
}

// Requirements that nobody has locked yet leave the key open; two runs that want the same build share it all the same.
func TestTwoRunsShareABuildWhoseKeyIsNotKnown(t *testing.T) {
	unlocked := func(shared string) map[string]Action {
		return map[string]Action{"a": {Recipe: "a", Kind: KindBuild, Job: "sha256:job", Shared: shared}}
	}
	s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil}), resolved: unlocked("unlocked-1")})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"a": g.step}}
	s.hire(w, 3)
	s.ask("first", Nightly, Tunables{})
	<-g.begun
	s.ask("second", Nightly, Tunables{})
	s.joined("build/a/tc/unlocked-1")
	s.farm.mu.Lock()
	s.farm.resolved = unlocked("unlocked-2") // say, of another day
	s.farm.mu.Unlock()
	s.ask("third", Nightly, Tunables{})
	<-g.begun
	close(g.open)
	for _, run := range []string{"first", "second", "third"} {
		if got := s.await(run); got.Counts[Passed] != 1 {
			t.Errorf("run %s ended as %v", run, got)
		}
	}
	if n := w.built()["a"]; n != 2 {
		t.Errorf("%d builds, want one for the first two runs and one for the third", n)
	}
}

func TestRunContinuesAsNewWithBuildsInFlight(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: append(chains(30), builds(map[string][]string{"slow": nil})...)})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"slow": g.step}}
	s.hire(w, 4)
	s.ask("r1", Submission, Tunables{Parallel: 4, BuildsPerExecution: 8})
	first := s.client.GetWorkflow(t.Context(), "run/r1", "").GetRunID()
	<-g.begun
	for s.farm.states()["recipe-00029"] != Passed {
		time.Sleep(10 * time.Millisecond)
	}
	close(g.open)
	got := s.await("r1")
	if diff := cmp.Diff(map[State]int{Passed: 31}, got.Counts); diff != "" {
		t.Error(diff)
	}
	for recipe, n := range w.built() {
		if n != 1 {
			t.Errorf("%s was built %d times", recipe, n)
		}
	}
	if last := s.client.GetWorkflow(t.Context(), "run/r1", "").GetRunID(); last == first {
		t.Error("the run has not continued as new")
	}
	s.keep("run-continued", "run/r1", first)
	s.keep("run-last-execution", "run/r1", "")
}

func TestCancelReachesWhatAnEarlierExecutionStarted(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: append(builds(map[string][]string{"a-slow": nil}), chains(10)...)})
	g := newGate()
	s.hire(&fakeWorker{build: map[string]step{"a-slow": g.step}}, 2)
	s.ask("r1", Submission, Tunables{Parallel: 4, BuildsPerExecution: 3})
	<-g.begun
	for s.farm.states()["recipe-00009"] != Passed {
		time.Sleep(10 * time.Millisecond)
	}
	if err := CancelRun(t.Context(), s.client, "r1"); err != nil {
		t.Fatal(err)
	}
	got := s.await("r1")
	if diff := cmp.Diff(map[State]int{Passed: 10, Canceled: 1}, got.Counts); diff != "" {
		t.Error(diff)
	}
	if g.ended.Load() != 1 {
		t.Error("the run ended before its build")
	}
	s.keep("run-canceled-after-continuing", "run/r1", "")
}

func TestAHigherLaneGoesFirst(t *testing.T) {
	s := newStage(t, &fakeFarm{plans: map[string][]Action{
		"before":  builds(map[string][]string{"blocker": nil}),
		"nightly": builds(map[string][]string{"n1": nil, "n2": nil, "n3": nil}),
		"urgent":  builds(map[string][]string{"u": nil}),
	}})
	g := newGate()
	w := &fakeWorker{build: map[string]step{"blocker": g.step}}
	s.hire(w, 1)
	s.ask("before", Nightly, Tunables{})
	<-g.begun
	s.ask("nightly", Nightly, Tunables{})
	s.ask("urgent", Interactive, Tunables{})
	for _, recipe := range []string{"n1", "n2", "n3", "u"} {
		for {
			if step, running := s.begun(BuildWorkflowID(recipe, "tc", "key-"+recipe, "", false)); step == "Build" && !running {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	close(g.open)
	for _, run := range []string{"before", "nightly", "urgent"} {
		s.await(run)
	}
	if order := w.order(); slices.Index(order, "u") > 2 { // one task may have been on its way to the worker already
		t.Errorf("the order was %v", order)
	}
}

func TestSchedule(t *testing.T) {
	s := newStage(t, &fakeFarm{plan: builds(map[string][]string{"a": nil})})
	s.hire(&fakeWorker{}, 1)
	ctx := t.Context()
	nightly := RunInput{Request: "sha256:request", Lane: Nightly, Toolchain: "tc"}
	if err := CreateSchedule(ctx, s.client, "nightly", "30 2 * * *", nightly, "all of them"); err != nil {
		t.Fatal(err)
	}
	if err := CreateSchedule(ctx, s.client, "nightly", "30 2 * * *", nightly, "all of them"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the same name again: %v (%v)", err, fault.KindOf(err))
	}
	for cron, want := range map[string]fault.Kind{"whenever": fault.Invalid, "99 2 * * *": fault.Invalid, "0 2 * * *": fault.Internal, "CRON_TZ=Europe/Berlin 0 2 * * *": fault.Internal} {
		if err := CheckCron(ctx, s.client, cron); (err == nil) != (want == fault.Internal) || err != nil && fault.KindOf(err) != want {
			t.Errorf("checking %q: %v", cron, err)
		}
	}
	if err := CreateSchedule(ctx, s.client, "bad", "whenever", nightly, ""); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a cron expression that is none: %v (%v)", err, fault.KindOf(err))
	}
	if err := PauseSchedule(ctx, s.client, "nightly", "holidays"); err != nil {
		t.Fatal(err)
	}
	triggered, err := TriggerSchedule(ctx, s.client, "nightly") // works in a pause, too
	if err != nil || !strings.HasPrefix(triggered, "nightly-") {
		t.Fatal(triggered, err)
	}
	var got Schedule
	for got.Last == nil || got.Last.RunID == "" || !got.Paused {
		list, err := ListSchedules(ctx, s.client)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 {
			got = list[0]
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got.Last.RunID != triggered {
		t.Errorf("run %s was started, and %s is the last", triggered, got.Last.RunID)
	}
	if got.Name != "nightly" || got.Cron != "30 2 * * *" || got.Note != "holidays" || got.About != "all of them" {
		t.Errorf("the schedule is %+v", got)
	}
	if result := s.await(got.Last.RunID); result.Outcome != Passed || result.RunID != got.Last.RunID {
		t.Errorf("its run ended as %v", result)
	}
	if err := ResumeSchedule(ctx, s.client, "nightly"); err != nil {
		t.Error(err)
	}
	if err := DeleteSchedule(ctx, s.client, "nightly"); err != nil {
		t.Error(err)
	}
	if err := DeleteSchedule(ctx, s.client, "unknown"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an unknown schedule: %v", err)
	}
}

func TestUnknownAndUsedRuns(t *testing.T) {
	s := newStage(t, &fakeFarm{})
	if _, err := awaitRun(t.Context(), s.client, "never"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("awaiting an unknown run: %v", err)
	}
	if err := CancelRun(t.Context(), s.client, "never"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("canceling an unknown run: %v", err)
	}
	s.ask("r1", Submission, Tunables{})
	s.await("r1")
	if err := StartRun(t.Context(), s.client, RunInput{RunID: "r1"}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("starting a run again: %v", err)
	}
}

// Both workers are idle, so either may be offered the second build; the one that made the first leaves it to the other.
func TestASecondBuildGoesToAnotherWorker(t *testing.T) {
	farm := &fakeFarm{plan: builds(map[string][]string{"a": nil}), resolved: map[string]Action{"a": {
		Recipe: "a", Kind: KindBuild, Key: "key-a", Job: "sha256:job", Reproduce: &Reproduce{Why: "new", Blocks: true},
	}}}
	s := newStage(t, farm)
	var first, second, declined atomic.Int32
	hire := func(name int32) {
		s.hire(&fakeWorker{
			build: map[string]step{"a": func(_ context.Context, task Task, _ Attempt) (BuildResult, error) {
				first.Store(name)
				return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:built"}, nil
			}},
			again: map[string]step{"a": func(_ context.Context, task Task, _ Attempt) (BuildResult, error) {
				if first.Load() == name {
					declined.Add(1)
					return BuildResult{Declined: true}, nil
				}
				second.Store(name)
				return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:reproduced"}, nil
			}},
		}, 1)
	}
	hire(1)
	s.ask("r1", Submission, Tunables{})
	for declined.Load() < 2 { // there is nobody else yet
		time.Sleep(10 * time.Millisecond)
	}
	hire(2)
	if got := s.await("r1"); got.Outcome != Passed || first.Load() != 1 || second.Load() != 2 {
		t.Errorf("%+v, first by %d, then by %d", got, first.Load(), second.Load())
	}
	s.keep("build-twice", "build/a/tc/key-a", "")
}
