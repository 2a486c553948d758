package main

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/wasmill/wasmill/bench/graph"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/store"
)

// world is a folder of recipes and a database that remembers a build of each.
type world struct {
	folder string
	db     store.DB
	plan.Request
}

func newWorld(tb testing.TB, n int) *world {
	tb.Helper()
	w := &world{folder: tb.TempDir(), Request: plan.Request{
		Toolchain: plan.Toolchain{Name: "pyemscripten_2026_5", Digest: invented("image", ""), ExcludeNewer: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
		Builder:   plan.Builder{Version: "1", Digest: invented("builder", "")},
	}}
	if err := graph.Synthetic(n, 1).Write(w.folder); err != nil {
		tb.Fatal(err)
	}
	db, err := store.OpenSQLite(tb.Context(), filepath.Join(tb.TempDir(), "farm.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	w.db = db
	w.read(tb)
	if err := remember(tb.Context(), db, w.Request, nil, time.Now()); err != nil {
		tb.Fatal(err)
	}
	return w
}

// read loads the recipes and what is remembered.
func (w *world) read(tb testing.TB) {
	set, err := recipe.LoadSet(w.folder)
	if err != nil {
		tb.Fatal(err)
	}
	if w.Recipes, err = plan.FromSet(set, []string{"*"}, (*recipe.Recipe).Digests); err != nil {
		tb.Fatal(err)
	}
	if w.History, err = w.db.History(context.Background(), w.Question()); err != nil {
		tb.Fatal(err)
	}
}

// A benchmark of a farm that has nothing to do must not measure one that has.
func TestAllThatIsRememberedIsCached(t *testing.T) {
	w := newWorld(t, 400)
	w.read(t)
	p, err := plan.Make(w.Request)
	if err != nil {
		t.Fatal(err)
	}
	if n := p.Count()[plan.KindReuse]; n != 400 {
		t.Errorf("%d of 400 recipes are cached: %v", n, p.Count())
	}
}

func BenchmarkPlanning(b *testing.B) {
	for _, n := range []int{332, 10_000} {
		b.Run(fmt.Sprintf("recipes=%d", n), func(b *testing.B) {
			w := newWorld(b, n)
			step := func(name string, do func()) {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						do()
					}
				})
			}
			var set *recipe.Set
			step("load", func() { set, _ = recipe.LoadSet(w.folder) })
			step("digest", func() { w.Recipes, _ = plan.FromSet(set, []string{"*"}, (*recipe.Recipe).Digests) })
			step("history", func() { w.History, _ = w.db.History(context.Background(), w.Question()) })
			step("plan", func() { plan.Make(w.Request) })
		})
	}
}
