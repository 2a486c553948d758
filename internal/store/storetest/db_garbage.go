package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// garbage is a history of builds, one a minute, of which each root keeps some.
func garbage(t *testing.T, db store.DB) {
	ctx := t.Context()
	put := func(minute int, recipe, name, toolchain string, outcome record.Outcome) {
		b := remembered(recipe, minute)
		if outcome == record.Failed {
			b.Record = *Failed(recipe)
		}
		b.Record.Key, b.Record.Toolchain.Name = key(name), toolchain
		_, err := db.PutBuild(ctx, b)
		must(t, err)
	}
	for i := range 5 {
		put(i, "lz4", fmt.Sprint("lz4 ", i), "tc", record.Passed)
	}
	put(5, "lz4", "lz4 failed", "tc", record.Failed)
	put(0, "lz4", "lz4 elsewhere", "another", record.Passed)
	put(0, "h3", "h3 0", "tc", record.Failed)
	put(1, "h3", "h3 1", "tc", record.Failed)
	put(0, "pinned", "pinned 0", "tc", record.Passed)
	put(1, "pinned", "pinned 1", "tc", record.Passed)

	must(t, db.CreateRun(ctx, store.Run{ID: "running", Created: At(60)}))
	must(t, db.PlanRun(ctx, "running", &plan.Plan{Actions: []plan.Action{{Recipe: "lz4", Kind: plan.KindReuse, Key: key("lz4 1")}}}, At(60)))
	_, err := db.Publish(ctx, "tc", []store.Publication{{Filename: "lz4.whl", Project: "lz4", Digest: "sha256:x", Key: key("lz4 0")}}, false)
	must(t, err)
	must(t, db.Pin(ctx, key("h3 0"), At(0)))
	must(t, db.Pin(ctx, "pinned", At(1)))
	must(t, db.Pin(ctx, "pinned", At(2))) // again: no harm

	kept := func(p store.Policy) map[string]store.Root {
		t.Helper()
		c, err := db.Collect(ctx, p)
		must(t, err)
		named := map[string]store.Root{}
		for _, name := range []string{"lz4 0", "lz4 1", "lz4 2", "lz4 3", "lz4 4", "lz4 failed", "lz4 elsewhere", "h3 0", "h3 1", "pinned 0", "pinned 1"} {
			if root := c.Kept[key(name)]; root != "" {
				named[name] = root
			}
		}
		if len(named) != len(c.Kept) || len(named)+len(c.Forgotten) != 11 {
			t.Errorf("%d kept, %d forgotten", len(c.Kept), len(c.Forgotten))
		}
		return named
	}
	always := func(more map[string]store.Root) map[string]store.Root {
		all := map[string]store.Root{
			"lz4 0": store.Published, "lz4 failed": store.Newest, "lz4 elsewhere": store.Newest,
			"h3 0": store.Pinned, "h3 1": store.Newest, "pinned 0": store.Pinned, "pinned 1": store.Pinned,
		}
		for name, root := range more {
			all[name] = root
		}
		return all
	}
	late := At(100)
	for story, c := range map[string]struct {
		policy store.Policy
		want   map[string]store.Root
	}{
		"only what something points at": {store.Policy{Before: late}, nil},
		"two good ones":                 {store.Policy{Before: late, Keep: 2}, map[string]store.Root{"lz4 4": store.LastGood, "lz4 3": store.LastGood}},
		"the recent ones":               {store.Policy{Before: At(3)}, map[string]store.Root{"lz4 4": store.Recent, "lz4 3": store.Recent}},
		"what a run names":              {store.Policy{Before: late, Runs: []string{"running"}}, map[string]store.Root{"lz4 1": store.InFlight}},
	} {
		c.policy.Dry = true
		if diff := cmp.Diff(always(c.want), kept(c.policy)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", story, diff)
		}
	}

	// What is used while a run goes on stays for it.
	must(t, db.UseBuilds(ctx, []string{key("lz4 2")}, At(61)))
	want := always(map[string]store.Root{"lz4 1": store.InFlight, "lz4 2": store.InFlight})
	delete(want, "lz4 failed") // now the newest is another
	if diff := cmp.Diff(want, kept(store.Policy{Before: late, Runs: []string{"running"}})); diff != "" {
		t.Errorf("beside a run (-want +got):\n%s", diff)
	}
	for name, there := range map[string]bool{"lz4 0": true, "lz4 1": true, "lz4 3": false, "lz4 failed": false} {
		if _, err := db.Build(ctx, key(name)); (err == nil) != there || !there && fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s after the collection: %v", name, err)
		}
	}
	if _, err := db.Collect(ctx, store.Policy{Runs: []string{"unknown"}}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("beside an unknown run: %v", err)
	}

	forgottenRuns(t, db)
	pins, err := db.Pins(ctx)
	must(t, err)
	if len(pins) != 2 || pins[1] != (store.Pin{Name: "pinned", Created: At(1).Truncate(time.Microsecond)}) {
		t.Errorf("pins: %v", pins)
	}
	must(t, db.Unpin(ctx, "pinned"))
	wantKind(t, "Unpin again", db.Unpin(ctx, "pinned"), fault.NotFound)
}

// forgottenRuns are old runs of which no more is kept than what tells where builds were made that stay.
func forgottenRuns(t *testing.T, db store.DB) {
	t.Helper()
	ctx := t.Context()
	kept := key("h3 1") // the newest of its recipe
	run := func(id string, ended int, more ...string) {
		t.Helper()
		must(t, db.CreateRun(ctx, store.Run{ID: id, Lane: "nightly", Request: []byte(`{}`), Created: At(ended - 1)}))
		p := &plan.Plan{Actions: []plan.Action{
			{Recipe: "h3", Kind: plan.KindBuild, Reason: "in " + id}, {Recipe: "gone", Kind: plan.KindBuild}, {Recipe: "cached", Kind: plan.KindReuse, Key: kept},
		}}
		must(t, db.PlanRun(ctx, id, p, At(ended-1)))
		must(t, db.UpdateAction(ctx, id, store.RunAction{Recipe: "h3", Status: store.Passed, Key: kept, Seconds: 7, Ended: At(ended)}))
		must(t, db.UpdateAction(ctx, id, store.RunAction{Recipe: "gone", Status: store.Passed, Key: key("not remembered"), Ended: At(ended)}))
		must(t, db.BeginAttempt(ctx, store.Attempt{ID: id + "-a", Run: id, Recipe: "h3", Key: kept, Started: At(ended - 1)}))
		must(t, db.FinishRun(ctx, id, store.RunEnd{Outcome: "passed"}, At(ended)))
		must(t, db.Note(ctx, store.Entry{ID: id, At: At(ended), Who: "ada", Action: "run.start", Subject: id}))
	}
	run("older", 10)
	run("tries", 11)
	run("younger", 50)
	must(t, db.PutReleases(ctx, []store.Release{{Schedule: "s", Recipe: "h3", Version: "2", Run: "tries", Found: At(11)}}))

	policy := store.Policy{Before: At(0), Keep: 9, RunsBefore: At(30), JournalBefore: At(20), Dry: true}
	count := func() [4]int {
		t.Helper()
		c, err := db.Collect(ctx, policy)
		must(t, err)
		return [4]int{c.Runs, c.Actions, c.Attempts, c.Entries}
	}
	would := count()
	if again := count(); would[0] < 1 || would[2] < 2 || would[3] != 2 || again != would {
		t.Errorf("runs, actions, attempts, entries that would go: %v, then %v", would, again)
	}
	policy.Dry = false
	if went := count(); went != would {
		t.Errorf("runs, actions, attempts, entries that went: %v, of %v", went, would)
	}
	if none := count(); none != [4]int{} {
		t.Errorf("the second time went %v", none)
	}

	_, _, err := db.Run(ctx, "older")
	wantKind(t, "a run that is forgotten", err, fault.NotFound)
	if err == nil || !strings.Contains(err.Error(), "forgotten") || !strings.Contains(err.Error(), "passed") {
		t.Errorf("it says %v", err)
	}
	_, err = db.Head(ctx, "older")
	wantKind(t, "the head of it", err, fault.NotFound)
	for _, id := range []string{"tries", "younger"} {
		if r, actions, err := db.Run(ctx, id); err != nil || r.Plan == nil || len(actions) != 3 {
			t.Errorf("run %s: %v, %d actions", id, err, len(actions))
		}
	}
	runs, err := db.Runs(ctx, 0)
	must(t, err)
	for _, r := range runs {
		if r.ID == "older" {
			t.Errorf("the list has run %s", r.ID)
		}
	}
	// What is known of builds that stay is known as before.
	if past, err := db.BuiltIn(ctx, "h3", kept); err != nil || past.Run != "older" || past.Reason != "in older" {
		t.Errorf("where h3 was built: %+v, %v", past, err)
	}
	if took, err := db.Seconds(ctx, []string{"h3"}); err != nil || took["h3"] != 7 {
		t.Errorf("how long it took: %v, %v", took, err)
	}
	if id, err := db.NewestRun(ctx, "h3"); err != nil || id != "younger" {
		t.Errorf("the newest run of h3: %s, %v", id, err)
	}
	if rest, err := db.Actions(ctx, "older"); err != nil || len(rest) != 1 || rest[0].Recipe != "h3" {
		t.Errorf("of the run is left %+v, %v", rest, err)
	}
}
