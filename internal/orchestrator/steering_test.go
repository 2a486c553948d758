package orchestrator

import (
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

func TestHowARunIsSteered(t *testing.T) {
	at := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	yes, no, two, none := true, false, 2, 0
	paused := store.RunControl{Paused: at.Add(-time.Hour), By: "ada", Reason: "lunch"}
	for _, story := range []struct {
		name string
		now  store.RunControl
		s    api.Steering
		want store.RunControl
	}{
		{"a pause", store.RunControl{Limit: 2}, api.Steering{Pause: &yes, By: "bea", Reason: "why not"}, store.RunControl{Limit: 2, Paused: at, By: "bea", Reason: "why not"}},
		{"a pause of what is paused", paused, api.Steering{Pause: &yes, By: "bea"}, paused},
		{"an end of the pause", store.RunControl{Paused: at, By: "ada", Limit: 2}, api.Steering{Pause: &no, By: "bea"}, store.RunControl{Limit: 2}},
		{"a resume of what is not paused", store.RunControl{}, api.Steering{Pause: &no}, store.RunControl{}},
		{"a limit in a pause", paused, api.Steering{Limit: &two}, store.RunControl{Paused: paused.Paused, By: "ada", Reason: "lunch", Limit: 2}},
		{"no limit any more", store.RunControl{Limit: 5}, api.Steering{Limit: &none}, store.RunControl{}},
		{"nothing", paused, api.Steering{}, paused},
	} {
		if got := steered(story.now, story.s, at); got != story.want {
			t.Errorf("%s: %+v, want %+v", story.name, got, story.want)
		}
	}
}

// What is held back is told where somebody looks: in the run, and in the answer to why nothing happens.
func TestAHeldBackRunSaysSo(t *testing.T) {
	o := start(t, t.TempDir())
	ctx := t.Context()
	begin(t, o, "one", requestOf(t, o, map[string]string{"lib": "", "app": "", "third": ""}))
	tell := func(in workflows.RecordInput) {
		t.Helper()
		in.RunID = "one"
		if err := (activities{o}).Record(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	since := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	tell(workflows.RecordInput{Control: &workflows.Control{Paused: since, By: "ada", Reason: "lunch", Limit: 1}})
	run, err := o.Run(ctx, "one")
	if err != nil || run.Paused == nil || *run.Paused != (api.Paused{Since: since, By: "ada", Reason: "lunch"}) || run.Limit != 1 || run.State != "running" {
		t.Errorf("the run is %+v, %v", run, err)
	}
	if e := explained(t, o, "one", "lib"); e.Wait == nil || e.Wait.For != api.WaitPause || e.Wait.Starts != nil {
		t.Errorf("lib of a paused run waits for %+v: %s", e.Wait, e.Now)
	}
	if _, err := o.ReportWorker(ctx, api.Worker{Name: "w1", State: api.Active, Classes: []string{"small"}, Slots: 4, ClassSlots: map[string]int{"small": 4}}); err != nil {
		t.Fatal(err)
	}
	tell(workflows.RecordInput{Control: &workflows.Control{Limit: 1}, Changes: []workflows.Change{{Recipe: "lib", State: workflows.Queued, At: time.Now()}}})
	if e := explained(t, o, "one", "app"); e.Wait == nil || e.Wait.For != api.WaitLimit {
		t.Errorf("app of a limited run waits for %+v: %s", e.Wait, e.Now)
	}
	tell(workflows.RecordInput{Changes: []workflows.Change{{Recipe: "lib", State: workflows.Planned, At: time.Now()}}})
	if e := explained(t, o, "one", "lib"); e.Status != "planned" {
		t.Errorf("a build that was withdrawn is %s", e.Status)
	}

	no := false
	for what, id := range map[string]string{"never": "never"} {
		if _, err := o.SteerRun(ctx, id, api.Steering{Pause: &no}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := (activities{o}).FinishRun(ctx, workflows.RunResult{RunID: "one", Outcome: workflows.Canceled}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.SteerRun(ctx, "one", api.Steering{Pause: &no}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("resuming a run that has ended: %v", err)
	}
	if err := o.CancelRun(ctx, "one"); err != nil {
		t.Errorf("canceling a canceled run: %v", err)
	}
	if run, err := o.Run(ctx, "one"); err != nil || run.Paused != nil || run.Limit != 0 {
		t.Errorf("a run that has ended is still held back: %+v, %v", run, err)
	}
	begin(t, o, "two", requestOf(t, o, map[string]string{"lib": ""}))
	if err := (activities{o}).FinishRun(ctx, workflows.RunResult{RunID: "two", Outcome: workflows.Passed}); err != nil {
		t.Fatal(err)
	}
	if err := o.CancelRun(ctx, "two"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("canceling a run that has passed: %v", err)
	}
}
