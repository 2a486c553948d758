package rootfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

var epoch = time.Date(2026, 10, 30, 8, 8, 1, 0, time.UTC)

// archive makes a tar stream of headers; a regular file's contents are its name.
func archive(t *testing.T, headers ...tar.Header) *tar.Reader {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, h.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return tar.NewReader(&out)
}

func file(name string, mode int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Uid: 7, ModTime: time.Now()}
}

func folder(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
}

func link(kind byte, name, target string) tar.Header {
	return tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}
}

// list writes a layer's entries one a line.
func list(t *testing.T, l v1.Layer) []string {
	t.Helper()
	plain, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	var lines []string
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(epoch) {
			t.Errorf("%s is owned by %d:%d and of %s", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%c %o %s %s %s", h.Typeflag, h.Mode, h.Name, h.Linkname, text)))
	}
}

func TestTheOrderOfAddingDoesNotShow(t *testing.T) {
	first := []tar.Header{folder("./usr"), folder("./usr/bin"), file("./usr/bin/tool", 0o4755), link(tar.TypeLink, "./usr/bin/a-tool", "./usr/bin/tool")}
	second := []tar.Header{folder("./usr/"), folder("./bin/"), file("./bin/sh", 0o755), link(tar.TypeSymlink, "./usr/bin/awk", "mawk")}
	var digests []v1.Hash
	for _, order := range [][][]tar.Header{{first, second}, {second, first}} {
		tree := NewTree(t.TempDir(), map[string]string{"bin": "usr/bin"}, nil)
		defer tree.Close()
		if err := tree.Link("bin", "usr/bin"); err != nil {
			t.Fatal(err)
		}
		for _, headers := range order {
			// The folder "./bin" of the second archive is the link that is there already.
			headers = slices.DeleteFunc(slices.Clone(headers), func(h tar.Header) bool { return h.Name == "./bin/" })
			if err := tree.Tar(archive(t, headers...), "", ""); err != nil {
				t.Fatal(err)
			}
		}
		l, err := tree.Layer(epoch)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Layer(l); err != nil {
			t.Errorf("the layer is not what it says it is: %v", err)
		}
		digests = append(digests, l.digest)
		want := []string{
			"2 777 bin usr/bin",
			"5 755 usr/",
			"5 755 usr/bin/",
			"0 755 usr/bin/a-tool  ./usr/bin/tool",
			"2 777 usr/bin/awk mawk",
			"0 755 usr/bin/sh  ./bin/sh",
			"1 755 usr/bin/tool usr/bin/a-tool",
		}
		if diff := cmp.Diff(want, list(t, l)); diff != "" {
			t.Errorf("the layer differs (-want +got):\n%s", diff)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("two orders give %s and %s", digests[0], digests[1])
	}
}

func TestAFolderOfTheMachine(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"run": 0o700, "data": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("data", filepath.Join(dir, "alias")); err != nil {
		t.Fatal(err)
	}
	tree := NewTree(t.TempDir(), nil, nil)
	defer tree.Close()
	if err := tree.Directory(dir, "opt"); err != nil {
		t.Fatal(err)
	}
	l, err := tree.Layer(epoch)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2 777 opt/alias data", "0 644 opt/data  data", "0 755 opt/run  run"}, list(t, l)); diff != "" {
		t.Errorf("the layer differs (-want +got):\n%s", diff)
	}
}

func TestOnlyAFolderOfAnArchive(t *testing.T) {
	tree := NewTree(t.TempDir(), nil, nil)
	defer tree.Close()
	if err := tree.Tar(archive(t, file("package/a.js", 0o644), file("packages/b.js", 0o644)), "package", "/opt/x"); err != nil {
		t.Fatal(err)
	}
	if text, err := tree.Read("opt/x/a.js"); err != nil || string(text) != "package/a.js" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if _, err := tree.Read("opt/x/b.js"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of another folder gives %v", err)
	}
}

func TestWhatPackagesMustNotHave(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"two files of one name":   {file("a", 0o644), file("./a", 0o644)},
		"a file that is a folder": {folder("a"), file("a", 0o644)},
		"a link with two targets": {link(tar.TypeSymlink, "a", "b"), link(tar.TypeSymlink, "a", "c")},
		"a folder with two modes": {folder("a"), {Typeflag: tar.TypeDir, Name: "a", Mode: 0o700}},
		"a hard link to nothing":  {link(tar.TypeLink, "a", "b")},
		"a device":                {{Typeflag: tar.TypeChar, Name: "dev/null", Mode: 0o666}},
	} {
		tree := NewTree(t.TempDir(), nil, nil)
		if err := tree.Tar(archive(t, headers...), "", ""); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNamesCannotLeaveTheTree(t *testing.T) {
	tree := NewTree(t.TempDir(), nil, nil)
	defer tree.Close()
	if err := tree.Tar(archive(t, file("../../etc/passwd", 0o644)), "", "opt"); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Read("opt/etc/passwd"); err != nil {
		t.Error(err)
	}
	if _, err := tree.Read("etc/passwd"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a name with .. leads outside: %v", err)
	}
}
