package wasmcc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Symbols lists the symbols that an object, or each object of an archive, defines for others: not local, not hidden,
// not undefined. The form is that of WebAssembly's tool conventions (Linking.md, "linking" custom section); archives
// are System V's with GNU's long names, thin ones included, whose members readFile opens. Other kinds of objects have
// none.
func Symbols(file string, data []byte, readFile func(string) ([]byte, error)) ([]string, error) {
	thin := bytes.HasPrefix(data, []byte("!<thin>\n"))
	if thin || bytes.HasPrefix(data, []byte("!<arch>\n")) {
		return archiveSymbols(file, data[8:], thin, readFile)
	}
	return objectFileSymbols(data)
}

const memberHeader = 60

func archiveSymbols(file string, data []byte, thin bool, readFile func(string) ([]byte, error)) ([]string, error) {
	var all []string
	longNames := ""
	for len(data) >= memberHeader {
		name := strings.TrimRight(string(data[:16]), " ")
		size, err := strconv.Atoi(strings.TrimSpace(string(data[48:58])))
		if err != nil || size < 0 {
			return nil, fmt.Errorf("archive member %q: no size", name)
		}
		data = data[memberHeader:]
		index := name == "/" || name == "/SYM64/" || name == "//"
		var member []byte
		if !thin || index {
			if size > len(data) {
				return nil, fmt.Errorf("archive member %q: cut off", name)
			}
			member = data[:size]
			data = data[min(size+size%2, len(data)):]
		} else if member, err = thinMember(file, name, longNames, readFile); err != nil {
			return nil, err
		}
		switch {
		case name == "//":
			longNames = string(member)
		case !index:
			names, err := objectFileSymbols(member)
			if err != nil {
				return nil, fmt.Errorf("archive member %q: %w", name, err)
			}
			all = append(all, names...)
		}
	}
	return all, nil
}

// thinMember reads the file that a member of a thin archive stands for; names are relative to the archive.
func thinMember(file, name, longNames string, readFile func(string) ([]byte, error)) ([]byte, error) {
	if at, err := strconv.Atoi(strings.TrimPrefix(name, "/")); err == nil && at >= 0 && at < len(longNames) {
		name, _, _ = strings.Cut(longNames[at:], "\n")
	}
	return readFile(abs(filepath.Dir(file), strings.TrimSuffix(name, "/")))
}

var errCut = errors.New("the object is cut off")

// reader reads LEB128 numbers and strings; after the end it stays in error.
type reader struct {
	data []byte
	err  error
}

func (r *reader) uint() int {
	n, length := binary.Uvarint(r.data)
	if length <= 0 || n > 1<<31 {
		r.err, r.data = errCut, nil
		return 0
	}
	r.data = r.data[length:]
	return int(n)
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.data) {
		r.err, r.data = errCut, nil
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) string() string { return string(r.bytes(r.uint())) }

var wasmMagic = []byte("\x00asm\x01\x00\x00\x00")

const symbolTable = 8 // WASM_SYMBOL_TABLE

func objectFileSymbols(data []byte) ([]string, error) {
	data, ok := bytes.CutPrefix(data, wasmMagic)
	if !ok {
		return nil, nil
	}
	r := &reader{data: data}
	for len(r.data) > 0 {
		id := r.byte()
		section := &reader{data: r.bytes(r.uint())}
		if r.err != nil {
			return nil, r.err
		}
		if id != 0 || section.string() != "linking" {
			continue
		}
		section.uint() // version
		for len(section.data) > 0 {
			kind := section.byte()
			sub := &reader{data: section.bytes(section.uint())}
			if kind == symbolTable {
				return symbolNames(sub)
			}
		}
		return nil, section.err
	}
	return nil, r.err
}

// Kinds and flags of symbols.
const (
	kindData    = 1
	kindSection = 3

	flagLocal     = 0x02
	flagHidden    = 0x04
	flagUndefined = 0x10
	flagNamed     = 0x40 // an undefined symbol with a name of its own
)

func symbolNames(r *reader) ([]string, error) {
	var names []string
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		kind, flags, name := r.byte(), r.uint(), ""
		switch kind {
		case kindData:
			name = r.string()
			if flags&flagUndefined == 0 {
				r.uint() // segment
				r.uint() // offset
				r.uint() // size
			}
		case kindSection:
			r.uint()
		default: // functions, globals, tags, tables
			r.uint() // index
			if flags&(flagUndefined|flagNamed) != flagUndefined {
				name = r.string()
			}
		}
		if name != "" && flags&(flagLocal|flagHidden|flagUndefined) == 0 {
			names = append(names, name)
		}
	}
	return names, r.err
}
