// Package share gives a farm that is only there to be measured, or to be killed, the images of another without copying
// them.
package share

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Large is the size from which a registry's file is a blob, which nobody ever changes.
const Large = 1 << 20

// Registry copies a registry's folder; large files become hard links where that is possible.
func Registry(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Size() >= Large && os.Link(path, target) == nil {
			return nil
		}
		return File(path, target)
	})
}

// File copies a file.
func File(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}
