package python

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
)

// wasiTag is the platform tag of Python for WASI.
const wasiTag = "wasi_wasm32"

// wasiPython is a Python for WASI: python.wasm, and the folder of its standard library, as this package lays it out.
type wasiPython struct {
	program string
	library string // what Python finds below /lib/python-wasm
	linked  bool   // the standard library is in the program, and library has only what has to come before it
	python  string // 3.13
	source  string // what was named
}

// howToGet ends what is said where there is none.
const howToGet = `get one with
  wasmill build --toolchain wasip1_cp313 --out DIR cpython-wasi      and then --wasi-python DIR/cpython-wasi-….tar.gz, or
  wasmill app PACKAGES… --out python.wasm                            which has these packages linked in, with their C extensions, or
  WASMILL_SERVER=http://…                                            a farm that has built it`

// wasiPython finds the interpreter: what the option names, else that of the virtual environment of the executable, else what the farm has.
func (h home) wasiPython(ctx context.Context, o options, executable string) (wasiPython, error) {
	if o.wasiPython == "" {
		o.wasiPython = venvSetting(executable, "wasi-python")
	}
	if o.wasiPython != "" {
		w, err := h.openWASI(o.wasiPython)
		if err != nil {
			return w, fmt.Errorf("--wasi-python %s: %w", o.wasiPython, err)
		}
		return w, nil
	}
	server := strings.TrimRight(os.Getenv(envServer), "/")
	if server == "" {
		return wasiPython{}, fault.Errorf(fault.NotFound, "there is no Python for WASI here: neither --wasi-python nor %s nor %s names one; %s", envWASIPython, envServer, howToGet)
	}
	archive, err := h.fromFarm(ctx, server)
	if err != nil {
		return wasiPython{}, fmt.Errorf("getting python.wasm from the farm %s (%s names one that is here already): %w", server, envWASIPython, err)
	}
	return h.openWASI(archive)
}

// openWASI takes the farm's artifact, a folder that holds it unpacked, its python.wasm, or a program that has everything linked in.
func (h home) openWASI(name string) (wasiPython, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return wasiPython{}, err
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return wasiPython{}, fault.Errorf(fault.NotFound, "there is no such file; %s", howToGet)
	}
	if err != nil {
		return wasiPython{}, fault.Errorf(fault.Invalid, "%w", err)
	}
	w := wasiPython{source: name}
	switch {
	case info.IsDir():
		w.program = filepath.Join(name, "bin", "python.wasm")
		if _, err := os.Stat(w.program); err != nil {
			return w, fault.Errorf(fault.NotFound, "the folder holds no bin/python.wasm; %s", howToGet)
		}
	case strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		dir, err := h.unpackedWASI(name, info)
		if err != nil {
			return w, err
		}
		w.program = filepath.Join(dir, "bin", "python.wasm")
		if _, err := os.Stat(w.program); err != nil {
			return w, fault.Errorf(fault.Invalid, "the archive holds no bin/python.wasm: it is not that of cpython-wasi; %s", howToGet)
		}
	default:
		head := make([]byte, 4)
		if file, err := os.Open(name); err == nil {
			_, _ = io.ReadFull(file, head)
			file.Close()
		}
		if string(head) != "\x00asm" {
			return w, fault.Errorf(fault.Invalid, "it is no WebAssembly, no archive, and no folder; %s", howToGet)
		}
		w.program = name
	}
	return w, h.findLibrary(&w)
}

var libraryZip = regexp.MustCompile(`^python3(\d+)\.zip$`)

// findLibrary looks for the standard library where the recipe puts it: ../lib/python313.zip. One that isn't there is linked in.
func (h home) findLibrary(w *wasiPython) error {
	scripts, err := h.scripts()
	if err != nil {
		return err
	}
	dir := filepath.Join(filepath.Dir(filepath.Dir(w.program)), "lib")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Errorf(fault.Invalid, "%w", err)
	}
	for _, e := range entries {
		if m := libraryZip.FindStringSubmatch(e.Name()); m != nil {
			w.python = "3." + m[1]
			w.library, err = h.library(filepath.Join(dir, e.Name()), filepath.Base(scripts), w.python)
			return err
		}
	}
	// wasmill's applications are of this one.
	w.python, w.library, w.linked = "3.13", filepath.Join(scripts, "wasi"), true
	return nil
}

// known names a file by what changes when it does.
func known(name string, info fs.FileInfo) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", name, info.Size(), info.ModTime().UnixNano()))
	return hex.EncodeToString(sum[:8])
}

func (h home) unpackedWASI(archive string, info fs.FileInfo) (string, error) {
	dir := filepath.Join(h.cache, "wasi", "python-"+known(archive, info))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", cacheError(err)
	}
	if err := fetch.Unpack(archive, dir, fetch.Unpacking{Folder: "."}); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return dir, nil // another process was faster
		}
		return "", cacheError(err)
	}
	return dir, nil
}

// library is a folder of the standard library with its byte code, from which imports are faster than from the archive, and that calls _python_wasm.
func (h home) library(archive, scripts, python string) (string, error) {
	info, err := os.Stat(archive)
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "%w", err)
	}
	dir := filepath.Join(h.cache, "wasi", "library-"+known(archive+scripts, info))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", cacheError(err)
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), ".writing-")
	if err != nil {
		return "", cacheError(err)
	}
	defer os.RemoveAll(aside)
	if err := layOut(archive, filepath.Join(aside, "lib", "python"+python), python); err != nil {
		return "", fmt.Errorf("unpacking the standard library: %w", cacheError(err))
	}
	plugin, err := fs.Sub(boot, "boot/wasi/site")
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.CopyFS(filepath.Join(aside, "site"), plugin), os.Chmod(aside, 0o755)); err != nil {
		return "", fmt.Errorf("unpacking the standard library: %w", cacheError(err))
	}
	if err := os.Rename(aside, dir); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return dir, nil // another process was faster
		}
		return "", cacheError(err)
	}
	return dir, nil
}

// first is the module that CPython imports before all others, and begin what it calls at its end.
const (
	first = "encodings/__init__.py"
	begin = "import _python_wasm\n"
)

// layOut unpacks the archive, and puts the byte code that stands there beside each module to where folders have it.
func layOut(archive, dir, python string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fault.Errorf(fault.Invalid, "reading %s: %w", filepath.Base(archive), err)
	}
	defer z.Close()
	for _, f := range z.File {
		if f.FileInfo().IsDir() || !filepath.IsLocal(f.Name) {
			continue
		}
		module := strings.TrimSuffix(f.Name, "c")
		name := f.Name
		if strings.HasSuffix(name, ".pyc") {
			if module == first {
				continue
			}
			tag := strings.ReplaceAll(python, ".", "")
			name = path.Join(path.Dir(name), "__pycache__", strings.TrimSuffix(path.Base(module), ".py")+".cpython-"+tag+".pyc")
		}
		more := ""
		if name == first {
			more = begin
		}
		if err := writeEntry(f, filepath.Join(dir, name), more); err != nil {
			return err
		}
	}
	for _, name := range []string{"_python_wasm.py", "_python_wasm_common.py"} {
		text, err := boot.ReadFile("boot/wasi/start/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	// CPython looks for this folder to know the place.
	return os.MkdirAll(filepath.Join(dir, "lib-dynload"), 0o755)
}

func writeEntry(f *zip.File, name, more string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return fault.Errorf(fault.Invalid, "%s: %w", f.Name, err)
	}
	defer in.Close()
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.MultiReader(in, strings.NewReader(more)))
	return errors.Join(err, out.Close())
}
