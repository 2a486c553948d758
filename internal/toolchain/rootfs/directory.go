package rootfs

import (
	"fmt"
	"io/fs"
	"os"
	"path"
)

// Directory adds everything in a folder of this machine below the folder at. Modes become 0755 or 0644.
func (t *Tree) Directory(dir, at string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	spool, err := t.newSpool()
	if err != nil {
		return err
	}
	return walk(root, func(name string, info os.FileInfo) error {
		in := path.Join(at, name)
		switch {
		case info.IsDir():
			return t.Folder(in, 0o755)
		case info.Mode()&os.ModeSymlink != 0:
			target, err := root.Readlink(name)
			if err != nil {
				return err
			}
			return t.Link(in, target)
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is no file, folder or link", name)
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		mode := int64(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		return t.spooled(spool, in, mode, f)
	})
}

// walk calls each for everything below a folder, which has no say about places outside it.
func walk(root *os.Root, each func(name string, info fs.FileInfo) error) error {
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return each(name, info)
	})
}
