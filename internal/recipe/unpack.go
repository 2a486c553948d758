package recipe

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Unpack writes the recipe folders of a pack into dir, which is made if need be, and loads them. A pack that holds
// anything but regular files below folders of dir, or more than a pack may hold, is fault.Invalid, and so is a recipe
// with mistakes, or with a source outside its folder. What was written before an error stays: give it a fresh folder.
func Unpack(pack []byte, dir string) (*Set, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("unpacking recipes: %w", err)
	}
	root, err := os.OpenRoot(dir) // nothing below can be written outside, not even through a link
	if err != nil {
		return nil, fmt.Errorf("unpacking recipes: %w", err)
	}
	defer root.Close()
	tr := tar.NewReader(bytes.NewReader(pack))
	left := int64(maxPackSize)
	for files := 0; ; files++ {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "unpacking recipes: %w", err)
		}
		if left -= header.Size; left < 0 || files >= maxPackFiles {
			return nil, fault.Errorf(fault.Invalid, "unpacking recipes: more than %d files or %d MiB", maxPackFiles, maxPackSize>>20)
		}
		if err := unpackFile(root, header, tr); err != nil {
			return nil, fmt.Errorf("unpacking recipes: %w", err)
		}
	}
	set, err := LoadSet(dir)
	if err != nil {
		return nil, fmt.Errorf("unpacking recipes: %w", err)
	}
	for _, r := range set.all() {
		if leadsOut(r) {
			return nil, fault.Errorf(fault.Invalid, "unpacking recipes: %s: `source.path` leads out of the recipe's folder", r.At("source.path"))
		}
	}
	return set, nil
}

func unpackFile(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.FromSlash(header.Name)
	if header.Typeflag != tar.TypeReg || !filepath.IsLocal(name) || path.Clean(header.Name) != header.Name || !strings.Contains(header.Name, "/") {
		return fault.Errorf(fault.Invalid, "`%s` is not a regular file in a recipe's folder", header.Name)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if header.Mode&0o100 != 0 {
		mode = 0o755
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, os.ErrExist) {
		return fault.Errorf(fault.Invalid, "`%s` is there twice", header.Name)
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
