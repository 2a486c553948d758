package wasm_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
)

func parseAll(t testing.TB, parts ...[]byte) *wasm.Module {
	t.Helper()
	m, err := wasm.ParseAll(bytes.NewReader(bytes.Join(parts, nil)), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A decoder that loses its place sees instructions that are none: each body has immediates that would be other
// proposals' opcodes if they were read as instructions.
func TestProposalsOfInstructions(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []wasm.Proposal
	}{
		"the first version":       {"\x02\x40\x41\xfe\x00\x1a\x0c\x00\x0b\x0b", nil},
		"numbers":                 {"\x42\xfd\xfe\xfb\xff\xff\xff\xff\xff\xff\x00\x1a\x43\xfe\xfd\xfb\x12\x1a\x44\xfe\xfd\xfb\x12\xd0\x06\x06\x06\x1a\x0b", nil},
		"a table of branches":     {"\x02\x40\x41\x00\x0e\x02\x00\x00\x00\x0b\x0b", nil},
		"a call through a table":  {"\x41\x06\x11\x00\x00\x0b", nil},
		"loads":                   {"\x41\x00\x28\x02\xfe\x01\x1a\x0b", nil},
		"sign extension":          {"\x41\x00\xc0\x1a\x0b", []wasm.Proposal{wasm.SignExt}},
		"saturating conversions":  {"\x43\x00\x00\x00\x00\xfc\x00\x1a\x0b", []wasm.Proposal{wasm.TruncSat}},
		"memory.copy":             {"\x41\x00\x41\x00\x41\x00\xfc\x0a\x00\x00\x0b", []wasm.Proposal{wasm.BulkMemory}},
		"table.grow":              {"\xd0\x70\x41\x01\xfc\x0f\x00\x1a\x0b", []wasm.Proposal{wasm.ReferenceTypes}},
		"select with a type":      {"\x41\x00\x41\x00\x41\x00\x1c\x01\x7f\x1a\x0b", []wasm.Proposal{wasm.ReferenceTypes}},
		"v128.const":              {"\xfd\x0c\xfe\xfe\xfe\xfe\xfb\xfb\xfb\xfb\x12\x12\x12\x12\x06\x06\x06\x06\x1a\x0b", []wasm.Proposal{wasm.SIMD}},
		"lanes":                   {"\x41\x00\x41\x00\xfd\x54\x00\xfe\x00\xfb\x1a\x0b", []wasm.Proposal{wasm.SIMD}}, // load lane: memarg and lane
		"a local of v128":         {wasmtest.Locals + "\x01\x02\x7b\x0b", []wasm.Proposal{wasm.SIMD}},
		"relaxed SIMD":            {"\xfd\x85\x02\x1a\x0b", []wasm.Proposal{wasm.RelaxedSIMD}},
		"half precision":          {"\xfd\xa0\x02\x1a\x0b", []wasm.Proposal{wasm.HalfPrecision}},
		"atomics":                 {"\x41\x00\xfe\x10\x02\x12\x1a\x0b", []wasm.Proposal{wasm.Atomics}},
		"a fence":                 {"\xfe\x03\x00\x0b", []wasm.Proposal{wasm.Atomics}},
		"try and catch":           {"\x06\x40\x07\x12\x19\x0b\x0b", []wasm.Proposal{wasm.LegacyExceptions}},
		"try_table":               {"\x1f\x40\x02\x00\x12\x00\x02\x00\x0b\x0b", []wasm.Proposal{wasm.ExnrefExceptions}},
		"tail call":               {"\x12\xfe\x01\x0b", []wasm.Proposal{wasm.TailCall}},
		"call_ref":                {"\x14\x06\x0b", []wasm.Proposal{wasm.FunctionReference}},
		"a block of a reference":  {"\x02\x63\x70\x00\x0b\x0b", []wasm.Proposal{wasm.FunctionReference}},
		"structs":                 {"\xfb\x01\x12\x1a\x0b", []wasm.Proposal{wasm.GC}},
		"br_on_cast":              {"\xfb\x18\x03\x00\x6b\x12\x1a\x0b", []wasm.Proposal{wasm.GC}},
		"another memory":          {"\x41\x00\x28\x42\x01\x12\x1a\x0b", []wasm.Proposal{wasm.MultiMemory}},
		"wide arithmetic":         {"\xfc\x13\x1a\x0b", []wasm.Proposal{wasm.WideArithmetic}},
		"each once, in their row": {"\xfc\x0b\x00\xc0\xfc\x0b\x00\xc0\x0b", []wasm.Proposal{wasm.BulkMemory, wasm.SignExt}},
	} {
		t.Run(name, func(t *testing.T) {
			m := parseAll(t, wasmtest.Module{}.Bytes(), wasmtest.Code("\x0b", c.body, "\x01\x0b"))
			if m.CodeError != nil {
				t.Fatal(m.CodeError)
			}
			var got []wasm.Proposal
			for _, u := range m.Proposals {
				got = append(got, u.Proposal)
				if u.Where != "function 1" {
					t.Errorf("%s is said to be in %s", u.Proposal, u.Where)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestProposalsOutsideOfFunctions(t *testing.T) {
	base := wasmtest.Module{}.Bytes()
	for name, c := range map[string]struct {
		section []byte
		want    wasm.Proposal
		where   string
	}{
		"a type":         {wasmtest.Section(1, []byte("\x01\x60\x01\x7b\x00")), wasm.SIMD, "type section"},
		"a global":       {wasmtest.Section(6, []byte("\x01\x7f\x00\x41\x01\x41\x02\x6a\x0b")), wasm.ExtendedConst, "global section"},
		"data":           {wasmtest.Data("\x23\x00\x41\x0b\x6a\x0b", "x"), wasm.ExtendedConst, "data section"}, // 0x0b in a number is no end
		"another memory": {wasmtest.Section(11, []byte("\x01\x02\x01\x41\x00\x0b\x01x")), wasm.MultiMemory, "data section"},
	} {
		t.Run(name, func(t *testing.T) {
			m := parseAll(t, base, c.section)
			if u := m.UseOf(c.want); m.CodeError != nil || u == nil || u.Where != c.where || len(m.Proposals) != 1 {
				t.Errorf("got %v, %v", m.Proposals, m.CodeError)
			}
		})
	}
}

func TestCodeThatCannotBeRead(t *testing.T) {
	base := wasmtest.Module{}.Bytes()
	for name, c := range map[string]struct {
		section []byte
		want    string
	}{
		"unknown instruction":  {wasmtest.Code("\x0b", "\xff\x0b"), "function 1: unknown instruction 0xff"},
		"unknown of a prefix":  {wasmtest.Code("\xfd\x80\x04\x0b"), "unknown instruction 0xfd 0x200"},
		"no end":               {wasmtest.Code("\x01"), "last instruction is not end"},
		"cut instruction":      {wasmtest.Code("\x41"), "ends too early"},
		"too long a number":    {wasmtest.Code("\x41\x80\x80\x80\x80\x80\x01\x0b"), "longer than its type"},
		"too many branches":    {wasmtest.Code("\x0e\xff\xff\xff\xff\x0f\x0b"), "more entries than it has bytes"},
		"unknown handler":      {wasmtest.Code("\x1f\x40\x01\x09\x00\x0b\x0b"), "unknown kind 9 of handler"},
		"function and code":    {wasmtest.Section(10, []byte{1, 2, 0, 0x0b}), "declares 0 functions, the code section has 1"},
		"huge function":        {append(wasmtest.Section(1, []byte("\x01\x60\x00\x00")), append(wasmtest.Section(3, []byte{1, 0}), wasmtest.Section(10, []byte("\x01\xff\xff\xff\x7f"))...)...), "engines take at most"},
		"longer than section":  {append(wasmtest.Section(1, []byte("\x01\x60\x00\x00")), append(wasmtest.Section(3, []byte{1, 0}), wasmtest.Section(10, []byte("\x01\x10\x00"))...)...), "longer than the code section"},
		"data without offset":  {wasmtest.Section(11, []byte("\x01\x00\x41")), "data segment 0"},
		"data flags":           {wasmtest.Section(11, []byte("\x01\x07\x41\x00\x0b\x01x")), "unknown flags 7"},
		"data that goes on":    {wasmtest.Section(11, []byte("\x01\x01\x10x")), "data segment 0: ends too early"},
		"endless offset":       {wasmtest.Data(strings.Repeat("\x01", 2000), "x"), "not a constant expression"},
		"global without value": {wasmtest.Section(6, []byte("\x01\x7f\x00\x41")), "global section"},
	} {
		t.Run(name, func(t *testing.T) {
			m := parseAll(t, base, c.section)
			if m.CodeError == nil || !strings.Contains(m.CodeError.Error(), c.want) {
				t.Errorf("got %v, want %q", m.CodeError, c.want)
			}
		})
	}
}

func TestDataIsHandedOver(t *testing.T) {
	var got bytes.Buffer
	module := bytes.Join([][]byte{
		wasmtest.Module{}.Bytes(), wasmtest.Data("\x41\x00\x0b", "in memory"), wasmtest.Custom(".debug_str", "for debuggers"), wasmtest.Custom("name", "not this"),
	}, nil)
	if _, err := wasm.ParseAll(bytes.NewReader(module), &got); err != nil {
		t.Fatal(err)
	}
	if want := "in memory\x00for debuggers\x00"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

// Time grows with the length of the module and memory does not, however many functions it has.
func BenchmarkParseAll(b *testing.B) {
	body := strings.Repeat("\x20\x00\x41\x80\x04\x6a\x28\x02\x08\x1a", 100) + "\x0b"
	module := append(wasmtest.Module{}.Bytes(), wasmtest.Code(slices.Repeat([]string{body}, 5000)...)...)
	b.SetBytes(int64(len(module)))
	b.ReportAllocs()
	for b.Loop() {
		if m := parseAll(b, module); m.CodeError != nil {
			b.Fatal(m.CodeError)
		}
	}
}

func FuzzParseAll(f *testing.F) {
	f.Add(sound.Bytes())
	f.Add(append(wasmtest.Module{}.Bytes(), wasmtest.Code("\x1f\x40\x02\x00\x12\x00\x02\x00\x0b\x0b", "\xfd\x54\x00\xfe\x00\xfb\x0b")...))
	f.Add(append(wasmtest.Module{}.Bytes(), wasmtest.Data("\x23\x00\x41\x0b\x6a\x0b", "/home/me/x.c")...))
	f.Add(append(wasmtest.Module{}.Bytes(), wasmtest.Section(6, []byte("\x01\x7f\x00\x41\x01\x41\x02\x6a\x0b"))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var data bytes.Buffer
		all, err := wasm.ParseAll(bytes.NewReader(b), &data)
		outside, err2 := wasm.Parse(bytes.NewReader(b))
		if (err == nil) != (err2 == nil) {
			t.Fatalf("the inside decides whether the outside can be read: %v, %v", err, err2)
		}
		if err != nil {
			return
		}
		if data.Len() > 2*len(b) {
			t.Fatalf("%d bytes of data in a module of %d", data.Len(), len(b))
		}
		if d := cmp.Diff(outside.Imports, all.Imports); d != "" {
			t.Fatal(d)
		}
	})
}

// Real modules are mostly sound: a flipped byte in one must not bring the reader down either.
func TestFlippedBytesDoNotPanic(t *testing.T) {
	module := append(sound.Bytes(), wasmtest.Custom("target_features", "\x01+\x07simd128")...)
	module = append(module, wasmtest.Data("\x41\x00\x0b", "x")...)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := bytes.Clone(module)
		for range 1 + random.IntN(3) {
			b[random.IntN(len(b))] = byte(random.IntN(256))
		}
		_, _ = wasm.ParseAll(bytes.NewReader(b), io.Discard)
	}
}
