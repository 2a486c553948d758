package audit

import (
	"regexp"
	"strings"

	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

var (
	// jsExceptions are the helpers of exceptions and longjmp by way of JavaScript (Emscripten's -fexceptions and
	// -sSUPPORT_LONGJMP=emscripten).
	jsExceptions = regexp.MustCompile(`^(invoke_[vijfdp]+|__cxa_find_matching_catch(_\d+)?|__resumeException|llvm_eh_typeid_for|_?emscripten_(throw_)?longjmp|saveSetjmp|testSetjmp)$`)

	// nativeLibcxx finds std::__1 in a mangled name; Emscripten's library is std::__2.
	nativeLibcxx = regexp.MustCompile(`^_Z.*St3__1`)

	// loaderProvided are what the loader makes for each module (loadWebAssemblyModule in Emscripten's libdylink.js);
	// the main module need not export them.
	loaderProvided = map[string]wasm.Kind{
		"memory":                    wasm.Mem,
		"__indirect_function_table": wasm.Table,
		"__memory_base":             wasm.Global,
		"__table_base":              wasm.Global,
		"__stack_pointer":           wasm.Global,
	}
)

func (a *auditor) imports(m *module) {
	libraries := m.closure()
	for _, i := range m.Imports {
		switch i.Module {
		case "env", "wasi_snapshot_preview1":
			a.direct(m, i, libraries)
		case "GOT.func", "GOT.mem":
			if !m.weak[i.Name] && !a.defines(i.Name, m, libraries) {
				a.undefined(m, i, "its address is taken, but nothing provides it; dlopen fails")
			}
		default:
			a.report(ForeignImport, m.file, i.Module+"."+i.Name, "the loader provides env, GOT.func, GOT.mem and wasi_snapshot_preview1 only")
		}
	}
}

func (a *auditor) direct(m *module, i wasm.Import, libraries []*module) {
	switch {
	case i.Module == "env" && loaderProvided[i.Name] == i.Kind && i.Kind != wasm.Func:
	case i.Kind == wasm.Tag:
		a.tag(m, i, libraries)
	case i.Kind == wasm.Func:
		a.function(m, i, libraries)
	case !m.weak[i.Name] && !a.defines(i.Name, m, libraries):
		a.undefined(m, i, "no such %s; instantiation fails", i.Kind)
	}
}

func (a *auditor) tag(m *module, i wasm.Import, libraries []*module) {
	if !a.ABI.WasmExceptions && (i.Name == "__cpp_exception" || i.Name == "__c_longjmp") {
		a.report(WasmExceptions, m.file, i.Name, "%s has no WebAssembly exceptions", a.ABI.PlatformTag)
		return
	}
	if have, ok := a.Runtime.Tags[i.Name]; ok {
		if have != i.Signature {
			a.report(SignatureMismatch, m.file, i.Name, "imported as %s, the runtime has %s", i.Signature, have)
		}
		return
	}
	if _, ok := a.Runtime.Script[i.Name]; ok {
		return // Emscripten 4 makes tags in JavaScript, and the script does not tell their types
	}
	for _, l := range libraries {
		if l.exports[i.Name].Kind == wasm.Tag {
			return
		}
	}
	a.undefined(m, i, "no such tag; instantiation fails")
}

// function follows the loader's order: the main module and JavaScript, then the libraries, then the module itself.
// Whatever is not there when the module is instantiated gets a JavaScript stub that looks for it at the first call.
func (a *auditor) function(m *module, i wasm.Import, libraries []*module) {
	if a.ABI.WasmExceptions && jsExceptions.MatchString(i.Name) {
		a.report(JSExceptions, m.file, i.Name, "%s wants WebAssembly exceptions", a.ABI.PlatformTag)
		return
	}
	if have, ok := a.Runtime.Functions[i.Name]; ok {
		if have != i.Signature {
			a.report(SignatureMismatch, m.file, i.Name, "imported as %s, the runtime has %s", i.Signature, have)
		}
		return
	}
	if have, ok := a.Runtime.Script[i.Name]; ok {
		// A note without a result does not say that there is none: Emscripten's own are wrong about it.
		if have != "" && have != i.Signature && !strings.HasPrefix(string(i.Signature), string(have)) {
			a.report(LooseSignature, m.file, i.Name, "imported as %s, JavaScript expects %s", i.Signature, have)
		}
		return
	}
	for _, l := range libraries {
		have, ok := l.exports[i.Name]
		if !ok || have.Kind != wasm.Func {
			continue
		}
		if have.Signature != i.Signature {
			a.report(LooseSignature, m.file, i.Name, "imported as %s, %s has %s", i.Signature, l.file, have.Signature)
		}
		return
	}
	if m.weak[i.Name] || a.defines(i.Name, m, libraries) {
		return
	}
	if i.Module == "env" && !a.ABI.WasmExceptions && jsExceptions.MatchString(i.Name) {
		return // JavaScript makes invoke_* for every type that it is asked for
	}
	a.undefined(m, i, "nothing provides this function; the first call of it fails")
}

// undefined chooses the rule that says most about a symbol that nothing provides.
func (a *auditor) undefined(m *module, i wasm.Import, format string, args ...any) {
	switch {
	case nativeLibcxx.MatchString(i.Name):
		a.report(LibcxxNamespace, m.file, i.Name, format, args...)
	case i.Module == "wasi_snapshot_preview1":
		a.report(WASIImport, m.file, i.Name, format, args...)
	case i.Kind == wasm.Func:
		a.report(UndefinedFunction, m.file, i.Name, format, args...)
	default:
		a.report(UndefinedSymbol, m.file, i.Name, format, args...)
	}
}

// defines says whether anything gives the symbol an address: the runtime, a library or the module itself. The bodies of
// EM_JS functions lie in variables named __em_js__ and the function's name.
func (a *auditor) defines(symbol string, m *module, libraries []*module) bool {
	if a.Runtime.Defines(symbol) {
		return true
	}
	for _, l := range append([]*module{m}, libraries...) {
		for _, name := range []string{symbol, "__em_js__" + symbol} {
			if _, ok := l.exports[name]; ok {
				return true
			}
		}
	}
	return false
}
