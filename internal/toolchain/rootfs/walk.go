package rootfs

import (
	"io/fs"
	"os"
)

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
