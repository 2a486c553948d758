package store

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// MediaTypeSource is that of a file that builds were made from.
const MediaTypeSource = "application/vnd.wasmill.source.v1"

// urlAnnotation says where a source came from (OCI image specification 1.1, annotations.md).
const urlAnnotation = "org.opencontainers.image.url"

// sourceTag is under which a source is found: the registry alone suffices, also where the database is lost.
const sourceTag = "source-"

// Source is a file that was fetched from outside, or that somebody gave to the farm.
type Source struct {
	SHA256 string // 64 hexadecimal digits in lower case
	Name   string // of the file, for people
	Size   int64
	URL    string // where it came from; empty for a file that was given
}

// PutSource keeps a file for good and says whether it is new. src.SHA256 must be its hash: the registry refuses another.
// One that is there stays as it is, and costs one question.
func (b *Blobs) PutSource(ctx context.Context, src Source, path string) (stored bool, err error) {
	sum, err := hex.DecodeString(src.SHA256)
	if err != nil {
		return false, fault.Errorf(fault.Invalid, "keeping %s: %w", src.Name, err)
	}
	if kept, err := b.HasSource(ctx, src.SHA256); kept || err != nil {
		return false, err
	}
	file, err := os.Open(path)
	if err != nil {
		return false, fault.Errorf(kindOfIO(err), "keeping %s: %w", src.Name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return false, fault.Errorf(kindOfIO(err), "keeping %s: %w", src.Name, err)
	}
	l := layer{title: src.Name, url: src.URL, mediaType: MediaTypeSource, content: spooledAs(file, info.Size(), sum, file.Close)}
	_, err = b.push(ctx, sourceTag+src.SHA256, []layer{l}, nil)
	return err == nil, err
}

// HasSource says whether a source is kept.
func (b *Blobs) HasSource(ctx context.Context, sha256 string) (bool, error) {
	_, err := b.puller.Head(ctx, b.repo.Tag(sourceTag+sha256))
	if err == nil {
		return true, nil
	}
	if err = remoteFault(err, "looking for source %s", sha256); fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	return false, err
}

// OpenSource reads a source as it comes: whoever reads it verifies it. One that is not kept is fault.NotFound.
func (b *Blobs) OpenSource(ctx context.Context, sha256 string) (io.ReadCloser, error) {
	ref, err := b.ref(record.Digest("sha256:" + sha256))
	if err != nil {
		return nil, err
	}
	remoteLayer, err := b.puller.Layer(ctx, ref)
	if err != nil {
		return nil, remoteFault(err, "opening source %s", sha256)
	}
	body, err := remoteLayer.Compressed()
	if err != nil {
		return nil, remoteFault(err, "opening source %s", sha256)
	}
	return body, nil
}

// Sources lists what is kept, by name, then by hash.
func (b *Blobs) Sources(ctx context.Context) ([]Source, error) {
	tags, err := remote.List(b.repo, append(slices.Clone(b.options), remote.WithContext(ctx))...)
	if err != nil {
		if err = remoteFault(err, "listing sources"); fault.KindOf(err) == fault.NotFound {
			return nil, nil // nothing at all was stored yet
		}
		return nil, err
	}
	var list []Source
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, tag := range tags {
		sum, ok := strings.CutPrefix(tag, sourceTag)
		if !ok {
			continue
		}
		group.Go(func() error {
			m, err := b.pull(ctx, tag)
			if err != nil {
				return fmt.Errorf("listing sources: %w", err)
			}
			if len(m.Layers) != 1 {
				return nil // somebody else's
			}
			l := m.Layers[0]
			mu.Lock()
			defer mu.Unlock()
			list = append(list, Source{SHA256: sum, Name: l.Annotations[titleAnnotation], URL: l.Annotations[urlAnnotation], Size: l.Size})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b Source) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.SHA256, b.SHA256)) })
	return list, nil
}
