package probe

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/wasmill/wasmill/internal/wasi/assembler"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/world"
)

// feature is a program that uses one part of WebAssembly, and nothing that a runtime without it would take.
type feature struct {
	proposal wasm.Proposal
	body     assembler.Code
	sections map[byte]string
}

const zero = "\x41\x00" // i32.const 0

var features = []feature{
	{wasm.SignExt, zero + "\xc0\x1a", nil},                                                                      // i32.extend8_s
	{wasm.TruncSat, "\x43\x00\x00\x00\x00\xfc\x00\x1a", nil},                                                    // i32.trunc_sat_f32_s
	{wasm.BulkMemory, zero + zero + zero + "\xfc\x0a\x00\x00", nil},                                             // memory.copy
	{wasm.ReferenceTypes, "\xd0\x70\x1a\xfc\x10\x00\x1a", map[byte]string{4: "\x01\x70\x00\x00"}},               // ref.null func, table.size
	{wasm.SIMD, "\xfd\x0c0123456789abcdef\x1a", nil},                                                            // v128.const
	{wasm.RelaxedSIMD, "\xfd\x0c0123456789abcdef\xfd\x0c0123456789abcdef\xfd\x80\x02\x1a", nil},                 // i8x16.relaxed_swizzle
	{wasm.HalfPrecision, "\x43\x00\x00\x00\x00\xfd\xa0\x02\x1a", nil},                                           // f16x8.splat
	{wasm.Atomics, zero + "\xfe\x10\x02\x00\x1a", nil},                                                          // i32.atomic.load
	{wasm.LegacyExceptions, "\x06\x40\x19\x0b", nil},                                                            // try, catch_all
	{wasm.ExnrefExceptions, "\x02\x40\x1f\x40\x01\x02\x00\x0b\x0b", nil},                                        // try_table
	{wasm.TailCall, zero + "\x04\x40\x12\x00\x0b", nil},                                                         // return_call
	{wasm.FunctionReference, zero + "\x04\x40\xd2\x00\x14\x00\x0b", map[byte]string{9: "\x01\x03\x00\x01\x00"}}, // call_ref
	{wasm.GC, zero + "\xfb\x1c\x1a", nil},                                                                       // ref.i31
	{wasm.MultiMemory, "", map[byte]string{5: "\x02\x00\x01\x00\x01"}},
	{wasm.Memory64, "", map[byte]string{5: "\x01\x04\x01", 11: "\x00"}},
	{wasm.ExtendedConst, "", map[byte]string{6: "\x01\x7f\x00\x41\x01\x41\x01\x6a\x0b"}}, // i32.const 1 + i32.const 1
	{wasm.WideArithmetic, "\x42\x00\x42\x00\x42\x00\x42\x00\xfc\x13\x1a\x1a", nil},       // i64.add128
}

// program is a program and what has to come out of it.
type program struct {
	Name   string `json:"name"`   // of the answer
	Module []byte `json:"module"` // base64 in JSON
	Any    bool   `json:"-"`      // any status will do, except those of what is only there by name
	Status uint32 `json:"-"`
	Stdout string `json:"-"`
	Bytes  int64  `json:"-"` // for an answer that is a limit
}

// What every program gets.
var (
	arguments   = []string{"probe", "spam"}
	environment = []string{"EGGS=ham"}
)

const input, content = "hello", "world"

// programs are those for a runtime that loads programs.
func programs() (list []program) {
	for _, f := range features {
		p := assembler.Program{Sections: f.sections}
		list = append(list, program{Name: "wasm." + string(f.proposal), Module: p.Assemble(f.body)})
	}
	shared := assembler.Program{Sections: map[byte]string{5: "\x01\x03\x01\x01"}}
	list = append(list, program{Name: world.Shared, Module: shared.Assemble()})
	for _, name := range world.Preview1Functions() {
		list = append(list, imported(name))
	}
	for _, size := range sizes {
		p := assembler.Program{}
		grow := assembler.Grow(int32(size/pageSize - 1))
		list = append(list, program{
			Name: memory, Bytes: size, Status: 1,
			Module: p.Assemble(p.Exit(grow)), // how many pages there were
		})
	}
	return append(list, behaviour()...)
}

// memory is how much memory a program can have.
const (
	memory   = "host.memory"
	pageSize = 64 << 10
)

var sizes = []int64{256 << 20, 1 << 30, 2 << 30, 4<<30 - pageSize}

// imported is a program that calls a function of WASI, on a file of its own and with zeros else, and ends with what it returns.
func imported(name string) program {
	var p assembler.Program
	var args []assembler.Code
	for _, letter := range world.Preview1Signature(name) {
		if letter == ':' {
			break
		}
		if args = append(args, assembler.I32(0)); letter == 'j' {
			args[len(args)-1] = assembler.I64(0)
		}
	}
	body := assembler.Code("")
	switch {
	case strings.HasPrefix(name, "fd_prestat"), strings.HasPrefix(name, "path_") && name != "path_symlink":
		args[0] = assembler.I32(3) // the first folder
	case name == "fd_renumber":
		args[1] = assembler.Load(assembler.Opened)
		fallthrough
	case strings.HasPrefix(name, "fd_"), strings.HasPrefix(name, "sock_"):
		body = p.Open("made.txt", 1, true) + assembler.Drop
		args[0] = assembler.Load(assembler.Opened)
	}
	body += p.Call(name, args...)
	if name != "proc_exit" {
		body = p.Exit(body)
	}
	return program{Name: world.Preview1 + "." + name, Module: p.Assemble(body), Any: true}
}

// behaviour are programs that say by their status and their output whether a thing is done right.
func behaviour() []program {
	i32 := assembler.I32
	one := func(name string, status uint32, stdout string, body func(p *assembler.Program) assembler.Code) program {
		var p assembler.Program
		code := body(&p)
		return program{Name: name, Module: p.Assemble(code), Status: status, Stdout: stdout}
	}
	iov := func(p *assembler.Program, at, n uint32) int32 {
		place, _ := p.Bytes(string(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, at), n)))
		return place
	}
	return []program{
		one("wasi.arguments", 2, "", func(p *assembler.Program) assembler.Code {
			return p.Call("args_sizes_get", i32(0), i32(4)) + assembler.Drop + p.Exit(assembler.Load(0))
		}),
		one("wasi.environment", 1, "", func(p *assembler.Program) assembler.Code {
			return p.Call("environ_sizes_get", i32(0), i32(4)) + assembler.Drop + p.Exit(assembler.Load(0))
		}),
		one("wasi.streams", uint32(len(input)), input, func(p *assembler.Program) assembler.Code {
			in, out := iov(p, 512, 64), iov(p, 512, uint32(len(input)))
			return p.Call("fd_read", i32(0), i32(in), i32(1), i32(64)) + assembler.Drop +
				p.Call("fd_write", i32(1), i32(out), i32(1), i32(128)) + assembler.Drop + p.Exit(assembler.Load(64))
		}),
		one("wasi.exit-status", 42, "", func(p *assembler.Program) assembler.Code { return p.Exit(i32(42)) }),
		one("wasi.folders", 0, content, func(p *assembler.Program) assembler.Code {
			place := iov(p, 512, uint32(len(content)))
			return p.Open("in.txt", 0, false) + assembler.Drop +
				p.Call("fd_read", assembler.Load(assembler.Opened), i32(place), i32(1), i32(64)) + assembler.Drop +
				p.Call("fd_write", i32(1), i32(place), i32(1), i32(64)) + assembler.Drop + p.Exit(i32(0))
		}),
		one("wasi.files-made", 0, "", func(p *assembler.Program) assembler.Code { return p.Exit(p.Open("made.txt", 1, true)) }),
		one("wasi.paths-stay-inside", 1, "", func(p *assembler.Program) assembler.Code {
			return assembler.If(p.Open("../out.txt", 0, false), p.Exit(i32(1)))
		}),
		one("wasi.links-stay-inside", 1, "", func(p *assembler.Program) assembler.Code {
			return assembler.If(p.Open("link", 0, false), p.Exit(i32(1)))
		}),
		one("wasi.sleep", 0, "", func(p *assembler.Program) assembler.Code {
			sleep := subscription(1e6)
			at, _ := p.Bytes(sleep)
			return p.Exit(p.Call("poll_oneoff", i32(at), i32(4096), i32(1), i32(64)))
		}),
	}
}

// subscription is a subscription of poll_oneoff to the end of so many nanoseconds.
func subscription(ns uint64) string {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint32(b[16:], 1) // the monotonic clock
	binary.LittleEndian.PutUint64(b[24:], ns)
	return string(b)
}

// sideModule is a module as Emscripten's loader takes them, without any code: all that it wants is the memory.
func sideModule(shared bool) []byte {
	limits := "\x00\x00"
	if shared {
		limits = "\x03\x00\x80\x80\x04" // as many pages as the runtime has
	}
	out := "\x00asm\x01\x00\x00\x00"
	for _, s := range []struct {
		id   byte
		body string
	}{{0, "\x08dylink.0\x01\x04\x00\x00\x00\x00"}, {2, "\x01\x03env\x06memory\x02" + limits}} {
		out += fmt.Sprintf("%c%c%s", s.id, len(s.body), s.body)
	}
	return []byte(out)
}
