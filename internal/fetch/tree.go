package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// treeEntry is a file or link of a project's folder. Empty folders don't count, as in git.
type treeEntry struct {
	rel    string // slash-separated
	mode   fs.FileMode
	target string // of a link
}

// TreeDigest is the sha256 (hexadecimal) of a project's folder: names, contents, what is executable, and where links
// lead; not times or owners. It looks at what CopyTree copies.
func TreeDigest(dir string) (string, error) {
	h := sha256.New()
	err := walkTree(dir, func(e treeEntry) error {
		switch {
		case e.mode&fs.ModeSymlink != 0:
			fmt.Fprintf(h, "link %q %q\n", e.rel, e.target)
		default:
			sum, err := hashFile(filepath.Join(dir, filepath.FromSlash(e.rel)))
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "file %q %v %s\n", e.rel, e.mode&0o111 != 0, sum)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", dir, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// CopyTree copies a project's folder to dest, which must not exist and does not exist after an error. Left out are
// version control, build outputs and what .gitignore files name. A link that leads out of the folder, or a special
// file, is fault.Invalid. Times become Mtime.
func CopyTree(dir, dest string) error {
	if _, err := os.Lstat(dest); err == nil {
		return fault.Errorf(fault.Conflict, "copying to %s: it exists", dest)
	}
	err := folderAside(dest, func(aside string) error {
		return walkTree(dir, func(e treeEntry) error {
			to := filepath.Join(aside, filepath.FromSlash(e.rel))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if e.mode&fs.ModeSymlink != 0 {
				return os.Symlink(e.target, to)
			}
			if err := copyFile(filepath.Join(dir, filepath.FromSlash(e.rel)), to); err != nil {
				return err
			}
			mode := fs.FileMode(0o644)
			if e.mode&0o111 != 0 {
				mode = 0o755
			}
			if err := os.Chmod(to, mode); err != nil {
				return err
			}
			return os.Chtimes(to, Mtime, Mtime)
		})
	})
	if err != nil {
		return fmt.Errorf("copying %s: %w", dir, diskError(err))
	}
	return nil
}

// walkTree visits the files and links of a project's folder in lexical order.
func walkTree(dir string, visit func(treeEntry) error) error {
	return walkFolder(dir, ".", nil, visit)
}

func walkFolder(dir, rel string, rules []ignoreRule, visit func(treeEntry) error) error {
	here := filepath.Join(dir, filepath.FromSlash(rel))
	more, err := readIgnores(here, rel)
	if err != nil {
		return err
	}
	rules = append(rules[:len(rules):len(rules)], more...)
	entries, err := os.ReadDir(here)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		e := treeEntry{rel: path.Join(rel, entry.Name()), mode: entry.Type()}
		if ignored(rules, e.rel, entry.IsDir()) {
			continue
		}
		switch {
		case entry.IsDir():
			err = walkFolder(dir, e.rel, rules, visit)
		case e.mode&fs.ModeSymlink != 0:
			err = visitLink(here, e, visit)
		case e.mode.IsRegular():
			info, statErr := entry.Info()
			if statErr != nil {
				return statErr
			}
			e.mode = info.Mode()
			err = visit(e)
		default:
			err = fault.Errorf(fault.Invalid, "%s is neither a file, a folder nor a link", e.rel)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func visitLink(here string, e treeEntry, visit func(treeEntry) error) (err error) {
	if e.target, err = os.Readlink(filepath.Join(here, path.Base(e.rel))); err != nil {
		return err
	}
	if strings.HasPrefix(e.target, "/") || outside(path.Join(path.Dir(e.rel), e.target)) {
		return fault.Errorf(fault.Invalid, "%s is a link that leads out of the folder, to %s", e.rel, e.target)
	}
	return visit(e)
}
