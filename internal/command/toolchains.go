package command

import (
	"crypto/sha256"
	"embed"
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
	place, err := writeOut(wasmill.Toolchains, dir, "toolchains")
	return filepath.Join(place, "toolchains"), err
}

// Recipes is a folder with the recipes of the toolchains' interpreters, for projects that have none.
func Recipes(dir datadir.Dir) (string, error) {
	place, err := writeOut(wasmill.Recipes, dir, "recipes")
	return filepath.Join(place, "recipes"), err
}

// writeOut lays files of this program out in the data folder, once, and returns where.
func writeOut(files embed.FS, dir datadir.Dir, what string) (place string, err error) {
	sum := sha256.New()
	err = fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		fmt.Fprintf(sum, "%s %d\n", name, len(data))
		sum.Write(data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading the %s of this program: %w", what, err)
	}
	place = filepath.Join(dir.Root(), what, hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(place); err == nil {
		return place, nil
	}
	aside := place + ".new"
	if err := errors.Join(os.RemoveAll(aside), os.MkdirAll(filepath.Dir(place), 0o755), os.CopyFS(aside, files)); err != nil {
		return "", fmt.Errorf("writing out the %s of this program: %w", what, err)
	}
	if err := os.Rename(aside, place); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("writing out the %s of this program: %w", what, err)
	}
	return place, nil
}
