package index_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/index"
	"github.com/wasmill/wasmill/internal/store"
)

// counted counts how often everything is read.
type counted struct {
	store.Publications
	catalogs int
}

func (c *counted) Catalog(ctx context.Context, toolchain string) (store.Catalog, error) {
	c.catalogs++
	return c.Publications.Catalog(ctx, toolchain)
}

func TestPublishedIsReadAgainOnlyAfterAChange(t *testing.T) {
	db, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	count := &counted{Publications: db}
	published := index.NewPublished(count, nil, "tc")
	publish := func(toolchain, name string) {
		t.Helper()
		if _, err := db.Publish(t.Context(), toolchain, []store.Publication{{
			Project: "markupsafe", Name: "MarkupSafe", Version: "3.0", Filename: name, Digest: "sha256:aa", Size: 7,
			Metadata: "sha256:bb", RequiresPython: ">=3.9", Imports: []string{"markupsafe"}, Published: time.Unix(1_900_000_000, 0),
		}}, false); err != nil {
			t.Fatal(err)
		}
	}
	look := func(files, catalogs int) *index.Snapshot {
		t.Helper()
		snapshot, err := published.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := len(snapshot.Files("markupsafe")); got != files || count.catalogs != catalogs {
			t.Errorf("%d files after reading everything %d times, want %d after %d", got, count.catalogs, files, catalogs)
		}
		return snapshot
	}
	look(0, 1)
	look(0, 1)
	publish("tc", "MarkupSafe-3.0-cp315-cp315-a.whl")
	snapshot := look(1, 2)
	publish("another", "MarkupSafe-3.0-cp315-cp315-b.whl")
	look(1, 2)
	publish("tc", "MarkupSafe-3.0-cp315-cp315-c.whl")
	look(2, 3)

	want := []index.File{{
		Project: "MarkupSafe", Version: "3.0", Filename: "MarkupSafe-3.0-cp315-cp315-a.whl", Digest: "sha256:aa", Size: 7,
		Metadata: "sha256:bb", RequiresPython: ">=3.9", Imports: []string{"markupsafe"}, Uploaded: time.Unix(1_900_000_000, 0).UTC(),
	}}
	if diff := cmp.Diff(want, snapshot.Files("markupsafe")); diff != "" {
		t.Errorf("the first snapshot has changed (-want +got):\n%s", diff)
	}
}
