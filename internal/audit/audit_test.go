package audit_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

const (
	platform = "pyemscripten_2026_5_wasm32"
	suffix   = ".cpython-315-wasm32-emscripten.so"
	ext      = "a/_c" + suffix
)

var provided = &audit.Runtime{
	Functions: map[string]wasm.Signature{"PyLong_FromLong": "i:i", "free": "i:"},
	Tags:      map[string]wasm.Signature{"__cpp_exception": "i:", "__c_longjmp": "i:"},
	Data:      map[string]bool{"_Py_NoneStruct": true, "__stack_pointer": true},
	Script:    map[string]wasm.Signature{"fd_write": "iiii:i", "hypot": ""},
}

func function(name string, sig wasm.Signature) wasm.Import {
	return wasm.Import{Module: "env", Name: name, Kind: wasm.Func, Signature: sig}
}

func variable(module, name string) wasm.Import {
	return wasm.Import{Module: module, Name: name, Kind: wasm.Global}
}

// side is a sound extension module with what the case adds to it.
func side(m wasmtest.Module) string {
	m.Imports = append([]wasm.Import{
		function("PyLong_FromLong", "i:i"),
		{Module: "env", Name: "__indirect_function_table", Kind: wasm.Table},
		variable("env", "__memory_base"),
		variable("env", "__stack_pointer"),
		variable("GOT.mem", "_Py_NoneStruct"),
		variable("GOT.func", "free"),
	}, m.Imports...)
	m.Exports = append(m.Exports, wasm.Export{Name: "PyInit__c", Kind: wasm.Func, Signature: ":i"})
	return string(m.Bytes())
}

func imports(list ...wasm.Import) map[string]string {
	return map[string]string{ext: side(wasmtest.Module{Imports: list})}
}

// coded is a side module with one function.
func coded(body string) string {
	return string(append(wasmtest.Module{}.Bytes(), wasmtest.Code(body)...))
}

func library(exports ...wasm.Export) string {
	return string(wasmtest.Module{Exports: exports}.Bytes())
}

func TestAuditOfModules(t *testing.T) {
	needs := func(runtimePath ...string) string {
		return side(wasmtest.Module{
			Needed: []string{"libx.so"}, RuntimePath: runtimePath,
			Imports: []wasm.Import{function("x_open", "i:i"), variable("GOT.mem", "x_table")},
		})
	}
	x := library(wasm.Export{Name: "x_open", Kind: wasm.Func, Signature: "i:i"}, wasm.Export{Name: "x_table", Kind: wasm.Global})

	for name, c := range map[string]struct {
		files map[string]string
		want  []string // "rule file symbol"
	}{
		"sound":                         {imports(), nil},
		"JavaScript provides":           {imports(function("fd_write", "iiii:i"), function("hypot", "dd:d")), nil},
		"wasi goes to JavaScript":       {imports(wasm.Import{Module: "wasi_snapshot_preview1", Name: "fd_write", Kind: wasm.Func, Signature: "iiii:i"}), nil},
		"wasm exceptions":               {imports(wasm.Import{Module: "env", Name: "__cpp_exception", Kind: wasm.Tag, Signature: "i:"}), nil},
		"its own symbol":                {map[string]string{ext: side(wasmtest.Module{Imports: []wasm.Import{variable("GOT.func", "own")}, Exports: []wasm.Export{{Name: "own", Kind: wasm.Func, Signature: ":"}}})}, nil},
		"JavaScript in C (EM_JS)":       {map[string]string{ext: side(wasmtest.Module{Imports: []wasm.Import{function("log", "i:")}, Exports: []wasm.Export{{Name: "__em_js__log", Kind: wasm.Global}}})}, nil},
		"weak and absent":               {map[string]string{ext: side(wasmtest.Module{Imports: []wasm.Import{function("maybe", ":"), variable("GOT.func", "maybe")}, Weak: []string{"maybe"}})}, nil},
		"library by RUNTIME_PATH":       {map[string]string{ext: needs("$ORIGIN/../a.libs"), "a.libs/libx.so": x}, nil},
		"library beside it":             {map[string]string{ext: needs("$ORIGIN"), "a/libx.so": x}, nil},
		"a folder of the builder's":     {map[string]string{ext: needs("/usr/lib", "$ORIGIN"), "a/libx.so": x}, []string{"build-path " + ext + " "}},
		"undefined function":            {imports(function("gamma_inc", "d:d")), []string{"undefined-function " + ext + " gamma_inc"}},
		"called, and its address taken": {imports(function("gone", ":"), variable("GOT.func", "gone")), []string{"undefined-function " + ext + " gone", "undefined-symbol " + ext + " gone"}},
		"undefined address":             {imports(variable("GOT.func", "gone"), variable("GOT.mem", "lost")), []string{"undefined-symbol " + ext + " gone", "undefined-symbol " + ext + " lost"}},
		"undefined global":              {imports(variable("env", "__tls_base")), []string{"undefined-symbol " + ext + " __tls_base"}},
		"undefined tag":                 {imports(wasm.Import{Module: "env", Name: "own_tag", Kind: wasm.Tag, Signature: "i:"}), []string{"undefined-symbol " + ext + " own_tag"}},
		"other type than the runtime's": {imports(function("PyLong_FromLong", "j:i")), []string{"signature-mismatch " + ext + " PyLong_FromLong"}},
		"other type than JavaScript's":  {imports(function("fd_write", "iiji:i")), []string{"loose-signature " + ext + " fd_write"}},
		"twice the same":                {imports(function("gone", ":"), function("gone", ":")), []string{"undefined-function " + ext + " gone"}},
		"exceptions by JavaScript": {
			imports(function("invoke_vii", "iii:"), function("__cxa_find_matching_catch_3", "i:i"), function("_emscripten_throw_longjmp", ":")),
			[]string{"js-exceptions " + ext + " __cxa_find_matching_catch_3", "js-exceptions " + ext + " _emscripten_throw_longjmp", "js-exceptions " + ext + " invoke_vii"},
		},
		"a module of another loader": {imports(wasm.Import{Module: "wbg", Name: "log", Kind: wasm.Func, Signature: "i:"}), []string{"foreign-import " + ext + " wbg.log"}},
		"shared memory":              {map[string]string{ext: side(wasmtest.Module{Shared: true})}, []string{"threads " + ext + " memory"}},
		"atomics":                    {map[string]string{ext: side(wasmtest.Module{Features: []string{"+atomics"}})}, []string{"threads " + ext + " "}},
		"a native libc++":            {imports(function("_ZNSt3__112basic_stringIcE6appendEPKc", "ii:i"), variable("GOT.func", "_ZNSt3__15mutex4lockEv")), []string{"libcxx-namespace " + ext + " _ZNSt3__112basic_stringIcE6appendEPKc", "libcxx-namespace " + ext + " _ZNSt3__15mutex4lockEv"}},
		"its own libc++":             {map[string]string{ext: side(wasmtest.Module{Imports: []wasm.Import{function("_ZNSt3__15mutex4lockEv", "i:")}, Exports: []wasm.Export{{Name: "_ZNSt3__15mutex4lockEv", Kind: wasm.Func, Signature: "i:"}}})}, nil},
		"WASI alone":                 {imports(wasm.Import{Module: "wasi_snapshot_preview1", Name: "path_open", Kind: wasm.Func, Signature: "i:i"}), []string{"wasi-import " + ext + " path_open"}},
		"atomic instructions":        {map[string]string{ext: side(wasmtest.Module{}), "a/x.so": coded("\xfe\x03\x00\x0b")}, []string{"threads a/x.so "}},
		"SIMD":                       {map[string]string{ext: side(wasmtest.Module{}), "a/x.so": coded("\xfd\x0c0123456789abcdef\x1a\x0b")}, nil},
		"relaxed SIMD":               {map[string]string{ext: side(wasmtest.Module{}), "a/x.so": coded("\xfd\x85\x02\x1a\x0b")}, []string{"newer-engine a/x.so relaxed-simd"}},
		"an unknown instruction":     {map[string]string{ext: side(wasmtest.Module{}), "a/x.so": coded("\xff\x0b")}, []string{"not-wasm a/x.so "}},
		"try and catch":              {map[string]string{ext: side(wasmtest.Module{}), "a/x.so": coded("\x06\x40\x19\x0b\x0b")}, nil},
		"a package's __init__":       {map[string]string{"a/__init__" + suffix: library(wasm.Export{Name: "PyInit_a", Kind: wasm.Func, Signature: ":i"})}, nil},
		"the __init__ of another":    {map[string]string{"a/__init__" + suffix: library(wasm.Export{Name: "PyInit_b", Kind: wasm.Func, Signature: ":i"})}, []string{"missing-init a/__init__" + suffix + " PyInit_a"}},
		"init function mistyped":     {map[string]string{ext: library(wasm.Export{Name: "PyInit__c", Kind: wasm.Func, Signature: "d:i"})}, []string{"signature-mismatch " + ext + " PyInit__c"}},
		"debug sections":             {map[string]string{ext: side(wasmtest.Module{}) + string(wasmtest.Custom(".debug_info", "x"))}, []string{"debug-sections " + ext + " "}},
		"names of functions":         {map[string]string{ext: side(wasmtest.Module{}) + string(wasmtest.Custom("name", "x"))}, nil},
		"the builder's home":         {map[string]string{ext: side(wasmtest.Module{}) + string(wasmtest.Data("\x41\x00\x0b", "/home/me/a.c"))}, []string{"build-path " + ext + " "}},
		"for a Mac":                  {map[string]string{ext: side(wasmtest.Module{}), "a/x.dylib": "\xcf\xfa\xed\xfe"}, []string{"foreign-binary a/x.dylib "}},
		"for all Macs":               {map[string]string{ext: side(wasmtest.Module{}), "a/x.dylib": "\xca\xfe\xba\xbe"}, []string{"foreign-binary a/x.dylib "}},
		"a class of Java":            {map[string]string{ext: side(wasmtest.Module{}), "a/x.class": "\xca\xfe\xba\xbe"}, nil},
		"for Windows":                {map[string]string{ext: side(wasmtest.Module{}), "a/x.pyd": "MZ\x90\x00\x03"}, []string{"foreign-binary a/x.pyd "}},
		"a launcher for Windows":     {map[string]string{ext: side(wasmtest.Module{}), "a/x.exe": "MZ\x90\x00\x03"}, nil},
		"a program for Linux":        {map[string]string{ext: side(wasmtest.Module{}), "a/x": "\x7fELF\x02"}, []string{"foreign-binary a/x "}},
		"stripped":                   {map[string]string{ext: side(wasmtest.Module{NoDylink: true})}, []string{"no-dylink " + ext + " "}},
		"dylink.0 moved":             {map[string]string{ext: side(wasmtest.Module{DylinkLate: true})}, []string{"dylink-not-first " + ext + " "}},
		"compiled for the host":      {map[string]string{ext: "\x7fELF\x02\x01\x01\x00"}, []string{"foreign-binary " + ext + " "}},
		"no init function":           {map[string]string{ext: library()}, []string{"missing-init " + ext + " PyInit__c"}},
		"another's init function":    {map[string]string{ext: library(wasm.Export{Name: "PyInit__d", Kind: wasm.Func, Signature: ":i"}, wasm.Export{Name: "f", Kind: wasm.Func, Signature: ":i"})}, []string{"missing-init " + ext + " PyInit__c"}},
		"opened by ctypes":           {map[string]string{ext: library(wasm.Export{Name: "aes_encrypt", Kind: wasm.Func, Signature: "i:i"})}, nil},
		"init by PEP 793":            {map[string]string{ext: library(wasm.Export{Name: "PyModExport__c", Kind: wasm.Func, Signature: ":i"})}, nil},
		"host's suffix":              {map[string]string{"a/_c.cpython-315-x86_64-linux-gnu.so": side(wasmtest.Module{})}, []string{"wrong-suffix a/_c.cpython-315-x86_64-linux-gnu.so "}},
		"needed, nowhere":            {map[string]string{ext: needs("$ORIGIN")}, []string{"missing-needed " + ext + " libx.so", "undefined-function " + ext + " x_open", "undefined-symbol " + ext + " x_table"}},
		"needed, no RUNTIME_PATH":    {map[string]string{ext: needs(), "a.libs/libx.so": x}, []string{"no-runtime-path " + ext + " libx.so", "undefined-function " + ext + " x_open", "undefined-symbol " + ext + " x_table"}},
		"needed, wrong RUNTIME_PATH": {map[string]string{ext: needs("$ORIGIN/a.libs"), "a.libs/libx.so": x}, []string{"no-runtime-path " + ext + " libx.so", "undefined-function " + ext + " x_open", "undefined-symbol " + ext + " x_table"}},
		"library of another type": {
			map[string]string{ext: needs("$ORIGIN"), "a/libx.so": library(wasm.Export{Name: "x_open", Kind: wasm.Func, Signature: "j:i"}, wasm.Export{Name: "x_table", Kind: wasm.Global})},
			[]string{"loose-signature " + ext + " x_open"},
		},
		"a library's own library": {map[string]string{
			ext:         side(wasmtest.Module{Needed: []string{"liby.so"}, RuntimePath: []string{"$ORIGIN"}, Imports: []wasm.Import{function("x_open", "i:i")}}),
			"a/liby.so": string(wasmtest.Module{Needed: []string{"libx.so", "liby.so"}, RuntimePath: []string{"$ORIGIN"}}.Bytes()),
			"a/libx.so": x,
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			spec := wheeltest.Spec{Name: "a", Version: "1", Tag: "cp315-cp315-" + platform, Files: c.files}
			if d := cmp.Diff(c.want, run(t, spec, platform)); d != "" {
				t.Error(d)
			}
		})
	}
}

// The matrix that was measured on the runtimes themselves: one module each, on an old and a new ABI.
func TestAuditKnowsWhatEachABICanDo(t *testing.T) {
	const old = "pyemscripten_2024_0_wasm32"
	for name, c := range map[string]struct {
		files      map[string]string
		old, newer []string
	}{
		"C":               {map[string]string{"_c.abi3.so": side(wasmtest.Module{})}, nil, nil},
		"setjmp":          {map[string]string{"_c.abi3.so": side(wasmtest.Module{Imports: []wasm.Import{{Module: "env", Name: "__c_longjmp", Kind: wasm.Tag, Signature: "i:"}}})}, []string{"wasm-exceptions _c.abi3.so __c_longjmp"}, nil},
		"C++ exceptions":  {map[string]string{"_c.abi3.so": side(wasmtest.Module{Imports: []wasm.Import{{Module: "env", Name: "__cpp_exception", Kind: wasm.Tag, Signature: "i:"}}})}, []string{"wasm-exceptions _c.abi3.so __cpp_exception"}, nil},
		"JS exceptions":   {map[string]string{"_c.abi3.so": side(wasmtest.Module{Imports: []wasm.Import{function("invoke_v", "i:")}})}, nil, []string{"js-exceptions _c.abi3.so invoke_v"}},
		"no RUNTIME_PATH": {map[string]string{"_c.abi3.so": side(wasmtest.Module{Needed: []string{"liba.so"}}), "x.libs/liba.so": library()}, []string{"no-runtime-path _c.abi3.so liba.so"}, []string{"no-runtime-path _c.abi3.so liba.so"}},
		"its installer's": {map[string]string{"_c.abi3.so": side(wasmtest.Module{Needed: []string{"liba.so"}}), "a.libs/liba.so": library()}, []string{"needs-installer _c.abi3.so liba.so"}, []string{"no-runtime-path _c.abi3.so liba.so"}},
		"and with one":    {map[string]string{"_c.abi3.so": side(wasmtest.Module{Needed: []string{"liba.so"}, RuntimePath: []string{"$ORIGIN/x.libs"}}), "x.libs/liba.so": library()}, []string{"no-runtime-path _c.abi3.so liba.so"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for tag, want := range map[string][]string{old: c.old, platform: c.newer} {
				spec := wheeltest.Spec{Name: "a", Version: "1", Tag: "cp311-abi3-" + tag, Files: c.files}
				if d := cmp.Diff(want, run(t, spec, tag)); d != "" {
					t.Errorf("on %s: %s", tag, d)
				}
			}
		})
	}
}

func TestAuditOfTheWheel(t *testing.T) {
	tag := "cp315-cp315-" + platform
	good := imports()
	for name, c := range map[string]struct {
		spec wheeltest.Spec
		want []string
	}{
		"pure":              {wheeltest.Spec{Name: "a", Version: "1", Files: map[string]string{"a.py": ""}}, nil},
		"other platform":    {wheeltest.Spec{Name: "a", Version: "1", Tag: "cp315-cp315-pyemscripten_2026_0_wasm32", Files: good}, []string{"wrong-tag a-1-cp315-cp315-pyemscripten_2026_0_wasm32.whl "}},
		"other Python":      {wheeltest.Spec{Name: "a", Version: "1", Tag: "cp314-cp314-" + platform, Files: good}, []string{"wrong-tag a-1-cp314-cp314-" + platform + ".whl "}},
		"WHEEL differs":     {wheeltest.Spec{Name: "a", Version: "1", Tag: tag, InnerTag: "cp315-cp315-linux_x86_64", Files: good}, []string{"tag-mismatch a-1.dist-info/WHEEL "}},
		"for newer Pythons": {wheeltest.Spec{Name: "a", Version: "1", Python: ">=3.16", Tag: tag, Files: good}, []string{"requires-python a-1.dist-info/METADATA "}},
		"for older Pythons": {wheeltest.Spec{Name: "a", Version: "1", Python: ">=3.9,<3.15", Tag: tag, Files: good}, []string{"requires-python a-1.dist-info/METADATA "}},
		"for this Python":   {wheeltest.Spec{Name: "a", Version: "1", Python: ">=3.9,!=3.14.*", Tag: tag, Files: good}, nil},
		"a DLL for anybody": {wheeltest.Spec{Name: "a", Version: "1", Files: map[string]string{"a/x.dll": "MZ"}}, []string{"binary-in-pure a/x.dll "}},
		"half pure":         {wheeltest.Spec{Name: "a", Version: "1", Files: good}, []string{"binary-in-pure " + ext + " "}},
		"nothing in it":     {wheeltest.Spec{Name: "a", Version: "1", Tag: tag}, []string{"no-binary a-1-" + tag + ".whl "}},
		"other version":     {wheeltest.Spec{Name: "a", Version: "1", Files: map[string]string{"a-1.dist-info/METADATA": "Name: a\nVersion: 1.1\n"}}, []string{"metadata-mismatch a-1.dist-info/METADATA "}},
		"same version":      {wheeltest.Spec{Name: "a", Version: "1", Files: map[string]string{"a-1.dist-info/METADATA": "Name: A\nVersion: 1.0\n"}}, nil},
		"other name":        {wheeltest.Spec{Name: "a", Version: "1", Files: map[string]string{"a-1.dist-info/METADATA": "Name: b\nVersion: 1\n"}}, []string{"metadata-mismatch a-1.dist-info/METADATA "}},
		"changed afterward": {wheeltest.Spec{Name: "a", Version: "1", Files: map[string]string{"a.py": "", "a-1.dist-info/RECORD": "a.py,sha256=AAAA,0\na-1.dist-info/METADATA,,\na-1.dist-info/WHEEL,,\na-1.dist-info/RECORD,,\n"}}, []string{"record-mismatch a-1.dist-info/METADATA ", "record-mismatch a-1.dist-info/WHEEL ", "record-mismatch a.py "}},
		"no metadata":       {wheeltest.Spec{Name: "a", Version: "1", Without: []string{"a-1.dist-info/METADATA"}}, []string{"bad-wheel a-1-py3-none-any.whl "}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, run(t, c.spec, platform)); d != "" {
				t.Error(d)
			}
		})
	}
	if _, err := audit.Wheel("/nonexistent/a-1-py3-none-any.whl", audit.Target{Runtime: provided}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a missing file is no finding: %v", err)
	}
}

func TestSizeBudget(t *testing.T) {
	path := wheeltest.Write(t, t.TempDir(), wheeltest.Spec{Name: "a", Version: "1", Files: map[string]string{"a/big.txt": strings.Repeat("x", 5000), "a.py": ""}})
	found, err := audit.Wheel(path, audit.Target{MaxSize: 1000})
	if err != nil || len(found) != 1 || found[0].Rule != "size-budget" || !strings.Contains(found[0].Reason, "a/big.txt with 5000 bytes") {
		t.Errorf("%+v, %v", found, err)
	}
	if found, err := audit.Wheel(path, audit.Target{MaxSize: 100_000}); err != nil || len(found) > 0 {
		t.Errorf("within the budget: %+v, %v", found, err)
	}
}

// An archive that is damaged in the middle is the wheel's fault, and the rest is audited all the same.
func TestDamagedArchive(t *testing.T) {
	path := wheeltest.Write(t, t.TempDir(), wheeltest.Spec{Name: "a", Version: "1", Tag: "cp315-cp315-" + platform,
		Files: map[string]string{ext: side(wasmtest.Module{}), "a/zz.txt": strings.Repeat("some text to damage ", 50)}})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("a/zz.txt")) + len("a/zz.txt") + 10
	b[at] ^= 0xff
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	abi, err := audit.NewABI(platform, "3.15")
	if err != nil {
		t.Fatal(err)
	}
	found, err := audit.Wheel(path, audit.Target{ABI: abi, Runtime: provided})
	if err != nil || len(found) != 1 || found[0].Rule != "bad-wheel" || found[0].File != "a/zz.txt" {
		t.Errorf("%+v, %v", found, err)
	}
}

func run(t *testing.T, spec wheeltest.Spec, platform string) []string {
	t.Helper()
	abi, err := audit.NewABI(platform, "3.15")
	if err != nil {
		t.Fatal(err)
	}
	found, err := audit.Wheel(wheeltest.Write(t, t.TempDir(), spec), audit.Target{ABI: abi, Runtime: provided})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range found {
		if f.Reason == "" || f.Severity == "" {
			t.Errorf("incomplete: %+v", f)
		}
		out = append(out, strings.Join([]string{f.Rule, f.File, f.Symbol}, " "))
	}
	return out
}

func TestRulesAreDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range audit.Rules() {
		if seen[r.Name] || r.Doc == "" || r.Why == "" || r.Fix == "" || (r.Severity != audit.Error && r.Severity != audit.Warning) {
			t.Errorf("rule %+v", r)
		}
		seen[r.Name] = true
	}
}

// Whatever stands in a module, the audit has findings or none: only a disk that fails is an error.
func FuzzModule(f *testing.F) {
	f.Add([]byte(side(wasmtest.Module{Needed: []string{"libx.so"}, RuntimePath: []string{"$ORIGIN"}, Features: []string{"+atomics"}})))
	f.Add([]byte(coded("\xfd\x85\x02\x1a\x0b") + string(wasmtest.Data("\x41\x00\x0b", "/home/me/a.c"))))
	f.Add([]byte("\x7fELF\x02\x01\x01\x00"))
	abi, err := audit.NewABI(platform, "3.15")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, module []byte) {
		spec := wheeltest.Spec{Name: "a", Version: "1", Tag: "cp315-cp315-" + platform, Files: map[string]string{ext: string(module), "a/libx.so": string(module)}}
		found, err := audit.Wheel(wheeltest.Write(t, t.TempDir(), spec), audit.Target{ABI: abi, Runtime: provided})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Rule == "bad-wheel" || f.Rule == "record-mismatch" {
				t.Fatalf("the module makes the wheel a bad one: %+v", f)
			}
		}
	})
}
