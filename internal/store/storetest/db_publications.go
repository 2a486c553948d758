package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

func file(project, content string) store.Publication {
	return store.Publication{
		Toolchain: "tc", Kind: record.KindWheel, Project: project, Name: project, Version: "1", Filename: project + "-1.whl",
		Digest: Digest([]byte(content)), Size: int64(len(content)), Metadata: Digest([]byte("m" + content)),
		RequiresPython: ">=3.9", Imports: []string{project}, Depends: []string{"six"},
		Requires: &record.Requires{Loaders: []string{"wasip1"}, Needs: []record.Need{{Name: "wasm.simd128", Why: "in function 1"}}}, Key: key(project), Run: "r", Published: At(0),
	}
}

func publishing(t *testing.T, db store.DB) {
	ctx := t.Context()
	b, a := file("b", "b"), file("a", "a")
	unread := b
	unread.Requires = nil
	for _, step := range []struct {
		what       string
		files      []store.Publication
		replace    bool
		generation int64
	}{
		{"two files", []store.Publication{unread, a}, false, 1},
		{"the same again, which nobody has read", []store.Publication{unread}, false, 1},
		{"the same again, read", []store.Publication{b}, false, 2},
		{"the same again", []store.Publication{a, unread}, false, 2},
		{"nothing", nil, false, 2},
		{"one is replaced", []store.Publication{file("a", "new")}, true, 3},
	} {
		generation, err := db.Publish(ctx, "tc", step.files, step.replace)
		if err != nil || generation != step.generation {
			t.Errorf("%s: generation %d, %v; want %d", step.what, generation, err, step.generation)
		}
	}
	if generation, err := db.Generation(ctx, "tc"); err != nil || generation != 3 {
		t.Errorf("Generation: %d, %v; want 3", generation, err)
	}
	got, err := db.Catalog(ctx, "tc")
	must(t, err)
	if diff := cmp.Diff(store.Catalog{Generation: 3, Files: []store.Publication{file("a", "new"), b}}, got); diff != "" {
		t.Errorf("catalog (-want +got):\n%s", diff)
	}
	if other, err := db.Catalog(ctx, "another"); err != nil || other.Generation != 0 || len(other.Files) != 0 {
		t.Errorf("catalog of another toolchain: %v, %v", other, err)
	}
}

func publishingAtomic(t *testing.T, db store.DB) {
	ctx := t.Context()
	_, err := db.Publish(ctx, "tc", []store.Publication{file("m", "m")}, false)
	must(t, err)
	before, err := db.Catalog(ctx, "tc")
	must(t, err)
	_, err = db.Publish(ctx, "tc", []store.Publication{file("a", "a"), file("m", "other"), file("z", "z")}, false)
	wantKind(t, "publishing other bytes", err, fault.Conflict)
	after, err := db.Catalog(ctx, "tc")
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("half published (-before +after):\n%s", diff)
	}
}

func publishingConsistent(t *testing.T, db store.DB) {
	const times, together = 30, 5
	var group errgroup.Group
	group.Go(func() error {
		for i := range times {
			var files []store.Publication
			for j := range together {
				files = append(files, file(fmt.Sprintf("p%02d-%d", i, j), "x"))
			}
			if _, err := db.Publish(t.Context(), "tc", files, false); err != nil {
				return err
			}
		}
		return nil
	})
	for range 2 {
		group.Go(func() error {
			for last := int64(0); last < times; {
				c, err := db.Catalog(t.Context(), "tc")
				if err != nil {
					return err
				}
				if c.Generation < last || int64(len(c.Files)) != c.Generation*together {
					return fmt.Errorf("generation %d with %d files after generation %d", c.Generation, len(c.Files), last)
				}
				last = c.Generation
			}
			return nil
		})
	}
	must(t, group.Wait())
}
