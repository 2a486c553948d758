package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/store"
)

// quarantine: a person's word counts more than the farm's, each ends by itself or is lifted, and what was built before its end
// says nothing any more.
func quarantine(t *testing.T, db store.DB) {
	ctx := t.Context()
	mine := store.Quarantine{Recipe: "b", Reason: "flaky", Owner: "ada", Since: At(1), Until: At(10)}
	found := store.Quarantine{Recipe: "a", Reason: "in turns", Owner: "operators", Automatic: true, Since: At(2), Until: At(20)}
	must(t, db.Quarantine(ctx, mine))
	must(t, db.Quarantine(ctx, found))
	over := found
	over.Recipe = "b"
	must(t, db.Quarantine(ctx, over)) // b is in one already
	expect := func(story string, at int, want ...store.Quarantine) {
		t.Helper()
		got, err := db.Quarantines(ctx, At(at))
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", story, diff)
		}
	}
	expect("two", 5, found, mine)
	expect("one has ended", 10, found)
	mine.Reason, mine.Until = "still", At(30)
	must(t, db.Quarantine(ctx, mine))
	expect("a longer one", 15, found, mine)
	must(t, db.LiftQuarantine(ctx, "b", At(16)))
	expect("one was lifted", 17, found)
	wantKind(t, "lifting it again", db.LiftQuarantine(ctx, "b", At(17)), fault.NotFound)
	wantKind(t, "lifting what never was", db.LiftQuarantine(ctx, "never", At(17)), fault.NotFound)

	for i, a := range []store.RunAction{
		{Recipe: "b", Key: "k", Status: store.Passed, Seconds: 1, Ended: At(15)}, // before it was lifted
		{Recipe: "b", Key: "k", Status: store.Failed, Seconds: 1, Ended: At(18)},
		{Recipe: "b", Key: "k", Status: store.Failed, Seconds: 1, Ended: At(19), Fault: "unavailable"}, // the machinery
		{Recipe: "b", Key: "k", Status: store.Cached, Ended: At(20)},                                   // nobody has built it
		{Recipe: "other", Key: "k", Status: store.Passed, Seconds: 1, Ended: At(20)},
		{Recipe: "b", Key: "k", Status: store.Passed, Seconds: 1, Ended: At(21)},
		{Recipe: "b", Key: "l", Status: store.Passed, Seconds: 1, Ended: At(22)},
	} {
		id := fmt.Sprint("run ", i)
		must(t, db.CreateRun(ctx, store.Run{ID: id, Created: At(i)}))
		must(t, db.PlanRun(ctx, id, &plan.Plan{Actions: []plan.Action{{Recipe: a.Recipe, Kind: plan.KindBuild}}}, At(i)))
		must(t, db.UpdateAction(ctx, id, a))
	}
	got, err := db.Trials(ctx, "b", 10)
	must(t, err)
	if diff := cmp.Diff([]plan.Trial{{Key: "l", Passed: true}, {Key: "k", Passed: true}, {Key: "k", Passed: false}}, got); diff != "" {
		t.Errorf("trials (-want +got):\n%s", diff)
	}
}
