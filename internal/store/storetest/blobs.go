// Package storetest holds the contracts of package store as tests: whatever registry Blobs is pointed at, and whatever
// database implements store.DB, passes them. Only tests import it.
package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// Blobs runs the contract of store.Blobs against the registry at the address that start gives, an empty one each time.
func Blobs(t *testing.T, start func(t *testing.T) string) {
	for name, story := range map[string]func(*testing.T, *store.Blobs){
		"what was put is read back":                  roundTrip,
		"a reader can seek":                          seek,
		"what is not there is not found":             missing,
		"many writers and readers at once":           crowd,
		"a source is kept once, with its name":       sources,
		"a source that is removed is gone":           removedSource,
		"a source that is an artifact, too":          sharedSource,
		"a build is found under its key":             build,
		"the same artifact again changes nothing":    rebuildSame,
		"another artifact under one key is refused":  rebuildOther,
		"a failure makes room for what a retry made": retry,
		"a build without its artifact is refused":    incomplete,
	} {
		t.Run(name, func(t *testing.T) {
			blobs, err := store.NewBlobs(start(t))
			if err != nil {
				t.Fatal(err)
			}
			story(t, blobs)
		})
	}
}

// Digest is the digest of data, computed apart from the code under test.
func Digest(data []byte) record.Digest {
	sum := sha256.Sum256(data)
	return record.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

func roundTrip(t *testing.T, blobs *store.Blobs) {
	for name, data := range map[string][]byte{
		"nothing":     {},
		"a line":      []byte("hello\n"),
		"a gzip head": {0x1f, 0x8b, 0x08, 0x00}, // must come back as it went in, not unpacked
		"megabytes":   bytes.Repeat([]byte("wasm"), 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			want := record.Blob{Digest: Digest(data), Size: int64(len(data))}
			for range 2 {
				got, err := blobs.Put(t.Context(), "text/plain", bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("Put (-want +got):\n%s", diff)
				}
			}
			got, err := blobs.Stat(t.Context(), want.Digest)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Stat (-want +got):\n%s", diff)
			}
			if read := Read(t, blobs, want.Digest); !bytes.Equal(read, data) {
				t.Errorf("read %d bytes that differ from the %d put", len(read), len(data))
			}
		})
	}
}

func seek(t *testing.T, blobs *store.Blobs) {
	put, err := blobs.Put(t.Context(), "text/plain", strings.NewReader("0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := blobs.Open(t.Context(), put.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, step := range []struct {
		offset int64
		whence int
		want   string
	}{{7, io.SeekStart, "789"}, {-2, io.SeekEnd, "89"}, {0, io.SeekStart, "0123456789"}} {
		if _, err := r.Seek(step.offset, step.whence); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != step.want {
			t.Errorf("after seeking to %d: %q, %v; want %q", step.offset, got, err, step.want)
		}
	}
}

func missing(t *testing.T, blobs *store.Blobs) {
	if _, err := blobs.Put(t.Context(), "text/plain", strings.NewReader("something else")); err != nil {
		t.Fatal(err)
	}
	unknown := Digest([]byte("never put"))
	_, err := blobs.Open(t.Context(), unknown)
	wantKind(t, "Open", err, fault.NotFound)
	_, err = blobs.Stat(t.Context(), unknown)
	wantKind(t, "Stat", err, fault.NotFound)
	_, _, err = blobs.GetBuild(t.Context(), key("never"))
	wantKind(t, "GetBuild", err, fault.NotFound)
	_, err = blobs.Open(t.Context(), "sha256:../../etc/passwd")
	wantKind(t, "Open of what is no digest", err, fault.Invalid)
}

func crowd(t *testing.T, blobs *store.Blobs) {
	var group errgroup.Group
	for i := range 24 {
		group.Go(func() error {
			data := fmt.Appendf(nil, "content %d", i%6) // four writers of each
			put, err := blobs.Put(t.Context(), "text/plain", bytes.NewReader(data))
			if err != nil {
				return err
			}
			r, err := blobs.Open(t.Context(), put.Digest)
			if err != nil {
				return err
			}
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
				return fmt.Errorf("read %q, want %q: %w", got, data, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// kept puts a source of these bytes.
func kept(t *testing.T, blobs *store.Blobs, data []byte) store.Source {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	src := store.Source{SHA256: strings.TrimPrefix(string(Digest(data)), "sha256:"), Name: "demo-1.0.tar.gz", Size: int64(len(data))}
	if _, err := blobs.PutSource(t.Context(), src, file); err != nil {
		t.Fatal(err)
	}
	return src
}

func removedSource(t *testing.T, blobs *store.Blobs) {
	ctx := t.Context()
	gone, stays := kept(t, blobs, []byte("gone")), kept(t, blobs, []byte("stays"))
	_, err := blobs.RemoveSource(ctx, strings.Repeat("0", 64))
	wantKind(t, "removing what was never kept", err, fault.NotFound)
	_, err = blobs.RemoveSource(ctx, "../../etc/passwd")
	wantKind(t, "removing what is no hash", err, fault.Invalid)
	if shared, err := blobs.RemoveSource(ctx, gone.SHA256); err != nil || shared {
		t.Fatalf("shared: %t, %v", shared, err)
	}
	_, err = blobs.OpenSource(ctx, gone.SHA256)
	wantKind(t, "OpenSource of what was removed", err, fault.NotFound)
	_, err = blobs.RemoveSource(ctx, gone.SHA256)
	wantKind(t, "removing it again", err, fault.NotFound)
	list, err := blobs.Sources(ctx)
	if diff := cmp.Diff([]store.Source{stays}, list); diff != "" || err != nil {
		t.Errorf("what is left: %v\n%s", err, diff)
	}
	// Who fetches it again keeps it again.
	if back := kept(t, blobs, []byte("gone")); !bytes.Equal(Read(t, blobs, record.Digest("sha256:"+back.SHA256)), []byte("gone")) {
		t.Error("what was removed and kept again can't be read")
	}
}

func sharedSource(t *testing.T, blobs *store.Blobs) {
	b, files := Passed("six", []byte("a wheel that is hosted again"))
	if _, err := blobs.PutBuild(t.Context(), b, files...); err != nil {
		t.Fatal(err)
	}
	src := kept(t, blobs, []byte("a wheel that is hosted again"))
	if shared, err := blobs.RemoveSource(t.Context(), src.SHA256); err != nil || !shared {
		t.Fatalf("shared: %t, %v", shared, err)
	}
	if list, err := blobs.Sources(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("it is still listed: %v, %v", list, err)
	}
	if !bytes.Equal(Read(t, blobs, b.Artifacts[0].Digest), []byte("a wheel that is hosted again")) {
		t.Error("the artifact has gone with the source")
	}
}

func build(t *testing.T, blobs *store.Blobs) {
	wheel := bytes.Repeat([]byte("PK"), 1<<18)
	want, files := Passed("markupsafe", wheel)
	onDisk := filepath.Join(t.TempDir(), "wheel")
	if err := os.WriteFile(onDisk, wheel, 0o600); err != nil {
		t.Fatal(err)
	}
	files[0].Data, files[0].Path = nil, onDisk
	if stored, err := blobs.PutBuild(t.Context(), want, files...); err != nil || !stored {
		t.Fatalf("PutBuild: %v, %v", stored, err)
	}
	got, list, err := blobs.GetBuild(t.Context(), want.Key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	wantList := []store.StoredFile{
		{Name: want.Artifacts[0].Filename, MediaType: store.MediaTypeWheel, Blob: record.Blob{Digest: Digest(wheel), Size: int64(len(wheel))}},
		{Name: "build.log", MediaType: store.MediaTypeLog, Blob: record.Blob{Digest: Digest([]byte("ok\n")), Size: 3}},
	}
	if diff := cmp.Diff(wantList, list); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if !bytes.Equal(Read(t, blobs, Digest(wheel)), wheel) {
		t.Error("the wheel read by its digest is not the one put")
	}
}

func rebuildSame(t *testing.T, blobs *store.Blobs) {
	first, files := Passed("ujson", []byte("wheel"))
	if _, err := blobs.PutBuild(t.Context(), first, files...); err != nil {
		t.Fatal(err)
	}
	second, files := Passed("ujson", []byte("wheel"))
	second.Worker = "another"
	if stored, err := blobs.PutBuild(t.Context(), second, files...); err != nil || stored {
		t.Errorf("PutBuild again: %v, %v; want nothing stored", stored, err)
	}
	failed := Failed("ujson")
	if stored, err := blobs.PutBuild(t.Context(), failed); err != nil || stored {
		t.Errorf("PutBuild of a failure: %v, %v; want the passed build kept", stored, err)
	}
	got, _, err := blobs.GetBuild(t.Context(), first.Key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("record (-first +got):\n%s", diff)
	}
}

func rebuildOther(t *testing.T, blobs *store.Blobs) {
	first, files := Passed("h3", []byte("wheel"))
	if _, err := blobs.PutBuild(t.Context(), first, files...); err != nil {
		t.Fatal(err)
	}
	second, files := Passed("h3", []byte("wheel with a time in it"))
	_, err := blobs.PutBuild(t.Context(), second, files...)
	wantKind(t, "PutBuild", err, fault.Conflict)
	for _, part := range []string{"h3", "not reproducible", first.Artifacts[0].Filename,
		string(first.Artifacts[0].Digest), string(second.Artifacts[0].Digest)} {
		if err != nil && !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %s: %v", part, err)
		}
	}
}

func retry(t *testing.T, blobs *store.Blobs) {
	if stored, err := blobs.PutBuild(t.Context(), Failed("lz4")); err != nil || !stored {
		t.Fatalf("PutBuild of a failure: %v, %v", stored, err)
	}
	passed, files := Passed("lz4", []byte("wheel"))
	if stored, err := blobs.PutBuild(t.Context(), passed, files...); err != nil || !stored {
		t.Fatalf("PutBuild of the retry: %v, %v", stored, err)
	}
	got, _, err := blobs.GetBuild(t.Context(), passed.Key)
	if err != nil || got.Outcome != record.Passed {
		t.Errorf("GetBuild: %v, %v; want the passed build", got, err)
	}
}

func incomplete(t *testing.T, blobs *store.Blobs) {
	b, files := Passed("wrapt", []byte("wheel"))
	_, err := blobs.PutBuild(t.Context(), b, files[1:]...)
	wantKind(t, "PutBuild", err, fault.Invalid)
	_, _, err = blobs.GetBuild(t.Context(), b.Key)
	wantKind(t, "GetBuild", err, fault.NotFound)
}

// Read reads a blob to its end.
func Read(t *testing.T, blobs *store.Blobs, digest record.Digest) []byte {
	t.Helper()
	r, err := blobs.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Passed is a build of a recipe that gave one wheel, and its files.
func Passed(recipe string, wheel []byte) (*record.Build, []store.File) {
	b := base(recipe)
	b.Outcome = record.Passed
	b.Artifacts = []record.Artifact{{
		Filename: recipe + "-1.0-cp315-cp315-pyemscripten_2026_5_wasm32.whl", Kind: "wheel",
		Digest: Digest(wheel), Size: int64(len(wheel)), Metadata: Digest([]byte("Name: " + recipe)),
	}}
	b.Tests = []record.Test{{Outcome: record.Passed, Passed: 2}, {Outcome: record.Passed, Passed: 1, Skipped: 1}}
	return b, []store.File{
		{Name: b.Artifacts[0].Filename, MediaType: store.MediaTypeWheel, Data: wheel},
		{Name: "build.log", MediaType: store.MediaTypeLog, Data: []byte("ok\n")},
	}
}

// Failed is a build of a recipe, under the same key as Passed, that did not compile.
func Failed(recipe string) *record.Build {
	b := base(recipe)
	b.Outcome = record.Failed
	b.Failure = &record.Failure{Phase: record.PhaseCompile, Kind: record.CompileFailed, Message: "unknown type name 'foo'"}
	return b
}

func base(recipe string) *record.Build {
	return &record.Build{
		Schema: record.Schema, Key: key(recipe), Recipe: recipe, Version: "1.0",
		Toolchain: record.Toolchain{Name: "pyemscripten_2026_5", Digest: Digest([]byte("toolchain"))},
		Started:   time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Attempt: 1, Worker: "w1",
	}
}

func key(of string) string { return strings.TrimPrefix(string(Digest([]byte(of))), "sha256:") }

func wantKind(t *testing.T, what string, err error, want fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != want {
		t.Errorf("%s: %v; want an error of kind %v", what, err, want)
	}
}

func sources(t *testing.T, blobs *store.Blobs) {
	ctx := t.Context()
	if list, err := blobs.Sources(ctx); err != nil || len(list) != 0 {
		t.Fatalf("an empty registry lists %v, %v", list, err)
	}
	data := bytes.Repeat([]byte("source"), 1<<16)
	sum := strings.TrimPrefix(string(Digest(data)), "sha256:")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blobs.OpenSource(ctx, sum); fault.KindOf(err) != fault.NotFound {
		t.Errorf("what is not kept: %v", err)
	}
	src := store.Source{SHA256: sum, Name: "demo-1.0.tar.gz", URL: "https://example.org/demo-1.0.tar.gz", Size: int64(len(data))}
	for i, want := range []bool{true, false} {
		if stored, err := blobs.PutSource(ctx, src, file); err != nil || stored != want {
			t.Errorf("time %d: %t, %v", i+1, stored, err)
		}
	}
	if _, err := blobs.PutSource(ctx, store.Source{SHA256: strings.Repeat("0", 64), Name: "other"}, file); err == nil {
		t.Error("a file is kept under a hash that is not its own")
	}
	r, err := blobs.OpenSource(ctx, sum)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	list, err := blobs.Sources(ctx)
	if diff := cmp.Diff([]store.Source{src}, list); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
