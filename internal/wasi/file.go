package wasi

import (
	"errors"
	"io"
	"io/fs"
	"os"

	experimental "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// file is an open file or folder.
type file struct {
	*folder
	os     *os.File
	path   string
	info   fs.FileInfo // as it was opened: for what does not change
	append bool
	moved  bool // the position may be beyond the end
	closed bool
	hidden bool // a folder whose entries are not told
}

func (f *file) Dev() (uint64, experimental.Errno) { return sys.NewStat_t(f.info).Dev, 0 }

func (f *file) Ino() (sys.Inode, experimental.Errno) { return sys.NewStat_t(f.info).Ino, 0 }

func (f *file) IsDir() (bool, experimental.Errno) { return f.info.IsDir(), 0 }

func (f *file) IsAppend() bool { return f.append }

func (f *file) SetAppend(on bool) experimental.Errno {
	f.append = on
	return 0
}

func (f *file) Stat() (sys.Stat_t, experimental.Errno) { return stat(f.os.Stat()) }

// of turns what reading and writing returned into what the program hears.
func (f *file) of(n int, err error) (int, experimental.Errno) {
	if err == nil || errors.Is(err, io.EOF) {
		return n, 0
	}
	return n, errno(err)
}

func (f *file) Read(b []byte) (int, experimental.Errno) {
	if f.info.IsDir() {
		return 0, experimental.EISDIR
	}
	return f.of(f.os.Read(b))
}

func (f *file) Pread(b []byte, offset int64) (int, experimental.Errno) {
	switch {
	case f.info.IsDir():
		return 0, experimental.EISDIR
	case offset < 0:
		return 0, experimental.EINVAL
	}
	return f.of(f.os.ReadAt(b, offset))
}

// offset is an int64 by another name: vet takes a Seek of int64 for a mistaken io.Seeker.
type offset = int64

func (f *file) Seek(at offset, whence int) (int64, experimental.Errno) {
	if whence < 0 || whence > io.SeekEnd {
		return 0, experimental.EINVAL
	}
	if f.info.IsDir() && (at != 0 || whence != io.SeekStart) {
		return 0, experimental.EISDIR
	}
	f.moved = true
	n, err := f.os.Seek(at, whence)
	return n, errno(err)
}

// Readdir gives no inodes: os.File.Readdir asks for them by names that it joins itself, past the Root.
func (f *file) Readdir(n int) ([]experimental.Dirent, experimental.Errno) {
	if !f.info.IsDir() {
		return nil, experimental.ENOTDIR
	}
	if f.hidden {
		return nil, 0
	}
	entries, err := f.os.ReadDir(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errno(err)
	}
	out := make([]experimental.Dirent, 0, len(entries))
	for _, e := range entries {
		out = append(out, experimental.Dirent{Name: e.Name(), Type: e.Type()})
	}
	return out, 0
}

func (f *file) Write(b []byte) (int, experimental.Errno) {
	if f.info.IsDir() {
		return 0, experimental.EISDIR
	}
	if f.append {
		if _, err := f.os.Seek(0, io.SeekEnd); err != nil {
			return 0, errno(err)
		}
		f.moved = false
	}
	hole := int64(0)
	if f.moved {
		at, err := f.os.Seek(0, io.SeekCurrent)
		if err != nil {
			return 0, errno(err)
		}
		var e experimental.Errno
		if hole, e = f.hole(at); e != 0 {
			return 0, e
		}
		f.moved = false
	}
	if !f.quota.write(hole + int64(len(b))) {
		return 0, experimental.EIO
	}
	return f.of(f.os.Write(b))
}

func (f *file) Pwrite(b []byte, offset int64) (int, experimental.Errno) {
	switch {
	case f.info.IsDir():
		return 0, experimental.EISDIR
	case offset < 0:
		return 0, experimental.EINVAL
	}
	hole, e := f.hole(offset)
	if e != 0 {
		return 0, e
	}
	if !f.quota.write(hole + int64(len(b))) {
		return 0, experimental.EIO
	}
	return f.of(f.os.WriteAt(b, offset))
}

// hole is how far a place is beyond the file's end.
func (f *file) hole(at int64) (int64, experimental.Errno) {
	info, err := f.os.Stat()
	if err != nil {
		return 0, errno(err)
	}
	return max(at-info.Size(), 0), 0
}

func (f *file) Truncate(size int64) experimental.Errno {
	switch {
	case f.info.IsDir():
		return experimental.EISDIR
	case size < 0:
		return experimental.EINVAL
	}
	grows, e := f.hole(size)
	if e != 0 {
		return e
	}
	if grows > 0 && !f.quota.write(grows) {
		return experimental.EIO
	}
	return errno(f.os.Truncate(size))
}

func (f *file) Sync() experimental.Errno { return errno(f.os.Sync()) }

func (f *file) Datasync() experimental.Errno { return errno(f.os.Sync()) }

// Utimens goes by the name under which the file was opened, since os has nothing else: only while the name is still the
// file's.
func (f *file) Utimens(atime, mtime int64) experimental.Errno {
	info, err := f.root.Stat(f.path)
	if err != nil {
		return errno(err)
	}
	if !os.SameFile(info, f.info) {
		return experimental.ENOENT
	}
	return f.folder.Utimens(f.path, atime, mtime)
}

func (f *file) Close() experimental.Errno {
	if f.closed {
		return 0
	}
	f.closed = true
	f.quota.close()
	return errno(f.os.Close())
}
