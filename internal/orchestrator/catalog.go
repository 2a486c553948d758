package orchestrator

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/index"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/toolchain"
)

// catalog is what the index serves of one toolchain. It reads the database again only when something was published.
type catalog struct {
	o         *Orchestrator
	toolchain string

	mu         sync.Mutex
	generation int64
	snapshot   *index.Snapshot
}

// Snapshot implements index.Catalog.
func (c *catalog) Snapshot(ctx context.Context) (*index.Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	generation, err := c.o.db.Generation(ctx, c.toolchain)
	if err != nil {
		return nil, err
	}
	if c.snapshot != nil && generation == c.generation {
		return c.snapshot, nil
	}
	all, err := c.o.db.Catalog(ctx, c.toolchain)
	if err != nil {
		return nil, err
	}
	var files []index.File
	for _, p := range all.Files {
		files = append(files, index.File{
			Kind: p.Kind, Project: p.Name, Version: p.Version, Filename: p.Filename, Digest: p.Digest, Size: p.Size, Metadata: p.Metadata,
			RequiresPython: p.RequiresPython, Uploaded: p.Published, Imports: p.Imports, Depends: p.Depends,
			Requires: p.Requires,
		})
	}
	c.generation, c.snapshot = all.Generation, index.NewSnapshot(files)
	return c.snapshot, nil
}

// Open implements index.Catalog.
func (c *catalog) Open(ctx context.Context, digest record.Digest) (io.ReadSeekCloser, error) {
	return c.o.blobs.Open(ctx, digest)
}

// index serves the first toolchain of the farm's folder that makes wheels: others yield what no installer knows.
func (o *Orchestrator) index() (http.Handler, error) {
	all, err := toolchain.List(o.cfg.Toolchains)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t *toolchain.Toolchain) bool { return t.Spec.Facts.Target.Static() })
	if len(all) == 0 {
		return nil, fault.Errorf(fault.NotFound, "there is no toolchain for wheels in %s", o.cfg.Toolchains)
	}
	spec := all[0].Spec
	runtime := index.Runtime{
		ABI:      strings.TrimSuffix(strings.TrimPrefix(spec.Facts.PlatformTag, "pyemscripten_"), "_wasm32"),
		Platform: "emscripten_" + strings.ReplaceAll(spec.Facts.Emscripten, ".", "_"),
		Python:   spec.Facts.Python,
	}
	options := index.Options{Runtime: runtime, OnError: func(r *http.Request, err error) {
		o.cfg.Log.Error("serving the index", zap.String("path", r.URL.Path), zap.Error(err))
	}}
	return index.NewHandler(&catalog{o: o, toolchain: spec.Name}, options), nil
}
