package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/store/storetest"
)

// BenchmarkHistory reads what a plan of n recipes needs, each built three times before.
func BenchmarkHistory(b *testing.B) {
	for _, n := range []int{332, 10_000} {
		b.Run(fmt.Sprintf("recipes=%d", n), func(b *testing.B) {
			db, err := store.OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "db"))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			ask := plan.Question{Toolchain: "pyemscripten_2026_5"}
			for i := range 3 * n {
				if i < n {
					ask.Recipes = append(ask.Recipes, fmt.Sprintf("package-%05d", i))
				}
				r, _ := storetest.Passed(fmt.Sprintf("package-%05d", i%n), []byte("x"))
				r.Key = fmt.Sprint("key ", i)
				in := plan.Inputs{Toolchain: r.Toolchain.Digest}
				for j := range 6 {
					in.Recipe = append(in.Recipe, plan.Input{Name: fmt.Sprint("part ", j), Digest: r.Toolchain.Digest})
				}
				if _, err := db.PutBuild(b.Context(), store.Build{Record: *r, Inputs: in, Finished: storetest.At(i)}); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			for b.Loop() {
				h, err := db.History(b.Context(), ask)
				if err != nil || len(h.Last) != n {
					b.Fatal(len(h.Last), err)
				}
			}
		})
	}
}

// embedded is blobs in an embedded registry of the benchmark's own.
func embedded(b *testing.B) *store.Blobs {
	b.Helper()
	r, err := store.StartRegistry(b.Context(), b.TempDir(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close() })
	blobs, err := store.NewBlobs(r.Addr())
	if err != nil {
		b.Fatal(err)
	}
	return blobs
}

// BenchmarkBlobs is what a cache hit costs at most: a small and a large blob through the embedded registry.
func BenchmarkBlobs(b *testing.B) {
	blobs := embedded(b)
	for _, size := range []int{4 << 10, 16 << 20} {
		build, files := storetest.Passed(fmt.Sprint("package-", size), make([]byte, size))
		b.Run(fmt.Sprintf("size=%d/put", size), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				build.Key = fmt.Sprintf("%032d%032d", size, i)
				files[1].Data = fmt.Append(nil, i) // a log that is new each time, beside a wheel that is there
				if _, err := blobs.PutBuild(b.Context(), build, files...); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("size=%d/open", size), func(b *testing.B) {
			for b.Loop() {
				content, err := blobs.Open(b.Context(), build.Artifacts[0].Digest)
				if err != nil {
					b.Fatal(err)
				}
				content.Close()
			}
		})
	}
}

// BenchmarkASourceThatIsKept is what keeping costs a build whose sources were fetched before.
func BenchmarkASourceThatIsKept(b *testing.B) {
	blobs := embedded(b)
	file := filepath.Join(b.TempDir(), "source")
	data := make([]byte, 4<<20)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.Fatal(err)
	}
	src := store.Source{SHA256: strings.TrimPrefix(string(storetest.Digest(data)), "sha256:"), Name: "source"}
	if _, err := blobs.PutSource(b.Context(), src, file); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		if stored, err := blobs.PutSource(b.Context(), src, file); err != nil || stored {
			b.Fatal(stored, err)
		}
	}
}
