package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/store"
)

// Two runs go on, one has ended: what is open is told in order, and the past says how long it may take.
func waiting(t *testing.T, db store.DB) {
	ctx := t.Context()
	planned := func(id string, at int, recipes ...string) {
		must(t, db.CreateRun(ctx, store.Run{ID: id, Lane: "nightly", Created: At(at)}))
		p := &plan.Plan{}
		for _, name := range recipes {
			p.Actions = append(p.Actions, plan.Action{Recipe: name, Kind: plan.KindBuild, Reason: "in " + id})
		}
		must(t, db.PlanRun(ctx, id, p, At(at)))
	}
	news := func(run, recipe string, status store.Status, key string, seconds float64, at int) {
		a := store.RunAction{Recipe: recipe, Status: status, Attempt: 1, Key: key, Seconds: seconds, Started: At(at)}
		if status.Ended() {
			a.Ended = At(at)
		}
		must(t, db.UpdateAction(ctx, run, a))
	}
	planned("old", 0, "a", "b", "c")
	news("old", "a", store.Passed, key("a"), 10, 1)
	news("old", "b", store.Failed, key("b"), 3, 1)
	must(t, db.FinishRun(ctx, "old", store.RunEnd{Outcome: "failed"}, At(2)))
	planned("two", 5, "b", "a")
	planned("one", 4, "a", "d")
	news("one", "a", store.Failed, key("a2"), 99, 6)
	news("two", "a", store.Running, key("a"), 0, 7)
	news("two", "a", store.Running, key("a"), 0, 8) // its next phase
	planned("new", 8, "c")
	must(t, db.FinishRun(ctx, "new", store.RunEnd{Outcome: "canceled"}, At(9)))

	open, err := db.OpenActions(ctx)
	must(t, err)
	var got []string
	for _, a := range open {
		got = append(got, a.Run+" "+a.Lane+" "+a.Recipe+" "+string(a.Status))
	}
	if diff := cmp.Diff([]string{"one nightly d planned", "two nightly b planned", "two nightly a running"}, got); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	if open[2].Created != At(5) || open[2].Started != At(7) {
		t.Errorf("a was made at %v, started %v", open[2].Created, open[2].Started)
	}

	going, err := db.RunsInFlight(ctx)
	must(t, err)
	if len(going) != 2 || going[1].ID != "two" || going[1].Counts[store.Running] != 1 {
		t.Fatalf("in flight: %+v", going)
	}
	if diff := cmp.Diff(map[string]int{"": 1}, going[1].Begun); diff != "" || going[1].Queued != nil || going[0].Begun != nil {
		t.Errorf("begun (-want +got):\n%s; queued: %v; of the other: %v", diff, going[1].Queued, going[0].Begun)
	}

	took, err := db.Seconds(ctx, []string{"a", "b", "c", "nobody"})
	must(t, err)
	if diff := cmp.Diff(map[string]float64{"a": 10, "b": 3}, took); diff != "" {
		t.Errorf("seconds (-want +got):\n%s", diff)
	}

	for recipe, want := range map[string]string{"a": "two", "b": "two", "d": "one", "c": "new"} {
		if id, err := db.NewestRun(ctx, recipe); err != nil || id != want {
			t.Errorf("the newest run of %s is %s, %v; want %s", recipe, id, err, want)
		}
	}
	past, err := db.BuiltIn(ctx, "a", key("a"))
	must(t, err)
	if diff := cmp.Diff(store.Past{Run: "old", Reason: "in old", Status: store.Passed, Ended: At(1)}, past); diff != "" {
		t.Errorf("where a was built (-want +got):\n%s", diff)
	}
	for what, err := range map[string]error{
		"a run of nobody":      second(db.NewestRun(ctx, "nobody")),
		"a build under no key": second(db.BuiltIn(ctx, "a", key("zz"))),
		"a build that goes on": second(db.BuiltIn(ctx, "d", "")),
	} {
		if fault.KindOf(err) != fault.NotFound || err == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
