package wasi

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// tree is what a folder of the machine is reached by; its names are relative to it. An os.Root is one.
type tree interface {
	Lstat(name string) (fs.FileInfo, error)
	Stat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	Link(from, to string) error
	Symlink(target, link string) error
	Readlink(name string) (string, error)
	Chtimes(name string, atime, mtime time.Time) error
	Close() error
}

// machine is all of this machine's files from its root. There is no outside to be kept from, so links lead wherever they lead for
// anybody, which an os.Root refuses of those with a whole path.
type machine struct{ hidden []string }

// path is where a name leads; what is hidden is not there.
func (m machine) path(name string, follow bool) (string, error) {
	path := filepath.Join("/", name)
	if len(m.hidden) == 0 {
		return path, nil
	}
	// What can't be followed, since it is not there yet, lies where its folder lies.
	real := path
	if follow {
		if to, err := filepath.EvalSymlinks(path); err == nil {
			real = to
		}
	}
	if real == path {
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			real = filepath.Join(dir, filepath.Base(path))
		}
	}
	for _, hidden := range m.hidden {
		if strings.HasPrefix(real, hidden+"/") {
			return "", syscall.ENOENT
		}
	}
	return path, nil
}

func at[T any](m machine, name string, follow bool, do func(path string) (T, error)) (out T, err error) {
	path, err := m.path(name, follow)
	if err != nil {
		return out, err
	}
	return do(path)
}

func (m machine) Lstat(name string) (fs.FileInfo, error) { return at(m, name, false, os.Lstat) }
func (m machine) Stat(name string) (fs.FileInfo, error)  { return at(m, name, true, os.Stat) }
func (m machine) Readlink(name string) (string, error)   { return at(m, name, false, os.Readlink) }

func (m machine) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return at(m, name, true, func(path string) (*os.File, error) { return os.OpenFile(path, flag, perm) })
}

func (m machine) Mkdir(name string, perm fs.FileMode) error {
	path, err := m.path(name, false)
	if err != nil {
		return err
	}
	return os.Mkdir(path, perm)
}

func (m machine) Remove(name string) error {
	path, err := m.path(name, false)
	if err != nil {
		return err
	}
	return os.Remove(path)
}

func (m machine) Rename(from, to string) error { return m.two(from, to, os.Rename) }
func (m machine) Link(from, to string) error   { return m.two(from, to, os.Link) }

func (m machine) two(from, to string, do func(string, string) error) error {
	from, err := m.path(from, false)
	if err != nil {
		return err
	}
	if to, err = m.path(to, false); err != nil {
		return err
	}
	return do(from, to)
}

func (m machine) Symlink(target, link string) error {
	path, err := m.path(link, false)
	if err != nil {
		return err
	}
	return os.Symlink(target, path)
}

func (m machine) Chtimes(name string, atime, mtime time.Time) error {
	path, err := m.path(name, true)
	if err != nil {
		return err
	}
	return os.Chtimes(path, atime, mtime)
}

func (m machine) Close() error { return nil }

// hides says whether a folder's entries are not told.
func (m machine) hides(name string) bool {
	if len(m.hidden) == 0 {
		return false
	}
	real, err := filepath.EvalSymlinks(filepath.Join("/", name))
	if err != nil {
		return false
	}
	for _, hidden := range m.hidden {
		if real == hidden {
			return true
		}
	}
	return false
}

// endless are the devices that programs take for files, and that never keep one waiting.
var endless = []string{"dev/null", "dev/zero", "dev/full", "dev/random", "dev/urandom"}
