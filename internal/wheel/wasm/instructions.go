package wasm

import (
	"errors"
	"fmt"
)

// shape says what follows an instruction's opcode.
type shape byte

const (
	unknown  shape = iota
	nothing        // no immediates
	index          // one LEB128: an index, a label, i32.const
	indices        // two
	long           // i64.const
	block          // a block's type
	memory         // alignment and offset
	bytes4         // f32.const
	bytes8         // f64.const
	heapType       // ref.null
	branches       // br_table
	types          // select with types
	handlers       // try_table
	prefixed       // another opcode follows
)

// shapes are those of the opcodes of one byte.
var shapes = func() (s [256]shape) {
	fill := func(from, to int, what shape) {
		for op := from; op <= to; op++ {
			s[op] = what
		}
	}
	fill(0x00, 0x01, nothing) // unreachable, nop
	fill(0x02, 0x04, block)   // block, loop, if
	s[0x05] = nothing         // else
	s[0x06] = block           // try
	fill(0x07, 0x09, index)   // catch, throw, rethrow
	s[0x0a] = nothing         // throw_ref
	s[0x0b] = nothing         // end
	fill(0x0c, 0x0d, index)   // br, br_if
	s[0x0e] = branches
	s[0x0f] = nothing       // return
	s[0x10] = index         // call
	s[0x11] = indices       // call_indirect
	s[0x12] = index         // return_call
	s[0x13] = indices       // return_call_indirect
	fill(0x14, 0x15, index) // call_ref, return_call_ref
	s[0x18] = index         // delegate
	s[0x19] = nothing       // catch_all
	fill(0x1a, 0x1b, nothing)
	s[0x1c] = types
	s[0x1f] = handlers
	fill(0x20, 0x26, index) // locals, globals, tables
	fill(0x28, 0x3e, memory)
	fill(0x3f, 0x41, index) // memory.size, memory.grow, i32.const
	s[0x42] = long
	s[0x43] = bytes4
	s[0x44] = bytes8
	fill(0x45, 0xc4, nothing)
	s[0xd0] = heapType
	s[0xd1] = nothing
	s[0xd2] = index
	fill(0xd3, 0xd4, nothing)
	fill(0xd5, 0xd6, index)
	fill(0xfb, 0xfe, prefixed)
	return s
}()

// proposals are those that opcodes of one byte belong to.
var proposals = func() (p [256]Proposal) {
	for op, of := range map[byte]Proposal{
		0x06: LegacyExceptions, 0x07: LegacyExceptions, 0x09: LegacyExceptions, 0x18: LegacyExceptions, 0x19: LegacyExceptions,
		0x0a: ExnrefExceptions, 0x1f: ExnrefExceptions,
		0x12: TailCall, 0x13: TailCall, 0x15: TailCall,
		0x14: FunctionReference, 0xd4: FunctionReference, 0xd5: FunctionReference, 0xd6: FunctionReference, 0xd3: GC,
		0x1c: ReferenceTypes, 0x25: ReferenceTypes, 0x26: ReferenceTypes, 0xd0: ReferenceTypes, 0xd1: ReferenceTypes, 0xd2: ReferenceTypes,
		0xc0: SignExt, 0xc1: SignExt, 0xc2: SignExt, 0xc3: SignExt, 0xc4: SignExt,
	} {
		p[op] = of
	}
	return p
}()

var errInstruction = errors.New("an instruction ends too early")

// code reads instructions, one after the other, without knowing how they nest: where each ends is all that telling
// proposals apart needs.
type code struct {
	b     []byte
	at    int
	err   error
	m     *Module // whose proposals are noted; nil for none
	place string  // "function", "global section"
	n     int     // of the function
}

// use notes a proposal the first time that it is met.
func (c *code) use(p Proposal) {
	if c.m == nil || c.m.UseOf(p) != nil {
		return
	}
	where := c.place
	if where == "function" {
		where = fmt.Sprintf("function %d", c.n)
	}
	c.m.Proposals = append(c.m.Proposals, Use{p, where})
}

func (c *code) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.at = len(c.b)
}

// leb passes over a LEB128 of at most n bytes and returns its lowest 32 bits, unsigned.
func (c *code) leb(n int) uint32 {
	var v uint32
	for i := range n {
		if c.at >= len(c.b) {
			c.fail(errInstruction)
			return 0
		}
		b := c.b[c.at]
		c.at++
		if i < 5 {
			v |= uint32(b&0x7f) << (7 * i)
		}
		if b&0x80 == 0 {
			return v
		}
	}
	c.fail(errLEB)
	return 0
}

func (c *code) skip(n int) {
	if n > len(c.b)-c.at {
		c.fail(errInstruction)
		return
	}
	c.at += n
}

func (c *code) byte() byte {
	if c.at >= len(c.b) {
		c.fail(errInstruction)
		return 0
	}
	c.at++
	return c.b[c.at-1]
}

// all reads to the end. The bytes of a function end with the instruction end.
func (c *code) all() error {
	last := byte(0)
	for c.at < len(c.b) {
		last = c.one()
	}
	if c.err == nil && last != 0x0b {
		c.err = errors.New("its last instruction is not end")
	}
	return c.err
}

// one reads one instruction and returns the first byte of its opcode.
func (c *code) one() byte {
	op := c.byte()
	if p := proposals[op]; p != "" {
		c.use(p)
	}
	switch shapes[op] {
	case nothing:
	case index:
		c.leb(5)
	case indices:
		c.leb(5)
		c.leb(5)
	case long:
		c.leb(10)
	case block:
		c.blockType()
	case memory:
		c.memarg()
	case bytes4:
		c.skip(4)
	case bytes8:
		c.skip(8)
	case heapType:
		c.leb(5)
	case branches:
		c.many(c.leb(5), func() { c.leb(5) })
		c.leb(5)
	case types:
		c.many(c.leb(5), c.valType)
	case handlers:
		c.blockType()
		c.many(c.leb(5), c.handler)
	case prefixed:
		c.prefixed(op)
	default:
		c.fail(fmt.Errorf("unknown instruction %#02x", op))
	}
	return op
}

// many reads a vector. Each entry takes at least a byte.
func (c *code) many(n uint32, entry func()) {
	if uint64(n) > uint64(len(c.b)-c.at) {
		c.fail(errMany)
	}
	for ; n > 0 && c.err == nil; n-- {
		entry()
	}
}

func (c *code) valType() {
	switch t := c.byte(); t {
	case 0x63, 0x64: // (ref null ht), (ref ht)
		c.use(FunctionReference)
		c.leb(5)
	case 0x7b:
		c.use(SIMD)
	case 0x69:
		c.use(ExnrefExceptions)
	case 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73:
		c.use(GC)
	}
}

// blockType is nothing (0x40), a value type or, as a signed number, the index of a function type.
func (c *code) blockType() {
	if c.at < len(c.b) && (c.b[c.at] == 0x63 || c.b[c.at] == 0x64) {
		c.valType()
		return
	}
	c.leb(5)
}

func (c *code) handler() {
	switch kind := c.byte(); kind {
	case 0, 1: // catch, catch_ref
		c.leb(5)
		c.leb(5)
	case 2, 3: // catch_all, catch_all_ref
		c.leb(5)
	default:
		c.fail(fmt.Errorf("unknown kind %d of handler in try_table", kind))
	}
}

func (c *code) memarg() {
	if align := c.leb(5); align&0x40 != 0 {
		c.use(MultiMemory)
		c.leb(5)
	}
	c.leb(10) // 64-bit memories have long offsets
}

func (c *code) prefixed(prefix byte) {
	op := c.leb(5)
	known := false
	switch prefix {
	case 0xfb:
		c.use(GC)
		known = c.gc(op)
	case 0xfc:
		known = c.misc(op)
	case 0xfd:
		known = c.simd(op)
	case 0xfe:
		c.use(Atomics)
		known = c.atomic(op)
	}
	if !known {
		c.fail(fmt.Errorf("unknown instruction %#02x %#02x", prefix, op))
	}
}

func (c *code) misc(op uint32) bool {
	switch {
	case op <= 7:
		c.use(TruncSat)
	case op == 8, op == 10: // memory.init, memory.copy
		c.use(BulkMemory)
		c.leb(5)
		c.leb(5)
	case op == 9, op == 11: // data.drop, memory.fill
		c.use(BulkMemory)
		c.leb(5)
	case op == 12, op == 14: // table.init, table.copy
		c.use(BulkMemory)
		c.leb(5)
		c.leb(5)
	case op == 13: // elem.drop
		c.use(BulkMemory)
		c.leb(5)
	case op >= 15 && op <= 17: // table.grow, table.size, table.fill
		c.use(ReferenceTypes)
		c.leb(5)
	case op >= 19 && op <= 22:
		c.use(WideArithmetic)
	default:
		return false
	}
	return true
}

func (c *code) simd(op uint32) bool {
	switch {
	case op >= 0x100 && op <= 0x113:
		c.use(RelaxedSIMD)
		return true
	case op >= 0x120 && op <= 0x14f:
		c.use(HalfPrecision)
		return true
	case op > 0xff:
		return false
	}
	c.use(SIMD)
	switch {
	case op <= 11, op == 92, op == 93: // loads and stores
		c.memarg()
	case op == 12, op == 13: // v128.const, i8x16.shuffle
		c.skip(16)
	case op >= 21 && op <= 34: // extract and replace lanes
		c.skip(1)
	case op >= 84 && op <= 91: // load and store lanes
		c.memarg()
		c.skip(1)
	}
	return true
}

func (c *code) atomic(op uint32) bool {
	switch {
	case op <= 2, op >= 0x10 && op <= 0x4e:
		c.memarg()
	case op == 3: // atomic.fence
		c.skip(1)
	default:
		return false
	}
	return true
}

func (c *code) gc(op uint32) bool {
	switch op {
	case 15, 26, 27, 28, 29, 30: // array.len, conversions, i31
	case 0, 1, 6, 7, 11, 12, 13, 14, 16, 20, 21, 22, 23:
		c.leb(5)
	case 2, 3, 4, 5, 8, 9, 10, 17, 18, 19:
		c.leb(5)
		c.leb(5)
	case 24, 25: // br_on_cast
		c.skip(1)
		c.leb(5)
		c.leb(5)
		c.leb(5)
	default:
		return false
	}
	return true
}

// constant reads an initial value up to its end.
func (c *code) constant() {
	for c.err == nil {
		op := c.one()
		switch op {
		case 0x0b:
			return
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // add, sub, mul
			c.use(ExtendedConst)
		}
		if c.at >= len(c.b) {
			c.fail(errInstruction)
		}
	}
}
