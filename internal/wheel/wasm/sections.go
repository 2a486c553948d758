package wasm

import (
	"fmt"
	"strings"
)

func (p *parser) decode(id byte, c *cursor) {
	for n := c.count(); n > 0 && c.err == nil; n-- {
		switch id {
		case sectionType:
			p.types = append(p.types, c.funcType())
			p.noteTypes(p.types[len(p.types)-1])
		case sectionImport:
			p.imports(c)
		case sectionFunc:
			p.funcs = append(p.funcs, c.u32())
		case sectionTable:
			p.m.Tables = append(p.m.Tables, c.table())
		case sectionMemory:
			p.m.Memories = append(p.m.Memories, c.memory())
		case sectionTag:
			p.tags = append(p.tags, c.tag())
		case sectionExport:
			p.exports = append(p.exports, rawExport{c.name(), Kind(c.byte()), c.u32()})
		}
	}
}

func (p *parser) imports(c *cursor) {
	i := Import{Module: c.name(), Name: c.name(), Kind: Kind(c.byte())}
	switch i.Kind {
	case Func:
		t := c.u32()
		p.funcs = append(p.funcs, t)
		p.imported++
		i.Signature = p.signature(c, t)
	case Table:
		p.m.Tables = append(p.m.Tables, c.table())
	case Mem:
		p.m.Memories = append(p.m.Memories, c.memory())
	case Global:
		c.valType()
		c.byte()
	case Tag:
		t := c.tag()
		p.tags = append(p.tags, t)
		i.Signature = p.signature(c, t)
	default:
		c.fail(fmt.Errorf("import %s.%s is of the unknown kind %d", i.Module, i.Name, i.Kind))
	}
	if c.err == nil {
		p.m.Imports = append(p.m.Imports, i)
	}
}

// noteTypes notes the proposals that a function's type needs.
func (p *parser) noteTypes(s Signature) {
	for letter, of := range map[byte]Proposal{'V': SIMD, 'x': ExnrefExceptions, 'r': FunctionReference} {
		if strings.IndexByte(string(s), letter) >= 0 {
			(&code{m: p.m, place: "type section"}).use(of)
		}
	}
}

func (p *parser) signature(c *cursor, t uint32) Signature {
	if uint64(t) >= uint64(len(p.types)) {
		c.fail(fmt.Errorf("type %d does not exist", t))
		return ""
	}
	return p.types[t]
}

// resolve gives exports their signatures. It comes last, because tags stand behind functions in the index but are not
// bound to a place among the sections.
func (p *parser) resolve() error {
	for _, e := range p.exports {
		out := Export{Name: e.name, Kind: e.kind}
		var space []uint32
		switch e.kind {
		case Func:
			space = p.funcs
		case Tag:
			space = p.tags
		case Table, Mem, Global:
			p.m.Exports = append(p.m.Exports, out)
			continue
		default:
			return fmt.Errorf("export %s is of the unknown kind %d", e.name, e.kind)
		}
		if uint64(e.index) >= uint64(len(space)) {
			return fmt.Errorf("export %s names %s %d, which does not exist", e.name, e.kind, e.index)
		}
		c := &cursor{}
		out.Signature = p.signature(c, space[e.index])
		if c.err != nil {
			return fmt.Errorf("export %s: %w", e.name, c.err)
		}
		p.m.Exports = append(p.m.Exports, out)
	}
	return nil
}

// funcType reads one entry of the type section. The forms of the garbage collection proposal (rec, sub, struct, array)
// are refused: no ABI that this farm knows allows them.
func (c *cursor) funcType() Signature {
	if form := c.byte(); form != 0x60 && c.err == nil {
		c.fail(fmt.Errorf("a type has the unknown form %#x", form))
		return ""
	}
	var sig []byte
	for n := c.count(); n > 0 && c.err == nil; n-- {
		sig = append(sig, c.valType())
	}
	sig = append(sig, ':')
	for n := c.count(); n > 0 && c.err == nil; n-- {
		sig = append(sig, c.valType())
	}
	return Signature(sig)
}

func (c *cursor) valType() byte {
	switch t := c.byte(); t {
	case 0x7f:
		return 'i'
	case 0x7e:
		return 'j'
	case 0x7d:
		return 'f'
	case 0x7c:
		return 'd'
	case 0x7b:
		return 'V'
	case 0x70:
		return 'F'
	case 0x6f:
		return 'e'
	case 0x69:
		return 'x'
	case 0x63, 0x64: // (ref null ht), (ref ht)
		c.skipLEB()
		return 'r'
	case 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73: // shorthands of other references
		return 'r'
	default:
		if c.err == nil {
			c.fail(fmt.Errorf("unknown value type %#x", t))
		}
		return 'r'
	}
}

// limits reads the bounds of a table or memory and their flags: 1 has a maximum, 2 shared, 4 64-bit, 8 has a page size.
func (c *cursor) limits() (l Limits, flags byte) {
	flags = c.byte()
	bits := 32
	if flags&4 != 0 {
		bits = 64
	}
	l.Min = c.uleb(bits)
	if l.Bounded = flags&1 != 0; l.Bounded {
		l.Max = c.uleb(bits)
	}
	if flags&8 != 0 {
		c.u32()
	}
	return l, flags
}

func (c *cursor) memory() Memory {
	l, flags := c.limits()
	return Memory{Limits: l, Shared: flags&2 != 0, Wide: flags&4 != 0}
}

// table reads the type of a table, and passes over its first value where there is one.
func (c *cursor) table() TableType {
	valued := c.tableElement()
	l, flags := c.limits()
	if valued {
		first := &code{b: c.b}
		first.constant()
		if first.err != nil {
			c.fail(first.err)
		}
		c.take(uint32(first.at))
	}
	return TableType{Limits: l, Wide: flags&4 != 0}
}

// tableElement reads what stands before a table's limits, and says whether a first value stands behind them.
func (c *cursor) tableElement() bool {
	valued := len(c.b) > 0 && c.b[0] == 0x40
	if valued {
		c.take(2)
	}
	c.valType()
	return valued
}

func (c *cursor) tag() uint32 {
	if attr := c.byte(); attr != 0 && c.err == nil {
		c.fail(fmt.Errorf("a tag has the unknown attribute %d", attr))
	}
	return c.u32()
}
