// Package rootfs puts file systems together and writes them as layers of container images. The same files give the same
// bytes, in whatever order they were added: entries are sorted, owned by root and carry one time. What the files mean is
// not its business. Package toolchain uses it.
package rootfs

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
)

// Tree is a file system being put together. Contents wait in files of a spool folder, so that a system of a gigabyte
// does not need a gigabyte of memory. Its methods are safe for concurrent use.
type Tree struct {
	spool string
	alias map[string]string
	drop  *Patterns

	mu      sync.Mutex
	entries map[string]*node
	files   []*os.File
}

// node is what a name stands for. Names that share one are hard links of each other.
type node struct {
	kind   byte // tar.TypeReg, TypeDir or TypeSymlink
	mode   int64
	target string // of a symbolic link
	size   int64
	open   func() io.Reader
}

// NewTree makes an empty tree. Contents go to files in spool; names that drop matches are left out. alias moves
// everything below a top folder elsewhere, as the links of a merged /usr do: "lib" → "usr/lib".
func NewTree(spool string, alias map[string]string, drop *Patterns) *Tree {
	return &Tree{spool: spool, alias: alias, drop: drop, entries: map[string]*node{}}
}

// Close removes what was spooled. Layers that were written stay.
func (t *Tree) Close() error {
	var errs []error
	for _, f := range t.files {
		errs = append(errs, f.Close())
	}
	t.files = nil
	return errors.Join(errs...)
}

// Split takes out what the patterns match and gives it as a tree of its own, which is good until this one is closed.
func (t *Tree) Split(p *Patterns) *Tree {
	t.mu.Lock()
	defer t.mu.Unlock()
	other := NewTree(t.spool, t.alias, nil)
	for name, n := range t.entries {
		if p.Match(name) {
			other.entries[name] = n
			delete(t.entries, name)
		}
	}
	return other
}

// Read gives a file's contents.
func (t *Tree) Read(name string) ([]byte, error) {
	t.mu.Lock()
	n := t.entries[t.clean(name)]
	t.mu.Unlock()
	if n == nil || n.kind != tar.TypeReg {
		return nil, fmt.Errorf("%s: %w", name, os.ErrNotExist)
	}
	return io.ReadAll(n.open())
}

// Folder adds an empty folder. mode is as in chmod.
func (t *Tree) Folder(name string, mode int64) error {
	return t.put(name, &node{kind: tar.TypeDir, mode: mode})
}

// File adds a file that everybody can read.
func (t *Tree) File(name string, text []byte) error {
	open := func() io.Reader { return bytes.NewReader(text) }
	return t.put(name, &node{kind: tar.TypeReg, mode: 0o644, size: int64(len(text)), open: open})
}

// Link adds a symbolic link.
func (t *Tree) Link(name, target string) error {
	return t.put(name, &node{kind: tar.TypeSymlink, mode: 0o777, target: target})
}

// Remove takes out a name and everything below it.
func (t *Tree) Remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name = t.clean(name)
	maps.DeleteFunc(t.entries, func(have string, _ *node) bool {
		return have == name || strings.HasPrefix(have, name+"/")
	})
}

// Tar adds everything below the archive's folder from (all of it where that is empty) below the folder at. Only the kinds
// of files that a package has are allowed; their modes stay, without the set-user-id bits.
func (t *Tree) Tar(r *tar.Reader, from, at string) error {
	spool, err := t.newSpool()
	if err != nil {
		return err
	}
	links := map[string]string{}
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("reading an archive: %w", err)
		}
		name, ok := below(from, h.Name)
		if !ok {
			continue
		}
		name = path.Join(at, name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = t.put(name, &node{kind: tar.TypeDir, mode: h.Mode & 0o1777})
		case tar.TypeSymlink:
			err = t.put(name, &node{kind: tar.TypeSymlink, mode: 0o777, target: h.Linkname})
		case tar.TypeLink:
			target, _ := below(from, h.Linkname)
			links[name] = path.Join(at, target)
		case tar.TypeReg:
			err = t.spooled(spool, name, h.Mode, r)
		default:
			err = fmt.Errorf("%s is of kind %q, which no layer may have", name, h.Typeflag)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		if err := t.hardLink(name, links[name]); err != nil {
			return err
		}
	}
	return nil
}

// below gives an archive's name relative to a folder of it.
func below(folder, name string) (string, bool) {
	name = path.Clean("/" + name)
	if folder == "" {
		return name, true
	}
	return strings.CutPrefix(name, path.Clean("/"+folder)+"/")
}

// Zip adds every file of an archive below the folder at. Modes become 0644, as an installer of wheels has it.
func (t *Tree) Zip(r *zip.Reader, at string) error {
	spool, err := t.newSpool()
	if err != nil {
		return err
	}
	for _, f := range r.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if err := t.unzip(spool, f, path.Join(at, path.Clean("/"+f.Name))); err != nil {
			return fmt.Errorf("unpacking %s: %w", f.Name, err)
		}
	}
	return nil
}

func (t *Tree) unzip(spool *os.File, f *zip.File, name string) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return t.spooled(spool, name, 0o644, r)
}

func (t *Tree) newSpool() (*os.File, error) {
	f, err := os.CreateTemp(t.spool, "spool-*")
	if err != nil {
		return nil, err
	}
	// Without a name it goes away with the process, however that ends.
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files = append(t.files, f)
	return f, nil
}

func (t *Tree) spooled(spool *os.File, name string, mode int64, r io.Reader) error {
	if t.drop.Match(t.clean(name)) {
		return nil
	}
	start, err := spool.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	size, err := io.Copy(spool, r)
	if err != nil {
		return fmt.Errorf("spooling %s: %w", name, err)
	}
	open := func() io.Reader { return io.NewSectionReader(spool, start, size) }
	return t.put(name, &node{kind: tar.TypeReg, mode: mode & 0o777, size: size, open: open})
}

// put adds an entry. Two packages may both have a folder or the same link; two files of one name are an error.
func (t *Tree) put(name string, n *node) error {
	name = t.clean(name)
	if name == "" || t.drop.Match(name) {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.entries[name]
	switch {
	case old == nil:
	case old.kind == tar.TypeDir && n.kind == tar.TypeDir:
		if old.mode != n.mode {
			return fmt.Errorf("%s is added with mode %o and with mode %o", name, old.mode, n.mode)
		}
	case old.kind == tar.TypeSymlink && n.kind == tar.TypeSymlink && old.target == n.target:
	default:
		return fmt.Errorf("%s is added twice", name)
	}
	t.entries[name] = n
	return nil
}

func (t *Tree) hardLink(name, target string) error {
	t.mu.Lock()
	n := t.entries[t.clean(target)]
	t.mu.Unlock()
	if n == nil && !t.drop.Match(t.clean(name)) {
		return fmt.Errorf("%s is a hard link to %s, which is not there", name, target)
	}
	return t.put(name, n)
}

// clean gives the name as it is in the layer: relative, without "..", below the real folder where a top folder is a link.
func (t *Tree) clean(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if top, rest, ok := strings.Cut(name, "/"); ok && t.alias[top] != "" {
		return t.alias[top] + "/" + rest
	}
	return name
}
