package command

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/wasmill/wasmill"
	"github.com/wasmill/wasmill/internal/datadir"
)

// Toolchains is the folder that was named or, where none was, the one that this program carries, written out below the
// data folder.
func Toolchains(named string, dir datadir.Dir) (string, error) {
	if named != "" {
		return named, nil
	}
	sum := sha256.New()
	err := fs.WalkDir(wasmill.Toolchains, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := wasmill.Toolchains.ReadFile(name)
		fmt.Fprintf(sum, "%s %d\n", name, len(data))
		sum.Write(data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading the toolchains of this program: %w", err)
	}
	place := filepath.Join(dir.Root(), "toolchains", hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(place); err == nil {
		return filepath.Join(place, "toolchains"), nil
	}
	aside := place + ".new"
	if err := errors.Join(os.RemoveAll(aside), os.MkdirAll(filepath.Dir(place), 0o755), os.CopyFS(aside, wasmill.Toolchains)); err != nil {
		return "", fmt.Errorf("writing out the toolchains of this program: %w", err)
	}
	if err := os.Rename(aside, place); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("writing out the toolchains of this program: %w", err)
	}
	return filepath.Join(place, "toolchains"), nil
}
