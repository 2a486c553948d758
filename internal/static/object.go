// Package static is about extension modules for a target on which nothing is loaded at run time: each is one relocatable object,
// which is linked into an interpreter together with those of other packages. It reads such objects, makes them fit for that
// company, and packs them with the rest of their package. It compiles and links nothing.
//
// Sources: tool-conventions' Linking.md (https://github.com/WebAssembly/tool-conventions) for objects; archives are System V's, with
// GNU's long names, as wasm-ld reads them.
package static

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/wasmill/wasmill/internal/fault"
)

// Object is a relocatable object. It keeps the bytes that it was read from.
type Object struct {
	data    []byte
	symbols []symbol
	// linking is the section of that name, with its head.
	linking     span
	subsections []subsection
}

type span struct{ from, to int }

type subsection struct {
	kind byte
	body span
}

// symbol is one entry of the symbol table.
type symbol struct {
	kind  byte
	flags uint64
	name  string // also of an undefined one, which takes it from its import
	named bool   // the entry holds the name
	rest  []byte // what stands between the flags and the name, or behind it: index, or segment, offset and size
}

// Numbers of the binary format.
const (
	symbolTable = 8 // WASM_SYMBOL_TABLE
	comdats     = 7 // WASM_COMDAT_INFO

	kindFunction = 0
	kindData     = 1
	kindGlobal   = 2
	kindSection  = 3
	kindTag      = 4
	kindTable    = 5

	flagWeak      = 0x01
	flagLocal     = 0x02
	flagHidden    = 0x04
	flagUndefined = 0x10
	flagExported  = 0x20
	flagNamed     = 0x40 // an undefined symbol with a name of its own
	flagNoStrip   = 0x80
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

// Read reads a relocatable object. What is none, or broken, is fault.Invalid. Bytes come from strangers' builds: every read is
// bounded by them.
func Read(data []byte) (*Object, error) {
	if !bytes.HasPrefix(data, magic) {
		return nil, fault.Errorf(fault.Invalid, "it is no WebAssembly object")
	}
	o := &Object{data: data}
	names := map[byte][]string{} // of imports, by the kind of symbol that takes them
	for r := (&reader{data: data, at: len(magic)}); r.at < len(data); {
		from := r.at
		id := r.byte()
		size := r.uint()
		body := r.take(size)
		if r.bad {
			return nil, fault.Errorf(fault.Invalid, "the object is cut off")
		}
		switch s := (&reader{data: data[:body.to], at: body.from}); id {
		case 2:
			readImports(s, names)
			if s.bad {
				return nil, fault.Errorf(fault.Invalid, "the object's imports are cut off")
			}
		case 0:
			if s.string() != "linking" {
				continue
			}
			o.linking = span{from, body.to}
			if err := o.readLinking(s, names); err != nil {
				return nil, err
			}
		}
	}
	if o.linking.to == 0 {
		return nil, fault.Errorf(fault.Invalid, "it is no object to link: it has no section \"linking\"")
	}
	return o, nil
}

// importKinds are the kinds of symbols for the kinds of imports: function, table, memory, global, tag.
var importKinds = map[byte]byte{0: kindFunction, 1: kindTable, 3: kindGlobal, 4: kindTag}

// readImports reads the names of imports, by the kind of symbol that takes them.
func readImports(r *reader, names map[byte][]string) {
	eachImport(r, func(kind byte, name string, _ int) {
		if k, ok := importKinds[kind]; ok {
			names[k] = append(names[k], name)
		}
	})
}

// eachImport reads imports. of is the type of a function or a tag.
func eachImport(r *reader, found func(kind byte, name string, of int)) {
	for n := r.uint(); n > 0 && !r.bad; n-- {
		r.string() // the module
		name := r.string()
		kind, of := r.byte(), 0
		switch kind {
		case 0:
			of = r.uint()
		case 1: // a table: its type, and its limits
			r.byte()
			limits(r)
		case 2:
			limits(r)
		case 3: // a global's type, and whether it changes
			r.byte()
			r.byte()
		case 4:
			r.byte()
			of = r.uint()
		default:
			r.bad = true
		}
		found(kind, name, of)
	}
}

func limits(r *reader) {
	if r.uint()&1 != 0 {
		r.uint()
	}
	r.uint()
}

func (o *Object) readLinking(r *reader, imports map[byte][]string) error {
	if r.uint() != 2 {
		return fault.Errorf(fault.Invalid, "the object's section \"linking\" is of another version than 2")
	}
	for r.at < len(r.data) && !r.bad {
		kind := r.byte()
		body := r.take(r.uint())
		if r.bad {
			break
		}
		o.subsections = append(o.subsections, subsection{kind, body})
		if kind == symbolTable {
			s := &reader{data: r.data[:body.to], at: body.from}
			o.readSymbols(s, imports)
			r.bad = s.bad
		}
	}
	if r.bad {
		return fault.Errorf(fault.Invalid, "the object's section \"linking\" is cut off")
	}
	return nil
}

func (o *Object) readSymbols(r *reader, imports map[byte][]string) {
	for n := r.uint(); n > 0 && !r.bad; n-- {
		s := symbol{kind: r.byte(), flags: uint64(r.uint())}
		switch s.kind {
		case kindData:
			s.name, s.named = r.string(), true
			from := r.at
			if s.flags&flagUndefined == 0 {
				r.uint()
				r.uint()
				r.uint()
			}
			s.rest = r.since(from)
		case kindSection:
			from := r.at
			r.uint()
			s.rest = r.since(from)
		default:
			from := r.at
			index := r.uint()
			s.rest = r.since(from)
			if s.named = s.flags&(flagUndefined|flagNamed) != flagUndefined; s.named {
				s.name = r.string()
			} else if list := imports[s.kind]; index < len(list) {
				s.name = list[index]
			}
		}
		o.symbols = append(o.symbols, s)
	}
}

// Defined are the names that the object defines for others, sorted: hidden ones too, which only other modules do not see.
func (o *Object) Defined() []string {
	return o.names(func(s symbol) bool { return s.flags&(flagUndefined|flagLocal) == 0 })
}

// Undefined are the names that others must define, sorted, without those that may stay undefined (weak ones), and without what the
// linker itself makes.
func (o *Object) Undefined() []string {
	return o.names(func(s symbol) bool {
		return s.flags&flagUndefined != 0 && s.flags&(flagWeak|flagLocal) == 0 && (s.kind == kindFunction || s.kind == kindData || s.kind == kindTag) && !linkers[s.name]
	})
}

// linkers are symbols that wasm-ld makes.
var linkers = map[string]bool{
	"__dso_handle": true, "__data_end": true, "__global_base": true, "__heap_base": true, "__heap_end": true, "__memory_base": true, "__table_base": true,
	"__stack_low": true, "__stack_high": true, "__wasm_call_ctors": true, "__wasm_call_dtors": true,
}

func (o *Object) names(wanted func(symbol) bool) []string {
	names := map[string]bool{}
	for _, s := range o.symbols {
		if s.kind != kindSection && s.name != "" && wanted(s) {
			names[s.name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Isolated is the object as it can stand beside any other: what it defines is its own (local), but for the symbols in keep, which get
// new names. Groups by which a linker drops what another object has too (comdats) are gone, since what is local has no other.
func (o *Object) Isolated(keep map[string]string) []byte {
	body := binary.AppendUvarint(nil, uint64(len("linking")))
	body = append(append(body, "linking"...), 2)
	for _, sub := range o.subsections {
		content := o.data[sub.body.from:sub.body.to]
		switch sub.kind {
		case comdats:
			continue
		case symbolTable:
			content = o.isolatedTable(keep)
		}
		body = append(body, sub.kind)
		body = binary.AppendUvarint(body, uint64(len(content)))
		body = append(body, content...)
	}
	out := append(slices.Clone(o.data[:o.linking.from]), 0)
	out = binary.AppendUvarint(out, uint64(len(body)))
	return slices.Concat(out, body, o.data[o.linking.to:])
}

func (o *Object) isolatedTable(keep map[string]string) []byte {
	out := binary.AppendUvarint(nil, uint64(len(o.symbols)))
	for _, s := range o.symbols {
		if s.kind != kindSection && s.flags&(flagUndefined|flagLocal) == 0 {
			if name, ok := keep[s.name]; ok {
				s.name = name
				s.flags &^= flagWeak
			} else {
				s.flags = s.flags&^(flagWeak|flagHidden|flagExported|flagNoStrip) | flagLocal
			}
		}
		out = append(out, s.kind)
		out = binary.AppendUvarint(out, s.flags)
		name := append(binary.AppendUvarint(nil, uint64(len(s.name))), s.name...)
		switch {
		case s.kind == kindData:
			out = append(append(out, name...), s.rest...)
		case s.named:
			out = append(append(out, s.rest...), name...)
		default:
			out = append(out, s.rest...)
		}
	}
	return out
}

// reader reads numbers and texts; behind the end it stays bad.
type reader struct {
	data []byte
	at   int
	bad  bool
}

func (r *reader) byte() byte {
	if r.bad || r.at >= len(r.data) {
		r.bad = true
		return 0
	}
	r.at++
	return r.data[r.at-1]
}

func (r *reader) uint() int {
	if r.bad {
		return 0
	}
	n, length := binary.Uvarint(r.data[r.at:])
	if length <= 0 || n > 1<<32-1 {
		r.bad = true
		return 0
	}
	r.at += length
	return int(n) //nolint:gosec // at most 32 bits
}

func (r *reader) take(n int) span {
	if r.bad || n > len(r.data)-r.at {
		r.bad = true
		return span{}
	}
	r.at += n
	return span{r.at - n, r.at}
}

func (r *reader) string() string {
	s := r.take(r.uint())
	return string(r.data[s.from:s.to])
}

func (r *reader) since(from int) []byte {
	if r.bad {
		return nil
	}
	return r.data[from:r.at]
}
