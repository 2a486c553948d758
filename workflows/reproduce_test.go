package workflows

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// twice is a farm that wants a second build of a.
func twice(blocks bool) *fakeFarm {
	return &fakeFarm{
		plan: builds(map[string][]string{"a": nil, "b": nil}),
		resolved: map[string]Action{"a": {
			Recipe: "a", Kind: KindBuild, Key: "key-a", Job: "sha256:job", Reproduce: &Reproduce{Why: "new", Blocks: blocks},
		}},
	}
}

func TestASecondBuildComesBetweenTheFirstAndTheTest(t *testing.T) {
	farm := twice(true)
	var asked, tested Task
	w := &fakeWorker{
		again: map[string]step{"a": func(_ context.Context, task Task, _ Attempt) (BuildResult, error) {
			asked = task
			return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:same"}, nil
		}},
		test: map[string]step{"a": func(_ context.Context, task Task, _ Attempt) (BuildResult, error) {
			tested = task
			return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:tested"}, nil
		}},
	}
	in := request
	result, err := carryOut(t, farm, w, in)
	if err != nil || result.Outcome != Passed {
		t.Fatalf("%+v, %v", result, err)
	}
	if asked.Record != "sha256:built" || asked.Job != "sha256:job" {
		t.Errorf("the second build was asked for with %+v", asked)
	}
	if diff := cmp.Diff(&Reproduce{Why: "new", Blocks: true}, asked.Reproduce); diff != "" {
		t.Error(diff)
	}
	if tested.Record != "sha256:same" {
		t.Errorf("the test began with %s", tested.Record)
	}
	if diff := cmp.Diff([]string{"a"}, w.second); diff != "" {
		t.Errorf("built twice: %s", diff)
	}
}

func TestADifferenceThatBlocksEndsTheBuildBeforeItsTest(t *testing.T) {
	farm := twice(true)
	differs := func(_ context.Context, task Task, _ Attempt) (BuildResult, error) {
		return BuildResult{Outcome: record.Failed, Key: task.Key, Record: "sha256:differs", Failure: &record.Failure{Message: "x.py differs"}}, nil
	}
	w := &fakeWorker{again: map[string]step{"a": differs}}
	result, err := carryOut(t, farm, w, request)
	if err != nil || result.Outcome != Failed || farm.last("a").Reason != "x.py differs" {
		t.Fatalf("%+v, %v; %+v", result, err, farm.last("a"))
	}
	if slices.Contains(w.tests, "a") || !slices.Contains(farm.stored, "a sha256:differs") {
		t.Errorf("tested %v, stored %v", w.tests, farm.stored)
	}
}

func TestWhatDoesNotCompileIsNotBuiltTwice(t *testing.T) {
	w := &fakeWorker{build: map[string]step{"a": doesNotCompile}}
	if result, err := carryOut(t, twice(true), w, request); err != nil || result.Outcome != Failed || len(w.second) != 0 {
		t.Errorf("%+v, %v; again %v", result, err, w.second)
	}
}

// A worker may decline for hours while others are busy. That is no failed attempt: none of them counts.
func TestASecondBuildIsOfferedUntilSomebodyTakesIt(t *testing.T) {
	farm := twice(true)
	offers := 0
	w := &fakeWorker{again: map[string]step{"a": func(_ context.Context, task Task, attempt Attempt) (BuildResult, error) {
		if offers++; attempt.Number != 1 {
			t.Errorf("attempt %d", attempt.Number)
		}
		if offers < 20 {
			return BuildResult{Declined: true}, nil
		}
		return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:same"}, nil
	}}}
	env := environment(t, farm, w)
	var waited time.Duration
	env.SetOnTimerScheduledListener(func(_ string, d time.Duration) {
		if waited += d; d > DefaultTunables().MaxDecline {
			t.Errorf("it is offered again after %s only", d)
		}
	})
	env.ExecuteWorkflow(runWorkflow, request)
	if result, err := outcome(t, env); err != nil || result.Outcome != Passed || offers != 20 {
		t.Errorf("%+v, %v after %d offers", result, err, offers)
	}
	if waited < time.Minute {
		t.Errorf("20 offers within %s", waited)
	}
}

func TestASecondBuildThatTheMachineryFailsIsTriedAgain(t *testing.T) {
	tries := 0
	w := &fakeWorker{again: map[string]step{"a": func(_ context.Context, task Task, _ Attempt) (BuildResult, error) {
		if tries++; tries < 3 {
			return BuildResult{}, fault.Errorf(fault.Unavailable, "the engine is away")
		}
		return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:same"}, nil
	}}}
	if result, err := carryOut(t, twice(true), w, request); err != nil || result.Outcome != Passed || tries != 3 {
		t.Errorf("%+v, %v after %d tries", result, err, tries)
	}
	w = &fakeWorker{again: map[string]step{"a": func(context.Context, Task, Attempt) (BuildResult, error) {
		return BuildResult{}, temporal.NewCanceledError()
	}}}
	if result, err := carryOut(t, twice(true), w, request); err != nil || result.Outcome == Passed {
		t.Errorf("canceled: %+v, %v", result, err)
	}
}

// A build that is there is not made and not tested anew for its second one.
func TestABuildThatIsThereIsMadeASecondTimeOnly(t *testing.T) {
	farm := twice(true)
	a := farm.resolved["a"]
	a.Built = "sha256:there"
	farm.resolved["a"] = a
	var asked Task
	w := &fakeWorker{again: map[string]step{"a": func(_ context.Context, task Task, _ Attempt) (BuildResult, error) {
		asked = task
		return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:same"}, nil
	}}}
	result, err := carryOut(t, farm, w, request)
	if err != nil || result.Outcome != Passed || asked.Record != "sha256:there" {
		t.Fatalf("%+v, %v; asked for the second build of %s", result, err, asked.Record)
	}
	if slices.Contains(w.tests, "a") || !slices.Contains(farm.stored, "a sha256:same") {
		t.Errorf("tested %v, stored %v", w.tests, farm.stored)
	}
}

// What another run has built with less care than this one wants is no end for this one.
func TestTheEndOfAnotherRunsBuild(t *testing.T) {
	for story, c := range map[string]struct {
		blocks bool
		end    Change
		again  bool
	}{
		"it passed, and nobody wants more":       {false, Change{State: Passed}, false},
		"it passed, built once":                  {true, Change{State: Passed}, true},
		"it passed, and two builds are the same": {true, Change{State: Passed, Verified: true}, false},
		"it failed":                              {true, Change{State: Failed}, false},
		"it was canceled":                        {false, Change{State: Canceled}, true},
	} {
		f := &Flight{Blocks: c.blocks}
		if got := f.again(c.end); got != c.again {
			t.Errorf("%s: %v", story, got)
		}
	}
}
