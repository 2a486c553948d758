package wasm

import "fmt"

// Dylink is the section dylink.0 (DynamicLinking.md).
type Dylink struct {
	MemorySize  uint32   // bytes of static data
	MemoryAlign uint32   // as a power of 2
	TableSize   uint32   // elements
	TableAlign  uint32   // as a power of 2
	Needed      []string // libraries to load first
	RuntimePath []string // where to look for them; may begin with $ORIGIN
	Exports     []SymbolInfo
	Imports     []SymbolInfo
}

// SymbolInfo carries the flags of one import or export (Linking.md). Module is empty for exports.
type SymbolInfo struct {
	Module, Name string
	Flags        uint32
}

// Weak says that a symbol may stay undefined (import) or be overridden (export).
func (s SymbolInfo) Weak() bool { return s.Flags&3 == 1 }

const (
	dylinkMemInfo     = 1
	dylinkNeeded      = 2
	dylinkExportInfo  = 3
	dylinkImportInfo  = 4
	dylinkRuntimePath = 5
)

func parseDylink(b []byte) (*Dylink, error) {
	d := &Dylink{}
	c := &cursor{b: b}
	for c.err == nil && len(c.b) > 0 {
		id := c.byte()
		s := &cursor{b: c.take(c.u32())}
		switch id {
		case dylinkMemInfo:
			d.MemorySize, d.MemoryAlign, d.TableSize, d.TableAlign = s.u32(), s.u32(), s.u32(), s.u32()
		case dylinkNeeded:
			d.Needed = append(d.Needed, s.names()...)
		case dylinkRuntimePath:
			d.RuntimePath = append(d.RuntimePath, s.names()...)
		case dylinkExportInfo:
			for n := s.count(); n > 0 && s.err == nil; n-- {
				d.Exports = append(d.Exports, SymbolInfo{Name: s.name(), Flags: s.u32()})
			}
		case dylinkImportInfo:
			for n := s.count(); n > 0 && s.err == nil; n-- {
				d.Imports = append(d.Imports, SymbolInfo{Module: s.name(), Name: s.name(), Flags: s.u32()})
			}
		}
		// Later versions may add subsections: the size lets a reader pass over them.
		if c.err == nil && s.err != nil {
			return nil, fmt.Errorf("reading dylink.0, subsection %d: %w", id, s.err)
		}
	}
	if c.err != nil {
		return nil, fmt.Errorf("reading dylink.0: %w", c.err)
	}
	return d, nil
}
