package audit

import (
	"slices"

	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// features holds the module's instructions, memories and types against what the ABI allows. The section target_features
// is believed only where it says too much: linkers leave it out, and tools forget to change it.
func (a *auditor) features(m *module) {
	atomics := m.UseOf(wasm.Atomics)
	switch {
	case slices.ContainsFunc(m.Memories, func(mem wasm.Memory) bool { return mem.Shared }):
		a.report(Threads, m.file, "memory", "wants a memory that is shared between threads")
	case atomics != nil:
		a.report(Threads, m.file, "", "uses the feature atomics: %s", atomics.Where)
	case m.Uses("atomics"):
		a.report(Threads, m.file, "", "uses the feature atomics")
	}
	wide := slices.ContainsFunc(m.Memories, func(mem wasm.Memory) bool { return mem.Wide })
	if wide {
		a.report(UnsupportedFeature, m.file, string(wasm.Memory64), "wants a memory with 64-bit addresses")
	}
	for _, u := range m.Proposals {
		switch {
		case u.Proposal == wasm.Atomics:
		case u.Proposal == wasm.Memory64 && wide:
		case u.Proposal == wasm.LegacyExceptions && !a.ABI.WasmExceptions:
			if !importsTag(m) { // which says it already
				a.report(WasmExceptions, m.file, "", "%s has no WebAssembly exceptions: %s", a.ABI.PlatformTag, u.Where)
			}
		case slices.Contains(newer, u.Proposal):
			a.report(NewerEngine, m.file, string(u.Proposal), "in %s", u.Where)
		case !a.ABI.allows(u.Proposal):
			a.report(UnsupportedFeature, m.file, string(u.Proposal), "in %s", u.Where)
		}
	}
}

func importsTag(m *module) bool {
	return slices.ContainsFunc(m.Imports, func(i wasm.Import) bool { return i.Kind == wasm.Tag })
}
