package fetch

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxWindow bounds the memory that a zstd stream may ask for.
const maxWindow = 128 << 20

// compressions are the formats around a tar, by their first bytes. Names are no help: recipes call anything tar.gz.
var compressions = []struct {
	magic string
	open  func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"\xfd7zXZ\x00", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }},
	{"\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) {
		// One goroutine, so that a reader given up in the middle leaves nothing running.
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	}},
}

// ustar is what stands at byte 257 of every tar but the oldest kind.
const (
	ustar   = "ustar"
	ustarAt = 257
)

// open recognises an archive: a zip, or the tar stream inside of file.
func open(file io.Reader) (stream io.Reader, isZip bool, err error) {
	r := bufio.NewReader(file)
	head, err := r.Peek(ustarAt + len(ustar))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return nil, true, nil
	}
	for _, c := range compressions {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			stream, err := c.open(r)
			return stream, false, err
		}
	}
	if len(head) == ustarAt+len(ustar) && string(head[ustarAt:]) == ustar {
		return r, false, nil
	}
	return nil, false, errors.New("it is none of tar, tar.gz, tar.bz2, tar.xz, tar.zst, zip")
}
