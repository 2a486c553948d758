package wasm_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
)

func TestWithRuntimePath(t *testing.T) {
	for story, before := range map[string][]string{"none before": nil, "another before": {"$ORIGIN", "/lib"}} {
		module := wasmtest.Module{Needed: []string{"libx.so"}, RuntimePath: before}.Bytes()
		edited, err := wasm.WithRuntimePath(module, []string{"$ORIGIN/../x.libs"})
		if err != nil {
			t.Fatalf("%s: %v", story, err)
		}
		want, err := wasm.Parse(bytes.NewReader(module))
		if err != nil {
			t.Fatal(err)
		}
		got, err := wasm.Parse(bytes.NewReader(edited))
		if err != nil {
			t.Fatalf("%s: %v", story, err)
		}
		want.Dylink.RuntimePath = []string{"$ORIGIN/../x.libs"}
		if diff := cmp.Diff(want.Dylink, got.Dylink); diff != "" {
			t.Errorf("%s: dylink.0 (-want +got):\n%s", story, diff)
		}
		again, err := wasm.WithRuntimePath(edited, before)
		if err != nil {
			t.Fatal(err)
		}
		if back, _ := wasm.WithRuntimePath(module, before); !bytes.Equal(again, back) {
			t.Errorf("%s: setting the path back does not give the module back", story)
		}
	}
}

func TestWithRuntimePathRefuses(t *testing.T) {
	for story, module := range map[string][]byte{
		"nothing":           nil,
		"text":              []byte("#!/bin/sh\n"),
		"no side module":    wasmtest.Module{NoDylink: true}.Bytes(),
		"cut off in dylink": wasmtest.Module{Needed: []string{"libx.so"}}.Bytes()[:20],
	} {
		if _, err := wasm.WithRuntimePath(module, []string{"$ORIGIN"}); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v, want an error of kind invalid", story, err)
		}
	}
}

// Tables of funcref: with a maximum and without one, and one that is larger than all may be together.
func TestWithTableLimit(t *testing.T) {
	tables := func(entries ...string) []byte {
		body := []byte{byte(len(entries))}
		for _, e := range entries {
			body = append(body, e...)
		}
		return append([]byte("\x00asm\x01\x00\x00\x00"), wasmtest.Section(4, body)...)
	}
	const limit = 100
	for story, c := range map[string]struct {
		module []byte
		want   []wasm.Limits // nil where it is refused
	}{
		"no maximum":             {tables("\x70\x00\x0a"), []wasm.Limits{{Min: 10, Max: 100, Bounded: true}}},
		"a maximum that is less": {tables("\x70\x01\x0a\x14"), []wasm.Limits{{Min: 10, Max: 20, Bounded: true}}},
		"a maximum that is more": {tables("\x70\x01\x0a\xff\x7f"), []wasm.Limits{{Min: 10, Max: 100, Bounded: true}}},
		"two share": {tables("\x70\x00\x0a", "\x6f\x00\x00"),
			[]wasm.Limits{{Min: 10, Max: 55, Bounded: true}, {Max: 45, Bounded: true}}},
		"too large":             {tables("\x70\x00\xff\x7f"), nil},
		"too large together":    {tables("\x70\x00\x3c", "\x70\x00\x3c"), nil},
		"64-bit indices":        {tables("\x70\x04\x0a"), nil},
		"cut off":               {tables("\x70\x01\x0a"), nil},
		"the section twice":     {append(tables("\x70\x00\x0a"), wasmtest.Section(4, []byte("\x01\x70\x00\x0a"))...), nil},
		"a length in two bytes": {[]byte("\x00asm\x01\x00\x00\x00\x04\x84\x00\x01\x70\x00\x0a"), []wasm.Limits{{Min: 10, Max: 100, Bounded: true}}},
	} {
		limited, err := wasm.WithTableLimit(c.module, limit)
		if c.want == nil {
			if fault.KindOf(err) != fault.Invalid || err == nil {
				t.Errorf("%s: %v, want an error of kind invalid", story, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", story, err)
			continue
		}
		m, err := wasm.Parse(bytes.NewReader(limited))
		if err != nil {
			t.Fatalf("%s: %v", story, err)
		}
		var got []wasm.Limits
		for _, table := range m.Tables {
			got = append(got, table.Limits)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", story, diff)
		}
	}
	without := wasmtest.Module{}.Bytes()
	if same, err := wasm.WithTableLimit(without, limit); err != nil || !bytes.Equal(same, without) {
		t.Errorf("a module without tables was changed, or refused: %v", err)
	}
}
