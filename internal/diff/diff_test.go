package diff_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/diff"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// compare compares contents as files of one name.
func compare(t testing.TB, name string, a, b []byte) *diff.Report {
	t.Helper()
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	for path, data := range map[string][]byte{first: a, second: b} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := diff.Files([]diff.File{{Name: name, Path: first}}, []diff.File{{Name: name, Path: second}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// file is an entry of an archive.
type file struct {
	name, text string
	at         time.Time
	mode       os.FileMode
	method     uint16
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func zipped(t testing.TB, comment string, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: f.method, Modified: f.at}
		h.SetMode(f.mode | 0o600)
		e, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(e, f.text)
	}
	if err := w.SetComment(comment); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarred(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.text)), Mode: int64(f.mode), ModTime: f.at, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, f.text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, level int, at time.Time, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.ModTime = at
	_, _ = w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// library is an ar archive as llvm-ar writes it.
func library(members ...file) []byte {
	b := []byte("!<arch>\n")
	names := ""
	var body []byte
	for _, m := range members {
		name := m.name + "/"
		if len(name) > 16 {
			name = fmt.Sprintf("/%d", len(names))
			names += m.name + "/\n"
		}
		body = append(body, member(name, m.at.Unix(), m.text)...)
	}
	if names != "" {
		b = append(b, member("//", 0, names)...)
	}
	return append(b, body...)
}

func member(name string, at int64, text string) []byte {
	out := fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", name, at, 0, 0, "644", len(text), text)
	if len(text)%2 == 1 {
		out += "\n"
	}
	return []byte(out)
}

// module is a side module of two functions and a segment.
func module(functions []string, data string, names ...string) []byte {
	m := wasmtest.Module{
		Imports: []wasm.Import{{Module: "env", Name: "PyLong_FromLong", Kind: wasm.Func, Signature: "i:i"}},
		Exports: []wasm.Export{{Name: "PyInit_x", Kind: wasm.Func, Signature: ":i"}},
	}.Bytes()
	code := []byte{byte(len(functions))}
	for _, f := range functions {
		code = append(append(code, byte(len(f))), f...)
	}
	m = append(m, wasmtest.Section(10, code)...)
	m = append(m, wasmtest.Section(11, []byte{1, 0, 0x23, 0, 0x0b, byte(len(data))}, []byte(data))...)
	var list []byte
	for i, n := range names {
		list = append(append(list, byte(i+1), byte(len(n))), n...)
	}
	if len(names) > 0 {
		sub := append([]byte{byte(len(names))}, list...)
		m = append(m, wasmtest.Section(0, []byte("\x04name\x01"), []byte{byte(len(sub))}, sub)...)
	}
	return append(m, wasmtest.Section(0, []byte("\x09producers"), []byte("\x01\x0cprocessed-by\x01\x05clang\x02"), []byte("20"))...)
}

func py(name, text string) file { return file{name: name, text: text, at: noon} }

func TestWhatPeopleRead(t *testing.T) {
	one := module([]string{"\x00\x41\x01\x0b", "\x00\x0b"}, "built at 12:00:00", "first", "second")
	two := module([]string{"\x00\x41\x02\x0b", "\x00\x0b"}, "built at 12:00:07", "first", "second")
	wheel := func(stamp string, so []byte) []byte {
		return zipped(t, "", py("story/__init__.py", "from ._c import *\n"), py("story/_stamp.py", "# generated\nTIME = "+stamp+"\nNAME = 'story'\n"),
			py("story/_c.so", string(so)), py("story-1.0.dist-info/RECORD", "story/_stamp.py,sha256="+stamp+",20\n"))
	}
	long := strings.Repeat("line\n", 300)
	for name, c := range map[string]struct {
		file string
		a, b []byte
	}{
		"equal":         {"x.whl", wheel("1", one), wheel("1", one)},
		"a wheel":       {"story-1.0.whl", wheel("12", one), wheel("19", two)},
		"the order":     {"x.zip", zipped(t, "", py("a", "1"), py("b", "2"), py("c", "3")), zipped(t, "", py("a", "1"), py("c", "3"), py("b", "2"))},
		"the header":    {"x.zip", zipped(t, "", py("a", "1")), zipped(t, "made today", file{name: "a", text: "1", at: noon.Add(time.Hour), mode: 0o755})},
		"compression":   {"x.zip", zipped(t, "", file{name: "a", text: long, at: noon}), zipped(t, "", file{name: "a", text: long, at: noon, method: zip.Deflate})},
		"come and gone": {"x.zip", zipped(t, "", py("a", "1"), py("b", "2")), zipped(t, "", py("b", "2"), py("c\x1b[31m", "3"))},
		"tests beside": {"x-tests.tar.gz", gzipped(t, 6, noon, tarred(t, py("tests/a.py", "x = 1\n"), py("tests/b.py", ""))),
			gzipped(t, 9, noon.Add(time.Second), tarred(t, file{name: "tests/a.py", text: "x = 2\n", at: noon, mode: 0o644}, py("tests/b.py", "")))},
		"a library": {"libx.tar.gz", gzipped(t, 6, noon, tarred(t, file{name: "lib/libx.a", text: string(library(file{name: "a.o", text: string(one), at: noon}, file{name: "a-long-member-name.o", text: "odd", at: noon})), at: noon})),
			gzipped(t, 6, noon, tarred(t, file{name: "lib/libx.a", text: string(library(file{name: "a.o", text: string(two), at: noon}, file{name: "a-long-member-name.o", text: "odd", at: noon.Add(time.Hour)})), at: noon}))},
		"functions that come": {"x.so", module([]string{"\x00\x0b", "\x00\x41\x01\x0b", "\x00\x01\x0b"}, "d", "a", "b", "c"), module([]string{"\x00\x0b", "\x00\x41\x02\x0b", "\x00\x41\x03\x0b", "\x00\x01\x0b"}, "d", "a", "b", "new", "c")},
		"what a module says": {"x.so", wasmtest.Module{Needed: []string{"libz.so"}, Features: []string{"+simd128"}, Exports: []wasm.Export{{Name: "a", Kind: wasm.Func, Signature: ":i"}}}.Bytes(),
			wasmtest.Module{Needed: []string{"libz.so", "libm.so"}, Features: []string{"+bulk-memory"}, Exports: []wasm.Export{{Name: "b", Kind: wasm.Func, Signature: ":i"}}}.Bytes()},
		"a text":           {"x.py", []byte("a\nb\nc\nd\ne\nf\ng\nh\n"), []byte("a\nb\nC\nd\ne\nf\ng\nnew\nh")},
		"a rewritten text": {"x.py", []byte(numbers(2000, 1)), []byte(numbers(2000, 7))},
		"bytes":            {"x.dat", []byte("\x00\x01same\xff\xfeone"), []byte("\x00\x01same\xff\xfetwo!")},
		"another kind":     {"x.so", one, []byte("#!/bin/sh\n")},
		"damaged":          {"x.so", one, append(slices.Clone(one[:len(one)-3]), 0xff)},
		"a cut zip":        {"x.zip", zipped(t, "", py("a", "1")), zipped(t, "", py("a", "1"))[:40]},
	} {
		t.Run(name, func(t *testing.T) {
			r := compare(t, c.file, c.a, c.b)
			var out strings.Builder
			if err := r.Text(&out); err != nil {
				t.Fatal(err)
			}
			got := r.Summary() + "\n\n" + out.String()
			golden := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got; -update rewrites it):\n%s", diff)
			}
			if r.Equal != bytes.Equal(c.a, c.b) {
				t.Errorf("equal: %t", r.Equal)
			}
		})
	}
}

func numbers(n, step int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i*step)
	}
	return b.String()
}

func TestArtifactsThatOneSideLacks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := diff.Files([]diff.File{{Name: "a", Path: path}, {Name: "both", Path: path}}, []diff.File{{Name: "both", Path: path}, {Name: "b", Path: path}})
	if err != nil || r.Equal || r.Summary() != "a, b" || r.Differences[0].Only != "first" || r.Differences[1].Only != "second" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := diff.Files([]diff.File{{Name: "a", Path: path}}, []diff.File{{Name: "a", Path: path + "y"}}); err == nil {
		t.Error("a file that is not there is equal to one that is")
	}
	if _, err := diff.Files([]diff.File{{Name: "a", Path: dir}}, []diff.File{{Name: "a", Path: dir}}); err == nil {
		t.Error("folders are compared")
	}
}

// A zip in a zip in a zip …, and one that is much larger than it looks: what is not looked into differs all the same.
func TestBoundsHold(t *testing.T) {
	deep := func(text string) []byte {
		b := []byte(text)
		for range 20 {
			b = zipped(t, "", file{name: "inner.zip", text: string(b), at: noon})
		}
		return b
	}
	r := compare(t, "x.zip", deep("a"), deep("b"))
	var out strings.Builder
	if err := r.Text(&out); err != nil || r.Equal || !strings.Contains(out.String(), "not looked into") {
		t.Errorf("%v\n%s", err, out.String())
	}
	bomb := func(last string) []byte {
		return zipped(t, "", file{name: "bomb", text: strings.Repeat("\x00", 300<<20) + last, at: noon, method: zip.Deflate})
	}
	r = compare(t, "x.zip", bomb("a"), bomb("b"))
	out.Reset()
	if err := r.Text(&out); err != nil || r.Equal || !strings.Contains(out.String(), "bomb is too large") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// A report stays short, and says how much it leaves out.
func TestWhatIsTooMuchIsCounted(t *testing.T) {
	var a, b []file
	for i := range 60 {
		a, b = append(a, py(fmt.Sprintf("%02d", i), "a")), append(b, py(fmt.Sprintf("%02d", i), "b"))
	}
	r := compare(t, "x.zip", zipped(t, "", a...), zipped(t, "", b...))
	var out strings.Builder
	if err := r.Text(&out); err != nil || r.Summary() != "00, 01, 02 and 57 more" || !strings.HasSuffix(out.String(), "\n  and 10 more\n") {
		t.Errorf("%s, %v\n%s", r.Summary(), err, out.String())
	}
}

// mirror is a report with the sides exchanged.
func mirror(t testing.TB, nodes []diff.Node) []diff.Node {
	t.Helper()
	out := slices.Clone(nodes)
	for i := range out {
		n := &out[i]
		n.Only = map[string]string{"first": "second", "second": "first"}[n.Only]
		n.Changes = slices.Clone(n.Changes)
		for j, c := range n.Changes {
			n.Changes[j].First, n.Changes[j].Second = c.Second, c.First
		}
		if n.Sizes != nil {
			n.Sizes = &[2]int64{n.Sizes[1], n.Sizes[0]}
			n.SHA256 = &[2]string{n.SHA256[1], n.SHA256[0]}
		}
		if n.Bytes != nil {
			n.Bytes = &[2]string{n.Bytes[1], n.Bytes[0]}
		}
		n.Lines, n.Note, n.Parts = nil, "", mirror(t, n.Parts)
		slices.SortStableFunc(n.Parts, func(a, b diff.Node) int { return strings.Compare(a.Name+a.Only, b.Name+b.Only) })
	}
	return out
}

// check holds what is true of any two contents.
func check(t testing.TB, a, b []byte) {
	t.Helper()
	r := compare(t, "x", a, b)
	if r.Equal != bytes.Equal(a, b) {
		t.Fatalf("equal: %t", r.Equal)
	}
	var walk func(n *diff.Node)
	walk = func(n *diff.Node) {
		if n.Only == "" && len(n.Changes) == 0 && len(n.Parts) == 0 && len(n.Lines) == 0 && n.Offset == nil {
			t.Fatalf("%s differs, and nothing is said of it", n.Name)
		}
		for i := range n.Parts {
			walk(&n.Parts[i])
		}
	}
	for i := range r.Differences {
		walk(&r.Differences[i])
	}
	var text strings.Builder
	if err := r.Text(&text); err != nil || strings.ContainsAny(text.String(), "\x1b\r\x00") {
		t.Fatalf("%v: %q", err, text.String())
	}
	if again := compare(t, "x", a, b); !cmp.Equal(r, again) {
		t.Fatal("a second comparison says something else")
	}
	data, err := json.Marshal(r)
	var read diff.Report
	if err == nil {
		err = json.Unmarshal(data, &read)
	}
	if err != nil || len(data) > 4<<20 {
		t.Fatalf("%v: %d bytes", err, len(data))
	}
	// Where one side has more functions, which of them are new is a matter of taste.
	if other := compare(t, "x", b, a); !r.Equal && len(a) == len(b) {
		if d := cmp.Diff(mirror(t, mirror(t, r.Differences)), mirror(t, other.Differences)); d != "" {
			t.Fatalf("from the other side (-want +got):\n%s", d)
		}
	}
}

// One change anywhere in any kind of file is found, and explained.
func TestAnyChangeIsFound(t *testing.T) {
	so := module([]string{"\x00\x41\x01\x0b", "\x00\x0b"}, "data", "first", "second")
	seeds := [][]byte{
		so, library(file{name: "a.o", text: string(so), at: noon}, file{name: "a-long-member-name.o", text: "odd", at: noon}),
		zipped(t, "comment", py("a.py", "x = 1\n"), file{name: "b.so", text: string(so), at: noon, method: zip.Deflate}),
		gzipped(t, 6, noon, tarred(t, py("a", "1"), py("b", "2"))), tarred(t, py("a", "1")), []byte("a\nb\nc\n"),
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 600 {
		a := seeds[n%len(seeds)]
		b := slices.Clone(a)
		for range 1 + random.IntN(3) {
			at := random.IntN(len(b))
			switch random.IntN(3) {
			case 0:
				b[at] ^= byte(1 + random.IntN(255))
			case 1:
				b = slices.Delete(b, at, at+1)
			default:
				b = slices.Insert(b, at, byte(random.IntN(256)))
			}
		}
		check(t, a, b)
	}
}

func FuzzFiles(f *testing.F) {
	so := module([]string{"\x00\x41\x01\x0b", "\x00\x0b"}, "data", "first", "second")
	f.Add(so, module([]string{"\x00\x0b"}, "dat"))
	f.Add(library(file{name: "a.o", text: "1", at: noon}), library(file{name: "b.o", text: "1", at: noon}))
	f.Add(zipped(f, "", py("a", "1")), zipped(f, "", py("a", "2")))
	f.Add(gzipped(f, 6, noon, tarred(f, py("a", "1"))), gzipped(f, 6, noon, tarred(f, py("b", "1"))))
	f.Add([]byte("a\nb\n"), []byte("b\na\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a)+len(b) < 1<<16 {
			check(t, a, b)
		}
	})
}
