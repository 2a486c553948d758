package world

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// Module is a file of an artifact that a runtime loads.
type Module struct {
	File string // in the artifact; empty where it is the artifact
	Size int64
	*wasm.Module
}

// The loaders that aren't the platform tag of an ABI.
const (
	Program    = "wasip1"     // runs programs for WASI preview 1
	SideModule = "emscripten" // loads side modules of Emscripten, of whichever ABI
)

// Names of what hosts have.
const (
	Sockets   = "host.sockets"
	Threads   = "host.threads"
	Processes = "host.processes"
	Suspend   = "host.jspi"                // JavaScript Promise Integration: code that waits for JavaScript
	Exception = "host.js-exceptions"       // exceptions and longjmp by way of JavaScript (invoke_*)
	DOM       = "host.dom"                 // a document
	Compile   = "host.synchronous-compile" // of a module of so many bytes
	Shared    = "wasm.shared-memory"
)

// interfaces tell from the functions that a module calls what of the host it wants. Names are those of C, and of
// Emscripten's JavaScript. A package that calls them may well do without: the C library has them all, and they fail.
var interfaces = []struct {
	name  string
	names *regexp.Regexp
}{
	{Sockets, regexp.MustCompile(`^(socket|connect|bind|listen|accept4?|socketpair|getaddrinfo|gethostbyname)$`)},
	{Threads, regexp.MustCompile(`^(pthread_create|thrd_create|emscripten_create_wasm_worker|_ZNSt3__26thread.*C[12].*|_ZNSt3__2.*__thread_struct.*)$`)},
	{Processes, regexp.MustCompile(`^(v?fork|exec[lv]p?e?|execvpe|posix_spawnp?|system|popen|wait|waitpid|wait[34])$`)},
	{Suspend, regexp.MustCompile(`^(emscripten_(sleep|fiber_swap|promise_await|wget|idb_(load|store|delete|exists))|_emval_await|__asyncjs__.*|__asyncify_.*)$`)},
	{Exception, regexp.MustCompile(`^invoke_[vijfdp]+$`)},
	{DOM, regexp.MustCompile(`^(emscripten_(webgl_|set_canvas_|get_canvas_|set_(click|key|mouse|touch|wheel|focus|resize).*_callback|get_element_css_size).*|glCreateShader|SDL_CreateWindow|eglCreateContext)$`)},
}

// smallest is the size from which on a module may be too large to be compiled at once. No limit is lower.
const smallest = 4 << 20

// Requires reads what an artifact of these modules wants. Loaders are known to who knows what kind of artifact it is.
func Requires(loaders []string, modules []Module) record.Requires {
	r := record.Requires{Loaders: loaders}
	exported := map[string]bool{}
	for _, m := range modules {
		for _, x := range m.Exports {
			exported[x.Name] = true
		}
	}
	imports := map[string]bool{}
	for _, m := range modules {
		for _, i := range m.Imports {
			if wanted(m, i, exported) {
				imports[i.Module+"."+i.Name] = true
			}
		}
		r.Needs = append(r.Needs, needs(m, exported)...)
	}
	r.Imports = slices.Sorted(maps.Keys(imports))
	slices.SortStableFunc(r.Needs, func(a, b record.Need) int { return cmp.Or(cmp.Compare(a.Name, b.Name), -cmp.Compare(a.Bytes, b.Bytes)) })
	r.Needs = slices.CompactFunc(r.Needs, func(a, b record.Need) bool { return a.Name == b.Name })
	return r
}

var (
	python = regexp.MustCompile(`^_?Py[A-Z_]`)
	// loader is what Emscripten's loader makes for each side module.
	loader = regexp.MustCompile(`^(memory|__indirect_function_table|__memory_base|__table_base|__stack_pointer)$`)
)

// wanted says whether an import is one that a runtime, not the artifact, has to provide and that says something.
func wanted(m Module, i wasm.Import, exported map[string]bool) bool {
	if m.Dylink == nil {
		return true
	}
	switch i.Module {
	case "env":
		return !exported[i.Name] && !python.MatchString(i.Name) && (i.Kind == wasm.Func || !loader.MatchString(i.Name))
	case "GOT.func", "GOT.mem": // addresses of what is imported from env, or of its own
		return false
	}
	return true
}

// needs lists what one module needs.
func needs(m Module, exported map[string]bool) (out []record.Need) {
	add := func(name, why string) {
		out = append(out, record.Need{Name: name, File: m.File, Why: why})
	}
	for _, u := range m.Proposals {
		add("wasm."+string(u.Proposal), "in "+u.Where)
	}
	if m.UseOf(wasm.LegacyExceptions) == nil && m.UseOf(wasm.ExnrefExceptions) == nil {
		for _, i := range m.Imports {
			if i.Kind == wasm.Tag {
				add("wasm."+string(wasm.LegacyExceptions), "imports the tag "+i.Name) // any kind of exceptions has tags
				break
			}
		}
	}
	for _, memory := range m.Memories {
		if memory.Shared {
			add(Shared, "its memory is shared between threads")
		}
		if memory.Wide && m.UseOf(wasm.Memory64) == nil {
			add("wasm."+string(wasm.Memory64), "its memory has 64-bit addresses")
		}
	}
	calls := map[string][]string{}
	for _, i := range m.Imports {
		for _, f := range interfaces {
			// A program's imports speak for themselves.
			if m.Dylink != nil && i.Kind == wasm.Func && f.names.MatchString(i.Name) && !exported[i.Name] {
				calls[f.name] = append(calls[f.name], i.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		slices.Sort(calls[name])
		// What JavaScript makes of exceptions is asked for when the module is loaded.
		out = append(out, record.Need{Name: name, File: m.File, Why: "calls " + strings.Join(slices.Compact(calls[name]), ", "), Call: name != Exception})
	}
	if m.Size >= smallest {
		out = append(out, record.Need{Name: Compile, File: m.File, Why: "it is compiled where it is loaded, at once", Bytes: m.Size})
	}
	return out
}

// Loaders are who takes a single module: a side module, or a program. None for what is neither.
func Loaders(m *wasm.Module) []string {
	if m.Dylink != nil {
		return []string{SideModule}
	}
	for _, x := range m.Exports {
		if x.Name == "_start" && x.Kind == wasm.Func {
			return []string{Program}
		}
	}
	return nil
}
