package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/record"
)

// Annotations and media types of the OCI image specification 1.1 (annotations.md, manifest.md).
const (
	titleAnnotation = "org.opencontainers.image.title"
	emptyMediaType  = "application/vnd.oci.empty.v1+json"
)

// layer is a blob on its way to the registry; it satisfies ggcr's v1.Layer. The registry is never asked to compress
// or unpack it: the digest is that of the bytes as they are.
type layer struct {
	title     string
	url       string // where it came from
	mediaType string
	content   *spooled
}

func (l layer) Digest() (v1.Hash, error)             { return v1.NewHash(string(l.content.digest)) }
func (l layer) DiffID() (v1.Hash, error)             { return l.Digest() }
func (l layer) Compressed() (io.ReadCloser, error)   { return l.content.again(), nil }
func (l layer) Uncompressed() (io.ReadCloser, error) { return l.content.again(), nil }
func (l layer) Size() (int64, error)                 { return l.content.size, nil }
func (l layer) MediaType() (types.MediaType, error)  { return types.MediaType(l.mediaType), nil }

func (l layer) descriptor() (v1.Descriptor, error) {
	digest, err := l.Digest()
	d := v1.Descriptor{MediaType: types.MediaType(l.mediaType), Size: l.content.size, Digest: digest}
	if l.title != "" {
		d.Annotations = map[string]string{titleAnnotation: l.title}
	}
	if l.url != "" {
		d.Annotations[urlAnnotation] = l.url
	}
	return d, err
}

// empty is the blob "{}", which OCI wants where a manifest has nothing to say.
func empty() layer {
	content, _ := spoolFile(File{Data: []byte("{}")})
	return layer{mediaType: emptyMediaType, content: content}
}

// manifest is the raw form of an artifact manifest.
type manifest []byte

func (m manifest) RawManifest() ([]byte, error)        { return m, nil }
func (m manifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// push uploads layers and then, when all of them are there, the manifest that names them: a reader sees everything or
// nothing, and what a killed writer uploaded is invisible. config may be nil. Without a tag the manifest gets the one
// of its only layer. It returns the first layer.
func (b *Blobs) push(ctx context.Context, tag string, layers []layer, config *layer) (record.Blob, error) {
	if config == nil {
		none := empty()
		config = &none
	}
	if len(layers) == 0 {
		layers = []layer{empty()}
	}
	// A pusher remembers what it has uploaded, for ever and even after the blob was deleted; so each push has its own.
	pusher, err := remote.NewPusher(b.options...)
	if err != nil {
		return record.Blob{}, fmt.Errorf("preparing the registry's client: %w", err)
	}
	configDescriptor, err := config.descriptor()
	if err != nil {
		return record.Blob{}, fmt.Errorf("describing the configuration: %w", err)
	}
	m := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  config.mediaType,
		Config:        configDescriptor,
	}
	if config.mediaType == emptyMediaType {
		m.ArtifactType = layers[0].mediaType
	}
	for _, l := range layers {
		d, err := l.descriptor()
		if err != nil {
			return record.Blob{}, fmt.Errorf("describing %s: %w", l.title, err)
		}
		m.Layers = append(m.Layers, d)
	}
	uploads, uploading := errgroup.WithContext(ctx)
	uploads.SetLimit(4)
	for _, l := range append([]layer{*config}, layers...) {
		uploads.Go(func() error {
			if err := pusher.Upload(uploading, b.repo, l); err != nil {
				return remoteFault(err, "storing blob %s", l.content.digest)
			}
			return nil
		})
	}
	if err := uploads.Wait(); err != nil {
		return record.Blob{}, err
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return record.Blob{}, fmt.Errorf("encoding a manifest: %w", err)
	}
	first := record.Blob{Digest: layers[0].content.digest, Size: layers[0].content.size}
	if tag == "" {
		tag = "blob-" + strings.TrimPrefix(string(first.Digest), "sha256:")
	}
	if err := pusher.Put(ctx, b.repo.Tag(tag), manifest(raw)); err != nil {
		return record.Blob{}, remoteFault(err, "storing manifest %s", tag)
	}
	return first, nil
}

// pull reads the manifest under a tag.
func (b *Blobs) pull(ctx context.Context, tag string) (*v1.Manifest, error) {
	d, err := b.puller.Get(ctx, b.repo.Tag(tag))
	if err != nil {
		return nil, remoteFault(err, "reading manifest %s", tag)
	}
	m, err := v1.ParseManifest(bytes.NewReader(d.Manifest))
	if err != nil {
		return nil, fmt.Errorf("parsing manifest %s: %w", tag, err)
	}
	return m, nil
}
