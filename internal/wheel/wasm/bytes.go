package wasm

import (
	"errors"
	"unicode/utf8"
)

var (
	errShort = errors.New("ends too early")
	errLEB   = errors.New("a number is longer than its type allows")
	errUTF8  = errors.New("a name is not UTF-8")
	errMany  = errors.New("counts more entries than it has bytes")
)

// cursor reads from the front of a byte slice. Its first error sticks, and everything read after it is zero, so that
// a decoder may read a whole entry before it looks; loops must look at err.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
		c.b = nil
	}
}

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.fail(errShort)
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

// uleb reads an unsigned LEB128 of at most bits bits.
func (c *cursor) uleb(bits int) uint64 {
	var v uint64
	for shift := 0; shift < bits; shift += 7 {
		b := c.byte()
		if rest := bits - shift; rest < 7 && b>>rest != 0 {
			break
		}
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return v
		}
	}
	c.fail(errLEB)
	return 0
}

func (c *cursor) u32() uint32 { return uint32(c.uleb(32)) }

// skipLEB passes over a LEB128 of any sign, at most five bytes long (heap types are s33).
func (c *cursor) skipLEB() {
	for range 5 {
		if c.byte()&0x80 == 0 {
			return
		}
	}
	c.fail(errLEB)
}

// count reads the length of a vector. Each entry takes at least one byte, so a larger count than bytes left is a lie
// that must not become an allocation.
func (c *cursor) count() int {
	n := c.u32()
	if uint64(n) > uint64(len(c.b)) {
		c.fail(errMany)
		return 0
	}
	return int(n)
}

func (c *cursor) take(n uint32) []byte {
	if uint64(n) > uint64(len(c.b)) {
		c.fail(errShort)
		return nil
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) name() string {
	v := c.take(c.u32())
	if !utf8.Valid(v) {
		c.fail(errUTF8)
		return ""
	}
	return string(v)
}

func (c *cursor) names() []string {
	var out []string
	for n := c.count(); n > 0 && c.err == nil; n-- {
		out = append(out, c.name())
	}
	return out
}
