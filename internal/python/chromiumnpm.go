package python

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/andybalholm/brotli"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
)

// chromiumPin is a package of npm's.
type chromiumPin struct{ name, version, sha256 string }

// pinnedChromiums are headless shells that npm has, with the libraries that machines may lack, by Go's names of system and processor.
var pinnedChromiums = map[string]chromiumPin{
	"linux/amd64": {"@sparticuz/chromium", "153.0.0", "20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0"},
}

// chromium is the one that is asked for, or that the machine has, or the pinned one.
func (h home) chromium(ctx context.Context, o options) (string, error) {
	if o.chromium == "npm" {
		return h.pinnedChromium(ctx)
	}
	program, err := findChromium(o)
	if _, ok := pinnedChromiums[runtime.GOOS+"/"+runtime.GOARCH]; ok && fault.KindOf(err) == fault.NotFound {
		return h.pinnedChromium(ctx)
	}
	return program, err
}

// pinnedChromium is the one that npm has, unpacked.
func (h home) pinnedChromium(ctx context.Context) (string, error) {
	system := runtime.GOOS + "/" + runtime.GOARCH
	p, ok := pinnedChromiums[system]
	if !ok {
		return "", fault.Errorf(fault.NotFound, "npm has no headless Chromium for %s: install one, and name it with --chromium", system)
	}
	dir := filepath.Join(h.cache, "npm", "chromium-"+p.version+"-"+p.sha256[:16])
	if compare(dir) != nil {
		if err := h.unpackChromium(ctx, p, dir); err != nil {
			return "", fmt.Errorf("getting a headless Chromium from npm: %w", cacheError(err))
		}
	}
	return filepath.Join(dir, "chromium"), nil
}

func (h home) unpackChromium(ctx context.Context, p chromiumPin, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if compare(dir) == nil {
		return nil // another process was faster
	}
	fmt.Fprintf(os.Stderr, "python-wasm: getting Chromium %s from npm (%s, 70 MB, 200 MB unpacked; licences: BSD-3-Clause, MIT, MPL-2.0)\n", p.version, p.name)
	archive, err := h.fetcher().Get(ctx, fetch.Source{
		URL: fmt.Sprintf("https://registry.npmjs.org/%s/-/%s-%s.tgz", p.name, filepath.Base(p.name), p.version), SHA256: p.sha256,
	})
	if err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), ".unpacking-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	packed, whole := filepath.Join(aside, "package"), filepath.Join(aside, "whole")
	if err := fetch.Unpack(archive, packed, fetch.Unpacking{}); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(whole, "lib"), 0o755); err != nil {
		return err
	}
	err = openBrotli(filepath.Join(packed, "bin", "chromium.br"), func(from io.Reader) error {
		return writeProgram(filepath.Join(whole, "chromium"), from)
	})
	if err != nil {
		return err
	}
	// Of the libraries that machines may lack, those of NSS are the ones that it needs.
	err = openBrotli(filepath.Join(packed, "bin", "al2023.tar.br"), func(from io.Reader) error {
		return writeLibraries(filepath.Join(whole, "lib"), tar.NewReader(from))
	})
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(dir+listSuffix)); err != nil {
		return err
	}
	if err := os.Rename(whole, dir); err != nil {
		return err
	}
	return os.WriteFile(dir+listSuffix, []byte(list(dir)), 0o644)
}

func openBrotli(name string, use func(io.Reader) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return use(brotli.NewReader(file))
}

// writeProgram writes a file with the time of change by which compare knows that it stayed as it was.
func writeProgram(name string, from io.Reader) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return errors.Join(err, file.Close(), os.Chtimes(name, fetch.Mtime, fetch.Mtime))
}

func writeLibraries(dir string, from *tar.Reader) error {
	for {
		header, err := from.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Join(dir, filepath.Base(header.Name))
		switch header.Typeflag {
		case tar.TypeReg:
			err = writeProgram(name, from)
		case tar.TypeSymlink:
			err = os.Symlink(filepath.Base(header.Linkname), name)
		}
		if err != nil {
			return err
		}
	}
}

// withLibraries is the environment for a browser; what was fetched with one is found by it.
func withLibraries(program string, environ []string) []string {
	dir := filepath.Join(filepath.Dir(program), "lib")
	if _, err := os.Stat(filepath.Join(dir, "libnss3.so")); err != nil {
		return environ
	}
	for _, e := range environ {
		if was, ok := strings.CutPrefix(e, "LD_LIBRARY_PATH="); ok && was != "" {
			dir += ":" + was
		}
	}
	return append(environ, "LD_LIBRARY_PATH="+dir)
}
