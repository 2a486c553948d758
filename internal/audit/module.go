package audit

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// module is a library of the wheel under audit.
type module struct {
	*wasm.Module
	file    string // in the wheel
	exports map[string]wasm.Export
	weak    map[string]bool // imports that may stay undefined
	needed  []*module       // those found, in the order of NEEDED
}

func (a *auditor) modules(files []*file) {
	all := map[string]*module{} // by path under site-packages
	for _, f := range files {
		if f.library && f.damage == nil && f.foreign() == "" {
			if m := a.module(f); m != nil {
				all[a.w.Installed(f.name)] = m
			}
		}
	}
	if a.ABI.PlatformTag == "" {
		return // nothing is known of who loads them
	}
	for _, m := range all {
		a.resolveNeeded(m, all)
	}
	for _, e := range a.w.Extensions() {
		a.extension(e, all[a.w.Installed(e.File)])
	}
	for _, m := range all {
		a.dylink(m)
		a.features(m)
		a.imports(m)
	}
}

// module takes one library in; nil, with a finding, when it is no module.
func (a *auditor) module(f *file) *module {
	if f.bad != nil {
		a.report(NotWasm, f.name, "", "%v", f.bad)
		return nil
	}
	m := &module{Module: f.module, file: f.name, exports: map[string]wasm.Export{}, weak: map[string]bool{}}
	for _, e := range m.Exports {
		m.exports[e.Name] = e
	}
	if m.Dylink != nil {
		for _, s := range m.Dylink.Imports {
			if s.Weak() {
				m.weak[s.Name] = true
			}
		}
	}
	if m.CodeError != nil {
		a.report(NotWasm, f.name, "", "%v", m.CodeError)
	}
	a.debug(m)
	a.paths(m, f.paths)
	return m
}

// stableSuffix is what a module for the stable ABI may be called beside .abi3.so: ".abi3-wasm32-emscripten.so" from
// CPython 3.15 on, nothing else before.
func (a *auditor) stableSuffix() string {
	_, minor, _ := strings.Cut(a.ABI.Python, ".")
	parts := strings.SplitN(a.ABI.ExtSuffix, "-", 3)
	if n, err := strconv.Atoi(minor); err != nil || n < 15 || len(parts) < 3 {
		return ".abi3.so"
	}
	return ".abi3-" + parts[2]
}

// extension checks what Python itself wants of an extension module. A plain ".so" may be a library beside the modules,
// so only the other suffixes promise an init function.
func (a *auditor) extension(e wheel.Extension, m *module) {
	if !slices.Contains([]string{".so", ".abi3.so", a.stableSuffix(), a.ABI.ExtSuffix}, e.Suffix) {
		a.report(WrongSuffix, e.File, "", "CPython %s on %s looks for %s, .abi3.so and .so", a.ABI.Python, a.ABI.PlatformTag, a.ABI.ExtSuffix)
	}
	if m == nil || e.Suffix == ".so" {
		return
	}
	name := e.Module[strings.LastIndex(e.Module, ".")+1:]
	if strings.Trim(name, asciiIdentifier) != "" {
		return // PyInitU_ and punycode (PEP 489): rare enough to leave to the import test
	}
	for _, prefix := range []string{"PyInit_", "PyModExport_"} { // PEP 489, PEP 793
		if x, ok := m.exports[prefix+name]; ok && x.Kind == wasm.Func {
			if x.Signature != initSignature {
				a.report(SignatureMismatch, e.File, prefix+name, "exported as %s, Python calls it as %s", x.Signature, initSignature)
			}
			return
		}
	}
	if !opened(m) {
		a.report(MissingInit, e.File, "PyInit_"+name, "is not exported")
	}
}

// opened says whether a module without the init function of its name is a library that its package opens by ctypes or cffi:
// it exports functions, and none of them is an init function. Some packages give such libraries the names of modules.
func opened(m *module) bool {
	functions := 0
	for name, x := range m.exports {
		if strings.HasPrefix(name, "PyInit") || strings.HasPrefix(name, "PyModExport_") {
			return false
		}
		if x.Kind == wasm.Func && !strings.HasPrefix(name, "__wasm_") {
			functions++
		}
	}
	return functions > 0
}

// initSignature is the type of init functions: no arguments, a pointer.
const initSignature wasm.Signature = ":i"

const asciiIdentifier = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

func (a *auditor) dylink(m *module) {
	switch c := m.Custom("dylink.0"); {
	case c == nil:
		a.report(NoDylink, m.file, "", "there is no dylink.0 section: not linked with -sSIDE_MODULE, or stripped")
	case !c.First:
		a.report(DylinkNotFirst, m.file, "", "dylink.0 comes after other sections")
	}
}

// resolveNeeded follows NEEDED as Emscripten's loader does: along RUNTIME_PATH, $ORIGIN being the module's own folder.
func (a *auditor) resolveNeeded(m *module, all map[string]*module) {
	if m.Dylink == nil {
		return
	}
	origin := path.Dir(a.w.Installed(m.file))
	for _, name := range m.Dylink.Needed {
		if found := a.alongRuntimePath(name, origin, m, all); found != nil {
			m.needed = append(m.needed, found)
			continue
		}
		if !a.ABI.RuntimePath {
			if found := all[path.Join(a.installerLibraries(), name)]; found != nil {
				m.needed = append(m.needed, found)
				a.report(NeedsInstaller, m.file, name, "it is %s", found.file)
				continue
			}
		}
		a.reportNeeded(m, name, all)
	}
}

// installerLibraries is the folder whose libraries Pyodide's installers put into reach on ABIs without RUNTIME_PATH.
func (a *auditor) installerLibraries() string {
	project, _, _ := strings.Cut(a.w.Filename.String(), "-")
	return project + ".libs"
}

// reportNeeded says why a needed library is not found.
func (a *auditor) reportNeeded(m *module, name string, all map[string]*module) {
	inside := ""
	for file, other := range all {
		if path.Base(file) == path.Base(name) && (inside == "" || other.file < inside) {
			inside = other.file
		}
	}
	switch {
	case inside == "":
		a.report(MissingNeeded, m.file, name, "no file of that name is in the wheel")
	case !a.ABI.RuntimePath:
		a.report(NoRuntimePath, m.file, name, "%s is in the wheel, but %s knows no RUNTIME_PATH", inside, a.ABI.PlatformTag)
	case len(m.Dylink.RuntimePath) == 0:
		a.report(NoRuntimePath, m.file, name, "%s is in the wheel, but the module has no RUNTIME_PATH", inside)
	default:
		a.report(NoRuntimePath, m.file, name, "%s is in the wheel, but RUNTIME_PATH is %s", inside, strings.Join(m.Dylink.RuntimePath, ":"))
	}
}

func (a *auditor) alongRuntimePath(name, origin string, m *module, all map[string]*module) *module {
	if !a.ABI.RuntimePath {
		return nil
	}
	for _, dir := range m.Dylink.RuntimePath {
		if rest, ok := strings.CutPrefix(dir, "$ORIGIN"); ok {
			if found := all[path.Join(origin, rest, name)]; found != nil {
				return found
			}
		}
	}
	return nil
}

// closure is all that is loaded with m, without m itself: the loader puts the exports of needed libraries, and of what
// they need in turn, into one scope.
func (m *module) closure() []*module {
	var out []*module
	seen := map[*module]bool{m: true}
	for queue := m.needed; len(queue) > 0; queue = queue[1:] {
		if n := queue[0]; !seen[n] {
			seen[n] = true
			out = append(out, n)
			queue = append(slices.Clone(queue), n.needed...)
		}
	}
	return out
}
