package storetest

import (
	"fmt"
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

	pins, err := db.Pins(ctx)
	must(t, err)
	if len(pins) != 2 || pins[1] != (store.Pin{Name: "pinned", Created: At(1).Truncate(time.Microsecond)}) {
		t.Errorf("pins: %v", pins)
	}
	must(t, db.Unpin(ctx, "pinned"))
	wantKind(t, "Unpin again", db.Unpin(ctx, "pinned"), fault.NotFound)
}
