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

// Three runs wait for one build, two of them for one that another has started: they are told by that run, also when it does not want
// the build any more; and they take no place in the queue as long as it does.
func joining(t *testing.T, db store.DB) {
	ctx := t.Context()
	const shared = "build/a/shared"
	for i, id := range []string{"earlier", "first", "second", "third"} {
		must(t, db.CreateRun(ctx, store.Run{ID: id, Lane: "nightly", Created: At(i)}))
		must(t, db.PlanRun(ctx, id, &plan.Plan{Actions: []plan.Action{{Recipe: "a", Kind: plan.KindBuild}, {Recipe: "b", Kind: plan.KindBuild}}}, At(i)))
	}
	must(t, db.UpdateAction(ctx, "earlier", store.RunAction{Recipe: "a", Status: store.Failed, Build: shared, Ended: At(3)}))
	must(t, db.FinishRun(ctx, "earlier", store.RunEnd{Outcome: "failed"}, At(3)))
	queue := func(run string, joined bool) {
		must(t, db.UpdateAction(ctx, run, store.RunAction{Recipe: "a", Status: store.Queued, Started: At(5), Build: shared, Joined: joined}))
	}
	queue("first", false)
	queue("second", true)
	queue("third", true)
	must(t, db.UpdateAction(ctx, "third", store.RunAction{Recipe: "b", Status: store.Queued, Started: At(5), Build: "build/b/third"}))

	type state struct {
		Starter  map[string]string
		Joined   []string
		Queued   map[string]int
		Carrying []int
	}
	look := func() (s state) {
		var err error
		s.Starter, err = db.StartedBy(ctx, map[string]string{"a": shared, "b": "nobody's", "c": shared})
		must(t, err)
		going, err := db.RunsInFlight(ctx)
		must(t, err)
		s.Joined, s.Queued = going[2].Joined, going[2].Queued
		open, err := db.OpenActions(ctx)
		must(t, err)
		s.Carrying = store.Carrying(open)
		return s
	}
	by := map[string]string{"a": "first"}
	one := map[string]int{"": 1}
	for _, step := range []struct {
		name string
		do   func()
		want state
	}{ // the open actions are a and b of the first, the second and the third run
		{"it waits for a slot", func() {}, state{by, []string{"first"}, one, []int{0, -1, 0, -1, 0, 5}}},
		{"it runs", func() {
			must(t, db.UpdateAction(ctx, "first", store.RunAction{Recipe: "a", Status: store.Running, Attempt: 1, Started: At(6)}))
		}, state{by, []string{"first"}, one, []int{0, -1, 0, -1, 0, 5}}},
		{"the first run does not want it any more", func() {
			must(t, db.UpdateAction(ctx, "first", store.RunAction{Recipe: "a", Status: store.Canceled, Attempt: 1, Ended: At(7)}))
		}, state{by, nil, map[string]int{"": 2}, []int{-1, 1, -1, 1, 4}}},
		{"it is canceled, and the second starts it again", func() { queue("second", false) },
			state{map[string]string{"a": "second"}, []string{"second"}, one, []int{-1, 1, -1, 1, 4}}},
	} {
		step.do()
		if diff := cmp.Diff(step.want, look()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
	list, err := db.Actions(ctx, "first", "a")
	must(t, err)
	if list[0].Build != shared || list[0].Joined { // a worker's news do not change it
		t.Errorf("%+v", list[0])
	}
}

func second[T any](_ T, err error) error { return err }
