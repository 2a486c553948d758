package orchestrator

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/workflows"
)

// explained asks over HTTP, as everybody does.
func explained(t *testing.T, o *Orchestrator, run, recipe string) api.Explanation {
	t.Helper()
	e, err := api.NewClient(o.URL()).Explain(t.Context(), run, recipe)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// From the first build to the third: why it was built, why it is cached, and which input made it be built again.
func TestWhyARecipeIsBuilt(t *testing.T) {
	o := start(t, t.TempDir())
	recipes := map[string]string{"lib": "", "app": "requirements:\n  run: [lib]\n"}
	first := requestOf(t, o, recipes)
	carryOut(t, o, "one", first, "lib", "app")
	if e := explained(t, o, "one", "app"); e.Why != "no earlier build" || e.Last != nil || len(e.Changes) > 0 || e.Status != "passed" {
		t.Errorf("the first time: %+v", e)
	}

	begin(t, o, "two", first)
	e := explained(t, o, "", "app")
	if e.Run != "two" || e.Status != "cached" || e.Built == nil || e.Built.Run != "one" || e.Built.Reason != "no earlier build" {
		t.Errorf("cached: %+v, built %+v", e, e.Built)
	}

	recipes["app"] += "build:\n  script: echo other\n"
	begin(t, o, "three", requestOf(t, o, recipes))
	if e := explained(t, o, "three", "lib"); e.Status != "cached" {
		t.Errorf("lib is %s", e.Status)
	}
	for _, when := range []string{"before", "after"} {
		e = explained(t, o, "three", "app")
		if len(e.Changes) != 1 || e.Changes[0].Field != "recipe" || e.Changes[0].Old == "" || e.Changes[0].Old == e.Changes[0].New {
			t.Errorf("%s the build, the changes are %+v", when, e.Changes)
		}
		if e.Last == nil || e.Last.Outcome != "passed" || !strings.HasPrefix(e.Why, "recipe's ") {
			t.Errorf("%s the build: %q since %+v", when, e.Why, e.Last)
		}
		if when == "before" {
			change := build(t, o, "three", "app")
			if err := (activities{o}).Record(t.Context(), workflows.RecordInput{RunID: "three", Changes: []workflows.Change{change}}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A build waits for its need, then for a worker, then for a slot; then it is running.
func TestWhyARecipeIsNotBuiltYet(t *testing.T) {
	o := start(t, t.TempDir())
	begin(t, o, "one", requestOf(t, o, map[string]string{
		"lib": "wasmill: {class: medium}\n", "app": "requirements:\n  run: [lib]\nwasmill: {class: medium}\n", "other": "wasmill: {class: medium}\n",
	}))
	ctx := t.Context()
	tell := func(c workflows.Change) {
		c.At = time.Now()
		if err := (activities{o}).Record(ctx, workflows.RecordInput{RunID: "one", Changes: []workflows.Change{c}}); err != nil {
			t.Fatal(err)
		}
	}
	runs := func(name string) {
		if err := o.ReportAttempt(ctx, api.Attempt{ID: "a-" + name, Run: "one", Recipe: name, Worker: "w1", Number: 1, Log: name, Phase: record.PhaseCompile}); err != nil {
			t.Fatal(err)
		}
	}
	step := func(name, want string) api.Explanation {
		t.Helper()
		e := explained(t, o, "one", name)
		if e.Wait == nil || e.Wait.For != want || e.Wait.Class != "medium" {
			t.Fatalf("%s waits for %+v, want %s (%s)", name, e.Wait, want, e.Now)
		}
		return e
	}
	if e := step("app", api.WaitNeeds); len(e.Wait.Needs) != 1 || e.Wait.Needs[0].Recipe != "lib" || e.Wait.Starts != nil {
		t.Errorf("no worker is there, and app waits for %+v", e.Wait)
	}
	tell(workflows.Change{Recipe: "lib", State: workflows.Queued})
	step("lib", api.WaitWorker)

	if _, err := o.ReportWorker(ctx, api.Worker{Name: "w1", Classes: []string{"small", "medium"}, Slots: 5, ClassSlots: map[string]int{"small": 4, "medium": 1}}); err != nil {
		t.Fatal(err)
	}
	if e := step("lib", api.WaitSlot); e.Wait.Slots != 1 || e.Wait.Starts == nil || e.Wait.Since == nil {
		t.Errorf("lib waits for %+v", e.Wait)
	}
	runs("lib")
	if e := explained(t, o, "one", "lib"); e.Status != "running" || e.Wait != nil {
		t.Errorf("lib is %s: %s", e.Status, e.Now)
	}
	tell(workflows.Change{Recipe: "other", State: workflows.Queued})
	if e := step("other", api.WaitSlot); len(e.Wait.Running) != 1 || e.Wait.Running[0].Worker != "w1" || *e.Wait.Starts <= 0 {
		t.Errorf("other waits for %+v", e.Wait)
	}
	tell(workflows.Change{Recipe: "lib", State: workflows.Passed})
	runs("other")
	step("app", api.WaitTurn)

	for what, c := range map[string]struct{ run, recipe string }{"no such run": {"nine", "app"}, "no such recipe": {"one", "nobody"}, "in no run": {"", "nobody"}} {
		if _, err := o.Explain(ctx, c.run, c.recipe); fault.KindOf(err) != fault.NotFound || err == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A run that has joined a build of another run says so, although its key is not known yet, and names that run: while the build waits
// and is carried out, when nobody else wants it any more, and when it has ended.
func TestWhoseBuildARunWaitsFor(t *testing.T) {
	o := start(t, t.TempDir())
	req := requestOf(t, o, map[string]string{"app": ""})
	begin(t, o, "theirs", req)
	begin(t, o, "mine", req)
	ctx := t.Context()
	if _, err := o.ReportWorker(ctx, api.Worker{Name: "w1", Classes: []string{"small"}, Slots: 1, ClassSlots: map[string]int{"small": 1}}); err != nil {
		t.Fatal(err)
	}
	tell := func(run string, joined bool, state workflows.State) func() {
		return func() {
			c := workflows.Change{Recipe: "app", State: state, At: time.Now(), Build: "build/app/shared", Joined: joined}
			if err := (activities{o}).Record(ctx, workflows.RecordInput{RunID: run, Changes: []workflows.Change{c}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	attempt := func() {
		if err := o.ReportAttempt(ctx, api.Attempt{ID: "a", Run: "theirs", Recipe: "app", Worker: "w1", Number: 1, Log: "app", Phase: record.PhaseCompile}); err != nil {
			t.Fatal(err)
		}
	}
	tell("theirs", false, workflows.Queued)()
	for _, step := range []struct {
		do   func()
		want string
		top  []api.Queue
	}{
		{tell("mine", true, workflows.Queued), "waits for run theirs, which builds the same key: queued", []api.Queue{{Lane: "submission", Class: "small", Queued: 1}}},
		{attempt, "waits for run theirs, which builds the same key: compile for", []api.Queue{{Lane: "submission", Class: "small", Running: 1}}},
		{tell("theirs", false, workflows.Canceled), "run theirs has started, and that goes on without that run: compile for", nil},
		{tell("mine", true, workflows.Failed), "failed", nil},
	} {
		step.do()
		e := explained(t, o, "mine", "app")
		if !strings.Contains(e.Now, step.want) {
			t.Errorf("%q, want %q", e.Now, step.want)
		}
		run, err := api.NewClient(o.URL()).Run(ctx, "mine")
		if err != nil || run.Actions[0].Joined != "theirs" {
			t.Errorf("%s: the run says it waits for %q, %v", step.want, run.Actions[0].Joined, err)
		}
		if e.Wait != nil && e.Wait.For != api.WaitBuild {
			t.Errorf("it waits for %s", e.Wait.For)
		}
		if step.top == nil {
			continue
		}
		top, err := o.Top(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.top, top.Queues); diff != "" {
			t.Errorf("%s: the queues (-want +got):\n%s", step.want, diff)
		}
		if diff := cmp.Diff([][]string{nil, {"theirs"}}, [][]string{top.Runs[0].Joined, top.Runs[1].Joined}); diff != "" {
			t.Errorf("%s: who waits for whom (-want +got):\n%s", step.want, diff)
		}
		s, err := o.state(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range s.Waiting {
			if w.Status == "queued" && e.Wait.Running[0].Status != "queued" || w.Recipes != 1 {
				t.Errorf("%s: the metrics tell of %+v", step.want, w)
			}
		}
	}
}

// A plan says what a key that is not known yet depends on.
func TestAPlanSaysWhatItsKeysWant(t *testing.T) {
	o := start(t, t.TempDir())
	req := request(t, o)
	actions, err := o.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range actions {
		if a.Key != "" || a.Kind != string(plan.KindBuild) {
			t.Errorf("%s: %s with key %q", a.Recipe, a.Kind, a.Key)
		}
		if diff := cmp.Diff(&api.Wants{Lock: true}, a.Wants); diff != "" {
			t.Errorf("%s wants (-want +got):\n%s", a.Recipe, diff)
		}
	}
	carryOut(t, o, "one", req, "lib", "app")
	if actions, err = o.Plan(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	for _, a := range actions {
		if a.Key == "" || a.Wants != nil {
			t.Errorf("after the run, %s has key %q and wants %+v", a.Recipe, a.Key, a.Wants)
		}
	}
}
