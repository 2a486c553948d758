// Package indextest is an index's catalog in memory, for tests of what is served and of clients.
package indextest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/index"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// Catalog is an index.Catalog. Its zero value is empty; it is changed while nobody asks it, or by Publish.
type Catalog struct {
	Files  []index.File
	Broken error // what Snapshot answers, when set

	mu    sync.Mutex
	blobs map[record.Digest][]byte
}

// Snapshot implements index.Catalog.
func (c *Catalog) Snapshot(context.Context) (*index.Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return index.NewSnapshot(c.Files), c.Broken
}

// Open implements index.Catalog.
func (c *Catalog) Open(_ context.Context, digest record.Digest) (io.ReadSeekCloser, error) {
	b := c.Blob(digest)
	if b == nil {
		return nil, fault.Errorf(fault.NotFound, "no blob %s", digest)
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(b), io.NopCloser(nil)}, nil
}

// Blob is what Open reads; nil where there is nothing.
func (c *Catalog) Blob(digest record.Digest) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blobs[digest]
}

// Put keeps bytes for Open. No File shows them yet.
func (c *Catalog) Put(b []byte) record.Digest {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := sha256.Sum256(b)
	d := record.Digest("sha256:" + hex.EncodeToString(sum[:]))
	if c.blobs == nil {
		c.blobs = map[record.Digest][]byte{}
	}
	c.blobs[d] = b
	return d
}

// Lose forgets all bytes; what is shown stays.
func (c *Catalog) Lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blobs = nil
}

// Publish packs a wheel as the farm does, so that golden files may hold its digest, and shows it as changed by change, which may be nil.
func (c *Catalog) Publish(t testing.TB, spec wheeltest.Spec, change func(*index.File)) index.File {
	t.Helper()
	dir := t.TempDir()
	packed, err := wheel.Repack(wheeltest.Write(t, t.TempDir(), spec), dir, wheel.PackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a := packed.Wheel
	path := filepath.Join(dir, a.Filename)
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := wheel.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f := index.File{
		Kind: record.KindWheel, Project: w.Metadata.Name, Version: w.Metadata.Version, Filename: a.Filename, Digest: a.Digest, Size: a.Size,
		Metadata: a.Metadata, RequiresPython: w.Metadata.RequiresPython, Imports: w.TopLevel(),
		Uploaded: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC),
	}
	for _, r := range w.Metadata.RunRequirements(wheel.Emscripten("3.15")) {
		f.Depends = append(f.Depends, wheel.Normalize(r.Name))
	}
	if change != nil {
		change(&f)
	}
	c.Put(body)
	c.Put(w.Metadata.Raw)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Files = append(c.Files, f)
	return f
}
