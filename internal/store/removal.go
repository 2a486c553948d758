package store

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"

	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// RemoveSource takes a source out of the store; one that is not kept is fault.NotFound. shared says that its bytes stay,
// because something else in the registry is the same file: a wheel that is hosted again is source and artifact. It reads
// all manifests to know that, and must not run beside a PutBuild of such an artifact.
func (b *Blobs) RemoveSource(ctx context.Context, sha256 string) (shared bool, err error) {
	tag := sourceTag + sha256
	if _, err := b.ref(record.Digest("sha256:" + sha256)); err != nil {
		return false, err
	}
	head, err := b.puller.Head(ctx, b.repo.Tag(tag))
	if err != nil {
		return false, remoteFault(err, "looking for source %s", sha256)
	}
	layer, err := v1.NewHash("sha256:" + sha256)
	if err != nil {
		return false, fault.Errorf(fault.Invalid, "removing source %s: %w", sha256, err)
	}
	if shared, err = b.named(ctx, layer, tag); err != nil {
		return false, fmt.Errorf("removing source %s: %w", sha256, err)
	}
	if err := b.untag(ctx, tag, head.Digest); err != nil {
		return false, fmt.Errorf("removing source %s: %w", sha256, err)
	}
	if shared {
		return true, nil
	}
	return false, b.unlink(ctx, layer)
}

// untag deletes a tag and the manifest that it names.
func (b *Blobs) untag(ctx context.Context, tag string, digest v1.Hash) error {
	// Some registries keep a tag whose manifest is deleted, others don't let tags be deleted.
	for _, d := range []struct {
		ref     name.Reference
		allowed fault.Kind
	}{{b.repo.Tag(tag), fault.Invalid}, {b.repo.Digest(digest.String()), fault.NotFound}} {
		err := remote.Delete(d.ref, append(slices.Clone(b.options), remote.WithContext(ctx))...)
		if err == nil {
			continue
		}
		if err = remoteFault(err, "deleting manifest %s", tag); fault.KindOf(err) != d.allowed && fault.KindOf(err) != fault.NotFound {
			return err
		}
	}
	return nil
}

// Forget deletes the manifests under dead tags, in any registry that allows it, and counts them. Their bytes are freed
// when the registry collects its garbage. Manifests and blobs that somebody reads, or is about to name anew, are there until
// then.
func (b *Blobs) Forget(ctx context.Context, dead func(tag string) bool, dry bool) (int, error) {
	tags, err := remote.List(b.repo, append(slices.Clone(b.options), remote.WithContext(ctx))...)
	if err != nil {
		return 0, remoteFault(err, "listing manifests")
	}
	tags = slices.DeleteFunc(tags, func(tag string) bool { return !dead(tag) })
	if dry {
		return len(tags), nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, tag := range tags {
		group.Go(func() error {
			head, err := b.puller.Head(ctx, b.repo.Tag(tag))
			if err != nil {
				if err = remoteFault(err, "looking for manifest %s", tag); fault.KindOf(err) == fault.NotFound {
					return nil // a tag whose manifest is gone, in a registry that keeps such tags
				}
				return err
			}
			return b.untag(ctx, tag, head.Digest)
		})
	}
	return len(tags), group.Wait()
}

// named says whether a manifest names a blob, but for the one under a tag.
func (b *Blobs) named(ctx context.Context, blob v1.Hash, but string) (bool, error) {
	tags, err := remote.List(b.repo, append(slices.Clone(b.options), remote.WithContext(ctx))...)
	if err != nil {
		return false, remoteFault(err, "listing manifests")
	}
	var found atomic.Bool
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, tag := range tags {
		if tag == but {
			continue
		}
		group.Go(func() error {
			m, err := b.pull(ctx, tag)
			if fault.KindOf(err) == fault.NotFound && err != nil {
				return nil // gone meanwhile
			}
			if err != nil {
				return err
			}
			if m.Config.Digest == blob || slices.ContainsFunc(m.Layers, func(l v1.Descriptor) bool { return l.Digest == blob }) {
				found.Store(true)
			}
			return nil
		})
	}
	err = group.Wait()
	return found.Load(), err
}

// unlink takes a blob out of the repository. A registry that leaves this to its garbage collection does it then, for no
// manifest names the blob.
func (b *Blobs) unlink(ctx context.Context, blob v1.Hash) error {
	auth, err := authn.Resolve(ctx, b.client, b.repo)
	if err != nil {
		return fault.Errorf(fault.Invalid, "reading the registry's credentials: %w", err)
	}
	rt, err := transport.NewWithContext(ctx, b.repo.Registry, auth, b.client, []string{b.repo.Scope(transport.DeleteScope)})
	if err != nil {
		return remoteFault(err, "asking the registry")
	}
	u := url.URL{Scheme: b.repo.Scheme(), Host: b.repo.RegistryStr(), Path: fmt.Sprintf("/v2/%s/blobs/%s", b.repo.RepositoryStr(), blob)}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, u.String(), nil)
	if err != nil {
		return fault.Errorf(fault.Internal, "removing blob %s: %w", blob, err)
	}
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err != nil {
		return remoteFault(err, "removing blob %s", blob)
	}
	defer resp.Body.Close()
	if err := transport.CheckError(resp, http.StatusAccepted, http.StatusOK, http.StatusNoContent, http.StatusNotFound, http.StatusMethodNotAllowed); err != nil {
		return remoteFault(err, "removing blob %s", blob)
	}
	return nil
}

// Free deletes the bytes of a blob that no repository has any more; of another it leaves them.
func (r *Registry) Free(ctx context.Context, digest record.Digest) error {
	hash, err := v1.NewHash(string(digest))
	if err != nil {
		return fault.Errorf(fault.Invalid, "freeing a blob: %w", err)
	}
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	if n, err := r.linked(hash); err != nil || n > 0 {
		return err
	}
	files := filesystem.New(filesystem.DriverParameters{RootDirectory: r.dir, MaxThreads: 4})
	if err := storage.NewVacuum(ctx, files).RemoveBlob(hash.String()); err != nil {
		return fault.Errorf(kindOfIO(err), "freeing blob %s: %w", digest, err)
	}
	return nil
}
