// Package archive writes .tar.gz files of which equal contents give equal bytes: names are sorted, every entry has one
// time, one owner and one of two modes, and the compressor is pinned by go.mod. Keep writes any artifact whole or not at
// all.
package archive

import (
	"archive/tar"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Entry is a file, or a symbolic link where Link is set.
type Entry struct {
	Name       string // slash-separated, relative
	Executable bool
	Link       string // the target, relative to the entry's folder
	Open       func() (io.ReadCloser, int64, error)
}

// Write writes entries in the order of their names. Folders are left out: whoever unpacks makes them.
func Write(w io.Writer, entries []Entry, at time.Time) error {
	// Not the standard library's gzip: its output may change with the Go release that builds the farm.
	z, err := gzip.NewWriterLevel(w, 6)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }) {
		if err := add(t, e, at); err != nil {
			return fmt.Errorf("packing %s: %w", e.Name, err)
		}
	}
	return cmp.Or(t.Close(), z.Close())
}

func add(t *tar.Writer, e Entry, at time.Time) error {
	h := &tar.Header{Name: e.Name, ModTime: at.UTC().Truncate(time.Second), Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
	if e.Executable {
		h.Mode = 0o755
	}
	if e.Link != "" {
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.Link, 0o777
		return t.WriteHeader(h)
	}
	r, size, err := e.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	h.Size = size
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(t, r)
	return err
}
