// Package wasmtest writes small WebAssembly modules for tests: just enough of a side module for package wasm and the
// audit to read, sound or broken on purpose. Functions have no bodies, so the modules do not run.
package wasmtest

import (
	"strings"

	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// Module describes a module. Its zero value encodes to an empty side module with a dylink.0 section.
type Module struct {
	NoDylink    bool
	DylinkLate  bool // after all other sections
	Needed      []string
	RuntimePath []string
	Weak        []string // functions of env that may stay undefined
	Imports     []wasm.Import
	Exports     []wasm.Export
	Shared      bool     // imports env.memory as shared
	Features    []string // with their prefix, e.g. "+atomics"
}

// Bytes encodes the module.
func (m Module) Bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	if !m.NoDylink && !m.DylinkLate {
		out = append(out, Section(0, str("dylink.0"), m.dylink())...)
	}
	out = append(out, m.sections()...)
	if !m.NoDylink && m.DylinkLate {
		out = append(out, Section(0, str("dylink.0"), m.dylink())...)
	}
	if len(m.Features) > 0 {
		b := uleb(len(m.Features))
		for _, f := range m.Features {
			b = append(append(b, f[0]), str(f[1:])...)
		}
		out = append(out, Section(0, str("target_features"), b)...)
	}
	return out
}

// Section encodes one section.
func Section(id byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	return append(append([]byte{id}, uleb(len(body))...), body...)
}

func (m Module) dylink() []byte {
	out := Section(1, []byte{16, 2, 1, 0})
	if len(m.Needed) > 0 {
		out = append(out, Section(2, strs(m.Needed))...)
	}
	if len(m.Weak) > 0 {
		b := uleb(len(m.Weak))
		for _, s := range m.Weak {
			b = append(append(append(b, str("env")...), str(s)...), 1)
		}
		out = append(out, Section(4, b)...)
	}
	if len(m.RuntimePath) > 0 {
		out = append(out, Section(5, strs(m.RuntimePath))...)
	}
	return out
}

func (m Module) sections() []byte {
	var types, imports, funcs, tags, exports [][]byte
	space := map[wasm.Kind]int{}
	typeOf := func(s wasm.Signature) []byte {
		types = append(types, funcType(s))
		return uleb(len(types) - 1)
	}
	add := func(i wasm.Import) {
		e := append(append(str(i.Module), str(i.Name)...), byte(i.Kind))
		switch i.Kind {
		case wasm.Func:
			e = append(e, typeOf(i.Signature)...)
		case wasm.Table:
			e = append(e, 0x70, 0, 1)
		case wasm.Mem:
			e = append(e, 0, 1)
			if m.Shared {
				e = append(e[:len(e)-2], 3, 1, 2)
			}
		case wasm.Global:
			e = append(e, 0x7f, 1)
		case wasm.Tag:
			e = append(append(e, 0), typeOf(i.Signature)...)
		}
		space[i.Kind]++
		imports = append(imports, e)
	}
	for _, i := range m.Imports {
		add(i)
	}
	if m.Shared {
		add(wasm.Import{Module: "env", Name: "memory", Kind: wasm.Mem})
	}
	var globals [][]byte
	for _, x := range m.Exports {
		exports = append(exports, append(append(str(x.Name), byte(x.Kind)), uleb(space[x.Kind])...))
		space[x.Kind]++
		switch x.Kind {
		case wasm.Func:
			funcs = append(funcs, typeOf(x.Signature))
		case wasm.Global:
			globals = append(globals, []byte{0x7f, 0, 0x41, 0, 0x0b})
		case wasm.Tag:
			tags = append(tags, append([]byte{0}, typeOf(x.Signature)...))
		}
	}
	var out []byte
	for _, s := range []struct {
		id      byte
		entries [][]byte
	}{{1, types}, {2, imports}, {3, funcs}, {13, tags}, {6, globals}, {7, exports}} {
		if len(s.entries) > 0 {
			out = append(out, Section(s.id, append([][]byte{uleb(len(s.entries))}, s.entries...)...)...)
		}
	}
	return out
}

func funcType(s wasm.Signature) []byte {
	codes := map[rune]byte{'i': 0x7f, 'j': 0x7e, 'f': 0x7d, 'd': 0x7c, 'V': 0x7b, 'F': 0x70, 'e': 0x6f, 'x': 0x69}
	out := []byte{0x60}
	params, results, _ := strings.Cut(string(s), ":")
	for _, letters := range []string{params, results} {
		out = append(out, uleb(len(letters))...)
		for _, l := range letters {
			out = append(out, codes[l])
		}
	}
	return out
}

func uleb(n int) []byte {
	var out []byte
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}

func str(s string) []byte { return append(uleb(len(s)), s...) }

func strs(list []string) []byte {
	out := uleb(len(list))
	for _, s := range list {
		out = append(out, str(s)...)
	}
	return out
}

// Code encodes the sections of functions without parameters and results, to be put behind a Module that has none. A body
// is the instructions alone; locals may be declared before them with Locals.
func Code(bodies ...string) []byte {
	types := Section(1, []byte{1}, []byte{0x60, 0, 0})
	funcs, code := uleb(len(bodies)), uleb(len(bodies))
	for _, b := range bodies {
		if !strings.HasPrefix(b, Locals) {
			b = "\x00" + b
		}
		b = strings.TrimPrefix(b, Locals)
		funcs = append(funcs, 0)
		code = append(append(code, uleb(len(b))...), b...)
	}
	return append(append(types, Section(3, funcs)...), Section(10, code)...)
}

// Locals marks a body that begins with its own declarations of locals.
const Locals = "locals:"

// Data encodes a data section with one segment at an offset that a constant expression gives.
func Data(offset, contents string) []byte {
	return Section(11, []byte{1, 0}, []byte(offset), uleb(len(contents)), []byte(contents))
}

// Custom encodes a custom section.
func Custom(name, contents string) []byte { return Section(0, str(name), []byte(contents)) }
