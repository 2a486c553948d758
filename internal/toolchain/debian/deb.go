package debian

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Open reads a .deb from its start: its control paragraph, and its files as a tar stream, which is good until the reader
// that was given is touched. Maintainer scripts are passed over.
func Open(r io.Reader) (control Paragraph, files *tar.Reader, err error) {
	magic := make([]byte, len("!<arch>\n"))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "!<arch>\n" {
		return nil, nil, errors.New("this is no Debian package: it is not an ar archive")
	}
	for {
		name, size, err := nextMember(r)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the members of a Debian package: %w", err)
		}
		member := io.LimitReader(r, size)
		switch base := strings.TrimSuffix(name, path.Ext(name)); {
		case base == "control.tar" || name == "control.tar":
			if control, err = readControl(member, name); err != nil {
				return nil, nil, fmt.Errorf("reading a package's control file: %w", err)
			}
		case base == "data.tar" || name == "data.tar":
			data, err := decompress(member, name)
			if err != nil {
				return nil, nil, err
			}
			if control == nil {
				return nil, nil, errors.New("a Debian package has its data before its control file")
			}
			return control, tar.NewReader(data), nil
		}
		if _, err := io.Copy(io.Discard, member); err != nil {
			return nil, nil, err
		}
		if size%2 == 1 { // members begin at even offsets
			if _, err := io.CopyN(io.Discard, r, 1); err != nil {
				return nil, nil, err
			}
		}
	}
}

func nextMember(r io.Reader) (name string, size int64, err error) {
	head := make([]byte, 60)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", 0, err
	}
	size, err = strconv.ParseInt(strings.TrimSpace(string(head[48:58])), 10, 64)
	if err != nil || size < 0 || string(head[58:]) != "`\n" {
		return "", 0, fmt.Errorf("damaged member header %q", head)
	}
	return strings.TrimRight(strings.TrimSpace(string(head[:16])), "/"), size, nil
}

func readControl(r io.Reader, name string) (control Paragraph, err error) {
	data, err := decompress(r, name)
	if err != nil {
		return nil, err
	}
	for t := tar.NewReader(data); ; {
		h, err := t.Next()
		if err != nil {
			return nil, fmt.Errorf("looking for the file control: %w", err)
		}
		if path.Clean(h.Name) != "control" {
			continue
		}
		text, err := io.ReadAll(t)
		if err != nil {
			return nil, err
		}
		err = readParagraphs(bytes.NewReader(text), func(p Paragraph) error { control = p; return nil })
		return control, err
	}
}

// decompress undoes the compression that a member's name tells: deb(5) allows these.
func decompress(r io.Reader, name string) (io.Reader, error) {
	switch path.Ext(name) {
	case ".tar":
		return r, nil
	case ".gz":
		return gzip.NewReader(r)
	case ".xz":
		return xz.NewReader(r)
	case ".zst":
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	}
	return nil, fmt.Errorf("%s is compressed in a way that deb(5) does not name", name)
}
