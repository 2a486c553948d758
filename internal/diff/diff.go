// Package diff holds artifacts of two builds against each other, down to what differs first: archives entry by entry, with all
// that is said of an entry; files in them by bytes, and by lines where they are text; WebAssembly modules section by section,
// code by function and data by segment; static libraries by member; and archives in archives likewise. It does not compare runs
// (package compare) and judges nothing. The worker that builds a second time and `wasmill diff` are its users.
//
// Bytes come from strangers. What is read, how deep and how much is reported is bounded; what is not looked into is said to
// differ as a whole. Two files are reported as equal only if all of their bytes are.
package diff

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/wasmill/wasmill/internal/fault"
)

// File is one artifact. Two are held against each other if they have the same name.
type File struct{ Name, Path string }

// Report is what differs.
type Report struct {
	Equal bool `json:"equal"`
	// Differences are the files that differ, in the order of the first.
	Differences []Node `json:"differences,omitempty"`
}

// Kind is what a Node is about.
type Kind string

// The kinds of nodes.
const (
	Plain    Kind = "file"
	Text     Kind = "text"
	Zip      Kind = "zip archive" // a wheel, too
	Gzip     Kind = "gzip file"
	Tar      Kind = "tar archive"
	Ar       Kind = "static library"
	Module   Kind = "WebAssembly module"
	Section  Kind = "section"
	Function Kind = "function"
	Segment  Kind = "data segment"
)

// Node is one thing that differs.
type Node struct {
	Name string `json:"name"` // of a file in an archive: its path there
	Kind Kind   `json:"kind"`
	// Only is "first" or "second" for what the other does not have.
	Only string `json:"only,omitempty"`
	// Sizes, in bytes, and SHA256 are of the contents; nil where only what is said of them differs.
	Sizes   *[2]int64  `json:"sizes,omitempty"`
	SHA256  *[2]string `json:"sha256,omitempty"`
	Changes []Change   `json:"changes,omitempty"`
	// Note is why the contents were not looked into.
	Note string `json:"note,omitempty"`
	// Offset is the first byte that differs, where nothing better is known; Bytes are those from there on, in hexadecimal.
	Offset *int64     `json:"offset,omitempty"`
	Bytes  *[2]string `json:"bytes,omitempty"`
	// Lines are what differs in a text, as in a unified diff.
	Lines []string `json:"lines,omitempty"`
	// Parts are what differs inside, and Omitted how much more than is listed.
	Parts   []Node `json:"parts,omitempty"`
	Omitted int    `json:"omitted,omitempty"`
}

// Change is one thing that is said of both, and not alike.
type Change struct {
	What   string `json:"what"` // time, mode, order, …
	First  string `json:"first"`
	Second string `json:"second"`
}

// Bounds of a comparison: what is larger, deeper or more is not looked into.
const (
	maxFile  = 256 << 20 // bytes of one file in memory
	maxTotal = 2 << 30   // bytes that are unpacked in all
	maxDepth = 5         // archives in archives
	maxParts = 50        // of one node in a report
	maxNodes = 2000      // in a report
	maxNames = 1 << 20   // entries of an archive
)

// Files compares two sets of artifacts. Errors are those of reading the files.
func Files(first, second []File) (*Report, error) {
	d := differ{budget: maxTotal, nodes: maxNodes}
	r := &Report{}
	for _, f := range first {
		i := slices.IndexFunc(second, func(s File) bool { return s.Name == f.Name })
		if i < 0 {
			r.Differences = append(r.Differences, Node{Name: f.Name, Kind: Plain, Only: "first"})
			continue
		}
		n, err := d.files(f, second[i])
		if err != nil {
			return nil, fault.Errorf(fault.KindOf(err), "comparing %s: %w", f.Name, err)
		}
		if n != nil {
			r.Differences = append(r.Differences, *n)
		}
	}
	for _, s := range second {
		if !slices.ContainsFunc(first, func(f File) bool { return s.Name == f.Name }) {
			r.Differences = append(r.Differences, Node{Name: s.Name, Kind: Plain, Only: "second"})
		}
	}
	r.Equal = len(r.Differences) == 0
	return r, nil
}

// differ is one comparison, and what it may still spend.
type differ struct {
	budget int64
	nodes  int
}

func (d *differ) files(first, second File) (*Node, error) {
	a, err := os.Open(first.Path)
	if err != nil {
		return nil, notThere(err)
	}
	defer a.Close()
	b, err := os.Open(second.Path)
	if err != nil {
		return nil, notThere(err)
	}
	defer b.Close()
	sizes := [2]int64{}
	for i, f := range []*os.File{a, b} {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fault.Errorf(fault.Invalid, "%s is not a file", f.Name())
		}
		sizes[i] = info.Size()
	}
	if max(sizes[0], sizes[1]) > maxFile {
		return stream(first.Name, a, b, sizes)
	}
	x, err := io.ReadAll(a)
	if err != nil {
		return nil, err
	}
	y, err := io.ReadAll(b)
	if err != nil {
		return nil, err
	}
	return d.contents(first.Name, x, y, 0), nil
}

func notThere(err error) error {
	if os.IsNotExist(err) {
		return fault.Errorf(fault.NotFound, "%w", err)
	}
	return err
}

// stream compares what is too large to be held.
func stream(name string, a, b io.Reader, sizes [2]int64) (*Node, error) {
	n := &Node{Name: name, Kind: Plain, Sizes: &sizes}
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); ; {
		i, err := io.ReadFull(a, x)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return nil, err
		}
		j, err2 := io.ReadFull(b, y)
		if err2 != nil && err2 != io.EOF && err2 != io.ErrUnexpectedEOF {
			return nil, err2
		}
		if !bytes.Equal(x[:i], y[:j]) {
			n.differsAt(at, x[:i], y[:j])
			return n, nil
		}
		if err != nil {
			return nil, nil
		}
		at += int64(i)
	}
}

// contents compares two files by what they are; nil for equal ones.
func (d *differ) contents(name string, a, b []byte, depth int) *Node {
	if bytes.Equal(a, b) {
		return nil
	}
	d.nodes--
	n := &Node{Name: name, Kind: Plain}
	n.digests(a, b)
	first, second := kindOf(a), kindOf(b)
	if first != second {
		n.change("kind", string(first), string(second))
		n.differsAt(0, a, b)
		return n
	}
	n.Kind = first
	inside := map[Kind]func(*Node, []byte, []byte, int) error{
		Zip: d.zips, Gzip: d.gzips, Tar: d.tars, Ar: d.libraries, Module: d.modules, Text: d.texts,
	}[first]
	switch {
	case inside == nil:
	case depth >= maxDepth || d.nodes <= 0:
		n.Note = "too deep, or too much before it"
	default:
		before := len(n.Changes)
		if err := inside(n, a, b, depth+1); err != nil {
			n.Note = err.Error()
		} else if len(n.Changes) > before || len(n.Parts) > 0 || len(n.Lines) > 0 {
			return n
		}
	}
	n.differsAt(0, a, b)
	return n
}

// digests says how large two contents are, and which.
func (n *Node) digests(a, b []byte) {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	n.Sizes, n.SHA256 = &[2]int64{int64(len(a)), int64(len(b))}, &[2]string{hex.EncodeToString(x[:]), hex.EncodeToString(y[:])}
}

// change notes what is not alike.
func (n *Node) change(what, first, second string) {
	if first != second {
		n.Changes = append(n.Changes, Change{what, first, second})
	}
}

// differsAt notes the first byte that differs. The contents begin at an offset of what they are part of.
func (n *Node) differsAt(offset int64, a, b []byte) {
	i := common(a, b)
	at := offset + int64(i)
	n.Offset, n.Bytes = &at, &[2]string{some(a[i:]), some(b[i:])}
}

// common is how many bytes are the same from the start on.
func common(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// some are the first bytes for people.
func some(b []byte) string {
	const most = 16
	if len(b) > most {
		return fmt.Sprintf("% x…", b[:most])
	}
	if len(b) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("% x", b)
}

// part adds what differs inside; nil is nothing.
func (n *Node) part(p *Node) {
	switch {
	case p == nil:
	case len(n.Parts) < maxParts:
		n.Parts = append(n.Parts, *p)
	default:
		n.Omitted++
	}
}
