package wasm

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/wasmill/wasmill/internal/fault"
)

// WithRuntimePath gives the bytes of a side module with another RUNTIME_PATH in its dylink.0 (DynamicLinking.md), where
// the loader looks for the libraries that it needs. Everything else stays as it is. What is no side module is
// fault.Invalid.
func WithRuntimePath(module []byte, path []string) ([]byte, error) {
	rest, ok := bytes.CutPrefix(module, []byte("\x00asm\x01\x00\x00\x00"))
	c := &cursor{b: rest}
	id := c.byte()
	section := &cursor{b: c.take(c.u32())}
	if !ok || c.err != nil || id != sectionCustom || section.name() != "dylink.0" || section.err != nil {
		return nil, fault.Errorf(fault.Invalid, "not a side module: dylink.0 is not its first section")
	}
	body := counted([]byte("dylink.0"))
	for len(section.b) > 0 {
		kind := section.byte()
		content := section.take(section.u32())
		if section.err != nil {
			return nil, fault.Errorf(fault.Invalid, "reading dylink.0: %w", section.err)
		}
		if kind != dylinkRuntimePath {
			body = append(append(body, kind), counted(content)...)
		}
	}
	if len(path) > 0 {
		list := binary.AppendUvarint(nil, uint64(len(path)))
		for _, p := range path {
			list = append(list, counted([]byte(p))...)
		}
		body = append(append(body, dylinkRuntimePath), counted(list)...)
	}
	out := append([]byte("\x00asm\x01\x00\x00\x00"), sectionCustom)
	return append(append(out, counted(body)...), c.b...), nil
}

// WithTableLimit gives the bytes of a module whose own tables can't have more than a number of entries together: each gets a
// maximum, or a lower one. A module whose tables are larger from the start is fault.Invalid.
func WithTableLimit(module []byte, most uint64) ([]byte, error) {
	sections, err := Sections(module)
	if err != nil {
		return nil, err
	}
	var table *RawSection
	for i, s := range sections {
		if s.ID != sectionTable {
			continue
		}
		if table != nil {
			return nil, fault.Errorf(fault.Invalid, "it has two table sections")
		}
		table = &sections[i]
	}
	if table == nil {
		return module, nil
	}
	body, err := limitTables(table.Body, most)
	if err != nil {
		return nil, err
	}
	before := module[:table.Offset]
	for before = before[:len(before)-1]; before[len(before)-1]&0x80 != 0; { // the length, which may be written longer than it needs to be
		before = before[:len(before)-1]
	}
	return slices.Concat(before, counted(body), module[table.Offset+len(table.Body):]), nil
}

func limitTables(section []byte, most uint64) ([]byte, error) {
	type table struct {
		element []byte // what stands before its limits
		Limits
	}
	var tables []table
	least := uint64(0)
	c := &cursor{b: section}
	for n := c.count(); n > 0 && c.err == nil; n-- {
		begin := c.b
		valued := c.tableElement()
		element := begin[:len(begin)-len(c.b)]
		l, flags := c.limits()
		if c.err == nil && (valued || flags&^1 != 0) {
			return nil, fault.Errorf(fault.Invalid, "a table is of a kind whose size can't be limited")
		}
		if least += l.Min; least > most {
			return nil, fault.Errorf(fault.Invalid, "its tables have more than %d entries", most)
		}
		tables = append(tables, table{element, l})
	}
	if c.err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading the table section: %w", c.err)
	}
	out := binary.AppendUvarint(nil, uint64(len(tables)))
	for _, t := range tables {
		limit := t.Min + (most-least)/uint64(len(tables))
		if t.Bounded {
			limit = min(limit, max(t.Max, t.Min))
		}
		out = append(append(out, t.element...), 1)
		out = binary.AppendUvarint(binary.AppendUvarint(out, t.Min), limit)
	}
	return out, nil
}

// counted puts the length of b before it.
func counted(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }
