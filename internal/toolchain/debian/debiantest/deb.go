// Package debiantest makes small Debian packages for tests.
package debiantest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Deb writes a package. compression is the ending of its members' names: "", ".gz", ".xz" or ".zst". A file's name that
// ends in a slash is a folder.
func Deb(t testing.TB, compression, control string, files map[string]string) []byte {
	t.Helper()
	var deb bytes.Buffer
	deb.WriteString("!<arch>\n")
	member := func(name string, data []byte) {
		fmt.Fprintf(&deb, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", name, 0, 0, 0, 0o100644, len(data))
		deb.Write(data)
		if len(data)%2 == 1 {
			deb.WriteByte('\n')
		}
	}
	member("debian-binary", []byte("2.0\n"))
	member("control.tar"+compression, pack(t, compression, map[string]string{"./control": control}))
	member("_gpgorigin", []byte("odd"))
	member("data.tar"+compression, pack(t, compression, files))
	return deb.Bytes()
}

func pack(t testing.TB, compression string, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := compress(&out, compression)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func compress(to io.Writer, compression string) (io.WriteCloser, error) {
	switch compression {
	case ".gz":
		return gzip.NewWriter(to), nil
	case ".xz":
		return xz.NewWriter(to)
	case ".zst":
		return zstd.NewWriter(to)
	}
	return plain{to}, nil
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }
