// Package assembler writes small programs for WASI preview 1, instruction by instruction: what a hostile program of a test does, or
// what a probe asks of a runtime, stands in Go beside what has to become of it, and no compiler is needed.
package assembler

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/world"
)

// Code is instructions.
type Code string

// Instructions that have no operands here.
const (
	Drop        Code = "\x1a"
	Unreachable Code = "\x00"
	Add         Code = "\x6a"
	Eqz         Code = "\x45"
	TableGrow   Code = "\xfc\x0f\x00" // table 0: value and delta come before it
	NullFunc    Code = "\xd0\x70"
	CallStart   Code = "\x10\xff" // replaced by a call of the program itself
)

// I32 is a constant.
func I32(n int32) Code { return Code(sleb([]byte{0x41}, int64(n))) }

// I64 is a constant.
func I64(n int64) Code { return Code(sleb([]byte{0x42}, n)) }

// Load takes four bytes from a place.
func Load(at int32) Code { return I32(at) + "\x28\x02\x00" }

// Store puts a value of four bytes to a place.
func Store(at int32, value Code) Code { return I32(at) + value + "\x36\x02\x00" }

// Increment adds one to the value at a place.
func Increment(at int32) Code { return Store(at, Load(at)+I32(1)+Add) }

// Grow asks for more pages of memory; its result is how many there were, or -1.
func Grow(pages int32) Code { return I32(pages) + "\x40\x00" }

// Forever repeats a body that leaves nothing on the stack.
func Forever(body Code) Code { return "\x03\x40" + body + "\x0c\x00\x0b" }

// While repeats a body whose result says whether to go on.
func While(body Code) Code { return "\x03\x40" + body + "\x0d\x00\x0b" }

// Unless runs then where the condition is 0.
func Unless(condition, then Code) Code { return condition + Eqz + "\x04\x40" + then + "\x0b" }

// If runs then where the condition isn't 0.
func If(condition, then Code) Code { return condition + "\x04\x40" + then + "\x0b" }

// Program is a program that is being assembled.
type Program struct {
	MinPages int32 // of memory; 1 where it is 0
	Table    string
	Imports  []wasm.Import
	Sections map[byte]string // bodies of further sections, or of others than would be written
	data     []byte          // at 1024
}

const dataAt = 1024

// Text puts bytes into the program's memory and gives where they are and how many, as two values on the stack.
func (p *Program) Text(s string) Code {
	at, n := p.Bytes(s)
	return I32(at) + I32(n)
}

// Bytes puts bytes into the program's memory.
func (p *Program) Bytes(s string) (at, n int32) {
	for len(p.data)%8 != 0 {
		p.data = append(p.data, 0)
	}
	at = int32(dataAt + len(p.data))
	p.data = append(p.data, s...)
	return at, int32(len(s))
}

// Call calls a function of WASI; its result is an errno.
func (p *Program) Call(function string, args ...Code) Code {
	at := slices.IndexFunc(p.Imports, func(i wasm.Import) bool { return i.Name == function })
	if at < 0 {
		at = len(p.Imports)
		p.Imports = append(p.Imports, wasm.Import{Module: world.Preview1, Name: function, Kind: wasm.Func, Signature: world.Preview1Signature(function)})
	}
	return join(args) + Code(binary.AppendUvarint([]byte{0x10}, uint64(at)))
}

// Exit ends the program with a status.
func (p *Program) Exit(status Code) Code { return p.Call("proc_exit", status) }

// Print writes to a stream, 1 or 2.
func (p *Program) Print(stream int32, text string) Code {
	at, n := p.Bytes(text)
	iov, _ := p.Bytes(string(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(at)), uint32(n))))
	return p.Call("fd_write", I32(stream), I32(iov), I32(1), I32(0))
}

// Open opens a path below the first folder, and leaves the errno; the file's number is at the place Opened. Flags: 1
// creates, 2 wants a folder, 4 wants that it isn't there yet, 8 empties it.
func (p *Program) Open(path string, flags int32, write bool) Code {
	rights := int64(1 << 1) // read
	if write {
		rights |= 1 << 6
	}
	return p.Call("path_open", I32(3), I32(1), p.Text(path), I32(flags), I64(rights), I64(0), I32(0), I32(Opened))
}

// Opened is where Open leaves the number of the file.
const Opened = 16

// Assemble gives the program's bytes. Its instructions must leave nothing on the stack.
func (p *Program) Assemble(body ...Code) []byte {
	var types, imports []byte
	signatures := []wasm.Signature{":"}
	for _, i := range p.Imports {
		n := slices.Index(signatures, i.Signature)
		if n < 0 {
			n = len(signatures)
			signatures = append(signatures, i.Signature)
		}
		imports = append(append(append(imports, name(i.Module)...), name(i.Name)...), byte(wasm.Func), byte(n))
	}
	for _, s := range signatures {
		params, results, _ := strings.Cut(string(s), ":")
		types = append(append(append(types, 0x60), valTypes(params)...), valTypes(results)...)
	}
	start := len(p.Imports)
	code := strings.ReplaceAll(string(join(body)), string(CallStart), "\x10"+string(binary.AppendUvarint(nil, uint64(start))))
	function := "\x00" + code + "\x0b"
	exports := slices.Concat(name("memory"), []byte{byte(wasm.Mem), 0}, name("_start"), []byte{byte(wasm.Func)}, binary.AppendUvarint(nil, uint64(start)))
	sections := map[byte]string{
		1:  string(vector(len(signatures), types)),
		2:  string(vector(len(p.Imports), imports)),
		3:  "\x01\x00",
		5:  "\x01\x00" + string(binary.AppendUvarint(nil, uint64(max(p.MinPages, 1)))),
		7:  string(vector(2, exports)),
		10: "\x01" + string(counted(function)),
		11: "\x01\x00" + string(I32(dataAt)) + "\x0b" + string(counted(string(p.data))),
	}
	if p.Table != "" {
		sections[4] = "\x01" + p.Table
	}
	maps.Copy(sections, p.Sections)
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, id := range []byte{1, 2, 3, 4, 5, 13, 6, 7, 9, 12, 10, 11} { // the order that the format asks for
		if body, ok := sections[id]; ok {
			out = append(append(out, id), counted(body)...)
		}
	}
	return out
}

func join(all []Code) (out Code) {
	for _, c := range all {
		out += c
	}
	return out
}

func vector(n int, entries []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(n)), entries...)
}

func counted(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func name(s string) []byte { return counted(s) }

func valTypes(letters string) []byte {
	out := []byte{byte(len(letters))}
	for _, l := range letters {
		out = append(out, map[rune]byte{'i': 0x7f, 'j': 0x7e, 'f': 0x7d, 'd': 0x7c}[l])
	}
	return out
}

func sleb(out []byte, n int64) []byte {
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
