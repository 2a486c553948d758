package store

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/oci"
	"github.com/wasmill/wasmill/internal/record"
)

// repository is where all content lives. It is a single one, because blobs are reached through a repository and
// readers know a digest only; because some registries want each repository made by hand; and because the database,
// not the registry, is asked what there is.
const repository = "wasmill"

// Blobs is content behind the OCI distribution protocol, the embedded Registry's or any other. It is safe for
// concurrent use, by many processes at once.
type Blobs struct {
	repo    name.Repository
	client  *oci.Client
	around  []func(http.RoundTripper) http.RoundTripper
	options []remote.Option
	puller  *remote.Puller
}

// BlobsOption is how a registry is reached.
type BlobsOption func(*Blobs)

// Through reaches the registry with what a client shows and trusts, in place of the user's Docker configuration and the
// authorities of the machine.
func Through(c *oci.Client) BlobsOption { return func(b *Blobs) { b.client = c } }

// Around is put around the way that requests take.
func Around(wrap func(http.RoundTripper) http.RoundTripper) BlobsOption {
	return func(b *Blobs) { b.around = append(b.around, wrap) }
}

// NewBlobs uses the registry at addr, "host[:port][/prefix]", without connecting to it yet. Plain HTTP is used for
// loopback and private addresses, and where addr begins with "http://". Credentials come from the user's Docker
// configuration.
func NewBlobs(addr string, options ...BlobsOption) (*Blobs, error) {
	var parse []name.Option
	if plain, found := strings.CutPrefix(addr, "http://"); found {
		addr, parse = plain, append(parse, name.Insecure)
	}
	host, prefix, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(addr, "https://"), "/"), "/")
	registry, err := name.NewRegistry(host, append(parse, name.StrictValidation)...)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading the registry's address %q: %w", addr, err)
	}
	repo, err := name.NewRepository(path.Join(registry.Name(), prefix, repository), append(parse, name.StrictValidation)...)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading the registry's address %q: %w", addr, err)
	}
	b := &Blobs{repo: repo}
	for _, o := range options {
		o(b)
	}
	transport := http.RoundTripper(b.client)
	for _, around := range b.around {
		transport = around(transport)
	}
	b.options = append(b.client.Options(),
		remote.WithTransport(transport),
		remote.WithUserAgent("wasmill"),
		// Outages are waited out by the caller's own retries; this only bridges a hiccup.
		remote.WithRetryBackoff(remote.Backoff{Duration: 200 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 3}),
	)
	if b.puller, err = remote.NewPuller(b.options...); err != nil {
		return nil, fmt.Errorf("preparing the registry's client: %w", err)
	}
	return b, nil
}

// File is content to store: the bytes of the file at Path, or Data where Path is empty.
type File struct {
	Name      string // the title under which clients that pull the whole build find it
	MediaType string
	Path      string
	Data      []byte
}

// Put stores what r holds and says under which digest. Storing the same bytes again is cheap and changes nothing. A
// manifest of its own names the blob, because a registry's garbage collection removes what no manifest names.
func (b *Blobs) Put(ctx context.Context, mediaType string, r io.Reader) (record.Blob, error) {
	file, err := spool(r)
	if err != nil {
		return record.Blob{}, fmt.Errorf("reading what to store: %w", err)
	}
	defer file.Close()
	pushed, err := b.push(ctx, "", []layer{{mediaType: mediaType, content: file}}, nil)
	if err != nil {
		return record.Blob{}, err
	}
	return pushed, nil
}

// Open gives a stored blob to read. All bytes have been verified against the digest before the first one is handed
// out; large blobs are kept in an unlinked temporary file meanwhile, small ones in memory.
func (b *Blobs) Open(ctx context.Context, digest record.Digest) (io.ReadSeekCloser, error) {
	ref, err := b.ref(digest)
	if err != nil {
		return nil, err
	}
	remoteLayer, err := b.puller.Layer(ctx, ref)
	if err != nil {
		return nil, remoteFault(err, "opening blob %s", digest)
	}
	body, err := remoteLayer.Compressed()
	if err != nil {
		return nil, remoteFault(err, "opening blob %s", digest)
	}
	defer body.Close()
	file, err := spool(body)
	if err != nil {
		return nil, remoteFault(err, "reading blob %s", digest)
	}
	return file, nil
}

// Stat says how large a blob is, without reading it. A blob that is not there is fault.NotFound.
func (b *Blobs) Stat(ctx context.Context, digest record.Digest) (record.Blob, error) {
	ref, err := b.ref(digest)
	if err != nil {
		return record.Blob{}, err
	}
	remoteLayer, err := b.puller.Layer(ctx, ref)
	if err != nil {
		return record.Blob{}, remoteFault(err, "looking for blob %s", digest)
	}
	size, err := remoteLayer.Size()
	if err != nil {
		return record.Blob{}, remoteFault(err, "looking for blob %s", digest)
	}
	return record.Blob{Digest: digest, Size: size}, nil
}

func (b *Blobs) ref(digest record.Digest) (name.Digest, error) {
	ref, err := name.NewDigest(b.repo.Name()+"@"+string(digest), name.StrictValidation)
	if err != nil {
		return name.Digest{}, fault.Errorf(fault.Invalid, "naming a blob: %w", err)
	}
	// NewDigest forgets that the registry speaks plain HTTP.
	return b.repo.Digest(ref.DigestStr()), nil
}
