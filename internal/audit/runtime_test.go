package audit

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
)

func TestReadRuntime(t *testing.T) {
	main := wasmtest.Module{
		Imports: []wasm.Import{{Module: "env", Name: "clock_ms", Kind: wasm.Func, Signature: ":j"}},
		Exports: []wasm.Export{
			{Name: "PyLong_FromLong", Kind: wasm.Func, Signature: "i:i"},
			{Name: "_Py_NoneStruct", Kind: wasm.Global},
			{Name: "__cpp_exception", Kind: wasm.Tag, Signature: "i:"},
		},
	}
	script := `imports={env:wasmImports};function _seek(){}_seek.sig="ijipp";clock.sig="dv";function gone(){}gone.stub=true;
		var wasmImports={fd_seek:_seek,clock_ms:clock,hypot,"quoted":_q,missing:gone};wasmImports["open64"]=1`
	got, err := ReadRuntime(main.Bytes(), []byte(script))
	if err != nil {
		t.Fatal(err)
	}
	want := &Runtime{
		Functions: map[string]wasm.Signature{"PyLong_FromLong": "i:i"},
		Tags:      map[string]wasm.Signature{"__cpp_exception": "i:"},
		Data:      map[string]bool{"_Py_NoneStruct": true},
		// clock_ms: the import of the main module is surer than the script's note.
		Script: map[string]wasm.Signature{"fd_seek": "jiii:i", "clock_ms": ":j", "hypot": "", "quoted": ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var again *Runtime
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, again); d != "" {
		t.Errorf("the round trip through JSON changes it: %s", d)
	}
}

func TestReadRuntimeRefuses(t *testing.T) {
	sound := wasmtest.Module{}.Bytes()
	for name, c := range map[string]struct {
		main         []byte
		script, want string
	}{
		"not a module":     {[]byte("<!doctype html>"), "", "not a WebAssembly module"},
		"some other file":  {sound, "export const version = 1", "no wasmImports"},
		"unforeseen entry": {sound, "var wasmImports={a:()=>1}", "unknown form"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadRuntime(c.main, []byte(c.script))
			if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Invalid {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzReadRuntime(f *testing.F) {
	f.Add("var wasmImports={fd_seek:_seek,hypot,\"q\":_q};_seek.sig=\"ijipp\";_q.stub=true")
	f.Add(".sig=\"i\"a.sig='v'wasmImports={}wasmImports ={a}")
	main := wasmtest.Module{}.Bytes()
	f.Fuzz(func(t *testing.T, script string) {
		r, err := ReadRuntime(main, []byte(script))
		if (r == nil) == (err == nil) || err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%v, %v", r, err)
		}
	})
}
