package wasm

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// maxFunction is the longest function that engines take (V8 and SpiderMonkey have the same limit), in bytes.
const maxFunction = 7_654_321

// inside reads globals, code or data. What is wrong with the instructions ends up in Module.CodeError: what else is
// known of the module stays worth having.
func (p *parser) inside(id byte, body *io.LimitedReader) error {
	var err error
	switch id {
	case sectionGlobal:
		err = p.globals(body)
	case sectionCode:
		err = p.code(body)
	case sectionData:
		err = p.segments(body)
	}
	if p.failed != nil {
		return p.failed
	}
	if err != nil && p.m.CodeError == nil {
		p.m.CodeError = err
	}
	return nil
}

func (p *parser) globals(body *io.LimitedReader) error {
	b, err := p.read(body)
	if err != nil {
		return err
	}
	c := &code{b: b, m: p.m, place: "global section"}
	c.many(c.leb(5), func() {
		c.valType()
		c.byte() // whether it can change
		c.constant()
	})
	if c.err != nil {
		return fmt.Errorf("reading the global section: %w", c.err)
	}
	return nil
}

func (p *parser) code(body *io.LimitedReader) error {
	n, err := p.uleb(body)
	if err != nil {
		return err
	}
	if declared := len(p.funcs) - p.imported; int64(n) != int64(declared) {
		return fmt.Errorf("the function section declares %d functions, the code section has %d", declared, n)
	}
	for i := range n {
		size, err := p.uleb(body)
		if err != nil {
			return fmt.Errorf("reading function %d: %w", p.imported+int(i), err)
		}
		if size > maxFunction {
			return fmt.Errorf("function %d is %d bytes long; engines take at most %d", p.imported+int(i), size, maxFunction)
		}
		if int64(size) > body.N {
			return fmt.Errorf("function %d is longer than the code section", p.imported+int(i))
		}
		if cap(p.body) < int(size) {
			p.body = make([]byte, size)
		}
		p.body = p.body[:size]
		if _, err := io.ReadFull(body, p.body); err != nil {
			return p.short(err)
		}
		if err := p.function(int(i)); err != nil {
			return fmt.Errorf("reading function %d: %w", p.imported+int(i), err)
		}
	}
	if body.N > 0 {
		return errors.New("the code section has bytes after its last function")
	}
	return nil
}

func (p *parser) function(i int) error {
	p.reading = code{b: p.body, m: p.m, place: "function", n: p.imported + i}
	c := &p.reading
	for n := c.leb(5); n > 0 && c.err == nil; n-- {
		c.leb(5) // how many locals of a type
		c.valType()
	}
	return c.all()
}

// segments hands over what the data section holds. Segments may be as large as the module, so they are not kept.
func (p *parser) segments(body *io.LimitedReader) error {
	n, err := p.uleb(body)
	if err != nil {
		return err
	}
	for i := range n {
		flags, err := p.uleb(body)
		if err == nil && flags == 2 {
			var memory uint32
			if memory, err = p.uleb(body); memory != 0 {
				(&code{m: p.m, place: "data section"}).use(MultiMemory)
			}
		}
		if err == nil && flags != 1 {
			err = p.offset(body)
		}
		var size uint32
		if err == nil {
			size, err = p.uleb(body)
		}
		switch {
		case err != nil:
		case flags > 2:
			err = fmt.Errorf("unknown flags %d", flags)
		case int64(size) > body.N:
			err = errShort
		default:
			err = p.hand(&io.LimitedReader{R: body, N: int64(size)})
		}
		if err != nil {
			return fmt.Errorf("reading data segment %d: %w", i, err)
		}
	}
	return nil
}

// maxOffset bounds the instructions that compute where a segment goes: two or three in practice.
const maxOffset = 1024

// offset reads a constant expression byte by byte, since it does not say how long it is.
func (p *parser) offset(body *io.LimitedReader) error {
	var b []byte
	for len(b) < maxOffset {
		one, err := p.byte(body)
		if err != nil {
			return err
		}
		if b = append(b, one); one != 0x0b {
			continue
		}
		// The byte may belong to a number: only if the instructions end here it is the end.
		c := &code{b: b}
		if c.constant(); c.err == nil && c.at == len(b) {
			c = &code{b: b, m: p.m, place: "data section"}
			c.constant()
			return nil
		}
	}
	return errors.New("its offset is not a constant expression")
}

// hand copies a piece of the module to who asked for it.
func (p *parser) hand(from *io.LimitedReader) error {
	want := from.N
	n, err := io.Copy(p.data, from)
	if err == nil && n < want {
		return errShort
	}
	if err == nil {
		_, err = p.data.Write([]byte{0})
	}
	return p.short(err)
}

// short turns the end of the module into an error of its own.
func (p *parser) short(err error) error {
	if err != nil && isEOF(err) {
		return errShort
	}
	p.broken(err)
	return err
}

// byte reads one byte of a section.
func (p *parser) byte(body *io.LimitedReader) (byte, error) {
	if body.N <= 0 {
		return 0, errShort
	}
	b, err := p.r.ReadByte()
	if err != nil {
		return 0, p.short(err)
	}
	body.N--
	return b, nil
}

// uleb reads an unsigned LEB128 of 32 bits from what is left of a section.
func (p *parser) uleb(body *io.LimitedReader) (uint32, error) {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b, err := p.byte(body)
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			if v > math.MaxUint32 {
				break
			}
			return uint32(v), nil
		}
	}
	return 0, errLEB
}
