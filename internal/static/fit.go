package static

import (
	"bytes"

	"github.com/wasmill/wasmill/internal/fault"
)

// The marks around the table in which Python's own code looks up how many parameters a function takes (recipes/cpython-wasi, its first patch).
var (
	parametersBegin = append([]byte("_PyWASI_Parameters: begin"), make([]byte, 7)...)
	parametersEnd   = append([]byte("_PyWASI_Parameters: end"), make([]byte, 9)...)
)

// Fit tells a linked interpreter how many parameters each of its functions takes that can be called through a pointer. Python then passes as
// many to the methods and getters of extension modules, which often take fewer; without it such a call is a trap. A program without the
// table, or one that has been fitted, stays as it is. What is no program is fault.Invalid.
func Fit(program []byte) error {
	at := bytes.Index(program, parametersBegin)
	if at < 0 {
		return nil
	}
	at += len(parametersBegin)
	size := bytes.Index(program[at:], parametersEnd)
	if size < 0 {
		return fault.Errorf(fault.Invalid, "the program's table of parameters has no end")
	}
	table := program[at : at+size]
	takes, err := parameters(program)
	if err != nil {
		return err
	}
	for entry, n := range takes {
		if entry/2 < len(table) {
			table[entry/2] = table[entry/2]&^(15<<(entry%2*4)) | byte(n+1)<<(entry%2*4)
		}
	}
	return nil
}

// parameters are how many i32 a function takes that returns one, by its entry in the first table.
func parameters(program []byte) (map[int]int, error) {
	if !bytes.HasPrefix(program, magic) {
		return nil, fault.Errorf(fault.Invalid, "it is no WebAssembly program")
	}
	var types []int     // parameters by type; -1 for others than i32
	var functions []int // types by function
	takes := map[int]int{}
	for r := (&reader{data: program, at: len(magic)}); r.at < len(program); {
		id := r.byte()
		body := r.take(r.uint())
		if r.bad {
			return nil, fault.Errorf(fault.Invalid, "the program is cut off")
		}
		s := &reader{data: program[:body.to], at: body.from}
		switch id {
		case 1:
			for n := s.uint(); n > 0 && !s.bad; n-- {
				types = append(types, pointers(s))
			}
		case 2:
			eachImport(s, func(kind byte, _ string, of int) {
				if kind == 0 {
					functions = append(functions, of)
				}
			})
		case 3:
			for n := s.uint(); n > 0 && !s.bad; n-- {
				functions = append(functions, s.uint())
			}
		case 9:
			entries(s, func(entry, function int) {
				if function < len(functions) && functions[function] < len(types) && types[functions[function]] >= 0 {
					takes[entry] = types[functions[function]]
				}
			})
		}
		if s.bad {
			return nil, fault.Errorf(fault.Invalid, "section %d of the program can't be read", id)
		}
	}
	return takes, nil
}

// pointers reads a function's type: how many i32 it takes, where it takes at most three of them and nothing else, and returns one.
func pointers(r *reader) int {
	const i32, function, most = 0x7f, 0x60, 3
	if r.byte() != function {
		r.bad = true
	}
	count, fits := r.uint(), true
	for range count {
		if r.bad {
			return -1
		}
		fits = r.byte() == i32 && fits
	}
	results := r.uint()
	for range results {
		if r.bad {
			return -1
		}
		fits = r.byte() == i32 && fits
	}
	if !fits || count > most || results != 1 {
		return -1
	}
	return count
}

// entries reads what fills the first table, as linkers write it: functions by their numbers, from a constant on.
func entries(r *reader, found func(entry, function int)) {
	const constant, end = 0x41, 0x0b
	for n := r.uint(); n > 0 && !r.bad; n-- {
		if r.uint() != 0 || r.byte() != constant {
			return // of another form: nothing is known of it, and of what follows
		}
		entry := r.uint() // positive, and so the same as it would be signed, but for its highest bit
		if r.byte() != end {
			r.bad = true
		}
		for count := r.uint(); count > 0 && !r.bad; count-- {
			function := r.uint()
			if !r.bad {
				found(entry, function)
			}
			entry++
		}
	}
}
