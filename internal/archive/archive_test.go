package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/archive"
	"github.com/wasmill/wasmill/internal/record"
)

func text(name, content string) archive.Entry {
	return archive.Entry{Name: name, Open: func() (io.ReadCloser, int64, error) {
		return io.NopCloser(bytes.NewReader([]byte(content))), int64(len(content)), nil
	}}
}

func TestEqualContentsGiveEqualBytes(t *testing.T) {
	a, b := text("include/x.h", "int x;\n"), text("bin/x-config", "#!/bin/sh\n")
	b.Executable = true
	link := archive.Entry{Name: "lib/libx.so.1", Link: "libx.so"}
	at := time.Date(2026, 3, 4, 5, 6, 7, 890, time.UTC)
	var first, second bytes.Buffer
	if err := archive.Write(&first, []archive.Entry{a, b, link}, at); err != nil {
		t.Fatal(err)
	}
	if err := archive.Write(&second, []archive.Entry{link, b, a}, at.In(time.FixedZone("far away", 3600))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("another order and zone give other bytes")
	}
	z, err := gzip.NewReader(&first)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(r)
		got = append(got, fmt.Sprintf("%s %#o %q %q %s", h.Name, h.Mode, h.Linkname, content, h.ModTime.UTC().Format(time.RFC3339Nano)))
	}
	want := []string{
		`bin/x-config 0755 "" "#!/bin/sh\n" 2026-03-04T05:06:07Z`,
		`include/x.h 0644 "" "int x;\n" 2026-03-04T05:06:07Z`,
		`lib/libx.so.1 0777 "libx.so" "" 2026-03-04T05:06:07Z`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	gone := archive.Entry{Name: "lib/libx.a", Open: func() (io.ReadCloser, int64, error) { return nil, 0, fs.ErrNotExist }}
	err := archive.Write(io.Discard, []archive.Entry{gone}, time.Unix(0, 0))
	if !errors.Is(err, fs.ErrNotExist) || !bytes.Contains([]byte(err.Error()), []byte("lib/libx.a")) {
		t.Errorf("%v, want an error that names the file", err)
	}
}

// A file that can't be written to its end leaves nothing behind, and what was there stays.
func TestKeptWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	write := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, failed := io.WriteString(w, text)
			return errors.Join(failed, err)
		}
	}
	sum := sha256.Sum256([]byte("first"))
	got, err := archive.Keep(dir, "x.tar.gz", write("first", nil))
	if want := (record.Blob{Digest: record.Digest("sha256:" + hex.EncodeToString(sum[:])), Size: 5}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	broken := errors.New("the disk is full")
	if _, err := archive.Keep(dir, "x.tar.gz", write("second, in part", broken)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "x.tar.gz"))
	if left, _ := os.ReadDir(dir); string(text) != "first" || err != nil || len(left) != 1 {
		t.Errorf("%q, %v, %d files", text, err, len(left))
	}
	if info, err := os.Stat(filepath.Join(dir, "x.tar.gz")); err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := archive.Keep(filepath.Join(dir, "none"), "x", write("", nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
