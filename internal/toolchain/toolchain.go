// Package toolchain turns a toolchain's folder (toolchains/NAME: what is wanted, and a lock that names every byte) into
// two images in a registry: Build, in which packages are cross-compiled, and Runtime, in which their wheels are tested.
// Everyone else names the pair by the Build image's digest. The package decides nothing about builds; the facts that they
// go by are in the image.
package toolchain

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fault"
)

// Toolchain is a toolchain's folder, read.
type Toolchain struct {
	Dir  string
	Spec *Spec
	Lock *Lock // nil where nothing has been locked yet
}

// Image is a baked toolchain in a registry. The names are "repository@sha256:…", without the registry's address.
type Image struct {
	Name    string         `json:"name"`
	Build   string         `json:"build"`
	Runtime string         `json:"runtime"`
	Facts   Facts          `json:"facts"`
	Symbols *audit.Runtime `json:"-"` // what the runtime's main module offers to side modules
}

// Facts is what a baked toolchain says of itself; in the image it is /opt/wasmill/etc/toolchain.json.
type Facts struct {
	Name           string            `json:"name"`
	Target         Target            `json:"target,omitempty"`
	PlatformTag    string            `json:"platform_tag"` // pyemscripten_2026_5_wasm32
	Python         string            `json:"python"`       // 3.15
	PythonTag      string            `json:"python_tag"`   // cp315
	ExtSuffix      string            `json:"ext_suffix"`   // .cpython-315-wasm32-emscripten.so
	Emscripten     string            `json:"emscripten"`   // empty where the target is another
	Compiler       string            `json:"compiler"`     // in words, for provenance: whose build it is and what it lacks
	PyodideVersion string            `json:"pyodide"`
	NodeVersion    string            `json:"node"`
	ExcludeNewer   time.Time         `json:"exclude_newer"`        // the day as of which build requirements are locked by default
	LLVM           string            `json:"llvm"`                 // the folder of clang and llvm-ar
	ClangFlags     []string          `json:"clang_flags"`          // what emcc hands clang for a C source, without the user's flags
	ClangxxFlags   []string          `json:"clangxx_flags"`        // the same for C++
	LinkFlags      []string          `json:"link_flags,omitempty"` // what a program is linked with, where nothing is loaded
	Env            map[string]string `json:"env"`                  // for every build
	Extension      string            `json:"extension,omitempty"`  // which one this image is
	Interpreter    string            `json:"interpreter,omitempty"`
}

// Load reads a toolchain's folder: toolchain.yaml, and lock.json where there is one. What is wrong in them is
// fault.Invalid, with file, line and column; a folder without toolchain.yaml is fault.NotFound.
func Load(dir string) (*Toolchain, error) {
	spec, err := readSpec(filepath.Join(dir, "toolchain.yaml"))
	if err != nil {
		return nil, err
	}
	lock, err := readLock(filepath.Join(dir, "lock.json"))
	if err != nil {
		return nil, err
	}
	return &Toolchain{Dir: dir, Spec: spec, Lock: lock}, nil
}

// List loads every toolchain in a folder of them, sorted by name.
func List(dir string) ([]*Toolchain, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.Errorf(fault.NotFound, "listing toolchains: %w", err)
	}
	var all []*Toolchain
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		t, err := Load(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *Toolchain) int { return cmp.Compare(a.Spec.Name, b.Spec.Name) })
	return all, nil
}

// repositories are where the images of a toolchain of this name live in any registry.
func repositories(name string) (build, runtime string) {
	return "toolchains/" + name, "runtimes/" + name
}
