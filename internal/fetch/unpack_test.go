package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/wasmill/wasmill/internal/fault"
)

func tarOf(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range entries {
		text := ""
		if h.Typeflag == tar.TypeReg {
			text = "content of " + h.Name
		}
		h.Size = int64(len(text))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func regular(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600}
}
func program(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o4711}
}
func folder(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o700}
}
func link(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
}
func hardlink(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}
}

// compress packs with any of the writers.
func compress(t testing.TB, data []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := open(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	return compress(t, data, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

func zipOf(t testing.TB, entries map[string]fs.FileMode) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, mode := range entries {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, "content of "+name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unpack unpacks to a folder beside which there is nothing else, and returns its listing.
func unpack(t testing.TB, archive []byte, how Unpacking) (map[string]string, error) {
	t.Helper()
	file, parent := filepath.Join(t.TempDir(), "archive"), t.TempDir()
	if err := os.WriteFile(file, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	err := Unpack(file, filepath.Join(parent, "dest"), how)
	beside, readErr := os.ReadDir(parent)
	if readErr != nil {
		t.Fatal(readErr)
	}
	if err != nil {
		if len(beside) > 0 {
			t.Errorf("left behind: %v", beside)
		}
		return nil, err
	}
	if len(beside) != 1 {
		t.Errorf("left behind: %v", beside)
	}
	return list(t, filepath.Join(parent, "dest")), nil
}

// list describes every file of a folder by mode and content.
func list(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			out[rel], err = os.Readlink(name)
			out[rel] = "→ " + out[rel]
			return err
		}
		if !info.ModTime().Equal(Mtime) {
			t.Errorf("%s is of %v", rel, info.ModTime())
		}
		if !d.IsDir() {
			data, err := os.ReadFile(name)
			out[rel] = fmt.Sprintf("%v %s", info.Mode(), data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUnpackFormats(t *testing.T) {
	plain := tarOf(t, folder("pkg-1.0/"), regular("pkg-1.0/setup.py"), program("pkg-1.0/configure"), regular("pkg-1.0/src/a.c"))
	want := map[string]string{
		"setup.py":  "-rw-r--r-- content of pkg-1.0/setup.py",
		"configure": "-rwxr-xr-x content of pkg-1.0/configure",
		"src/a.c":   "-rw-r--r-- content of pkg-1.0/src/a.c",
	}
	bzipped, err := os.ReadFile("testdata/pkg-1.0.tar.bz2") // the standard library only reads bzip2
	if err != nil {
		t.Fatal(err)
	}
	for name, archive := range map[string][]byte{
		"tar":     plain,
		"tar.bz2": bzipped,
		"tar.gz":  gzipped(t, plain),
		"tar.xz":  compress(t, plain, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }),
		"tar.zst": compress(t, plain, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
		"zip":     zipOf(t, map[string]fs.FileMode{"pkg-1.0/setup.py": 0o600, "pkg-1.0/configure": 0o711, "pkg-1.0/src/a.c": 0o644}),
	} {
		got, err := unpack(t, archive, Unpacking{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestUnpackFolders(t *testing.T) {
	archive := tarOf(t, regular("./a/b/c"), regular("./a/d"))
	for name, c := range map[string]struct {
		archive []byte
		folder  string
		want    []string
	}{
		"the only one":    {archive, "", []string{"b/c", "d"}},
		"a named one":     {archive, "a/b", []string{"c"}},
		"the whole":       {archive, ".", []string{"a/b/c", "a/d"}},
		"one of several":  {tarOf(t, regular("a/b"), regular("c/d")), "c", []string{"d"}},
		"several":         {tarOf(t, regular("a/b"), regular("c/d")), "", []string{"a/b", "c/d"}},
		"one beside file": {tarOf(t, regular("a/b"), regular("c")), "", []string{"a/b", "c"}},
	} {
		got, err := unpack(t, c.archive, Unpacking{Folder: c.folder})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, file := range c.want {
			if got[file] == "" || len(got) != len(c.want) {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
	}
	for _, missing := range []string{"x", "../a", "/a", "a/d"} {
		if _, err := unpack(t, archive, Unpacking{Folder: missing}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("folder %q: %v", missing, err)
		}
	}
}

func TestUnpackLinks(t *testing.T) {
	got, err := unpack(t, tarOf(t,
		regular("p/lib/libx.so.1"), link("p/lib/libx.so", "libx.so.1"), link("p/up", "lib/../lib"), link("p/nowhere", "not/there"),
		hardlink("p/copy", "p/lib/libx.so.1"),
		link("p/replaced", "lib"), regular("p/replaced"),
	), Unpacking{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"lib/libx.so.1": "-rw-r--r-- content of p/lib/libx.so.1", "lib/libx.so": "→ libx.so.1", "up": "→ lib/../lib", "nowhere": "→ not/there",
		"copy":     "-rw-r--r-- content of p/lib/libx.so.1",
		"replaced": "-rw-r--r-- content of p/replaced",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnpackRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		archive []byte
		entry   string
		reason  string
	}{
		"absolute":         {tarOf(t, regular("/etc/passwd")), "/etc/passwd", "absolute"},
		"parent":           {tarOf(t, regular("a/../../x")), "a/../../x", "leads out"},
		"parent in zip":    {zipOf(t, map[string]fs.FileMode{"../x": 0o644}), "../x", "leads out"},
		"absolute in zip":  {zipOf(t, map[string]fs.FileMode{"/x": 0o644}), "/x", "absolute"},
		"absolute link":    {tarOf(t, link("a", "/etc")), "a", `leads out, to "/etc"`},
		"link out":         {tarOf(t, link("a/b", "../../x")), "a/b", `leads out, to "../../x"`},
		"through a link":   {tarOf(t, folder("d"), link("a", "d"), regular("a/x")), "a/x", `behind "a"`},
		"through a file":   {tarOf(t, regular("a"), regular("a/x")), "a/x", `behind "a"`},
		"file over folder": {tarOf(t, folder("a"), regular("a")), "a", "name of a folder"},
		"links together":   {tarOf(t, folder("p/q"), link("p/q/top", "../.."), link("p/out", "q/top/..")), "p/out", "leads out"},
		"circle":           {tarOf(t, link("a", "b"), link("b", "a")), "a", "circles"},
		"hard link out":    {tarOf(t, hardlink("a", "../x")), "a", "leads out"},
		"hard link /":      {tarOf(t, hardlink("a", "/etc/passwd")), "a", "leads out"},
		"hard link later":  {tarOf(t, hardlink("a", "b"), regular("b")), "a", "no file before it"},
		"hard via link":    {tarOf(t, link("a", "x"), hardlink("b", "a")), "b", "no file before it"},
		"device":           {tarOf(t, tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}), "null", "device"},
		"pipe":             {tarOf(t, tar.Header{Typeflag: tar.TypeFifo, Name: "pipe"}), "pipe", "special"},
		"pipe in zip":      {zipOf(t, map[string]fs.FileMode{"pipe": fs.ModeNamedPipe}), "pipe", "special"},
		"too many":         {tarOf(t, regular("1"), regular("2"), regular("3"), regular("4"), regular("5"), regular("6")), "6", "one more"},
		"too much":         {tarOf(t, regular(strings.Repeat("x", 200))), strings.Repeat("x", 200), "more than the archive may hold"},
		"too long":         {tarOf(t, regular(strings.Repeat("x", 256))), strings.Repeat("x", 256), "too long"},
		"too much in zip":  {zipOf(t, map[string]fs.FileMode{strings.Repeat("x", 200): 0o644}), strings.Repeat("x", 200), "more than the archive may hold"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(t, c.archive, Unpacking{Entries: 5, Bytes: 200})
			refused := (*UnsafeArchiveError)(nil)
			if !errors.As(err, &refused) || fault.KindOf(err) != fault.Invalid {
				t.Fatalf("got %v", err)
			}
			if refused.Entry != c.entry || !strings.Contains(refused.Reason, c.reason) {
				t.Errorf("entry %q, reason %q", refused.Entry, refused.Reason)
			}
		})
	}
}

func TestUnpackDamaged(t *testing.T) {
	plain := tarOf(t, regular("a/b"), regular("a/c"))
	packed := gzipped(t, plain)
	zipped := zipOf(t, map[string]fs.FileMode{"a": 0o644})
	for name, archive := range map[string][]byte{
		"empty":           nil,
		"a web page":      []byte("<html>"),
		"truncated tar":   plain[:515],
		"truncated gzip":  packed[:len(packed)/2],
		"truncated zip":   zipped[:len(zipped)-10],
		"gzip of nothing": gzipped(t, []byte("text")),
	} {
		_, err := unpack(t, archive, Unpacking{})
		if e := (*DamagedArchiveError)(nil); !errors.As(err, &e) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnpackKeepsWhatIsThere(t *testing.T) {
	dest := t.TempDir()
	if err := Unpack("archive", dest, Unpacking{}); fault.KindOf(err) != fault.Conflict {
		t.Error(err)
	}
}

// Whatever an archive holds: nothing appears outside of its folder, and nothing at all after an error.
func FuzzUnpack(f *testing.F) {
	f.Add(tarOf(f, folder("p/q"), link("p/q/top", "../.."), link("p/out", "q/top/.."), hardlink("p/h", "p/q/top")))
	f.Add(gzipped(f, tarOf(f, regular("a/b"), program("a/c"))))
	f.Add(zipOf(f, map[string]fs.FileMode{"a/b": 0o644, "../c": fs.ModeSymlink}))
	f.Fuzz(func(t *testing.T, archive []byte) {
		file, grand := filepath.Join(t.TempDir(), "archive"), t.TempDir()
		parent := filepath.Join(grand, "parent")
		if err := errors.Join(os.WriteFile(file, archive, 0o644), os.Mkdir(parent, 0o755)); err != nil {
			t.Fatal(err)
		}
		err := Unpack(file, filepath.Join(parent, "dest"), Unpacking{Entries: 100, Bytes: 1 << 20})
		want := 1
		if err != nil {
			want = 0
		}
		beside, _ := os.ReadDir(parent)
		above, _ := os.ReadDir(grand)
		if len(beside) != want || len(above) != 1 {
			t.Errorf("error %v; beside: %v; above: %v", err, beside, above)
		}
	})
}
