package recipe

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// File is a regular file of a recipe or of a source in a folder.
type File struct {
	Name       string // relative to the folder, with /
	Executable bool
}

// Files are the files of the recipe's folder: all that a script may use through PKGDIR, and the tests. What builds and
// editors leave (hidden files, __pycache__, and build and dist at the top) does not belong to it. A link to a file in
// the folder counts as that file; any other link is fault.Invalid: what it leads to would not travel with the recipe.
func (r *Recipe) Files() ([]File, error) {
	files, err := list(r.Dir, func(name string) bool {
		return strings.HasPrefix(path.Base(name), ".") || path.Base(name) == "__pycache__" || name == "build" || name == "dist"
	})
	if err != nil {
		return nil, fmt.Errorf("listing recipe `%s`: %w", r.Name, err)
	}
	return files, nil
}

// litter are names of folders that do not belong to a project's source wherever they stand.
var litter = []string{".git", ".hg", ".svn", "__pycache__", ".venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", "node_modules"}

// SourceFiles are the files of the source that Source.Path names, if it is a folder: what a builder copies, and what
// Digests covers. Version control, caches, and build and dist at the top do not belong to it. A source that is one
// file gives that file alone. Links are as with Files; a path that is not there is fault.NotFound.
func (r *Recipe) SourceFiles() ([]File, error) {
	root := r.Path(r.Source.Path)
	info, err := os.Stat(root)
	if err != nil {
		return nil, fault.Errorf(fault.NotFound, "reading source of recipe `%s`: %w", r.Name, err)
	}
	if !info.IsDir() {
		return []File{{".", info.Mode()&0o100 != 0}}, nil
	}
	files, err := list(root, func(name string) bool {
		return slices.Contains(litter, path.Base(name)) || strings.HasSuffix(name, ".egg-info") || name == "build" || name == "dist"
	})
	if err != nil {
		return nil, fmt.Errorf("listing source of recipe `%s`: %w", r.Name, err)
	}
	return files, nil
}

// list is every regular file below root, sorted, without the names to skip and what is below them.
func list(root string, skip func(name string) bool) ([]File, error) {
	var files []File
	err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case name == ".":
			return nil
		case skip(name) && e.IsDir():
			return filepath.SkipDir
		case skip(name) || e.IsDir():
			return nil
		}
		info, err := regular(root, file)
		if err != nil {
			return err
		}
		files = append(files, File{name, info.Mode()&0o100 != 0})
		return nil
	})
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files, err
}

// regular is what is known of a regular file below root, or of the one there that a link leads to.
func regular(root, file string) (fs.FileInfo, error) {
	target, err := filepath.EvalSymlinks(file)
	if err == nil {
		if root, err = filepath.EvalSymlinks(root); err != nil {
			return nil, err
		}
		if rel, err := filepath.Rel(root, target); err == nil && filepath.IsLocal(rel) {
			if info, err := os.Stat(target); err != nil || info.Mode().IsRegular() {
				return info, err
			}
		}
	}
	return nil, fault.Errorf(fault.Invalid, "%s is neither a regular file nor a link to one in the same folder, and can't be built elsewhere", file)
}
