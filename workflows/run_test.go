package workflows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

var request = RunInput{RunID: "r1", Request: "sha256:request", Lane: Submission, Toolchain: "tc"}

// environment is the SDK's simulated server, in which time is skipped.
func environment(t *testing.T, farm *fakeFarm, w *fakeWorker) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.Logger(newLogger(zap.NewNop())))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	RegisterFarm(env, nil, farm)
	RegisterWorker(env, w)
	return env
}

func carryOut(t *testing.T, farm *fakeFarm, w *fakeWorker, in RunInput) (RunResult, error) {
	t.Helper()
	env := environment(t, farm, w)
	env.ExecuteWorkflow(runWorkflow, in)
	return outcome(t, env)
}

func outcome(t *testing.T, env *testsuite.TestWorkflowEnvironment) (RunResult, error) {
	t.Helper()
	if !env.IsWorkflowCompleted() {
		t.Fatal("the workflow has not ended")
	}
	if err := env.GetWorkflowError(); err != nil {
		return RunResult{}, err
	}
	var result RunResult
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	return result, nil
}

func TestDiamondIsBuiltInOrder(t *testing.T) {
	farm := &fakeFarm{plan: builds(map[string][]string{"top": nil, "left": {"top"}, "right": {"top"}, "bottom": {"left", "right"}})}
	w := &fakeWorker{}
	result, err := carryOut(t, farm, w, request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(RunResult{RunID: "r1", Lane: Submission, Outcome: Passed, Counts: map[State]int{Passed: 4}}, result); diff != "" {
		t.Error(diff)
	}
	order := w.order()
	if len(order) != 4 || order[0] != "top" || order[3] != "bottom" {
		t.Errorf("built in the order %v", order)
	}
	slices.Sort(farm.stored)
	want := []string{"bottom sha256:tested", "left sha256:tested", "right sha256:tested", "top sha256:tested"}
	if diff := cmp.Diff(want, farm.stored); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]RunResult{result}, farm.finished); diff != "" {
		t.Error(diff)
	}
}

func TestFailureStopsOnlyWhatDependsOnIt(t *testing.T) {
	farm := &fakeFarm{plan: builds(map[string][]string{"bad": nil, "child": {"bad"}, "grandchild": {"child"}, "good": nil})}
	w := &fakeWorker{build: map[string]step{"bad": doesNotCompile}}
	result, err := carryOut(t, farm, w, request)
	if err != nil {
		t.Fatal(err)
	}
	want := RunResult{RunID: "r1", Lane: Submission, Outcome: Failed, Counts: map[State]int{Passed: 1, Failed: 1, Skipped: 2}}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Error(diff)
	}
	for _, c := range []Change{
		{Recipe: "bad", State: Failed, Reason: "no member named 'x'", Key: "key-bad", Record: "sha256:failed", Build: "build/bad/tc/key-bad", Class: Small},
		{Recipe: "child", State: Skipped, Cause: "bad", Root: "bad", Reason: "it needs bad, which failed"},
		{Recipe: "grandchild", State: Skipped, Cause: "child", Root: "bad", Reason: "it needs child, which was skipped because of bad"},
	} {
		got := farm.last(c.Recipe)
		got.At = time.Time{}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Error(diff)
		}
	}
	if n := w.built()["bad"]; n != 1 {
		t.Errorf("a compile failure was tried %d times", n)
	}
	if slices.Contains(w.tests, "bad") {
		t.Error("what was not built was tested")
	}
	if !slices.Contains(farm.stored, "bad sha256:failed") {
		t.Errorf("the failure was not stored: %v", farm.stored)
	}
}

func TestFailedTestFailsTheBuild(t *testing.T) {
	farm := &fakeFarm{plan: builds(map[string][]string{"a": nil})}
	result, err := carryOut(t, farm, &fakeWorker{test: map[string]step{"a": doesNotCompile}}, request)
	if err != nil || result.Outcome != Failed {
		t.Errorf("got %v, %v", result, err)
	}
}

func TestTroubleWithTheMachinery(t *testing.T) {
	trouble := func(kind fault.Kind, times int) step {
		return func(_ context.Context, task Task, a Attempt) (BuildResult, error) {
			if a.Number <= times {
				return BuildResult{}, fault.Errorf(kind, "engine away")
			}
			return BuildResult{Outcome: record.Passed, Key: task.Key}, nil
		}
	}
	for _, tc := range []struct {
		story    string
		lane     Lane
		step     step
		want     State
		attempts int
		reason   string
		fault    string
	}{
		{"passes at the third attempt", Nightly, trouble(fault.Unavailable, 2), Passed, 3, "", ""},
		{"is given up in the end", Nightly, trouble(fault.Exhausted, 99), Errored, 8, "engine away", "exhausted"},
		{"is given up earlier where somebody waits", Submission, trouble(fault.Exhausted, 99), Errored, 5, "engine away", "exhausted"},
		{"is not tried again when that can't help", Nightly, trouble(fault.Internal, 99), Errored, 1, "engine away", "internal"},
		{"is not tried again after a bad input", Nightly, trouble(fault.Invalid, 99), Errored, 1, "engine away", "invalid"},
		{"is not tried again after a panic", Nightly, func(context.Context, Task, Attempt) (BuildResult, error) { panic("oops") }, Errored, 1, "oops", "internal"},
	} {
		t.Run(tc.story, func(t *testing.T) {
			farm := &fakeFarm{plan: builds(map[string][]string{"a": nil, "b": {"a"}})}
			w := &fakeWorker{build: map[string]step{"a": tc.step}}
			in := request
			in.Lane = tc.lane
			if _, err := carryOut(t, farm, w, in); err != nil {
				t.Fatal(err)
			}
			got := farm.last("a")
			if got.State != tc.want || got.Fault != tc.fault || !strings.Contains(got.Reason, tc.reason) || w.built()["a"] != tc.attempts {
				t.Errorf("%s after %d attempts: %s (%s)", got.State, w.built()["a"], got.Reason, got.Fault)
			}
			if after := farm.last("b").State; (after == Passed) != (tc.want == Passed) {
				t.Errorf("what depends on it is %s", after)
			}
		})
	}
}

// tooLarge runs out of memory in some classes, and notes in which it was tried.
func tooLarge(tried *[]string, in ...Class) step {
	return func(_ context.Context, task Task, a Attempt) (BuildResult, error) {
		*tried = append(*tried, fmt.Sprintf("%s after %v, attempt %d", task.Class, task.Outgrew, a.Number))
		if slices.Contains(in, task.Class) {
			return BuildResult{Outcome: record.Failed, Key: task.Key, Record: "sha256:oom", Failure: &record.Failure{Kind: record.OutOfMemory, Message: "killed"}}, nil
		}
		return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:built"}, nil
	}
}

func TestABuildMovesUpWhenItRunsOutOfMemory(t *testing.T) {
	for _, tc := range []struct {
		story string
		class Class // in the plan
		in    []Class
		want  State
		end   Class
		tried []string
		told  []string
	}{
		{"it fits", "", nil, Passed, Small, []string{"small after [], attempt 1"}, nil},
		{"it fits into the next class", Small, []Class{Small}, Passed, Medium,
			[]string{"small after [], attempt 1", "medium after [small], attempt 2"}, []string{"a: [small], now medium"}},
		{"it begins where the plan says", Medium, []Class{Small, Medium}, Passed, Large,
			[]string{"medium after [], attempt 1", "large after [medium], attempt 2"}, []string{"a: [medium], now large"}},
		{"it fits nowhere", "", Classes, Failed, Large,
			[]string{"small after [], attempt 1", "medium after [small], attempt 2", "large after [small medium], attempt 3"},
			[]string{"a: [small], now medium", "a: [small medium], now large"}},
	} {
		t.Run(tc.story, func(t *testing.T) {
			var tried []string
			plan := builds(map[string][]string{"a": nil})
			plan[0].Class = tc.class
			farm := &fakeFarm{plan: plan}
			if _, err := carryOut(t, farm, &fakeWorker{build: map[string]step{"a": tooLarge(&tried, tc.in...)}}, request); err != nil {
				t.Fatal(err)
			}
			if got := farm.last("a"); got.State != tc.want || got.Class != tc.end {
				t.Errorf("%s in %s", got.State, got.Class)
			}
			if diff := cmp.Diff(tc.tried, tried); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.told, farm.outgrew); diff != "" {
				t.Error(diff)
			}
			if len(farm.stored) != 1 { // the failures in the smaller classes are nothing that stands
				t.Errorf("stored: %v", farm.stored)
			}
		})
	}
}

// Tests run out of memory too, and a larger class would not help them.
func TestATestThatRunsOutOfMemoryFails(t *testing.T) {
	var tried []string
	farm := &fakeFarm{plan: builds(map[string][]string{"a": nil})}
	w := &fakeWorker{test: map[string]step{"a": tooLarge(&tried, Classes...)}}
	if _, err := carryOut(t, farm, w, request); err != nil || farm.last("a").State != Failed || len(tried) != 1 {
		t.Errorf("%v after %v, %v", farm.last("a"), tried, err)
	}
}

// What is asked for can't be overtaken any more, so a run asks for little more than there are slots for.
func TestARunAsksForAsMuchAsThereAreSlots(t *testing.T) {
	for _, tc := range []struct {
		slots map[Class]int
		most  int
	}{
		{nil, 30},
		{map[Class]int{Small: 0}, 2},
		{map[Class]int{Small: 1}, 3},
		{map[Class]int{Small: 4, Medium: 10}, 8},
	} {
		t.Run(fmt.Sprint(tc.slots), func(t *testing.T) {
			farm := &fakeFarm{plan: builds(map[string][]string{}), slots: tc.slots}
			for i := range 30 {
				farm.plan = append(farm.plan, Action{Recipe: fmt.Sprintf("r%02d", i), Kind: KindBuild})
			}
			w := &fakeWorker{}
			result, err := carryOut(t, farm, w, request)
			if err != nil || result.Counts[Passed] != 30 {
				t.Fatalf("%v, %v", result, err)
			}
			if w.most > tc.most {
				t.Errorf("%d builds at a time", w.most)
			}
			if farm.most > tc.most || farm.most < min(tc.most, 2) {
				t.Errorf("%d builds were asked for at a time, want %d", farm.most, tc.most)
			}
		})
	}
}

// Recipes that fail for the machinery's sake rest between their tries, and meanwhile others are asked for.
func TestARestingBuildKeepsNobodyFromGoing(t *testing.T) {
	farm := &fakeFarm{slots: map[Class]int{Small: 1}}
	w := &fakeWorker{build: map[string]step{}}
	for i := range 10 {
		name := fmt.Sprintf("bad-%d", i)
		farm.plan = append(farm.plan, Action{Recipe: name, Kind: KindBuild})
		w.build[name] = func(context.Context, Task, Attempt) (BuildResult, error) {
			return BuildResult{}, fault.Errorf(fault.Unavailable, "its source's host is away")
		}
	}
	for i := range 10 {
		farm.plan = append(farm.plan, Action{Recipe: fmt.Sprintf("good-%d", i), Kind: KindBuild})
	}
	result, err := carryOut(t, farm, w, request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[State]int{Passed: 10, Errored: 10}, result.Counts); diff != "" {
		t.Error(diff)
	}
	// The last good one is asked for before the bad ones have been tried more than a few times.
	order := w.order()
	before := order[:slices.Index(order, "good-9")]
	if n := len(before); n > 10+9+20 {
		t.Errorf("%d builds began before the last good one: %v", n, before)
	}
}

func TestPausesGrowAndDiffer(t *testing.T) {
	tunables := DefaultTunables()
	seen := map[time.Duration]bool{}
	for try := 1; try <= 40; try++ {
		full := min(tunables.FirstRetry<<min(try-1, 20), tunables.MaxRetry)
		for _, build := range []string{"a", "b", "c"} {
			p := tunables.pause(build, try)
			if p < full/2 || p > full {
				t.Errorf("try %d of %s rests for %s", try, build, p)
			}
			if p != tunables.pause(build, try) {
				t.Error("a replay would rest for another time")
			}
			seen[p] = true
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d different pauses", len(seen))
	}
}

func TestWhatThePlanSettlesStartsNothing(t *testing.T) {
	farm := &fakeFarm{plan: []Action{
		{Recipe: "same", Kind: KindReuse, Outcome: record.Passed},
		{Recipe: "broken", Kind: KindReuse, Outcome: record.Failed, Reason: "failed before with this key"},
		{Recipe: "off", Kind: KindSkip, Reason: "disabled"},
		{Recipe: "after-broken", Kind: KindBuild, Needs: []string{"broken", "same"}},
	}}
	w := &fakeWorker{}
	result, err := carryOut(t, farm, w, request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[State]int{Reused: 1, Failed: 1, Skipped: 2}, result.Counts); diff != "" {
		t.Error(diff)
	}
	if len(w.builds) != 0 || farm.batches != 1 {
		t.Errorf("%d builds, %d batches of changes", len(w.builds), farm.batches)
	}
}

func TestUnchangedOutputStopsTheSpread(t *testing.T) {
	same := Action{Kind: KindReuse, Outcome: record.Passed}
	farm := &fakeFarm{
		plan:     builds(map[string][]string{"base": nil, "mid": {"base"}, "top": {"mid"}, "other": {"base"}}),
		resolved: map[string]Action{"mid": same, "top": same},
	}
	w := &fakeWorker{}
	if _, err := carryOut(t, farm, w, request); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"base": 1, "other": 1}, w.built()); diff != "" {
		t.Error(diff)
	}
	if got := farm.last("other"); got.Key != "key-other" {
		t.Errorf("the key of what was built is %q", got.Key)
	}
	if diff := cmp.Diff(map[string]State{"base": Passed, "mid": Reused, "top": Reused, "other": Passed}, farm.states()); diff != "" {
		t.Error(diff)
	}
}

// A worker that finds, once the build requirements are locked, what was built before hands that over: nothing is tested or made a
// second time, the farm hears of the lock, and what needs it goes on.
func TestWhatIsFoundToBeBuiltIsReused(t *testing.T) {
	farm := &fakeFarm{plan: builds(map[string][]string{"a": nil, "b": {"a"}})}
	farm.resolved = map[string]Action{"a": {Recipe: "a", Kind: KindBuild, Shared: "shared-a", Job: "sha256:job", Reproduce: &Reproduce{Why: "new"}}}
	w := &fakeWorker{build: map[string]step{"a": func(context.Context, Task, Attempt) (BuildResult, error) {
		return BuildResult{Outcome: record.Passed, Key: "key-a", Record: "sha256:before", Reused: true}, nil
	}}}
	result, err := carryOut(t, farm, w, request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[State]int{Reused: 1, Passed: 1}, result.Counts); diff != "" || result.Outcome != Passed {
		t.Errorf("%s (-want +got):\n%s", result.Outcome, diff)
	}
	if diff := cmp.Diff([]string{"a sha256:before", "b sha256:tested"}, farm.stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if end := farm.last("a"); end.Key != "key-a" || end.State != Reused {
		t.Errorf("a ended as %+v", end)
	}
}

func TestCancelEndsWhatRunsAndStartsNothing(t *testing.T) {
	farm := &fakeFarm{plan: builds(map[string][]string{"long": nil, "after": {"long"}, "quick": nil})}
	w := &fakeWorker{}
	env := environment(t, farm, w)
	w.build = map[string]step{"long": untilCanceled(func(string) { env.CancelWorkflow() }, func(string) {})}
	env.ExecuteWorkflow(runWorkflow, request)

	_, err := outcome(t, env)
	var canceled *temporal.CanceledError
	if !errors.As(err, &canceled) {
		t.Fatalf("the run ended with %v", err)
	}
	var result RunResult
	if err := canceled.Details(&result); err != nil || result.Outcome != Canceled {
		t.Errorf("the result of the canceled run is %v, %v", result, err)
	}
	if len(farm.finished) != 1 {
		t.Fatalf("the run was finished %d times", len(farm.finished))
	}
	states := farm.states()
	if states["long"] != Canceled || states["after"] == Passed || w.built()["after"] != 0 {
		t.Errorf("after the cancel: %v", states)
	}
}

func TestRunThatCannotBePlanned(t *testing.T) {
	for _, tc := range []struct {
		story string
		farm  *fakeFarm
		kind  fault.Kind
		says  string
	}{
		{"the farm refuses", &fakeFarm{planErr: fault.Errorf(fault.Invalid, "recipe nope is not known")}, fault.Invalid, "recipe nope is not known"},
		{"a circle", &fakeFarm{plan: builds(map[string][]string{"a": {"b"}, "b": {"a"}, "c": nil})}, fault.Invalid, "a, b"},
		{"a need outside of the plan", &fakeFarm{plan: builds(map[string][]string{"a": {"x"}})}, fault.Internal, "a needs x"},
		{"a recipe twice", &fakeFarm{plan: []Action{{Recipe: "a"}, {Recipe: "a"}}}, fault.Internal, "twice"},
	} {
		t.Run(tc.story, func(t *testing.T) {
			_, err := carryOut(t, tc.farm, &fakeWorker{}, request)
			err = fromTemporal(err)
			if fault.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v (%v)", err, fault.KindOf(err))
			}
			if n := len(tc.farm.finished); n != 1 || tc.farm.finished[0].Outcome != Errored ||
				!strings.Contains(tc.farm.finished[0].Error, tc.says) || tc.farm.finished[0].Fault != tc.kind.String() {
				t.Errorf("the farm was told %v", tc.farm.finished)
			}
		})
	}
}

func TestStatesAreNotLostWhenTheDatabaseIsAway(t *testing.T) {
	farm := &fakeFarm{plan: builds(map[string][]string{"a": nil}), recordErr: fault.Errorf(fault.Unavailable, "database is locked")}
	if _, err := carryOut(t, farm, &fakeWorker{}, request); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]State{"a": Passed}, farm.states()); diff != "" {
		t.Error(diff)
	}
}

// chains is a plan of n recipes in chains of ten.
func chains(n int) []Action {
	graph := map[string][]string{}
	for i := range n {
		var needs []string
		if i%10 != 0 {
			needs = []string{fmt.Sprintf("recipe-%05d", i-1)}
		}
		graph[fmt.Sprintf("recipe-%05d", i)] = needs
	}
	return builds(graph)
}

func TestLargePlan(t *testing.T) {
	farm := &fakeFarm{plan: chains(500)}
	w := &fakeWorker{}
	in := request
	in.Tunables = Tunables{Parallel: 20, BuildsPerExecution: 1000}
	result, err := carryOut(t, farm, w, in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[State]int{Passed: 500}, result.Counts); diff != "" {
		t.Error(diff)
	}
	if w.most > 20 {
		t.Errorf("%d builds at a time", w.most)
	}
}

func TestRunContinuesAsNew(t *testing.T) {
	farm := &fakeFarm{plan: chains(30)}
	w := &fakeWorker{}
	in := request
	in.Tunables = Tunables{Parallel: 2, BuildsPerExecution: 5}
	env := environment(t, farm, w)
	env.ExecuteWorkflow(runWorkflow, in)
	var again *workflow.ContinueAsNewError
	if err := env.GetWorkflowError(); !errors.As(err, &again) {
		t.Fatalf("the run ended with %v", err)
	}
	var next []RunInput
	for _, p := range again.Input.GetPayloads() {
		var in RunInput
		if err := json.Unmarshal(p.GetData(), &in); err != nil {
			t.Fatal(err)
		}
		next = append(next, in)
	}
	c := next[0].Carried
	if len(c.Actions)+c.Counts[Passed] != 30 || len(farm.finished) != 0 {
		t.Errorf("%d actions are carried on, %d have passed, finished: %v", len(c.Actions), c.Counts[Passed], farm.finished)
	}
	for _, f := range c.Flights {
		if !f.Owned || f.RunID == "" {
			t.Errorf("the flight %v has not started", f)
		}
	}
}

func TestPlanOfTenThousandFitsIntoAPayload(t *testing.T) {
	actions := chains(10_000)
	for i := range actions {
		actions[i].Class, actions[i].Timeout = Medium, time.Hour
	}
	data, err := json.Marshal(Plan{Actions: actions})
	if err != nil {
		t.Fatal(err)
	}
	const limit = 2 << 20 // Temporal's limit of one payload
	if len(data) > limit {
		t.Errorf("the plan takes %d bytes", len(data))
	}
}

// Between the decision to build and its start another run's build of the key may end.
func TestWhatWasBuiltMeanwhileIsNotBuiltAgain(t *testing.T) {
	farm := &fakeFarm{plan: builds(map[string][]string{"a": nil, "b": {"a"}}), built: map[string]BuildResult{"a": {Outcome: record.Passed, Key: "key-a"}}}
	w := &fakeWorker{}
	got, err := carryOut(t, farm, w, request)
	if err != nil || got.Counts[Passed] != 2 {
		t.Errorf("the run: %+v, %v", got, err)
	}
	if diff := cmp.Diff(map[string]int{"b": 1}, w.built()); diff != "" {
		t.Errorf("built (-want +got):\n%s", diff)
	}
	again := request
	again.NoCache = true
	if _, err := carryOut(t, farm, w, again); err != nil || w.built()["a"] != 1 {
		t.Errorf("without the cache: %v, %v", w.built(), err)
	}
}
