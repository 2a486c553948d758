//go:build engine

package clients

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/index"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// platform is the first tag of the runtime that the tests install into.
const platform = "cp315-cp315-pyemscripten_2026_5_wasm32"

// serve serves three wheels: a pure one, one that needs it, and one of the platform that needs it too. Nothing else
// in the world has their names.
func serve(t *testing.T) *server {
	c := &catalog{blobs: map[record.Digest][]byte{}}
	c.publish(t, wheeltest.Spec{Name: "wasmill_test_dep", Version: "2.0", Files: map[string]string{"wasmill_test_dep.py": ""}})
	for name, tag := range map[string]string{"wasmill_test_app": "", "wasmill_test_native": platform} {
		c.publish(t, wheeltest.Spec{
			Name: name, Version: "1.0", Tag: tag, Requires: []string{"wasmill-test-dep>=2"},
			Files: map[string]string{name + ".py": "import wasmill_test_dep\n"},
		})
	}
	// An older wheel that any platform can use: no client may prefer it.
	c.publish(t, wheeltest.Spec{Name: "wasmill_test_native", Version: "0.1", Files: map[string]string{"wasmill_test_native.py": ""}})
	s := listen(t)
	s.handler = index.NewHandler(c, index.Options{
		Runtime: index.Runtime{ABI: "2026_5", Platform: "emscripten_6_0_5", Python: "3.15.0"},
	})
	return s
}

// catalog is a catalog in memory.
type catalog struct {
	files []index.File
	blobs map[record.Digest][]byte
}

func (c *catalog) Snapshot(context.Context) (*index.Snapshot, error) {
	return index.NewSnapshot(c.files), nil
}

func (c *catalog) Open(_ context.Context, digest record.Digest) (io.ReadSeekCloser, error) {
	blob, ok := c.blobs[digest]
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no blob %s", digest)
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(blob), io.NopCloser(nil)}, nil
}

func (c *catalog) put(blob []byte) record.Digest {
	sum := sha256.Sum256(blob)
	digest := record.Digest("sha256:" + hex.EncodeToString(sum[:]))
	c.blobs[digest] = blob
	return digest
}

func (c *catalog) publish(t *testing.T, spec wheeltest.Spec) {
	t.Helper()
	path := wheeltest.Write(t, t.TempDir(), spec)
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
		Kind:    record.KindWheel,
		Project: w.Metadata.Name, Version: w.Metadata.Version, Filename: spec.Filename(), Digest: c.put(body),
		Size: int64(len(body)), Metadata: c.put(w.Metadata.Raw), RequiresPython: w.Metadata.RequiresPython, Imports: w.TopLevel(),
	}
	for _, r := range w.Metadata.RunRequirements(wheel.Emscripten("3.15")) {
		f.Depends = append(f.Depends, wheel.Normalize(r.Name))
	}
	c.files = append(c.files, f)
}
