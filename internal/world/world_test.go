package world_test

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
	"github.com/wasmill/wasmill/internal/world"
)

var update = flag.Bool("update", false, "rewrite golden files")

func module(t *testing.T, file string, size int64, b []byte) world.Module {
	t.Helper()
	m, err := wasm.ParseAll(bytes.NewReader(b), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	return world.Module{File: file, Size: size, Module: m}
}

func function(from, name string, s wasm.Signature) wasm.Import {
	return wasm.Import{Module: from, Name: name, Kind: wasm.Func, Signature: s}
}

// A wheel of two modules, of which one needs what the other has.
func TestRequires(t *testing.T) {
	extension := wasmtest.Module{
		Imports: []wasm.Import{
			{Module: "env", Name: "memory", Kind: wasm.Mem},
			{Module: "env", Name: "__memory_base", Kind: wasm.Global},
			function("env", "PyLong_FromLong", "i:i"), function("env", "_Py_Dealloc", "i:"),
			function("env", "connect", "iii:i"), function("env", "socket", "iii:i"), function("env", "helper", ":"),
			{Module: "GOT.func", Name: "free", Kind: wasm.Global},
			{Module: "env", Name: "__cpp_exception", Kind: wasm.Tag, Signature: "i:"},
		},
	}
	library := append(wasmtest.Module{Exports: []wasm.Export{{Name: "helper", Kind: wasm.Func, Signature: ":"}}}.Bytes(), wasmtest.Section(0, []byte("\x01x"))...)
	got := world.Requires([]string{"pyemscripten_2026_5_wasm32"}, []world.Module{
		module(t, "spam/_spam.so", 1000, extension.Bytes()), module(t, "spam.libs/libhelper.so", 9<<20, library),
	})
	want := record.Requires{
		Loaders: []string{"pyemscripten_2026_5_wasm32"},
		Imports: []string{"env.__cpp_exception", "env.connect", "env.socket"},
		Needs: []record.Need{
			{Name: world.Sockets, File: "spam/_spam.so", Why: "calls connect, socket", Call: true},
			{Name: world.Compile, File: "spam.libs/libhelper.so", Why: "it is compiled where it is loaded, at once", Bytes: 9 << 20},
			{Name: "wasm.legacy-exceptions", File: "spam/_spam.so", Why: "imports the tag __cpp_exception"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What modules need beyond functions, and whether it is needed to load them.
func TestNeeds(t *testing.T) {
	with := func(sections ...[]byte) []byte {
		return slices.Concat(append([][]byte{wasmtest.Module{NoDylink: true}.Bytes()}, sections...)...)
	}
	for story, c := range map[string]struct {
		module []byte
		want   []string
	}{
		"vectors":                       {with(wasmtest.Code("\xfd\x0c0123456789abcdef\x1a\x0b")), []string{"wasm.simd128"}},
		"memory between threads":        {wasmtest.Module{Shared: true}.Bytes(), []string{"wasm.shared-memory"}},
		"threads":                       {wasmtest.Module{Imports: []wasm.Import{function("env", "pthread_create", "iiii:i")}}.Bytes(), []string{"host.threads call"}},
		"std::thread":                   {wasmtest.Module{Imports: []wasm.Import{function("env", "_ZNSt3__26threadC1IRFvvEJELi0EEEOT_DpOT0_", "ii:i")}}.Bytes(), []string{"host.threads call"}},
		"processes":                     {wasmtest.Module{Imports: []wasm.Import{function("env", "fork", ":i"), function("env", "posix_spawnp", "iiiiii:i")}}.Bytes(), []string{"host.processes call"}},
		"JavaScript that is waited for": {wasmtest.Module{Imports: []wasm.Import{function("env", "emscripten_sleep", "i:")}}.Bytes(), []string{"host.jspi call"}},
		"exceptions by JavaScript":      {wasmtest.Module{Imports: []wasm.Import{function("env", "invoke_vii", "iii:")}}.Bytes(), []string{"host.js-exceptions"}},
		"a picture in a page":           {wasmtest.Module{Imports: []wasm.Import{function("env", "emscripten_webgl_create_context", "ii:i")}}.Bytes(), []string{"host.dom call"}},
		"names that only look alike":    {wasmtest.Module{Imports: []wasm.Import{function("env", "socketry", ":"), function("env", "my_fork", ":")}}.Bytes(), nil},
		"nothing":                       {with(wasmtest.Code("\x0b")), nil},
	} {
		var got []string
		for _, n := range world.Requires(nil, []world.Module{module(t, "x", 1, c.module)}).Needs {
			name := n.Name
			if n.Call {
				name += " call"
			}
			got = append(got, name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", story, diff)
		}
	}
}

func TestCheck(t *testing.T) {
	const abi = "pyemscripten_2026_5_wasm32"
	pyodide := world.Runtime{Name: "pyodide", Loaders: []string{abi}, Answers: map[string]world.Answer{
		"wasm.simd128": {Has: true}, "wasm.gc": {Why: "Invalid opcode"}, world.Sockets: {Why: "Host is unreachable"},
		world.Compile: {Has: true, Limit: 8 << 20},
	}}
	wasi := world.Runtime{Name: "wasi", Loaders: []string{world.Program}, Answers: map[string]world.Answer{
		world.Preview1 + ".fd_write": {Has: true}, world.Preview1 + ".proc_raise": {Has: true, Why: "it is there, and fails with errno 52"},
	}}
	for story, c := range map[string]struct {
		requires record.Requires
		on       world.Runtime
		verdict  world.Verdict
		want     []string
	}{
		"a pure wheel":       {record.Requires{}, wasi, world.Yes, nil},
		"of the ABI":         {record.Requires{Loaders: []string{abi}, Imports: []string{"env.free"}, Needs: []record.Need{{Name: "wasm.simd128", Why: "in function 1"}}}, pyodide, world.Yes, nil},
		"of one of two ABIs": {record.Requires{Loaders: []string{"pyemscripten_2026_0_wasm32", abi}}, pyodide, world.Yes, nil},
		"of another ABI": {record.Requires{Loaders: []string{"pyemscripten_2024_0_wasm32"}}, pyodide, world.No,
			[]string{"loader pyemscripten_2024_0_wasm32: pyodide loads pyemscripten_2026_5_wasm32"}},
		"a side module, of some ABI": {record.Requires{Loaders: []string{world.SideModule}}, pyodide, world.Yes, nil},
		"a side module under WASI":   {record.Requires{Loaders: []string{world.SideModule}}, wasi, world.No, []string{"loader emscripten: wasi loads wasip1"}},
		"a program under Pyodide":    {record.Requires{Loaders: []string{world.Program}}, pyodide, world.No, []string{"loader wasip1: pyodide loads pyemscripten_2026_5_wasm32"}},
		"a program with an import too many": {
			record.Requires{Loaders: []string{world.Program}, Imports: []string{"env.system", world.Preview1 + ".fd_write", world.Preview1 + ".proc_raise"}}, wasi, world.No,
			[]string{"env.system: it is imported"}},
		"newer than the engine": {record.Requires{Loaders: []string{abi}, Needs: []record.Need{{Name: "wasm.gc", File: "a.so", Why: "in function 7"}}}, pyodide, world.No,
			[]string{"wasm.gc (a.so): in function 7, and the runtime says: Invalid opcode"}},
		"calls that fail": {record.Requires{Loaders: []string{abi}, Needs: []record.Need{{Name: world.Sockets, File: "a.so", Why: "calls connect", Call: true}}}, pyodide, world.Partly,
			[]string{"host.sockets (a.so): calls connect, and the runtime says: Host is unreachable"}},
		"what nobody asked the runtime for": {record.Requires{Loaders: []string{abi}, Needs: []record.Need{{Name: "wasm.fp16", Why: "in function 1"}}}, pyodide, world.No,
			[]string{"wasm.fp16: in function 1"}},
		"as large as can be": {record.Requires{Loaders: []string{abi}, Needs: []record.Need{{Name: world.Compile, File: "a.so", Why: "it is large", Bytes: 8 << 20}}}, pyodide, world.Yes, nil},
		"too large": {record.Requires{Loaders: []string{abi}, Needs: []record.Need{{Name: world.Compile, File: "a.so", Why: "it is large", Bytes: 8<<20 + 1}}}, pyodide, world.No,
			[]string{"host.synchronous-compile (a.so): it is large: it has 8388609 bytes, and pyodide takes at most 8388608"}},
	} {
		missing := world.Check(c.requires, c.on)
		var got []string
		for _, m := range missing {
			got = append(got, m.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", story, diff)
		}
		if v := world.VerdictOf(missing); v != c.verdict {
			t.Errorf("%s: %s, want %s", story, v, c.verdict)
		}
	}
}

// Each runtime that is part of the program was asked for everything that artifacts can need.
func TestRuntimes(t *testing.T) {
	all := world.Runtimes()
	if len(all) < 7 {
		t.Errorf("only %d runtimes are known", len(all))
	}
	for _, r := range all {
		if r.About == "" || len(r.Versions) == 0 || len(r.Loaders) != 1 {
			t.Errorf("%s: incomplete: %+v", r.Name, r)
		}
		for name, a := range r.Answers {
			if !a.Has && a.Why == "" {
				t.Errorf("%s lacks %s, and doesn't say why", r.Name, name)
			}
		}
		asked := []string{world.Shared, world.Compile, "wasm.simd128", "wasm.legacy-exceptions", "wasm.exnref-exceptions", "wasm.atomics"}
		if r.Loaders[0] == world.Program {
			for _, f := range world.Preview1Functions() {
				asked = append(asked, world.Preview1+"."+f)
			}
		} else {
			asked = append(asked, world.Sockets, world.Threads, world.Processes, world.Suspend, world.DOM)
		}
		for _, name := range asked {
			if _, ok := r.Answers[name]; !ok {
				t.Errorf("%s was not asked for %s", r.Name, name)
			}
		}
	}
	if _, err := world.Find("deno"); err == nil || !strings.Contains(err.Error(), "wazero") {
		t.Errorf("%v, want an error with the names that are known", err)
	}
}

func TestWIT(t *testing.T) {
	got := world.WIT("spam.wasm", []world.Module{module(t, "", 1, wasmtest.Module{NoDylink: true, Imports: []wasm.Import{
		function(world.Preview1, "fd_write", "iiii:i"), function(world.Preview1, "proc_exit", "i:"), function(world.Preview1, "fd_seek", "ijii:i"),
		function("env", "PyLong_FromLong", "i:i"), function("env", "pylong_fromlong", "d:f"), function("env", "list", ":"), function("env", "2x", ":"),
		function("env", "…", ":"), function("env", "evil\n}\u2028", ":"), function("env", "vector", "V:"), function("env", "two", ":ii"),
		function("", "", ":"),
		{Module: "env", Name: "memory", Kind: wasm.Mem}, {Module: "env", Name: "__cpp_exception", Kind: wasm.Tag, Signature: "i:"},
	}}.Bytes())})
	const golden = "testdata/spam.wit"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
