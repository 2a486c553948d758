package rootfs

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// Level is the effort of compression. It is a constant, and so is the compressor's version in go.mod: a change of either
// changes the digest of every layer, which is why the compressor is not the standard library's.
const level = 6

// Layer writes the tree as a layer into a file of the spool folder. All entries carry the time at.
func (t *Tree) Layer(at time.Time) (_ *Layer, err error) {
	f, err := os.CreateTemp(t.spool, "layer-*.tar.gz")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(fmt.Errorf("writing a layer: %w", err), os.Remove(f.Name()))
		}
	}()
	packed, plain := sha256.New(), sha256.New()
	count := &counter{}
	buffer := bufio.NewWriterSize(io.MultiWriter(f, packed, count), 1<<20)
	zip, err := gzip.NewWriterLevel(buffer, level)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(io.MultiWriter(zip, plain))
	if err := t.write(w, at); err != nil {
		return nil, err
	}
	if err := errors.Join(w.Close(), zip.Close(), buffer.Flush()); err != nil {
		return nil, err
	}
	return &Layer{
		path:   f.Name(),
		size:   count.n,
		digest: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(packed.Sum(nil))},
		diffID: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(plain.Sum(nil))},
	}, nil
}

func (t *Tree) write(w *tar.Writer, at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := map[*node]string{}
	for _, name := range slices.Sorted(maps.Keys(t.entries)) {
		n := t.entries[name]
		h := &tar.Header{Name: name, Typeflag: n.kind, Mode: n.mode, Linkname: n.target, Size: n.size, ModTime: at}
		if n.kind == tar.TypeDir {
			h.Name += "/"
		}
		if other, again := first[n]; again {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, other, 0
		}
		if err := w.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		first[n] = name
		if _, err := io.Copy(w, n.open()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Layer is a layer in a file, compressed. It is the caller's to remove with the spool folder.
type Layer struct {
	path           string
	size           int64
	digest, diffID v1.Hash
}

var _ v1.Layer = (*Layer)(nil)

// Digest is the hash of the compressed bytes.
func (l *Layer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID is the hash of the tar archive.
func (l *Layer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Compressed opens the layer's file.
func (l *Layer) Compressed() (io.ReadCloser, error) { return os.Open(l.path) }

// Uncompressed opens the tar archive in it.
func (l *Layer) Uncompressed() (io.ReadCloser, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	zip, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{zip, f}, nil
}

// Size is that of the compressed bytes.
func (l *Layer) Size() (int64, error) { return l.size, nil }

// MediaType is that of a gzipped layer of an OCI image.
func (l *Layer) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
