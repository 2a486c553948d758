// Package wasm reads a WebAssembly module: what it imports and exports, with signatures, the sections by which dynamic
// linkers and tools know it (dylink.0, target_features, debug sections), and, where that is asked for, which proposals
// its instructions belong to. Nothing is validated or run. Bytes come from strangers: every read is bounded, memory
// grows with what was really read, not with what a header claims, and time with the length of the module.
//
// It is one of our own because wazero's decoder is internal, and tetratelabs/wabin, which can be imported, knows neither
// tags nor dylink.0 nor any proposal after 2023.
//
// Sources: the core specification's binary format (https://webassembly.github.io/spec/core/binary/) and
// tool-conventions' DynamicLinking.md and Linking.md (https://github.com/WebAssembly/tool-conventions).
package wasm

import "strings"

// Module is the outside of one module, in the order of the file.
type Module struct {
	Imports  []Import
	Exports  []Export
	Memories []Memory    // imported ones first
	Tables   []TableType // imported ones first
	Dylink   *Dylink     // nil where there is no dylink.0 section
	Customs  []Custom
	Features []Feature // of the section target_features

	// What ParseAll finds and Parse does not look for.
	Proposals []Use // in the order in which they are met; tables of types and memories count too
	CodeError error // why the instructions can't be told apart, from the first place on where they can't
}

// Kind is the kind of an import or export.
type Kind byte

// The kinds of imports and exports, with the numbers of the binary format.
const (
	Func   Kind = 0
	Table  Kind = 1
	Mem    Kind = 2
	Global Kind = 3
	Tag    Kind = 4
)

func (k Kind) String() string {
	switch k {
	case Func:
		return "function"
	case Table:
		return "table"
	case Mem:
		return "memory"
	case Global:
		return "global"
	case Tag:
		return "tag"
	}
	return "unknown kind"
}

// Import is one import. Signature is empty for all but functions and tags.
type Import struct {
	Module, Name string
	Kind         Kind
	Signature    Signature
}

// Export is one export. Signature is empty for all but functions and tags.
type Export struct {
	Name      string
	Kind      Kind
	Signature Signature
}

// Memory says how a memory is declared.
type Memory struct {
	Limits
	Shared bool // between threads
	Wide   bool // 64-bit addresses
}

// TableType says how a table is declared.
type TableType struct {
	Limits
	Wide bool // 64-bit indices
}

// Limits are the bounds of a memory, in pages of 64 KiB, or of a table, in entries.
type Limits struct {
	Min, Max uint64
	Bounded  bool // there is a Max
}

// Custom is a custom section.
type Custom struct {
	Name  string
	Size  int64 // in bytes, the name included
	First bool  // no section of any kind comes before it
}

// Feature is an entry of target_features: '+' used, '-' must not be used by what it is linked with.
type Feature struct {
	Prefix byte
	Name   string
}

// Signature is a function's type: a letter for each parameter, a colon, a letter for each result. Letters are
// Emscripten's: i i32, j i64, f f32, d f64; and V v128, F funcref, e externref, x exnref, r any other reference.
type Signature string

var words = map[rune]string{
	'i': "i32", 'j': "i64", 'f': "f32", 'd': "f64", 'V': "v128",
	'F': "funcref", 'e': "externref", 'x': "exnref", 'r': "ref",
}

// String spells the signature out for people: "(i32, i64) -> f64".
func (s Signature) String() string {
	params, results, _ := strings.Cut(string(s), ":")
	spell := func(letters string) string {
		var w []string
		for _, l := range letters {
			w = append(w, words[l])
		}
		return "(" + strings.Join(w, ", ") + ")"
	}
	out := spell(results)
	if len(results) == 1 {
		out = strings.Trim(out, "()")
	}
	return spell(params) + " -> " + out
}

// Uses says whether target_features marks a feature as used.
func (m *Module) Uses(feature string) bool {
	for _, f := range m.Features {
		if f.Name == feature && f.Prefix == '+' {
			return true
		}
	}
	return false
}

// Custom finds a custom section by name; nil when there is none.
func (m *Module) Custom(name string) *Custom {
	for i := range m.Customs {
		if m.Customs[i].Name == name {
			return &m.Customs[i]
		}
	}
	return nil
}
