package archive

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"

	"github.com/wasmill/wasmill/internal/record"
)

// Keep writes a file into a folder and says what it is. The file appears whole, or not at all.
func Keep(dir, name string, write func(io.Writer) error) (record.Blob, error) {
	out, err := os.CreateTemp(dir, ".keep-*")
	if err != nil {
		return record.Blob{}, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	sum := sha256.New()
	if err := write(io.MultiWriter(out, sum)); err != nil {
		return record.Blob{}, err
	}
	size, err := out.Seek(0, io.SeekCurrent)
	if err != nil {
		return record.Blob{}, err
	}
	if err := cmp.Or(out.Chmod(0o644), out.Sync(), out.Close()); err != nil {
		return record.Blob{}, err
	}
	if err := os.Rename(out.Name(), filepath.Join(dir, name)); err != nil {
		return record.Blob{}, err
	}
	return record.Blob{Digest: record.Digest("sha256:" + hex.EncodeToString(sum.Sum(nil))), Size: size}, nil
}
