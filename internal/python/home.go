package python

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/pyodide"
)

// home is where python-wasm keeps what it has fetched and made. What is in the cache can be made again, and may be deleted.
type home struct {
	cache  string
	prefix string // what is installed outside of virtual environments
}

func openHome(platform string) (home, error) {
	cache := os.Getenv(envCache)
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return home{}, fault.Errorf(fault.Invalid, "finding the cache folder (%s names one): %w", envCache, err)
		}
		cache = filepath.Join(dir, "wasmill", "python")
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return home{}, fault.Errorf(fault.Invalid, "finding the cache folder: %w", err)
	}
	prefix := os.Getenv(envPrefix)
	if prefix == "" {
		data := os.Getenv("XDG_DATA_HOME")
		if !filepath.IsAbs(data) {
			dir, err := os.UserHomeDir()
			if err != nil {
				return home{}, fault.Errorf(fault.Invalid, "finding the folder for packages (%s names one): %w", envPrefix, err)
			}
			data = filepath.Join(dir, ".local", "share")
		}
		prefix = filepath.Join(data, "python-wasm", platform)
	}
	if prefix, err = filepath.Abs(prefix); err != nil {
		return home{}, fault.Errorf(fault.Invalid, "finding the folder for packages: %w", err)
	}
	return home{cache: cache, prefix: prefix}, nil
}

func (h home) fetcher() *fetch.Fetcher {
	return &fetch.Fetcher{Cache: filepath.Join(h.cache, "downloads")}
}

// parts are what every start needs: node, and the folders of the runtime and of our scripts. What is missing is fetched or written.
func (h home) parts(ctx context.Context, o options, r pyodide.Release) (n node, runtime, scripts string, err error) {
	if n, err = h.node(ctx, o); err != nil {
		return n, "", "", err
	}
	if runtime, err = h.runtime(ctx, r); err != nil {
		return n, "", "", err
	}
	scripts, err = h.scripts()
	return n, runtime, scripts, err
}

// browserParts are what every start in Chromium needs.
func (h home) browserParts(ctx context.Context, o options, r pyodide.Release) (browser, runtime, scripts string, err error) {
	if browser, err = h.chromium(ctx, o); err != nil {
		return "", "", "", err
	}
	if runtime, err = h.runtime(ctx, r); err != nil {
		return "", "", "", err
	}
	scripts, err = h.scripts()
	return browser, runtime, scripts, err
}

// runtime is the folder of a release, unpacked.
func (h home) runtime(ctx context.Context, r pyodide.Release) (string, error) {
	dir, err := h.unpacked(ctx, "pyodide-"+r.Version, r.Source())
	if err != nil {
		return "", fmt.Errorf("getting %s, the runtime of %s, from npm: %w", r, r.PlatformTag, err)
	}
	return dir, nil
}

// code is a folder for what the library of an unpacked runtime compiles to; empty where there can be none.
func (h home) code(runtime string) string {
	dir := filepath.Join(h.cache, "code", filepath.Base(runtime))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return ""
	}
	return dir
}

// cacheError says what to do where the cache can't be written.
func cacheError(err error) error {
	for _, reason := range []error{fs.ErrPermission, fs.ErrNotExist, syscall.EROFS, syscall.ENOTDIR} {
		if fault.KindOf(err) == fault.Internal && errors.Is(err, reason) {
			return fault.Errorf(fault.Invalid, "%w (%s names another folder for what is kept)", err, envCache)
		}
	}
	return err
}

//go:embed all:boot
var boot embed.FS

// scripts is a folder with the programs that run in node, named after what they are.
func (h home) scripts() (string, error) {
	digest := sha256.New()
	err := fs.WalkDir(boot, "boot", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := boot.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(digest, "%s %d\n%s", path, len(text), text)
		return nil
	})
	if err != nil {
		return "", err
	}
	dir := filepath.Join(h.cache, "boot", hex.EncodeToString(digest.Sum(nil))[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := h.writeScripts(dir); err != nil {
		return "", fmt.Errorf("writing the scripts that start Python: %w", cacheError(err))
	}
	return dir, nil
}

func (h home) writeScripts(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), ".writing-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	sub, err := fs.Sub(boot, "boot")
	if err != nil {
		return err
	}
	if err := errors.Join(os.CopyFS(aside+"/boot", sub)); err != nil {
		return err
	}
	if err := os.Rename(aside+"/boot", dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
