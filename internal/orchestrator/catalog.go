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

// catalog is what the index serves. It reads the database again only when something was published.
type catalog struct {
	o         *Orchestrator
	toolchain string   // that makes wheels
	linked    []string // toolchains on which packages are linked

	mu          sync.Mutex
	generations []int64
	snapshot    *index.Snapshot
}

// Snapshot implements index.Catalog.
func (c *catalog) Snapshot(ctx context.Context) (*index.Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	toolchains := append([]string{c.toolchain}, c.linked...)
	var now []int64
	for _, toolchain := range toolchains {
		generation, err := c.o.db.Generation(ctx, toolchain)
		if err != nil {
			return nil, err
		}
		now = append(now, generation)
	}
	if c.snapshot != nil && slices.Equal(now, c.generations) {
		return c.snapshot, nil
	}
	var files []index.File
	for i, toolchain := range toolchains {
		all, err := c.o.db.Catalog(ctx, toolchain)
		if err != nil {
			return nil, err
		}
		now[i] = all.Generation
		for _, p := range all.Files {
			if toolchain != c.toolchain && p.Kind != record.KindStatic && p.Kind != record.KindApp {
				continue // the lists of libraries and tests are those of wheels
			}
			files = append(files, index.File{
				Kind: p.Kind, Toolchain: toolchain, Key: p.Key, Project: p.Name, Version: p.Version, Filename: p.Filename, Digest: p.Digest, Size: p.Size, Metadata: p.Metadata,
				RequiresPython: p.RequiresPython, Uploaded: p.Published, Imports: p.Imports, Depends: p.Depends,
				Requires: p.Requires,
			})
		}
	}
	c.generations, c.snapshot = now, index.NewSnapshot(files)
	return c.snapshot, nil
}

// Open implements index.Catalog.
func (c *catalog) Open(ctx context.Context, digest record.Digest) (io.ReadSeekCloser, error) {
	return c.o.blobs.Open(ctx, digest)
}

// index serves the first toolchain of the farm's folder that makes wheels, and to people what those make that link: no installer knows it.
func (o *Orchestrator) index() (http.Handler, error) {
	all, err := toolchain.List(o.cfg.Toolchains)
	if err != nil {
		return nil, err
	}
	var linked []string
	all = slices.DeleteFunc(all, func(t *toolchain.Toolchain) bool {
		static := t.Spec.Facts.Target.Static()
		if static {
			linked = append(linked, t.Spec.Name)
		}
		return static
	})
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
	return index.NewHandler(&catalog{o: o, toolchain: spec.Name, linked: linked}, options), nil
}
