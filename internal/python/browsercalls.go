package python

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// request is one call.
type request struct {
	Name     string    `json:"name"`
	Path     string    `json:"path"`
	To       string    `json:"to"`
	FD       *int      `json:"fd"`
	Flags    int       `json:"flags"`
	Mode     uint32    `json:"mode"`
	Size     int64     `json:"size"`
	Position *int64    `json:"position"`
	Times    []float64 `json:"times"`
	Status   int       `json:"status"`
}

type answer struct {
	Error string    `json:"error,omitempty"`
	FD    int       `json:"fd"`
	Size  int64     `json:"size"`
	Names []string  `json:"names"`
	UID   int       `json:"uid"`
	GID   int       `json:"gid"`
	Stat  *fileStat `json:"stat,omitempty"`
	data  []byte
}

type fileStat struct {
	Dev     uint64  `json:"dev"`
	Mode    uint32  `json:"mode"`
	Nlink   uint64  `json:"nlink"`
	UID     uint32  `json:"uid"`
	GID     uint32  `json:"gid"`
	Rdev    uint64  `json:"rdev"`
	Size    int64   `json:"size"`
	Blksize int64   `json:"blksize"`
	Blocks  int64   `json:"blocks"`
	Atime   float64 `json:"atimeMs"`
	Mtime   float64 `json:"mtimeMs"`
	Ctime   float64 `json:"ctimeMs"`
}

func (b *browserHost) call(w http.ResponseWriter, r *http.Request) {
	from := bufio.NewReader(r.Body)
	line, err := from.ReadBytes('\n')
	var q request
	if err != nil || json.Unmarshal(line, &q) != nil {
		http.Error(w, "no call", http.StatusBadRequest)
		return
	}
	data, err := io.ReadAll(from)
	if err != nil {
		http.Error(w, "half a call", http.StatusBadRequest)
		return
	}
	var a answer
	if err := b.do(q, data, &a); err != nil {
		a = answer{Error: errorName(err)}
	}
	text, _ := json.Marshal(a) // numbers and strings: it can't fail
	_, _ = w.Write(append(append(text, '\n'), a.data...))
}

// errorName is what node calls an error.
func errorName(err error) string {
	var number syscall.Errno
	switch {
	case errors.As(err, &number):
		if name := unix.ErrnoName(number); name != "" {
			return name
		}
	case errors.Is(err, os.ErrClosed):
		return "EBADF"
	}
	return "EIO"
}

// place is where a path of the page's is on this machine.
func (b *browserHost) place(path string) string {
	if rest, ok := strings.CutPrefix(path, "/"+b.secret+"/boot/"); ok {
		return filepath.Join(b.scripts, rest)
	}
	return path
}

func (b *browserHost) file(fd int) (*os.File, error) {
	switch fd {
	case 1:
		return os.Stdout, nil
	case 2:
		return os.Stderr, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[fd]; f != nil {
		return f, nil
	}
	return nil, syscall.EBADF
}

func (b *browserHost) do(q request, data []byte, a *answer) error {
	path := b.place(q.Path)
	switch q.Name {
	case "hello":
		a.UID, a.GID = os.Getuid(), os.Getgid()
		return nil
	case "exit":
		b.ended(ending{status: q.Status})
		return nil
	case "kill":
		return syscall.Kill(*q.FD, syscall.Signal(q.Flags))
	case "lstat", "fstat":
		return b.stat(q, path, a)
	case "chmod":
		if q.FD != nil {
			f, err := b.file(*q.FD)
			if err != nil {
				return err
			}
			return unix.Fchmod(int(f.Fd()), q.Mode)
		}
		return unix.Chmod(path, q.Mode)
	case "utimes", "lutimes":
		return b.utimes(q, path)
	case "truncate":
		if q.FD != nil {
			f, err := b.file(*q.FD)
			if err != nil {
				return err
			}
			return f.Truncate(q.Size)
		}
		return os.Truncate(path, q.Size)
	case "mkdir":
		return unix.Mkdir(path, q.Mode&0o7777)
	case "rename":
		return os.Rename(path, b.place(q.To))
	case "unlink":
		return unix.Unlink(path)
	case "rmdir":
		return unix.Rmdir(path)
	case "symlink":
		return os.Symlink(q.To, path)
	case "readlink":
		target, err := os.Readlink(path)
		a.Names = []string{target}
		return err
	case "readdir":
		entries, err := os.ReadDir(path)
		a.Names = []string{}
		for _, e := range entries {
			a.Names = append(a.Names, e.Name())
		}
		return err
	case "open":
		return b.open(q, path, a)
	case "close":
		b.mu.Lock()
		f := b.files[*q.FD]
		delete(b.files, *q.FD)
		b.mu.Unlock()
		if f == nil {
			return syscall.EBADF
		}
		return f.Close()
	case "read":
		return b.read(q, a)
	case "write":
		return b.write(q, data, a)
	}
	return syscall.ENOSYS
}

// openFlags are Emscripten's numbers, and this machine's.
var openFlags = map[int]int{
	0o1: os.O_WRONLY, 0o2: os.O_RDWR, 0o100: os.O_CREATE, 0o200: os.O_EXCL, 0o400: syscall.O_NOCTTY, 0o1000: os.O_TRUNC, 0o2000: os.O_APPEND,
	0o400000: syscall.O_NOFOLLOW, 0o10000: os.O_SYNC,
}

func (b *browserHost) open(q request, path string, a *answer) error {
	flags := 0
	for from, to := range openFlags {
		if q.Flags&from != 0 {
			flags |= to
		}
	}
	// Go refuses to write at a place of a file that appends; Emscripten says where the end is.
	f, err := os.OpenFile(path, flags&^os.O_APPEND, fs.FileMode(q.Mode&0o777))
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	a.FD = b.next
	b.files[b.next] = f
	b.next++
	return nil
}

func (b *browserHost) read(q request, a *answer) error {
	const most = 8 << 20
	size := min(q.Size, most)
	switch *q.FD {
	case 0:
		data, err := b.input.read(int(size))
		a.data = data
		return err
	case 3:
		a.data = b.job[b.jobRead:min(len(b.job), b.jobRead+int(size))]
		b.jobRead += len(a.data)
		b.begun.Store(true)
		return nil
	}
	f, err := b.file(*q.FD)
	if err != nil {
		return err
	}
	a.data = make([]byte, size)
	var n int
	if q.Position != nil {
		n, err = f.ReadAt(a.data, *q.Position)
	} else {
		n, err = f.Read(a.data)
	}
	a.data = a.data[:n]
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

func (b *browserHost) write(q request, data []byte, a *answer) error {
	if *q.FD == 4 {
		if len(data) > 0 {
			b.ended(ending{signal: syscall.Signal(data[0])})
		}
		a.Size = int64(len(data))
		return nil
	}
	f, err := b.file(*q.FD)
	if err != nil {
		return err
	}
	var n int
	if q.Position != nil && *q.FD >= firstFile {
		n, err = f.WriteAt(data, *q.Position)
	} else {
		n, err = f.Write(data)
	}
	a.Size = int64(n)
	return err
}

func (b *browserHost) stat(q request, path string, a *answer) error {
	var s unix.Stat_t
	if q.Name == "lstat" {
		if err := unix.Lstat(path, &s); err != nil {
			return err
		}
	} else {
		fd := *q.FD
		if fd != 0 {
			f, err := b.file(fd)
			if err != nil {
				return err
			}
			fd = int(f.Fd())
		}
		if err := unix.Fstat(fd, &s); err != nil {
			return err
		}
	}
	ms := func(t unix.Timespec) float64 { return float64(t.Nano()) / 1e6 }
	a.Stat = &fileStat{
		Dev: uint64(s.Dev), Mode: uint32(s.Mode), Nlink: uint64(s.Nlink), UID: s.Uid, GID: s.Gid, Rdev: uint64(s.Rdev), Size: s.Size, //nolint:unconvert // other systems have other widths
		Blksize: int64(s.Blksize), Blocks: s.Blocks, Atime: ms(s.Atim), Mtime: ms(s.Mtim), Ctime: ms(s.Ctim), //nolint:unconvert // as above
	}
	return nil
}

func (b *browserHost) utimes(q request, path string) error {
	if len(q.Times) != 2 {
		return syscall.EINVAL
	}
	flags := 0
	if q.Name == "lutimes" {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	if q.FD != nil {
		f, err := b.file(*q.FD)
		if err != nil {
			return err
		}
		path = f.Name()
	}
	times := make([]unix.Timespec, 0, 2)
	for _, t := range q.Times {
		times = append(times, unix.NsecToTimespec(int64(t*1e3+0.5)*1e6)) // JavaScript knows milliseconds
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, times, flags)
}
