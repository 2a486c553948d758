package pyodide

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fault"
)

// mainModule is what side modules are linked with; the script beside it has had two names.
const mainModule = "pyodide.asm.wasm"

var scripts = []string{"pyodide.asm.mjs", "pyodide.asm.js"}

// maxPart bounds what is read of a package. The main module has 10 MB, the script 1.3 MB.
const maxPart = 256 << 20

// Open reads a runtime from a folder with the files of a Pyodide release, or from its npm package (.tgz). What is there
// and is none is fault.Invalid, what is not there fault.NotFound.
func Open(name string) (*audit.Runtime, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Errorf(fault.NotFound, "opening the runtime: %w", err)
	case err != nil:
		return nil, fmt.Errorf("opening the runtime: %w", err)
	}
	read := readArchive
	if info.IsDir() {
		read = readFolder
	}
	runtime, err := read(name)
	if err != nil {
		return nil, fmt.Errorf("opening the runtime %s: %w", name, err)
	}
	return runtime, nil
}

func readFolder(dir string) (*audit.Runtime, error) {
	parts := map[string][]byte{}
	for _, name := range append([]string{mainModule}, scripts...) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err == nil {
			parts[name] = b
		}
	}
	return runtime(parts)
}

func readArchive(file string) (*audit.Runtime, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	parts, err := unpack(f)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "not an npm package: %w", err)
	}
	return runtime(parts)
}

// unpack takes what is needed out of a gzipped tar.
func unpack(r io.Reader) (map[string][]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	parts := map[string][]byte{}
	for t := tar.NewReader(z); !complete(parts); {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		name := path.Base(h.Name)
		if name != mainModule && name != scripts[0] && name != scripts[1] {
			continue
		}
		if h.Size > maxPart {
			return nil, fmt.Errorf("%s has %d bytes; at most %d are read", h.Name, h.Size, maxPart)
		}
		if parts[name], err = io.ReadAll(t); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func script(parts map[string][]byte) []byte {
	for _, name := range scripts {
		if b := parts[name]; b != nil {
			return b
		}
	}
	return nil
}

func complete(parts map[string][]byte) bool { return parts[mainModule] != nil && script(parts) != nil }

func runtime(parts map[string][]byte) (*audit.Runtime, error) {
	if !complete(parts) {
		return nil, fault.Errorf(fault.Invalid, "a runtime is %s with %s or %s beside it", mainModule, scripts[0], scripts[1])
	}
	return audit.ReadRuntime(parts[mainModule], script(parts))
}
