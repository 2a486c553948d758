package orchestrator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// A worker that was not heard of since the orchestrator was started has its classes, and one that takes nothing has none.
func TestSlotsOfWorkers(t *testing.T) {
	got := api.SlotsOf([]api.Worker{
		{Name: "known", State: api.Active, Classes: []string{"small", "large"}, ClassSlots: map[string]int{"small": 4, "large": 2}},
		{Name: "seen before", State: api.Active, Classes: []string{"small"}},
		{Name: "lost", State: api.Gone, Classes: []string{"small", "medium"}, ClassSlots: map[string]int{"small": 9, "medium": 9}},
		{Name: "drained", State: api.Draining, Classes: []string{"small"}, ClassSlots: map[string]int{"small": 9}},
	})
	if diff := cmp.Diff(map[string]int{"small": 5, "large": 2}, got); diff != "" {
		t.Error(diff)
	}
}

// A worker is told to drain, hears of it with its next sign of life, finishes what it has, and is told to work again.
func TestADrain(t *testing.T) {
	o := start(t, t.TempDir())
	ctx := t.Context()
	if _, err := o.OrderWorker(ctx, "w1", api.Order{Rest: true}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("draining a worker that never joined: %v", err)
	}
	begin(t, o, "one", requestOf(t, o, map[string]string{"lib": ""}))
	me := api.Worker{Name: "w1", Classes: []string{"small"}, Slots: 1, State: api.Active}
	sign := func() api.Order {
		t.Helper()
		order, err := o.ReportWorker(ctx, me)
		if err != nil {
			t.Fatal(err)
		}
		return order
	}
	order := func(want api.Order) api.Worker {
		t.Helper()
		w, err := o.OrderWorker(ctx, "w1", want)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	if got := sign(); !got.At.IsZero() {
		t.Errorf("a worker that nobody wants anything of is told %+v", got)
	}
	tried := api.Attempt{ID: "a-1", Run: "one", Recipe: "lib", Worker: "w1", Number: 1, Log: "lib", Phase: record.PhaseCompile}
	if err := o.ReportAttempt(ctx, tried); err != nil {
		t.Fatal(err)
	}
	w := order(api.Order{Rest: true, Reason: "a new disk", By: "ada"})
	if w.State != api.Draining || w.By != "ada" || len(w.Builds) != 1 || w.Builds[0].Phase != "compile" || w.Empty != nil {
		t.Errorf("before it has heard of the order, and lib was never built: %+v", w)
	}
	told := sign()
	if !told.Rest || told.Reason != "a new disk" || told.At.IsZero() {
		t.Errorf("it is told %+v", told)
	}
	if again := order(api.Order{Rest: true, Reason: "another", By: "bea"}); again.By != "ada" {
		t.Errorf("a second drain changes the first: %+v", again)
	}
	me.State, me.Reason, me.By, me.Heard = api.Drained, told.Reason, told.By, &told.At
	if sign(); order(api.Order{Rest: true}).State != api.Drained {
		t.Error("what is drained can't be drained")
	}
	if w := order(api.Order{By: "ada"}); w.State != api.Active {
		t.Errorf("after the drain was taken back: %+v", w)
	}
	if again := sign(); again.Rest || !again.At.After(told.At) {
		t.Errorf("it is told %+v", again)
	}

	// Out of order by itself, it is brought back by an order that is younger than the last.
	last := sign().At
	me.State, me.Reason, me.Heard = api.Out, "the engine does not answer", &last
	sign()
	if w := order(api.Order{By: "ada"}); w.State != api.Active || !sign().At.After(last) {
		t.Errorf("brought back: %+v", w)
	}
}

func TestWhenAWorkerIsEmpty(t *testing.T) {
	now := time.Now()
	build := func(usual, since float64) api.WorkerBuild {
		return api.WorkerBuild{Usual: usual, Started: now.Add(-time.Duration(since * float64(time.Second)))}
	}
	for name, story := range map[string]struct {
		builds []api.WorkerBuild
		want   float64 // -1: nobody can tell
	}{
		"nothing runs":                       {nil, 0},
		"the longest counts":                 {[]api.WorkerBuild{build(100, 40), build(30, 5)}, 60},
		"one was never built":                {[]api.WorkerBuild{build(100, 40), build(0, 5)}, -1},
		"one takes longer than the last one": {[]api.WorkerBuild{build(100, 140)}, -1},
	} {
		got := empty(story.builds, now)
		if (got == nil) != (story.want < 0) || got != nil && *got != story.want {
			t.Errorf("%s: %v, want %v", name, got, story.want)
		}
	}
}

// What an attempt says of itself is shown at once, not only with the next sign of life.
func TestNewsOfAttempts(t *testing.T) {
	f := workforce{}
	a := api.Attempt{ID: "a-1", Recipe: "lib", Worker: "w1", Number: 1, Phase: record.PhaseFetch}
	f.attempt(a, time.Now()) // of a worker that nobody knows yet
	f.seen(api.Worker{Name: "w1"})
	for _, step := range []struct {
		phase   record.Phase
		outcome string
		want    int
	}{{record.PhaseFetch, "", 1}, {record.PhaseCompile, "", 1}, {"", string(workflows.Passed), 0}} {
		a.Phase, a.Outcome = step.phase, step.outcome
		f.attempt(a, time.Now())
		got := f.said("w1").Builds
		if len(got) != step.want || step.want > 0 && got[0].Phase != string(step.phase) {
			t.Errorf("after %+v: %+v", step, got)
		}
	}
}

// One look shows workers with what they build, queues and runs.
func TestTop(t *testing.T) {
	o := start(t, t.TempDir())
	ctx := t.Context()
	begin(t, o, "one", requestOf(t, o, map[string]string{"lib": "wasmill: {class: large}\n", "app": "", "late": "requirements:\n  run: [app]\n"}))
	me := api.Worker{Name: "w1", State: api.Active, Classes: []string{"small"}, Slots: 1, Builds: []api.WorkerBuild{{Attempt: "a", Run: "one", Recipe: "app", Class: "small", Started: time.Now()}}}
	if _, err := o.ReportWorker(ctx, me); err != nil {
		t.Fatal(err)
	}
	if err := (activities{o}).Record(ctx, workflows.RecordInput{RunID: "one", Changes: []workflows.Change{{Recipe: "lib", State: workflows.Queued, At: time.Now()}}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		top, err := o.Top(ctx)
		if err != nil {
			t.Fatal(err)
		}
		queues := []api.Queue{{Lane: "submission", Class: "large", Queued: 1}, {Lane: "submission", Class: "small", Running: 1}}
		if diff := cmp.Diff(queues, top.Queues); diff != "" {
			t.Errorf("queues (-want +got):\n%s", diff)
		}
		if len(top.Runs) != 1 || top.Runs[0].Total != 3 || top.Runs[0].Counts["planned"] != 2 || top.Runs[0].Counts["queued"] != 1 || len(top.Workers) != 1 {
			t.Errorf("top is %+v", top)
		}
	}
	// What is built and on no worker waits for a slot again.
	for _, recipe := range []string{"app", "late"} {
		if err := o.db.UpdateAction(ctx, "one", store.RunAction{Recipe: recipe, Status: store.Running, Attempt: 1, Class: "small"}); err != nil {
			t.Fatal(err)
		}
	}
	if top, err := o.Top(ctx); err != nil || top.Queues[1] != (api.Queue{Lane: "submission", Class: "small", Running: 1, Queued: 1}) {
		t.Errorf("between two steps: %+v, %v", top.Queues, err)
	}
	if err := (activities{o}).FinishRun(ctx, workflows.RunResult{RunID: "one", Outcome: workflows.Canceled}); err != nil {
		t.Fatal(err)
	}
	if top, err := o.Top(ctx); err != nil || len(top.Runs) != 0 {
		t.Errorf("after the end: %+v, %v", top.Runs, err)
	}
}
