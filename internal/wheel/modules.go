package wheel

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Extension is a file of machine code that Python can import.
type Extension struct {
	File   string // in the wheel
	Module string // dotted name as it is imported, "markupsafe._speedups"; that of the package for an __init__
	Suffix string // ".cpython-315-wasm32-emscripten.so", ".abi3-wasm32-emscripten.so" (since 3.15), ".abi3.so" or ".so"
}

var (
	extensionSuffix = regexp.MustCompile(`(\.cpython-\d+[a-z]*-[A-Za-z0-9_-]+|\.abi3t?(-[A-Za-z0-9_-]+)?)?\.so$`)
	libraryName     = regexp.MustCompile(`\.so(\.\d+)*$`)
	identifier      = regexp.MustCompile(`^[\pL_][\pL\pN_]*$`)
)

// Libraries are all files of machine code, extension modules among them.
func (w *Wheel) Libraries() []string {
	var out []string
	for _, f := range w.Files {
		if libraryName.MatchString(f.Name) {
			out = append(out, f.Name)
		}
	}
	slices.Sort(out)
	return out
}

// Extensions are the libraries whose path is that of a module. From the name alone, "pkg/libfoo.so" counts as one too;
// "pkg.libs/libfoo.so" does not.
func (w *Wheel) Extensions() []Extension {
	var out []Extension
	for _, file := range w.Libraries() {
		at := extensionSuffix.FindStringIndex(file)
		if at == nil {
			continue
		}
		module, ok := moduleName(packageOf(w.Installed(file[:at[0]])))
		if ok {
			out = append(out, Extension{File: file, Module: module, Suffix: file[at[0]:]})
		}
	}
	return out
}

// TopLevel are the names that can be imported once the wheel is installed, without dots, sorted. Folders without an
// __init__.py count where they hold modules: they are namespace packages.
func (w *Wheel) TopLevel() []string {
	found := map[string]bool{}
	for _, f := range w.Files {
		name := w.Installed(f.Name)
		stem, ok := strings.CutSuffix(name, ".py")
		if at := extensionSuffix.FindStringIndex(name); at != nil {
			stem, ok = name[:at[0]], true
		}
		if !ok {
			continue
		}
		if module, ok := moduleName(packageOf(stem)); ok {
			top, _, _ := strings.Cut(module, ".")
			found[top] = true
		}
	}
	out := []string{}
	for name := range found {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// packageOf is the package's own path for its __init__, and else the path itself. Python asks an __init__ of machine code,
// too, for the init function of the package's name.
func packageOf(stem string) string { return strings.TrimSuffix(stem, "/__init__") }

func moduleName(stem string) (string, bool) {
	parts := strings.Split(stem, "/")
	for _, p := range parts {
		if !identifier.MatchString(p) {
			return "", false
		}
	}
	return strings.Join(parts, "."), true
}

// Installed is the path of a file under site-packages (PEP 427). Files for other places (scripts, headers, data) get a
// path that is no module's: it keeps the folder's name, which holds a dot.
func (w *Wheel) Installed(file string) string { return installedName(w.DistInfo, file) }

func installedName(distInfo, file string) string {
	data := strings.TrimSuffix(distInfo, ".dist-info") + ".data/"
	rest, ok := strings.CutPrefix(file, data)
	if !ok {
		return file
	}
	for _, place := range []string{"purelib/", "platlib/"} {
		if inner, ok := strings.CutPrefix(rest, place); ok {
			return path.Clean(inner)
		}
	}
	return file
}
