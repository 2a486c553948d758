package wasm_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
)

var sound = wasmtest.Module{
	Needed:      []string{"libglpk.so"},
	RuntimePath: []string{"$ORIGIN/../swiglpk.libs"},
	Weak:        []string{"maybe"},
	Imports: []wasm.Import{
		{Module: "env", Name: "PyLong_FromLong", Kind: wasm.Func, Signature: "i:i"},
		{Module: "env", Name: "maybe", Kind: wasm.Func, Signature: "jfd:"},
		{Module: "env", Name: "memory", Kind: wasm.Mem},
		{Module: "env", Name: "__indirect_function_table", Kind: wasm.Table},
		{Module: "env", Name: "__stack_pointer", Kind: wasm.Global},
		{Module: "env", Name: "__cpp_exception", Kind: wasm.Tag, Signature: "i:"},
	},
	Exports: []wasm.Export{
		{Name: "PyInit__swiglpk", Kind: wasm.Func, Signature: ":i"},
		{Name: "table", Kind: wasm.Global},
		{Name: "own_tag", Kind: wasm.Tag, Signature: "i:"},
	},
	Features: []string{"+bulk-memory", "-shared-mem"},
}

func TestParse(t *testing.T) {
	got, err := wasm.Parse(iotest.OneByteReader(bytes.NewReader(sound.Bytes())))
	if err != nil {
		t.Fatal(err)
	}
	want := &wasm.Module{
		Imports:  sound.Imports,
		Exports:  sound.Exports,
		Memories: []wasm.Memory{{Limits: wasm.Limits{Min: 1}}},
		Tables:   []wasm.TableType{{Limits: wasm.Limits{Min: 1}}},
		Dylink: &wasm.Dylink{
			MemorySize: 16, MemoryAlign: 2, TableSize: 1,
			Needed:      []string{"libglpk.so"},
			RuntimePath: []string{"$ORIGIN/../swiglpk.libs"},
			Imports:     []wasm.SymbolInfo{{Module: "env", Name: "maybe", Flags: 1}},
		},
		Customs: []wasm.Custom{
			{Name: "dylink.0", Size: 70, First: true},
			{Name: "target_features", Size: 42},
		},
		Features: []wasm.Feature{{Prefix: '+', Name: "bulk-memory"}, {Prefix: '-', Name: "shared-mem"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !got.Dylink.Imports[0].Weak() || !got.Uses("bulk-memory") || got.Uses("shared-mem") {
		t.Error("weak import or features misread")
	}
}

func TestParseRefuses(t *testing.T) {
	const magic = "\x00asm\x01\x00\x00\x00"
	for name, c := range map[string]struct{ bytes, want string }{
		"empty":                 {"", "not a WebAssembly module"},
		"ELF":                   {"\x7fELF\x02\x01\x01\x00", "not a WebAssembly module"},
		"component":             {"\x00asm\x0d\x00\x01\x00", "version"},
		"cut section":           {magic + "\x01\x05\x01", "ends too early"},
		"size too long":         {magic + "\x01\xff\xff\xff\xff\xff\x01", "longer than its type"},
		"size over 32 bits":     {magic + "\x01\xff\xff\xff\xff\x1f", "longer than its type"},
		"count is a lie":        {magic + "\x01\x05\xff\xff\xff\xff\x0f", "more entries than it has bytes"},
		"unknown type form":     {magic + "\x01\x03\x01\x5f\x00", "unknown form 0x5f"},
		"unknown value type":    {magic + "\x01\x05\x01\x60\x01\x01\x00", "unknown value type 0x1"},
		"import of no type":     {magic + "\x02\x07\x01\x01e\x01f\x00\x00", "type 0 does not exist"},
		"import of a kind":      {magic + "\x02\x06\x01\x01e\x01f\x09", "unknown kind 9"},
		"export of no function": {magic + "\x07\x05\x01\x01f\x00\x00", "does not exist"},
		"export of a kind":      {magic + "\x07\x05\x01\x01f\x07\x00", "unknown kind"},
		"rest in a section":     {magic + "\x03\x02\x00\x00", "bytes after its last entry"},
		"name not UTF-8":        {magic + "\x07\x05\x01\x01\xff\x00\x00", "not UTF-8"},
		"custom without a name": {magic + "\x00\x02\x05a", "name is too long"},
		"dylink cut":            {magic + "\x00\x0b\x08dylink.0\x02\x05", "dylink.0"},
		"tag attribute":         {magic + "\x0d\x03\x01\x07\x00", "unknown attribute 7"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wasm.Parse(strings.NewReader(c.bytes))
			if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Invalid {
				t.Errorf("got %v (%v), want an invalid module that says %q", err, fault.KindOf(err), c.want)
			}
		})
	}
}

// A disk that fails is not the module's fault.
func TestParsePassesReadErrorsOn(t *testing.T) {
	broken := errors.New("input/output error")
	whole := sound.Bytes()
	for n := range whole {
		_, err := wasm.Parse(io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

func TestSignatureReadsAsText(t *testing.T) {
	for s, want := range map[wasm.Signature]string{
		"ij:d": "(i32, i64) -> f64",
		":":    "() -> ()",
		"e:ii": "(externref) -> (i32, i32)",
	} {
		if got := s.String(); got != want {
			t.Errorf("%q: got %s, want %s", string(s), got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sound.Bytes())
	f.Add(wasmtest.Module{DylinkLate: true, Shared: true}.Bytes())
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x01\x05\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wasm.Parse(bytes.NewReader(b))
		if (m == nil) == (err == nil) {
			t.Fatalf("module %v and error %v", m, err)
		}
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatalf("bytes alone can only be invalid: %v", err)
		}
		if m != nil && len(m.Imports)+len(m.Exports)+len(m.Customs) > len(b) {
			t.Fatal("more entries than bytes")
		}
	})
}
