package index

import (
	"context"
	"io"
	"sync"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// Opener gives stored content by its digest; *store.Blobs does.
type Opener interface {
	Open(ctx context.Context, digest record.Digest) (io.ReadSeekCloser, error)
}

// Published is the Catalog of what a farm has published for one toolchain.
type Published struct {
	publications store.Publications
	content      Opener
	toolchain    string

	mu         sync.Mutex
	generation int64
	snapshot   *Snapshot // nil before the first request
}

var _ Catalog = (*Published)(nil)

// NewPublished serves the publications of a toolchain.
func NewPublished(publications store.Publications, content Opener, toolchain string) *Published {
	return &Published{publications: publications, content: content, toolchain: toolchain}
}

// Snapshot implements Catalog. It costs one small query unless something was published since the last one.
func (p *Published) Snapshot(ctx context.Context) (*Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	generation, err := p.publications.Generation(ctx, p.toolchain)
	if err != nil {
		return nil, err
	}
	if p.snapshot != nil && p.generation == generation {
		return p.snapshot, nil
	}
	catalog, err := p.publications.Catalog(ctx, p.toolchain)
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(catalog.Files))
	for _, f := range catalog.Files {
		files = append(files, File{
			Project:        f.Name,
			Version:        f.Version,
			Filename:       f.Filename,
			Digest:         f.Digest,
			Size:           f.Size,
			Metadata:       f.Metadata,
			RequiresPython: f.RequiresPython,
			Uploaded:       f.Published,
			Imports:        f.Imports,
			Depends:        f.Depends,
		})
	}
	p.generation, p.snapshot = catalog.Generation, NewSnapshot(files)
	return p.snapshot, nil
}

// Open implements Catalog.
func (p *Published) Open(ctx context.Context, digest record.Digest) (io.ReadSeekCloser, error) {
	return p.content.Open(ctx, digest)
}
