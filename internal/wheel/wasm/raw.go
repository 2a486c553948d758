package wasm

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// RawSection is a section as it stands in a module.
type RawSection struct {
	ID     byte
	Name   string // of a custom section
	Offset int    // of Body in the module
	Body   []byte // without the name of a custom section
}

var sectionNames = []string{
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count", "tag",
}

// String is the section for people: "code", "custom dylink.0".
func (s RawSection) String() string {
	switch {
	case s.ID == sectionCustom:
		return "custom " + s.Name
	case int(s.ID) < len(sectionNames):
		return sectionNames[s.ID]
	}
	return fmt.Sprintf("unknown %d", s.ID)
}

// Entry is a part of a section: a function's body, or a data segment with its place in memory.
type Entry struct {
	Offset int // in the section's body
	Bytes  []byte
}

// maxSections bounds what a module of many empty sections costs; a linker writes a few dozen.
const maxSections = 1 << 14

// Sections cuts a module into its sections without looking into them. Its errors are fault.Invalid.
func Sections(module []byte) (list []RawSection, err error) {
	if !bytes.HasPrefix(module, []byte("\x00asm\x01\x00\x00\x00")) {
		return nil, fault.Errorf(fault.Invalid, "not a core module of WebAssembly version 1")
	}
	for c := (&cursor{b: module[8:]}); len(c.b) > 0; {
		s := RawSection{ID: c.byte()}
		body := &cursor{b: c.take(c.u32())}
		if s.ID == sectionCustom {
			s.Name = body.name()
		}
		if c.err == nil {
			c.err = body.err
		}
		if c.err != nil {
			return nil, fault.Errorf(fault.Invalid, "reading section %d: %w", len(list), c.err)
		}
		if len(list) == maxSections {
			return nil, fault.Errorf(fault.Invalid, "it has more than %d sections", maxSections)
		}
		s.Body, s.Offset = body.b, len(module)-len(c.b)-len(body.b)
		list = append(list, s)
	}
	return list, nil
}

// Entries are the functions of a code section, or the segments of a data section; nil for all others. A segment's length is
// known only if its place is a number of 32 bits, or a global and such a number, as linkers write it.
func (s RawSection) Entries() (list []Entry, err error) {
	c := &cursor{b: s.Body}
	at := func() int { return len(s.Body) - len(c.b) }
	switch s.ID {
	case sectionCode:
		for n := c.count(); n > 0 && c.err == nil; n-- {
			body := c.take(c.u32())
			list = append(list, Entry{at() - len(body), body})
		}
	case sectionData:
		for n := c.count(); n > 0 && c.err == nil; n-- {
			begin := at()
			flags := c.u32()
			if flags == 2 {
				c.u32()
			}
			if flags != 1 {
				c.place()
			}
			c.take(c.u32())
			list = append(list, Entry{begin, s.Body[begin:at()]})
		}
	default:
		return nil, nil
	}
	if c.err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading the %s section: %w", s, c.err)
	}
	return list, nil
}

// place passes over a constant expression of numbers, globals and sums.
func (c *cursor) place() {
	for c.err == nil {
		switch op := c.byte(); op {
		case 0x0b: // end
			return
		case 0x41, 0x23: // i32.const, global.get
			c.skipLEB()
		case 0x42: // i64.const
			for range 10 {
				if c.byte()&0x80 == 0 {
					break
				}
			}
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // sums, differences and products
		default:
			c.fail(fmt.Errorf("its place is computed by the instruction %#x", op))
		}
	}
}

// Labels are names that a module gives to its parts.
type Labels struct {
	Functions map[uint32]string // by index, imports counted
	Segments  map[uint32]string // of data
}

const (
	nameFunctions = 1
	nameSegments  = 9
	segmentInfo   = 5 // of the section linking (Linking.md)
)

// LabelsOf gathers what the name section, the exports and the linking section call functions and segments. What can't be read
// names nothing.
func LabelsOf(sections []RawSection) Labels {
	l := Labels{Functions: map[uint32]string{}, Segments: map[uint32]string{}}
	for _, s := range sections {
		c := &cursor{b: s.Body}
		switch {
		case s.ID == sectionExport:
			for n := c.count(); n > 0 && c.err == nil; n-- {
				name, kind, index := c.name(), Kind(c.byte()), c.u32()
				if c.err == nil && kind == Func && l.Functions[index] == "" {
					l.Functions[index] = name
				}
			}
		case s.ID == sectionCustom && s.Name == "name":
			for len(c.b) > 0 {
				kind, sub := c.byte(), &cursor{b: c.take(c.u32())}
				into := map[byte]map[uint32]string{nameFunctions: l.Functions, nameSegments: l.Segments}[kind]
				if into == nil {
					continue
				}
				for n := sub.count(); n > 0 && sub.err == nil; n-- {
					index, name := sub.u32(), sub.name()
					if sub.err == nil {
						into[index] = name
					}
				}
			}
		case s.ID == sectionCustom && s.Name == "linking":
			c.u32() // version
			for len(c.b) > 0 {
				kind, sub := c.byte(), &cursor{b: c.take(c.u32())}
				if kind != segmentInfo {
					continue
				}
				for n, i := sub.count(), uint32(0); n > 0 && sub.err == nil; n, i = n-1, i+1 {
					name := sub.name()
					sub.u32() // alignment
					sub.u32() // flags
					if sub.err == nil {
						l.Segments[i] = name
					}
				}
			}
		}
	}
	return l
}

// Producers lists what the section producers says (ProducersSection.md), a line for each.
func (s RawSection) Producers() (lines []string, err error) {
	c := &cursor{b: s.Body}
	for n := c.count(); n > 0 && c.err == nil; n-- {
		field := c.name()
		for m := c.count(); m > 0 && c.err == nil; m-- {
			lines = append(lines, strings.TrimSpace(field+": "+c.name()+" "+c.name()))
		}
	}
	if c.err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading the section producers: %w", c.err)
	}
	return lines, nil
}
