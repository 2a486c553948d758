package fetch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

func unsafe(entry, reason string, args ...any) error {
	return &fault.Error{Kind: fault.Invalid, Err: &UnsafeArchiveError{Entry: entry, Reason: fmt.Sprintf(reason, args...)}}
}

// maxName leaves room below the kernel's limit of 4096 bytes for a path.
const maxName = 3000

// begin counts an entry, checks its name and makes its parents. It returns "" for the top itself.
func (u *unpacker) begin(entry string) (name string, err error) {
	if u.entries--; u.entries < 0 {
		return "", unsafe(entry, "is one more than the archive may hold")
	}
	switch {
	case strings.HasPrefix(entry, "/"):
		return "", unsafe(entry, "has an absolute name")
	case strings.ContainsRune(entry, 0):
		return "", unsafe(entry, "has a zero byte in its name")
	}
	if len(entry) > maxName {
		return "", unsafe(entry[:64]+"…", "has a name that is too long")
	}
	for part := range strings.SplitSeq(entry, "/") {
		if part == ".." {
			return "", unsafe(entry, "leads out of the folder")
		}
		if len(part) > 255 {
			return "", unsafe(entry, "has a name that is too long")
		}
	}
	name = path.Clean(entry)
	if name == "." {
		return "", nil
	}
	return name, u.parents(entry, path.Dir(name))
}

// parents makes the folders above an entry. None of them may be a link: what is written would land elsewhere.
func (u *unpacker) parents(entry, dir string) error {
	if dir == "." || u.dirs[dir] {
		return nil
	}
	if err := u.parents(entry, path.Dir(dir)); err != nil {
		return err
	}
	err := u.root.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		// Folders are all in dirs: this is something else.
		return unsafe(entry, "lies behind %q, which is not a folder", dir)
	}
	if err == nil {
		u.dirs[dir] = true
	}
	return err
}

// replace makes room for an entry: of several with one name, the last counts.
func (u *unpacker) replace(entry, name string) error {
	if u.dirs[name] {
		return unsafe(entry, "has the name of a folder")
	}
	if err := u.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (u *unpacker) dir(entry string) error {
	name, err := u.begin(entry)
	if err != nil || name == "" {
		return err
	}
	return u.parents(entry, name)
}

func (u *unpacker) file(entry string, executable bool, content io.Reader) error {
	name, err := u.begin(entry)
	if err != nil {
		return err
	}
	if name == "" {
		return unsafe(entry, "has no name")
	}
	if err := u.replace(entry, name); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	out, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	n, err := io.Copy(diskWriter{out}, io.LimitReader(content, u.bytes+1))
	if err := errors.Join(err, out.Close()); err != nil {
		if errors.As(err, new(writeError)) {
			return err
		}
		return damaged(err)
	}
	if u.bytes -= n; u.bytes < 0 {
		return unsafe(entry, "is more than the archive may hold when unpacked")
	}
	// The mode once more: the process's umask may have taken bits away.
	return errors.Join(u.root.Chmod(name, mode), u.root.Chtimes(name, Mtime, Mtime))
}

func (u *unpacker) symlink(entry, target string) error {
	name, err := u.begin(entry)
	if err != nil {
		return err
	}
	if name == "" || target == "" {
		return unsafe(entry, "is a link without name or target")
	}
	if path.IsAbs(target) || strings.ContainsRune(target, 0) || outside(path.Join(path.Dir(name), target)) {
		return unsafe(entry, "is a link that leads out, to %q", target)
	}
	if err := u.replace(entry, name); err != nil {
		return err
	}
	u.links = append(u.links, name)
	return u.root.Symlink(target, name)
}

// hardlink links to an earlier file of the archive.
func (u *unpacker) hardlink(entry, target string) error {
	name, err := u.begin(entry)
	if err != nil {
		return err
	}
	clean := path.Clean(target)
	if name == "" || path.IsAbs(target) || outside(clean) {
		return unsafe(entry, "is a link that leads out, to %q", target)
	}
	if info, err := u.root.Lstat(clean); err != nil || !info.Mode().IsRegular() {
		return unsafe(entry, "is a hard link to %q, which is no file before it in the archive", target)
	}
	if clean == name {
		return nil
	}
	if err := u.replace(entry, name); err != nil {
		return err
	}
	return u.root.Link(clean, name)
}

// checkLink follows a link through all others. Each was looked at alone when it came; together they may still lead out.
// One that leads nowhere does no harm.
func (u *unpacker) checkLink(link string) error {
	info, err := u.root.Lstat(link)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().Type() != fs.ModeSymlink {
		return nil // replaced by a later entry
	}
	if _, err = u.root.Stat(link); err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return unsafe(link, "is a link that leads out or in circles: %v", err)
}

func outside(clean string) bool { return clean == ".." || strings.HasPrefix(clean, "../") }

// diskWriter tells an error of our disk from one of the archive.
type diskWriter struct{ w io.Writer }

func (d diskWriter) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err != nil {
		err = writeError{err}
	}
	return n, err
}
