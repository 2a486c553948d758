package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/store/pgtest"
	"github.com/wasmill/wasmill/internal/store/storetest"
)

// BenchmarkDatabase is what both databases take for the plan of a large run, and for one piece of news. The server is one that the
// benchmark starts, without fsync, or the one that is named.
func BenchmarkDatabase(b *testing.B) {
	for name, open := range map[string]func() (*store.SQL, error){
		"SQLite":     func() (*store.SQL, error) { return store.OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "db")) },
		"PostgreSQL": func() (*store.SQL, error) { return store.OpenPostgres(b.Context(), pgtest.Start(b).Place(b)) },
	} {
		b.Run(name, func(b *testing.B) {
			db, err := open()
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			large := &plan.Plan{}
			for i := range 10_000 {
				large.Actions = append(large.Actions, plan.Action{Recipe: fmt.Sprint("recipe-", i), Version: "1", Kind: plan.KindBuild, Reason: "no earlier build"})
			}
			b.Run("plan=10000", func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					id := fmt.Sprint("run ", b.N, " ", i)
					if err := db.CreateRun(b.Context(), store.Run{ID: id, Created: storetest.At(i)}); err != nil {
						b.Fatal(err)
					}
					if err := db.PlanRun(b.Context(), id, large, storetest.At(i)); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("setting", func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					if err := db.SetSetting(b.Context(), "name", fmt.Sprint(i)); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
