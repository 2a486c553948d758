package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/store/storetest"
)

// age makes all links in a registry's folder look as old as that.
func age(t *testing.T, dir string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "link" {
			err = os.Chtimes(path, then, then)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// bytesIn is what the blobs of a registry's folder take.
func bytesIn(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "docker/registry/v2/blobs"), func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "data" {
			info, statErr := entry.Info()
			n, err = n+info.Size(), statErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Each story is about one blob; everything else in the registry stays as it is.
func TestSweep(t *testing.T) {
	const text = "what the story is about"
	digest := storetest.Digest([]byte(text))
	sum := strings.TrimPrefix(string(digest), "sha256:")
	put := func(t *testing.T, b *store.Blobs) {
		if _, err := b.Put(t.Context(), "text/plain", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, story := range []struct {
		name    string
		prepare func(t *testing.T, dir, addr string, b *store.Blobs)
		gone    bool
	}{
		{"nobody wants it", func(*testing.T, string, string, *store.Blobs) {}, true},
		{"a build that stays has it, too", func(t *testing.T, dir, _ string, b *store.Blobs) {
			build, files := storetest.Passed("lz4", []byte(text))
			if _, err := b.PutBuild(t.Context(), build, files...); err != nil {
				t.Fatal(err)
			}
			age(t, dir, 48*time.Hour)
		}, false},
		{"somebody looks whether it is there", func(t *testing.T, _, _ string, b *store.Blobs) {
			if _, err := b.Stat(t.Context(), digest); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"somebody reads it", func(t *testing.T, _, _ string, b *store.Blobs) {
			r, err := b.Open(t.Context(), digest)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close() })
		}, false},
		{"somebody brings it again", func(t *testing.T, _, _ string, b *store.Blobs) { put(t, b) }, false},
		{"another repository has it", func(t *testing.T, dir, addr string, _ *store.Blobs) {
			other, err := store.NewBlobs(addr + "/elsewhere")
			if err != nil {
				t.Fatal(err)
			}
			put(t, other)
			age(t, dir, 48*time.Hour)
		}, false},
		{"its tag names something else now", func(t *testing.T, dir, _ string, b *store.Blobs) {
			failed := storetest.Failed("lz4")
			log := store.File{Name: "build.log", MediaType: store.MediaTypeLog, Data: []byte(text)}
			if _, err := b.PutBuild(t.Context(), failed, log); err != nil {
				t.Fatal(err)
			}
			passed, files := storetest.Passed("lz4", []byte("a wheel"))
			passed.Key = failed.Key
			if _, err := b.PutBuild(t.Context(), passed, files...); err != nil {
				t.Fatal(err)
			}
			age(t, dir, 48*time.Hour)
		}, true},
	} {
		t.Run(story.name, func(t *testing.T) {
			dir := t.TempDir()
			r := start(t, dir)
			b := open(t, r.Addr())
			image, err := random.Image(1024, 1)
			if err != nil {
				t.Fatal(err)
			}
			ref, err := name.NewTag(r.Addr() + "/toolchains/some:latest")
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(ref, image); err != nil {
				t.Fatal(err)
			}
			put(t, b)
			stays, err := b.Put(t.Context(), "text/plain", strings.NewReader("what is wanted"))
			if err != nil {
				t.Fatal(err)
			}
			age(t, dir, 48*time.Hour)
			story.prepare(t, dir, r.Addr(), b)

			hour := time.Now().Add(-time.Hour)
			in := store.Sweep{Before: hour, Recent: hour, Dry: true, Dead: func(tag string) bool { return tag == "blob-"+sum }}
			before := bytesIn(t, dir)
			said, err := r.Sweep(t.Context(), in)
			if err != nil || bytesIn(t, dir) != before {
				t.Fatalf("a dry run has freed %d bytes: %v", before-bytesIn(t, dir), err)
			}
			in.Dry = false
			did, err := r.Sweep(t.Context(), in)
			if err != nil || did != said {
				t.Errorf("the dry run has said %+v, the sweep has done %+v, %v", said, did, err)
			}
			if freed := before - bytesIn(t, dir); freed != did.Freed {
				t.Errorf("%d bytes are free, %d were said", freed, did.Freed)
			}
			_, err = os.Stat(filepath.Join(dir, "docker/registry/v2/blobs/sha256", sum[:2], sum, "data"))
			if gone := errors.Is(err, fs.ErrNotExist); gone != story.gone {
				t.Errorf("it is gone: %t, want %t", gone, story.gone)
			}
			for what, digest := range map[string]record.Digest{"it": digest, "what is wanted": stays.Digest} {
				if what == "it" && (story.gone || story.name == "another repository has it") {
					continue
				}
				content, err := b.Open(t.Context(), digest)
				if err != nil {
					t.Errorf("reading %s after the sweep: %v", what, err)
					continue
				}
				content.Close()
			}
			if _, err := remote.Image(ref); err != nil {
				t.Errorf("an image in another repository: %v", err)
			}
		})
	}
}

// Whoever stores something while a sweep is under way has it afterwards, whether it was there before or not.
func TestSweepBesideWriters(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	b := open(t, r.Addr())
	const n = 40
	content := func(i int) []byte { return bytes.Repeat([]byte(fmt.Sprint("content ", i, " ")), 100) }
	for i := range n {
		if _, err := b.Put(t.Context(), "text/plain", bytes.NewReader(content(i))); err != nil {
			t.Fatal(err)
		}
	}
	age(t, dir, 48*time.Hour)
	hour := time.Now().Add(-time.Hour)
	var sweeps sync.WaitGroup
	done := make(chan struct{})
	sweeps.Go(func() {
		for {
			if _, err := r.Sweep(t.Context(), store.Sweep{Before: hour, Recent: hour, Dead: func(string) bool { return true }}); err != nil {
				t.Error(err)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := w; i < n; i += 4 {
				blob, err := b.Put(t.Context(), "text/plain", bytes.NewReader(content(i)))
				if err != nil {
					t.Errorf("storing %d: %v", i, err)
					continue
				}
				back, err := b.Open(t.Context(), blob.Digest)
				if err != nil {
					t.Errorf("reading %d: %v", i, err)
					continue
				}
				if text, _ := io.ReadAll(back); !bytes.Equal(text, content(i)) {
					t.Errorf("%d has other bytes", i)
				}
				back.Close()
			}
		})
	}
	writers.Wait()
	close(done)
	sweeps.Wait()
}
