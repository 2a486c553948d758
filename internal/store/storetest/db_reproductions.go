package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// reproductions are builds that were made twice, one a minute.
func reproductions(t *testing.T, db store.DB) {
	ctx := t.Context()
	put := func(minute int, recipe, name string, r *record.Reproduction) store.Build {
		t.Helper()
		b := remembered(recipe, minute)
		if r != nil && !r.Same && r.Blocks {
			artifacts := b.Record.Artifacts
			b.Record = *Failed(recipe)
			b.Record.Artifacts = artifacts
		}
		b.Record.Key, b.Record.Reproduction = key(name), r
		_, err := db.PutBuild(ctx, b)
		must(t, err)
		return b
	}
	reproduced := func(recipe string, want bool) {
		t.Helper()
		image := remembered(recipe, 0).Inputs.Toolchain
		got, err := db.Reproduced(ctx, recipe, image)
		if other, err := db.Reproduced(ctx, recipe, "sha256:another image"); err != nil || other {
			t.Errorf("%s on another image: %v, %v", recipe, other, err)
		}
		if err != nil || got != want {
			t.Errorf("%s reproduced: %v, %v", recipe, got, err)
		}
	}
	once := put(0, "once", "once", nil)
	reproduced("once", false)
	if _, err := db.Differing(ctx, "once"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("of what was built once: %v", err)
	}
	// A second build of what is kept already adds what it has found.
	confirmed := put(1, "once", "once", &record.Reproduction{Same: true, Worker: "w2", Varied: []string{}})
	reproduced("once", true)
	got, err := db.Build(ctx, once.Record.Key)
	must(t, err)
	if diff := cmp.Diff(confirmed.Record.Reproduction, got.Record.Reproduction); diff != "" {
		t.Error(diff)
	}
	put(2, "once", "once", nil) // built again, once: what is known stays
	if got, err := db.Build(ctx, once.Record.Key); err != nil || got.Record.Reproduction == nil {
		t.Errorf("what is known was lost: %v", err)
	}

	put(0, "bad", "bad 0", &record.Reproduction{Blocks: true})
	reproduced("bad", false)
	put(1, "bad", "bad 1", &record.Reproduction{Blocks: true})
	put(2, "bad", "bad 2", nil)
	reproduced("bad", false)
	if b, err := db.Differing(ctx, "bad"); err != nil || b.Record.Key != key("bad 1") {
		t.Errorf("the newest that differs: %s, %v", b.Record.Key, err)
	}
	put(3, "tolerated", "tolerated", &record.Reproduction{})
	reproduced("tolerated", true)
	other := remembered("tolerated", 4)
	other.Record.Key = key("tolerated")
	other.Record.Artifacts[0].Digest = Digest([]byte("something else"))
	if stored, err := db.PutBuild(ctx, other); err != nil || stored {
		t.Errorf("that it differs once more is no news: %v, %v", stored, err)
	}

	// A second build of one that passed, which comes out otherwise, is known from then on; but not against two that were the same.
	passed := put(4, "late", "late", nil)
	differs := passed
	differs.Record.Outcome, differs.Record.Failure = record.Failed, &record.Failure{Kind: record.NotReproducible, Message: "x.py differs"}
	differs.Record.Reproduction = &record.Reproduction{Blocks: true}
	if stored, err := db.PutBuild(ctx, differs); err != nil || !stored {
		t.Errorf("that it differs is kept: %v, %v", stored, err)
	}
	differs.Record.Key, differs.Record.Recipe = key("once"), "once"
	differs.Record.Artifacts = once.Record.Artifacts
	if stored, err := db.PutBuild(ctx, differs); err != nil || stored {
		t.Errorf("against two builds that were the same: %v, %v", stored, err)
	}
	list, err := db.Twice(ctx, []string{"late"})
	must(t, err)
	if diff := cmp.Diff([]store.Twice{{Key: key("late"), Recipe: "late", Toolchain: passed.Record.Toolchain.Digest}}, list); diff != "" {
		t.Error(diff)
	}
	both, err := db.Twice(ctx, []string{"late", "once", "unknown"})
	must(t, err)
	found := map[string]bool{}
	for _, b := range both {
		found[b.Key] = b.Same
	}
	if diff := cmp.Diff(map[string]bool{key("late"): false, key("once"): true}, found); diff != "" {
		t.Errorf("of two recipes (-want +got):\n%s", diff)
	}

	// What nobody has looked at is not garbage.
	root := func(name string) store.Root {
		c, err := db.Collect(ctx, store.Policy{Before: At(100), Dry: true})
		must(t, err)
		return c.Kept[key(name)]
	}
	for name, want := range map[string]store.Root{"bad 0": "", "bad 1": store.Unseen, "bad 2": store.Newest, "tolerated": store.Unseen} {
		if got := root(name); got != want {
			t.Errorf("%s is kept as %q, want %q", name, got, want)
		}
	}
	must(t, db.Look(ctx, key("bad 1"), At(5)))
	must(t, db.Look(ctx, key("bad 1"), At(6)))
	must(t, db.Look(ctx, key("nothing"), At(6)))
	if got := root("bad 1"); got != "" {
		t.Errorf("after a look it is kept as %q", got)
	}
	put(7, "bad", "bad 1", &record.Reproduction{Blocks: true})
	if got := root("bad 1"); got != store.Unseen {
		t.Errorf("a new difference is kept as %q", got)
	}
	_, err = db.Collect(ctx, store.Policy{Before: At(100)})
	must(t, err)
	reproduced("tolerated", true)
}
