package debian

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// makeDeb writes a package with one file.
func makeDeb(t testing.TB, compression string) []byte {
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
	member("control.tar"+compression, pack(t, compression, "./control", "Package: hello\nVersion: 1.0\nDescription: greets\n at length\n"))
	member("_gpgorigin", []byte("odd"))
	member("data.tar"+compression, pack(t, compression, "./usr/bin/hello", "#!/bin/sh\n"))
	return deb.Bytes()
}

func pack(t testing.TB, compression, name, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch compression {
	case ".gz":
		w = gzip.NewWriter(&out)
	case ".xz":
		w, err = xz.NewWriter(&out)
	case ".zst":
		w, err = zstd.NewWriter(&out)
	default:
		w = struct {
			io.Writer
			io.Closer
		}{&out, io.NopCloser(nil)}
	}
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(w)
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(archive, text); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAPackageIsReadWhateverItsCompression(t *testing.T) {
	for _, compression := range []string{"", ".gz", ".xz", ".zst"} {
		control, files, err := Open(bytes.NewReader(makeDeb(t, compression)))
		if err != nil {
			t.Fatalf("compression %q: %v", compression, err)
		}
		want := Paragraph{"Package": "hello", "Version": "1.0", "Description": "greets\nat length"}
		if diff := cmp.Diff(want, control); diff != "" {
			t.Errorf("compression %q: the control file differs (-want +got):\n%s", compression, diff)
		}
		h, err := files.Next()
		if err != nil || h.Name != "./usr/bin/hello" {
			t.Errorf("compression %q: the first file is %v, %v", compression, h, err)
		}
	}
}

func TestACutPackageIsAnError(t *testing.T) {
	whole := makeDeb(t, ".gz")
	for _, size := range []int{0, 5, 70, 100, len(whole) / 2} {
		_, files, err := Open(bytes.NewReader(whole[:size]))
		if err == nil {
			_, err = files.Next()
		}
		if err == nil {
			t.Errorf("a package of which only %d bytes are left opens without an error", size)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(makeDeb(f, ".gz"))
	f.Add(makeDeb(f, ""))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, files, err := Open(bytes.NewReader(data))
		for err == nil {
			_, err = files.Next()
		}
	})
}
