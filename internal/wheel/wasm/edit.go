package wasm

import (
	"bytes"
	"encoding/binary"

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

// counted puts the length of b before it.
func counted(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }
