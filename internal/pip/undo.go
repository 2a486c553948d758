package pip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/wasmill/wasmill/internal/fault"
)

// These lie in the folder that is installed into. What a change must be able to take back is kept in undoFolder, as hard links: it
// costs no space, and uv never writes into a file that is there.
const (
	undoFolder = ".wasmill-undo"
	lockFile   = ".wasmill-lock"
	asideMark  = ".wasmill-aside-"
	namesFile  = ".names" // in undoFolder: what there was
)

// change does work that changes dir, so that all of it happens or nothing. What a process that was killed left half done is taken
// back first. One change happens at a time.
func (p *Python) change(ctx context.Context, dir string, work func() error) error {
	if dir != p.Prefix {
		return p.changeElsewhere(dir, work)
	}
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	if there, err := takeBack(dir); err != nil {
		return fmt.Errorf("taking back what an installation left half done in %s: %w", dir, err)
	} else if there {
		fmt.Fprintf(p.Stderr, "WARNING: an installation was interrupted: %s is again as it was before that.\n", dir)
	}
	if err := keep(dir); err != nil {
		_ = os.RemoveAll(filepath.Join(dir, undoFolder))
		return fault.Errorf(fault.KindOf(err), "nothing was changed: making sure that the installation can be taken back: %w", err)
	}
	scripts := p.ours(dir)
	err = work()
	if err == nil {
		err = p.writeScripts(dir, scripts)
	}
	if err != nil {
		if _, undo := takeBack(dir); undo != nil {
			return fmt.Errorf("%w; and %s could not be put back as it was (the next installation tries again): %w", err, dir, undo)
		}
		return after(ctx, err, dir+" is as it was before.")
	}
	return os.RemoveAll(filepath.Join(dir, undoFolder))
}

// after adds to a failure what it has left behind.
func after(ctx context.Context, err error, words string) error {
	if f := (*failure)(nil); errors.As(err, &f) {
		return &failure{f.status, strings.TrimPrefix(f.words+"\n"+words, "\n")}
	}
	if ctx.Err() != nil {
		return &failure{fault.Canceled.ExitStatus(), "Operation cancelled by user\n" + words}
	}
	return err
}

// changeElsewhere is for --target and --prefix. What else lies there may be anything, and in use: only a folder that was not there is
// taken away again.
func (p *Python) changeElsewhere(dir string, work func() error) error {
	entries, err := os.ReadDir(dir)
	empty := errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0
	if err := work(); err != nil {
		words := dir + " may hold a part of it: delete what is not wanted, or install again."
		if empty {
			words = dir + " was removed."
			if err := os.RemoveAll(dir); err != nil {
				words = dir + " holds a part of it, and could not be removed: " + err.Error()
			}
		}
		return after(context.Background(), err, words)
	}
	return nil
}

func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.Errorf(fault.Invalid, "nothing was changed: %s can't be written to: %w", dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fault.Errorf(kindOf(err), "nothing was changed: %s can't be written to: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fault.Errorf(fault.Unavailable, "waiting for another installation into %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

func kindOf(err error) fault.Kind {
	if k := fault.KindOf(err); k != fault.Internal {
		return k
	}
	return fault.Invalid
}

func own(name string) bool {
	return name == undoFolder || name == lockFile || name == ".lock" || strings.HasPrefix(name, asideMark)
}

// keep fills undoFolder. Its list of names is written last: without it nothing has been changed yet.
func keep(dir string) error {
	undo := filepath.Join(dir, undoFolder)
	if err := errors.Join(os.RemoveAll(undo), os.Mkdir(undo, 0o755)); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		if own(e.Name()) {
			continue
		}
		names = append(names, e.Name())
		// Programs are few and small, and what writes them is not always uv: they are copied.
		if err := clone(filepath.Join(dir, e.Name()), filepath.Join(undo, e.Name()), e.Name() == "bin"); err != nil {
			return err
		}
	}
	aside := filepath.Join(undo, namesFile+".new")
	if err := os.WriteFile(aside, []byte(strings.Join(names, "\n")), 0o644); err != nil {
		return err
	}
	return os.Rename(aside, filepath.Join(undo, namesFile))
}

// clone makes a tree of the same files; links to other places stay what they are.
func clone(from, to string, copied bool) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		switch {
		case e.IsDir():
			info, err := e.Info()
			if err != nil {
				return err
			}
			return os.Mkdir(target, info.Mode().Perm()|0o700)
		case e.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !e.Type().IsRegular():
			return nil
		case !copied && os.Link(path, target) == nil:
			return nil
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// takeBack makes a folder what it was when undoFolder was filled, and says whether there was anything to take back. It may be
// interrupted itself, and done again.
func takeBack(dir string) (bool, error) {
	undo := filepath.Join(dir, undoFolder)
	list, err := os.ReadFile(filepath.Join(undo, namesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, os.RemoveAll(undo)
	}
	if err != nil {
		return false, err
	}
	names := strings.FieldsFunc(string(list), func(c rune) bool { return c == '\n' })
	for _, name := range names {
		kept, place := filepath.Join(undo, name), filepath.Join(dir, name)
		if _, err := os.Lstat(kept); errors.Is(err, fs.ErrNotExist) {
			continue // is back already
		}
		if err := os.Rename(place, filepath.Join(dir, asideMark+name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return true, err
		}
		if err := os.Rename(kept, place); err != nil {
			return true, err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return true, err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, asideMark) || !own(name) && !slices.Contains(names, name) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return true, err
			}
		}
	}
	return true, os.RemoveAll(undo)
}
