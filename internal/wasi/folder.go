package wasi

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	experimental "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// folder is a folder of the machine as the program sees it. An os.Root keeps every path below it, links followed one by
// one, so nothing that the program makes, finds or moves leads out. Only the machine as a whole is no os.Root.
type folder struct {
	experimental.UnimplementedFS
	root     tree
	writable bool
	quota    *quota
}

// all is the machine, where the folder is the machine's root.
func (f *folder) all() (machine, bool) {
	m, ok := f.root.(machine)
	return m, ok
}

// name is the path as os.Root takes it, and whether it asks for a folder by ending in a slash. wazero puts a slash before what is
// below an opened "."; what a program says itself never begins with one.
func name(p string) (string, bool) {
	trimmed := strings.Trim(p, "/")
	if trimmed == "" {
		return ".", false
	}
	return trimmed, strings.HasSuffix(p, "/")
}

// errno is what the program hears of an error. What isn't the system's is os.Root's "path escapes".
func errno(err error) experimental.Errno {
	if err == nil {
		return 0
	}
	var number syscall.Errno
	switch {
	case errors.As(err, &number):
		return experimental.UnwrapOSError(number)
	case errors.Is(err, os.ErrClosed):
		return experimental.EBADF
	case errors.Is(err, fs.ErrNotExist):
		return experimental.ENOENT
	case errors.Is(err, fs.ErrExist):
		return experimental.EEXIST
	}
	return experimental.EPERM
}

func (f *folder) OpenFile(p string, flag experimental.Oflag, _ fs.FileMode) (experimental.File, experimental.Errno) {
	p, slash := name(p)
	access := flag & (experimental.O_RDWR | experimental.O_WRONLY)
	if flag&experimental.O_DIRECTORY != 0 && access != 0 {
		return nil, experimental.EISDIR
	}
	if !f.writable && (access != 0 || flag&(experimental.O_CREAT|experimental.O_TRUNC) != 0) {
		return nil, experimental.EROFS
	}
	info, err := f.root.Lstat(p)
	switch {
	case err == nil && flag&experimental.O_NOFOLLOW != 0 && info.Mode()&fs.ModeSymlink != 0:
		return nil, experimental.ELOOP
	case errors.Is(err, fs.ErrNotExist) && flag&experimental.O_CREAT != 0:
		if slash {
			return nil, experimental.EISDIR
		}
		if !f.quota.create() {
			return nil, experimental.EIO
		}
	}
	if !f.quota.open() {
		return nil, experimental.EIO
	}
	opened, e := f.open(p, openFlags(flag))
	if e == 0 && (slash || flag&experimental.O_DIRECTORY != 0) && !opened.info.IsDir() {
		_ = opened.os.Close()
		e = experimental.ENOTDIR
	}
	if e != 0 {
		f.quota.close()
		return nil, e
	}
	opened.append = flag&experimental.O_APPEND != 0
	return opened, 0
}

// open opens what is a file or a folder. A pipe would keep the program waiting where no limit reaches it, and a device is
// not the folder's: both are opened without waiting, and closed again.
func (f *folder) open(p string, flags int) (*file, experimental.Errno) {
	o, err := f.root.OpenFile(p, flags|syscall.O_NONBLOCK, 0o666)
	if err != nil {
		return nil, errno(err)
	}
	info, err := o.Stat()
	switch {
	case err != nil:
		_ = o.Close()
		return nil, errno(err)
	case !info.IsDir() && !info.Mode().IsRegular() && !f.endless(p, info):
		_ = o.Close()
		return nil, experimental.EACCES
	}
	m, _ := f.all()
	return &file{folder: f, os: o, path: p, info: info, hidden: info.IsDir() && m.hides(p)}, 0
}

func (f *folder) endless(p string, info fs.FileInfo) bool {
	_, all := f.all()
	return all && info.Mode()&fs.ModeCharDevice != 0 && slices.Contains(endless, p)
}

func openFlags(flag experimental.Oflag) int {
	out := os.O_RDONLY
	switch flag & (experimental.O_RDWR | experimental.O_WRONLY) {
	case experimental.O_RDWR:
		out = os.O_RDWR
	case experimental.O_WRONLY:
		out = os.O_WRONLY
	}
	for from, to := range map[experimental.Oflag]int{
		experimental.O_CREAT: os.O_CREATE, experimental.O_EXCL: os.O_EXCL, experimental.O_TRUNC: os.O_TRUNC,
		experimental.O_SYNC: os.O_SYNC, experimental.O_DSYNC: os.O_SYNC,
	} {
		if flag&from != 0 {
			out |= to
		}
	}
	return out // O_APPEND is done by file.Write: it can be switched on and off later
}

func (f *folder) Lstat(p string) (sys.Stat_t, experimental.Errno) {
	p, slash := name(p)
	if slash {
		return f.Stat(p + "/")
	}
	return stat(f.root.Lstat(p))
}

func (f *folder) Stat(p string) (sys.Stat_t, experimental.Errno) {
	p, slash := name(p)
	info, err := f.root.Stat(p)
	if err == nil && slash && !info.IsDir() {
		return sys.Stat_t{}, experimental.ENOTDIR
	}
	return stat(info, err)
}

func stat(info fs.FileInfo, err error) (sys.Stat_t, experimental.Errno) {
	if err != nil {
		return sys.Stat_t{}, errno(err)
	}
	return sys.NewStat_t(info), 0
}

// makes asks whether a new entry may be made.
func (f *folder) makes() experimental.Errno {
	switch {
	case !f.writable:
		return experimental.EROFS
	case !f.quota.create():
		return experimental.EIO
	}
	return 0
}

func (f *folder) Mkdir(p string, _ fs.FileMode) experimental.Errno {
	if e := f.makes(); e != 0 {
		return e
	}
	p, _ = name(p)
	return errno(f.root.Mkdir(p, 0o777))
}

func (f *folder) Rename(from, to string) experimental.Errno {
	if !f.writable {
		return experimental.EROFS
	}
	from, _ = name(from)
	to, _ = name(to)
	return errno(f.root.Rename(from, to))
}

func (f *folder) Rmdir(p string) experimental.Errno {
	p, _ = name(p)
	return f.remove(p, true)
}

func (f *folder) Unlink(p string) experimental.Errno {
	p, slash := name(p)
	if slash {
		return experimental.ENOTDIR
	}
	return f.remove(p, false)
}

// remove removes a folder, or what is none: os.Root makes no difference.
func (f *folder) remove(p string, dir bool) experimental.Errno {
	if !f.writable {
		return experimental.EROFS
	}
	info, err := f.root.Lstat(p)
	switch {
	case err != nil:
		return errno(err)
	case dir && !info.IsDir():
		return experimental.ENOTDIR
	case !dir && info.IsDir():
		return experimental.EISDIR
	}
	return errno(f.root.Remove(p))
}

func (f *folder) Link(from, to string) experimental.Errno {
	if e := f.makes(); e != 0 {
		return e
	}
	from, _ = name(from)
	to, _ = name(to)
	return errno(f.root.Link(from, to))
}

// Symlink refuses links that plainly lead out. Followed here no link does; but who reads the folder later may follow them.
func (f *folder) Symlink(target, link string) experimental.Errno {
	link, _ = name(link)
	if out := path.Join(path.Dir(link), target); path.IsAbs(target) || out == ".." || strings.HasPrefix(out, "../") {
		if _, all := f.all(); !all {
			return experimental.EPERM
		}
	}
	if e := f.makes(); e != 0 {
		return e
	}
	return errno(f.root.Symlink(target, link))
}

func (f *folder) Readlink(p string) (string, experimental.Errno) {
	p, _ = name(p)
	target, err := f.root.Readlink(p)
	return target, errno(err)
}

func (f *folder) Utimens(p string, atime, mtime int64) experimental.Errno {
	if !f.writable {
		return experimental.EROFS
	}
	p, _ = name(p)
	return errno(f.root.Chtimes(p, instant(atime), instant(mtime)))
}

// instant is a time as os takes it, where the zero time leaves things as they are.
func instant(ns int64) time.Time {
	if ns == experimental.UTIME_OMIT {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
