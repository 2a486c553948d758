package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

func remembered(recipe string, minute int) store.Build {
	r, _ := Passed(recipe, []byte("wheel of "+recipe))
	return store.Build{
		Record: *r, Finished: At(minute), Used: At(minute),
		Inputs: plan.Inputs{Recipe: []plan.Input{{Name: "build", Digest: Digest([]byte(recipe))}}, Toolchain: r.Toolchain.Digest, Env: map[string]string{"A": "b"}},
	}
}

func buildRemembered(t *testing.T, db store.DB) {
	want := remembered("numpy", 0)
	stored, err := db.PutBuild(t.Context(), want)
	if err != nil || !stored {
		t.Fatalf("PutBuild: %v, %v", stored, err)
	}
	got, err := db.Build(t.Context(), want.Record.Key)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("build (-want +got):\n%s", diff)
	}
}

func oneArtifact(t *testing.T, db store.DB) {
	ctx := t.Context()
	failure := remembered("h3", 0)
	failure.Record = *Failed("h3")
	passed := remembered("h3", 1)
	again := remembered("h3", 2)
	again.Record.Worker = "another"
	other := remembered("h3", 3)
	other.Record.Artifacts = []record.Artifact{{Filename: "h3.whl", Digest: Digest([]byte("else"))}}
	for _, step := range []struct {
		what   string
		build  store.Build
		stored bool
		kind   fault.Kind // of the error; Internal stands for none
	}{
		{"a failure", failure, true, 0},
		{"it passes when tried again", passed, true, 0},
		{"the same bytes", again, false, 0},
		{"a failure after it", failure, false, 0},
		{"other bytes", other, false, fault.Conflict},
	} {
		stored, err := db.PutBuild(ctx, step.build)
		if stored != step.stored || (err != nil) != (step.kind != 0) || step.kind != 0 && fault.KindOf(err) != step.kind {
			t.Errorf("%s: stored %v, %v; want stored %v and kind %v", step.what, stored, err, step.stored, step.kind)
		}
	}
	got, err := db.Build(ctx, passed.Record.Key)
	must(t, err)
	passed.Used = At(2)
	if diff := cmp.Diff(passed, got); diff != "" {
		t.Errorf("build (-want +got):\n%s", diff)
	}
}

// manyBuilds are more than a database takes in one question.
func manyBuilds(t *testing.T, db store.DB) {
	want := map[string]store.Build{}
	var keys []string
	for i := range 3 {
		b := remembered(fmt.Sprint("recipe-", i), i)
		b.Record.Key = key(fmt.Sprint("many ", i))
		_, err := db.PutBuild(t.Context(), b)
		must(t, err)
		if want[b.Record.Key], err = db.Build(t.Context(), b.Record.Key); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, b.Record.Key)
		for j := range 400 {
			keys = append(keys, key(fmt.Sprint("none ", i, j)))
		}
	}
	got, err := db.BuildsOf(t.Context(), keys)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := db.BuildsOf(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("of no keys: %v, %v", got, err)
	}
}

func latestBuild(t *testing.T, db store.DB) {
	ctx := t.Context()
	versions := []store.Build{remembered("lz4", 0), remembered("lz4", 1), remembered("lz4", 2)}
	for i := range versions {
		versions[i].Record.Key = key(fmt.Sprint("lz4", i))
		if i == 2 {
			versions[i].Record.Toolchain.Name = "another"
		}
		_, err := db.PutBuild(ctx, versions[i])
		must(t, err)
	}
	latest := func(toolchain string) string {
		b, err := db.LatestBuild(ctx, "lz4", toolchain, "")
		must(t, err)
		return b.Record.Key
	}
	if got := latest(""); got != versions[2].Record.Key {
		t.Errorf("latest on any toolchain: %s", got)
	}
	if got := latest("pyemscripten_2026_5"); got != versions[1].Record.Key {
		t.Errorf("latest on the toolchain: %s", got)
	}
	must(t, db.UseBuilds(ctx, []string{versions[0].Record.Key, "unknown"}, At(5)))
	if got := latest(""); got != versions[0].Record.Key {
		t.Errorf("latest after the first was used again: %s", got)
	}
	bad := store.Build{Record: *Failed("lz4"), Finished: At(6), Used: At(6)}
	_, err := db.PutBuild(ctx, bad)
	must(t, err)
	if got := latest(""); got != bad.Record.Key {
		t.Errorf("latest after one has failed: %s", got)
	}
	if b, err := db.LatestBuild(ctx, "lz4", "", record.Passed); err != nil || b.Record.Key != versions[0].Record.Key {
		t.Errorf("latest that passed: %s, %v", b.Record.Key, err)
	}
	_, err = db.LatestBuild(ctx, "lz4", "another", record.Failed)
	wantKind(t, "what has not failed there", err, fault.NotFound)
}

func history(t *testing.T, db store.DB) {
	ctx := t.Context()
	old, now, bad := remembered("a", 0), remembered("a", 1), remembered("b", 2)
	old.Record.Key = key("old a")
	bad.Record = *Failed("b")
	elsewhere := remembered("c", 3)
	elsewhere.Record.Toolchain.Name = "another"
	good, tried := remembered("d", 4), remembered("d", 5)
	tried.Record = *Failed("d")
	tried.Record.Key = key("another d")
	for _, b := range []store.Build{old, now, bad, elsewhere, good, tried} {
		_, err := db.PutBuild(ctx, b)
		must(t, err)
	}
	for _, key := range []string{"lock", "another lock"} {
		_, err := db.PutLock(ctx, key, store.Lock{Digest: Digest([]byte("l")), Content: json.RawMessage(`{}`)}, At(0))
		must(t, err)
	}

	brief := func(b store.Build) plan.Build {
		return plan.Build{Key: b.Record.Key, Outcome: b.Record.Outcome, Output: plan.Output(&b.Record)}
	}
	nowBrief, badBrief := brief(now), brief(bad)
	badBrief.Failure = "compile-failed: unknown type name 'foo'"
	triedBrief := brief(tried)
	triedBrief.Failure = badBrief.Failure
	want := plan.History{
		Builds: map[string]plan.Build{
			old.Record.Key: brief(old), now.Record.Key: nowBrief, bad.Record.Key: badBrief, good.Record.Key: brief(good), tried.Record.Key: triedBrief,
		},
		Locks: map[string]record.Digest{"lock": Digest([]byte("l"))},
	}
	want.Good = map[string]plan.Build{"d": brief(good)}
	want.Costs = map[string]plan.Cost{"a": {}, "b": {}, "c": {}, "d": {}}
	nowBrief.Inputs, badBrief.Inputs, triedBrief.Inputs = now.Inputs, bad.Inputs, tried.Inputs
	want.Last = map[string]plan.Build{"a": nowBrief, "b": badBrief, "d": triedBrief}
	asked := plan.Question{Toolchain: "pyemscripten_2026_5", Recipes: []string{"a", "b", "c", "d", "new"}, Locks: []string{"lock", "new"}}
	got, err := db.History(ctx, asked)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}

	// More names than one statement takes give the same, and what was not asked for is not there.
	for i := range 1200 {
		asked.Recipes = slices.Insert(asked.Recipes, i%len(asked.Recipes), fmt.Sprint("unknown-", i))
		asked.Locks = append(asked.Locks, fmt.Sprint("unknown ", i))
	}
	got, err = db.History(ctx, asked)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history of many (-want +got):\n%s", diff)
	}
	got, err = db.History(ctx, plan.Question{Toolchain: "pyemscripten_2026_5", Recipes: []string{"b"}})
	must(t, err)
	want = plan.History{
		Builds: map[string]plan.Build{bad.Record.Key: brief(bad)}, Last: map[string]plan.Build{"b": badBrief}, Good: map[string]plan.Build{},
		Locks: map[string]record.Digest{}, Costs: map[string]plan.Cost{"b": {}},
	}
	first := want.Builds[bad.Record.Key]
	first.Failure = badBrief.Failure
	want.Builds[bad.Record.Key] = first
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history of one (-want +got):\n%s", diff)
	}
}

// costs: the newest build that passed tells the time, the newest five tell the memory, those on the toolchain before others.
func costs(t *testing.T, db store.DB) {
	ctx := t.Context()
	n := 0
	put := func(recipe, toolchain string, outcome record.Outcome, seconds float64, peak int64, class string, outgrew ...string) {
		n++
		b := remembered(recipe, n)
		b.Record.Key, b.Record.Toolchain.Name, b.Record.Outcome = key(fmt.Sprint("cost ", n)), toolchain, outcome
		b.Record.Phases = []record.PhaseTime{{Phase: record.PhaseCompile, Seconds: seconds - 1}, {Phase: record.PhaseTest, Seconds: 1}}
		b.Record.PeakMemory, b.Record.Class, b.Record.Outgrew = peak, class, outgrew
		_, err := db.PutBuild(ctx, b)
		must(t, err)
	}
	const here, there = "pyemscripten_2026_5", "another"
	put("often", here, record.Passed, 10, 9<<30, "large") // too long ago for its memory to matter
	put("often", here, record.Passed, 20, 1<<30, "small")
	put("often", here, record.Passed, 30, 5<<30, "medium", "small")
	put("often", here, record.Passed, 40, 2<<30, "medium")
	put("often", here, record.Failed, 50, 7<<30, "large")
	put("often", here, record.Failed, 60, 7<<30, "large")
	put("failed", here, record.Failed, 70, 1, "large", "small", "medium")
	put("elsewhere", there, record.Passed, 80, 3, "small")
	put("both", here, record.Passed, 90, 4, "small")
	put("both", there, record.Passed, 100, 5, "small")

	got, err := db.History(ctx, plan.Question{Toolchain: here, Recipes: []string{"often", "failed", "elsewhere", "both"}})
	must(t, err)
	if got.Usual != 60 { // of 10, 20, … 100
		t.Errorf("a build takes %v s", got.Usual)
	}
	want := map[string]plan.Cost{
		"often":     {Seconds: 40, Peak: 5 << 30, Class: "medium", Outgrew: "small"},
		"failed":    {Seconds: 70, Outgrew: "medium"},
		"elsewhere": {Seconds: 80, Peak: 3, Class: "small"},
		"both":      {Seconds: 90, Peak: 5, Class: "small"},
	}
	if diff := cmp.Diff(want, got.Costs); diff != "" {
		t.Errorf("costs (-want +got):\n%s", diff)
	}
}

func firstLock(t *testing.T, db store.DB) {
	first := store.Lock{Digest: Digest([]byte("1")), Content: json.RawMessage(`{"packages":[]}`)}
	second := store.Lock{Digest: Digest([]byte("2")), Content: json.RawMessage(`{"packages":["x"]}`)}
	for _, lock := range []store.Lock{first, second} {
		kept, err := db.PutLock(t.Context(), "k", lock, At(0))
		must(t, err)
		if diff := cmp.Diff(first, kept); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
	}
	got, err := db.Lock(t.Context(), "k")
	must(t, err)
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("lock (-want +got):\n%s", diff)
	}
	got, err = db.LockOf(t.Context(), first.Digest)
	must(t, err)
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("lock by its digest (-want +got):\n%s", diff)
	}
	if _, err := db.LockOf(t.Context(), second.Digest); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a lock that was not kept: %v", err)
	}
}

// manyWriters checks that of many who put a build under one key, all with other bytes, one wins and all others hear of
// it.
func manyWriters(t *testing.T, db store.DB) {
	const n = 20
	results := make([]error, n)
	var group errgroup.Group
	for i := range n {
		group.Go(func() error {
			b := remembered("race", i)
			b.Record.Artifacts[0].Digest = Digest(fmt.Append(nil, i))
			_, results[i] = db.PutBuild(t.Context(), b)
			return db.SetSetting(t.Context(), fmt.Sprint("writer ", i), "was here")
		})
	}
	must(t, group.Wait())
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if fault.KindOf(err) != fault.Conflict {
			t.Errorf("a writer that lost: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won, want one: %v", won, errors.Join(results...))
	}
}
