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
