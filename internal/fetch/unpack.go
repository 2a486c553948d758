package fetch

import (
	"archive/tar"
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// Mtime is what every unpacked file and folder gets. All alike, nothing looks out of date to make; and it lies after
// 1980, where zip's time begins.
var Mtime = time.Unix(946684800, 0) // 2000-01-01 UTC

// Unpacking says how an archive is unpacked. The zero value is good for sources.
type Unpacking struct {
	// Folder is the folder in the archive that becomes the destination. Empty means: the only one at the top if there
	// is nothing beside it, otherwise the whole archive.
	Folder string
	// Entries and Bytes bound what an archive may hold; 0 means 200,000 entries and 4 GiB.
	Entries int
	Bytes   int64
}

// UnsafeArchiveError says which entry of an archive would do harm. Its kind is fault.Invalid.
type UnsafeArchiveError struct{ Entry, Reason string }

func (e *UnsafeArchiveError) Error() string {
	return fmt.Sprintf("archive entry %q %s", e.Entry, e.Reason)
}

// DamagedArchiveError says that an archive can't be read, or is none. Its kind is fault.Invalid.
type DamagedArchiveError struct{ Err error }

func (e *DamagedArchiveError) Error() string { return "reading the archive: " + e.Err.Error() }
func (e *DamagedArchiveError) Unwrap() error { return e.Err }

func damaged(err error) error {
	return &fault.Error{Kind: fault.Invalid, Err: &DamagedArchiveError{err}}
}

// Unpack makes dest out of an archive: tar (plain, gzip, bzip2, xz, zstd) or zip, told apart by content. dest must not
// exist, and does not exist after an error either.
//
// Refused with *UnsafeArchiveError are absolute names, names with "..", links that lead out, entries that lie behind a
// link, devices, and more than the limits allow. Of the modes only "executable" is kept, owners and times are not.
func Unpack(archive, dest string, how Unpacking) (err error) {
	if how.Entries == 0 {
		how.Entries = 200_000
	}
	if how.Bytes == 0 {
		how.Bytes = 4 << 30
	}
	if _, err := os.Lstat(dest); err == nil {
		return fault.Errorf(fault.Conflict, "unpacking to %s: it exists", dest)
	}
	aside, err := os.MkdirTemp(filepath.Dir(dest), ".unpacking-")
	if err != nil {
		return fmt.Errorf("unpacking to %s: %w", dest, diskError(err))
	}
	defer func() {
		if cleanup := os.RemoveAll(aside); err == nil && cleanup != nil {
			err = fmt.Errorf("unpacking to %s: %w", dest, cleanup)
		}
	}()
	root, err := os.OpenRoot(aside)
	if err != nil {
		return fmt.Errorf("unpacking to %s: %w", dest, err)
	}
	defer root.Close()
	u := &unpacker{root: root, entries: how.Entries, bytes: how.Bytes, dirs: map[string]bool{}}
	if err := u.all(archive); err != nil {
		return fmt.Errorf("unpacking %s: %w", filepath.Base(archive), diskError(err))
	}
	folder, err := sourceFolder(root, how.Folder)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", filepath.Base(archive), err)
	}
	if err := errors.Join(os.Chmod(aside, 0o755), os.Rename(filepath.Join(aside, folder), dest)); err != nil {
		return fmt.Errorf("unpacking to %s: %w", dest, err)
	}
	return nil
}

// unpacker writes entries below root. os.Root is the last line of defence: it never leaves its folder, whatever links
// lie in it.
type unpacker struct {
	root    *os.Root
	entries int
	bytes   int64
	links   []string
	dirs    map[string]bool
}

func (u *unpacker) all(archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	stream, isZip, err := open(file)
	if err != nil {
		return damaged(err)
	}
	if isZip {
		err = u.zip(file)
	} else {
		err = u.tar(tar.NewReader(stream))
	}
	if err != nil {
		return err
	}
	for _, link := range u.links {
		if err := u.checkLink(link); err != nil {
			return err
		}
	}
	for dir := range u.dirs {
		if err := u.root.Chtimes(dir, Mtime, Mtime); err != nil {
			return err
		}
	}
	return u.root.Chtimes(".", Mtime, Mtime)
}

func (u *unpacker) tar(r *tar.Reader) error {
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		switch h.Typeflag {
		case tar.TypeXGlobalHeader:
			continue
		case tar.TypeDir:
			err = u.dir(h.Name)
		case tar.TypeReg:
			err = u.file(h.Name, h.Mode&0o111 != 0, r)
		case tar.TypeSymlink:
			err = u.symlink(h.Name, h.Linkname)
		case tar.TypeLink:
			err = u.hardlink(h.Name, h.Linkname)
		default:
			err = unsafe(h.Name, "is a device or another special file")
		}
		if err != nil {
			return err
		}
	}
}

func (u *unpacker) zip(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	r, err := zip.NewReader(file, info.Size())
	if err != nil {
		return damaged(err)
	}
	for _, f := range r.File {
		if err := u.zipEntry(f); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) zipEntry(f *zip.File) error {
	if f.Mode().IsDir() {
		return u.dir(f.Name)
	}
	content, err := f.Open()
	if err != nil {
		return damaged(err)
	}
	defer content.Close()
	switch f.Mode().Type() {
	case 0:
		return u.file(f.Name, f.Mode()&0o111 != 0, content)
	case fs.ModeSymlink:
		target, err := io.ReadAll(io.LimitReader(content, 4096))
		if err != nil {
			return damaged(err)
		}
		return u.symlink(f.Name, string(target))
	default:
		return unsafe(f.Name, "is a device or another special file")
	}
}

// sourceFolder finds the folder of the unpacked archive that holds the source.
func sourceFolder(root *os.Root, wanted string) (string, error) {
	if wanted != "" {
		clean := path.Clean(wanted)
		if info, err := root.Lstat(clean); err != nil || !info.IsDir() || clean == "." && wanted != "." {
			return "", fault.Errorf(fault.Invalid, "the archive has no folder %q", wanted)
		}
		return clean, nil
	}
	top, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return "", err
	}
	if len(top) == 1 && top[0].IsDir() && !strings.HasPrefix(top[0].Name(), ".") {
		return top[0].Name(), nil
	}
	return ".", nil
}
