package static

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
)

// Schema is the form of Package.
const Schema = 1

// The places in a package's archive.
const (
	AboutFile = "package.json"   // a Package
	Site      = "site-packages/" // what Python imports from files, with the metadata of the distribution
	Libraries = "lib/"           // a static library for each module
)

// Package is what the archive of a package says of itself: how its modules are linked into an interpreter.
type Package struct {
	Schema    int      `json:"schema"`
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Target    string   `json:"target"`     // wasm32-wasip1
	PythonTag string   `json:"python_tag"` // cp313
	Compiler  string   `json:"compiler"`   // in words
	Modules   []Module `json:"modules"`
	// Requires is what a program of the interpreter and these modules wants of a runtime; nil where it is not known.
	Requires *record.Requires `json:"requires,omitempty"`
}

// maxAbout is far more than a package of a thousand modules has to say.
const maxAbout = 4 << 20

// ReadPackage reads what a package's archive says of itself. What is no such archive is fault.Invalid.
func ReadPackage(archive io.Reader) (p Package, err error) {
	z, err := gzip.NewReader(archive)
	if err != nil {
		return p, fault.Errorf(fault.Invalid, "it is no .tar.gz: %w", err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return p, fault.Errorf(fault.Invalid, "it is no package for WASI: it has no %s", AboutFile)
		}
		if err != nil {
			return p, fault.Errorf(fault.Invalid, "reading the archive: %w", err)
		}
		if path.Clean(h.Name) != AboutFile {
			continue
		}
		if err := json.NewDecoder(io.LimitReader(r, maxAbout)).Decode(&p); err != nil {
			return p, fault.Errorf(fault.Invalid, "reading %s: %w", AboutFile, err)
		}
		return p, nil
	}
}

// ReadFolder is ReadPackage for an archive that was unpacked into a folder.
func ReadFolder(dir string) (p Package, err error) {
	text, err := os.ReadFile(filepath.Join(dir, AboutFile))
	if errors.Is(err, fs.ErrNotExist) {
		return p, fault.Errorf(fault.Invalid, "it is no package for WASI: it has no %s", AboutFile)
	}
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fault.Errorf(fault.Invalid, "reading %s: %w", AboutFile, err)
	}
	return p, nil
}

// SiteFiles are files of a package's archive by their places in site-packages: headers, for those who compile against them.
func SiteFiles(file string, wanted func(name string) bool) (map[string][]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "%s is no .tar.gz: %w", path.Base(file), err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "reading %s: %w", path.Base(file), err)
		}
		name, inside := strings.CutPrefix(path.Clean(h.Name), Site)
		if !inside || !wanted(name) {
			continue
		}
		if files[name], err = io.ReadAll(r); err != nil {
			return nil, fault.Errorf(fault.Invalid, "reading %s of %s: %w", name, path.Base(file), err)
		}
	}
}

// Module is one extension module.
type Module struct {
	Name string `json:"name"` // dotted, as it is imported and as the interpreter's table of built-in modules has to call it
	// Init is the function that Python calls. Its name is that of the whole module, with its dots, so that two packages may both
	// have a _speedups; C code names it by a label.
	Init    string `json:"init"`
	Archive string `json:"archive"` // in the package's archive
	// Systems are the target's libraries that it wants beyond those that every program is linked with.
	Systems []string `json:"systems,omitempty"`
}

// Symbols are names that some library defines.
type Symbols func(name string) bool

// SharedLibraryError is a library in a wheel that is no module of Python, such as those that ctypes and cffi load.
type SharedLibraryError struct{ File string }

func (e *SharedLibraryError) Error() string {
	return e.File + " is a shared library, no module of Python (it has no function PyInit_…), and nothing can load it on this target: link it into the modules that need it"
}

// Link makes of a wheel's extension modules the static libraries of a package, by their names in its archive. known are the symbols of
// all that the interpreter is linked with. What nothing defines is told apart; a module is then left out. A wheel whose modules are
// none for this target is fault.Invalid.
func Link(w *wheel.Wheel, known Symbols) (modules []Module, files map[string][]byte, missing []Missing, err error) {
	files = map[string][]byte{}
	extensions := w.Extensions()
	for _, library := range w.Libraries() {
		if !slices.ContainsFunc(extensions, func(e wheel.Extension) bool { return e.File == library }) {
			return nil, nil, nil, &SharedLibraryError{library}
		}
	}
	for _, e := range extensions {
		data, err := w.ReadFile(e.File)
		if err != nil {
			return nil, nil, nil, err
		}
		o, err := Read(data)
		if err != nil {
			return nil, nil, nil, fault.Errorf(fault.Invalid, "%s: %w", e.File, err)
		}
		stem := e.Module[strings.LastIndexByte(e.Module, '.')+1:]
		init := "PyInit_" + stem
		defined := o.Defined()
		if !slices.ContainsFunc(defined, func(name string) bool { return strings.HasPrefix(name, "PyInit_") }) {
			return nil, nil, nil, &SharedLibraryError{e.File}
		}
		if !slices.Contains(defined, init) {
			return nil, nil, nil, fault.Errorf(fault.Invalid, "%s defines no %s, by which Python would load the module %s", e.File, init, e.Module)
		}
		m := Module{Name: e.Module, Init: "PyInit_" + e.Module, Archive: Libraries + e.Module + ".a"}
		var lacking []string
		for _, name := range o.Undefined() {
			if !known(name) {
				lacking = append(lacking, name)
			} else if m.Systems == nil && isCxx(name) {
				m.Systems = []string{"c++", "c++abi"}
			}
		}
		if len(lacking) > 0 {
			missing = append(missing, Missing{e.Module, lacking})
			continue
		}
		archive, err := Archive(e.Module+".o", o.Isolated(map[string]string{init: m.Init}))
		if err != nil {
			return nil, nil, nil, fmt.Errorf("packing %s: %w", e.File, err)
		}
		modules = append(modules, m)
		files[m.Archive] = archive
	}
	return modules, files, missing, nil
}

func isCxx(name string) bool {
	return strings.HasPrefix(name, "_Z") || strings.HasPrefix(name, "__cxa_")
}

// Kept are the files of a wheel that belong under Site, by their place there: not the modules, and not what only installers read.
func Kept(w *wheel.Wheel) map[string]string {
	libraries := w.Libraries()
	kept := map[string]string{}
	for _, f := range w.Files {
		to := w.Installed(f.Name)
		switch {
		case slices.Contains(libraries, f.Name), to == w.DistInfo+"/RECORD", to == w.DistInfo+"/WHEEL", strings.HasPrefix(to, strings.TrimSuffix(w.DistInfo, ".dist-info")+".data/"):
			continue
		}
		kept[to] = f.Name
	}
	return kept
}
