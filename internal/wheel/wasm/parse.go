package wasm

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

const (
	sectionCustom = 0
	sectionType   = 1
	sectionImport = 2
	sectionFunc   = 3
	sectionTable  = 4
	sectionMemory = 5
	sectionExport = 7
	sectionTag    = 13
	sectionGlobal = 6
	sectionCode   = 10
	sectionData   = 11
)

// maxSection bounds the sections that are kept in memory while they are read. The main module of Pyodide, with all its
// exports, has 0.6 MB in its largest.
const maxSection = 64 << 20

// Parse reads a module from the start of r to its end, one section at a time, and passes over code and data. Its errors
// are fault.Invalid, except those of r itself.
func Parse(r io.Reader) (*Module, error) {
	return parse(&parser{r: bufio.NewReaderSize(r, 64<<10), m: &Module{}})
}

// ParseAll reads the code too, and copies to data what the module puts into memory and its debug sections; between two
// pieces stands a zero byte. An error of data ends the reading.
func ParseAll(r io.Reader, data io.Writer) (*Module, error) {
	return parse(&parser{r: bufio.NewReaderSize(r, 64<<10), m: &Module{}, data: data})
}

func parse(p *parser) (*Module, error) {
	var head [8]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil && !isEOF(err) {
		return nil, err
	}
	if !bytes.Equal(head[:4], []byte("\x00asm")) {
		return nil, fault.Errorf(fault.Invalid, "not a WebAssembly module: it begins with %q", head[:4])
	}
	if v := binary.LittleEndian.Uint32(head[4:]); v != 1 {
		return nil, fault.Errorf(fault.Invalid, "WebAssembly binary version %#x; only core modules of version 1 are known", v)
	}
	for n := 0; ; n++ {
		id, err := p.r.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := p.section(id, n == 0); err != nil {
			if isEOF(err) {
				err = errShort
			}
			if p.failed != nil {
				return nil, p.failed
			}
			return nil, fault.Errorf(fault.Invalid, "reading section %d: %w", id, err)
		}
	}
	if err := p.resolve(); err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading the export section: %w", err)
	}
	return p.m, nil
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// parser holds the index spaces that exports point into: imports come first in each.
type parser struct {
	r       *bufio.Reader
	m       *Module
	failed  error // of the reader itself
	types   []Signature
	funcs   []uint32 // index into types
	tags    []uint32
	exports []rawExport

	imported int       // functions
	data     io.Writer // nil where only the outside is read
	body     []byte    // of one function at a time
	reading  code      // of it
}

type rawExport struct {
	name  string
	kind  Kind
	index uint32
}

func (p *parser) section(id byte, first bool) error {
	size, err := p.uleb(&io.LimitedReader{R: p.r, N: math.MaxInt64})
	if err != nil {
		return err
	}
	body := &io.LimitedReader{R: p.r, N: int64(size)}
	switch id {
	case sectionCustom:
		err = p.custom(body, int64(size), first)
	case sectionType, sectionImport, sectionFunc, sectionTable, sectionMemory, sectionExport, sectionTag:
		var b []byte
		if b, err = p.read(body); err == nil {
			c := &cursor{b: b}
			p.decode(id, c)
			if c.err == nil && len(c.b) > 0 {
				c.fail(errors.New("has bytes after its last entry"))
			}
			err = c.err
		}
	case sectionGlobal, sectionCode, sectionData:
		if p.data != nil {
			err = p.inside(id, body)
		}
	}
	if err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, body, body.N); err != nil {
		p.broken(err)
		return err
	}
	return nil
}

// read takes what is left of a section into memory.
func (p *parser) read(body *io.LimitedReader) ([]byte, error) {
	if body.N > maxSection {
		return nil, fmt.Errorf("is %d bytes long; at most %d are read", body.N, maxSection)
	}
	want := body.N
	b, err := io.ReadAll(body)
	p.broken(err)
	if err == nil && int64(len(b)) < want {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// broken remembers an error that is the reader's and not the module's.
func (p *parser) broken(err error) {
	if err != nil && !isEOF(err) {
		p.failed = err
	}
}

func (p *parser) custom(body *io.LimitedReader, size int64, first bool) error {
	name, err := p.customName(body)
	if err != nil {
		return err
	}
	p.m.Customs = append(p.m.Customs, Custom{Name: name, Size: size, First: first})
	switch name {
	case "dylink.0":
		b, err := p.read(body)
		if err != nil {
			return err
		}
		d, err := parseDylink(b)
		if err != nil {
			return err
		}
		if p.m.Dylink == nil { // loaders look at the first one only
			p.m.Dylink = d
		}
	case "target_features":
		b, err := p.read(body)
		if err != nil {
			return err
		}
		c := &cursor{b: b}
		for n := c.count(); n > 0 && c.err == nil; n-- {
			p.m.Features = append(p.m.Features, Feature{Prefix: c.byte(), Name: c.name()})
		}
		if c.err != nil {
			return fmt.Errorf("reading target_features: %w", c.err)
		}
	default:
		if p.data != nil && DebugSection(name) {
			return p.hand(body)
		}
	}
	return nil
}

// DebugSection says whether a custom section of this name is for debuggers only.
func DebugSection(name string) bool {
	return strings.HasPrefix(name, ".debug_") || name == "sourceMappingURL" || name == "external_debug_info"
}

// customName reads the name that begins a custom section. The section itself may be larger than what is kept in memory
// (debug sections are).
func (p *parser) customName(body *io.LimitedReader) (string, error) {
	n, err := p.uleb(body)
	if err != nil {
		return "", err
	}
	const longest = 1 << 16
	if int64(n) > body.N || n > longest {
		return "", errors.New("a custom section's name is too long")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(body, b); err != nil {
		p.broken(err)
		return "", err
	}
	return string(b), nil
}
