package index_test

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

// memory is a catalog of wheels made on the spot.
type memory struct {
	mu     sync.Mutex
	files  []index.File
	blobs  map[record.Digest][]byte
	broken error // what Snapshot answers, when set
}

func (m *memory) Snapshot(context.Context) (*index.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return index.NewSnapshot(m.files), m.broken
}

func (m *memory) Open(_ context.Context, digest record.Digest) (io.ReadSeekCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[digest]
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no blob %s", digest)
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(b), io.NopCloser(nil)}, nil
}

func (m *memory) put(b []byte) record.Digest {
	sum := sha256.Sum256(b)
	d := record.Digest("sha256:" + hex.EncodeToString(sum[:]))
	m.blobs[d] = b
	return d
}

// publish packs a wheel as the farm does, so that golden files hold its digest, and shows it.
func (m *memory) publish(t testing.TB, spec wheeltest.Spec, change func(*index.File)) index.File {
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
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blobs == nil {
		m.blobs = map[record.Digest][]byte{}
	}
	m.put(body)
	m.put(w.Metadata.Raw)
	m.files = append(m.files, f)
	return f
}

const platform = "cp315-cp315-pyemscripten_2026_5_wasm32"

// farm is a catalog with a bit of everything.
func farm(t testing.TB) *memory {
	m := &memory{}
	reason := `wrong "answer" <on> & off`
	m.publish(t, wheeltest.Spec{Name: "toolz", Version: "1.1.0", Python: ">=3.9,<4", Files: map[string]string{"toolz/__init__.py": ""}}, nil)
	m.publish(t, wheeltest.Spec{Name: "toolz", Version: "1.10.0", Files: map[string]string{"toolz/__init__.py": ""}}, nil)
	m.publish(t, wheeltest.Spec{Name: "toolz", Version: "1.9.0", Files: map[string]string{"toolz/__init__.py": ""}},
		func(f *index.File) { f.Yanked = &reason })
	m.publish(t, wheeltest.Spec{Name: "toolz", Version: "2.0rc1", Files: map[string]string{"toolz/__init__.py": ""}},
		func(f *index.File) { f.Metadata = "" })
	m.publish(t, wheeltest.Spec{
		Name: "Cy.Toolz", Version: "1.1.0", Tag: platform,
		Requires: []string{"toolz>=0.8", "colorama; sys_platform == 'win32'", "elsewhere"},
		Files:    map[string]string{"cytoolz/__init__.py": "", "cytoolz/_c.cpython-315-wasm32-emscripten.so": "\x00asm"},
	}, func(f *index.File) {
		f.Requires = &record.Requires{Loaders: []string{"pyemscripten_2026_5_wasm32"}, Needs: []record.Need{
			{Name: "host.sockets", File: "cytoolz/_c.cpython-315-wasm32-emscripten.so", Why: "calls connect", Call: true},
			{Name: "wasm.extended-const", File: "cytoolz/_c.cpython-315-wasm32-emscripten.so", Why: "in global section"},
		}}
	})
	m.publish(t, wheeltest.Spec{Name: "beta", Version: "0.1b1", Files: map[string]string{"beta.py": ""}},
		func(f *index.File) { f.Yanked = new(string) })
	m.publish(t, wheeltest.Spec{Name: "beta", Version: "0.1a1", Files: map[string]string{"beta.py": ""}}, nil)
	return m
}
