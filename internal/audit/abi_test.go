package audit_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
)

func TestFindABI(t *testing.T) {
	for _, name := range []string{"pyemscripten_2026_0_wasm32", "pyemscripten_2026_0", "2026_0"} {
		abi, err := audit.FindABI(name)
		if err != nil || abi.PlatformTag != "pyemscripten_2026_0_wasm32" || abi.Python != "3.14" || abi.ExtSuffix != ".cpython-314-wasm32-emscripten.so" {
			t.Errorf("%s: %+v, %v", name, abi, err)
		}
	}
	if abi, err := audit.FindABI("pyodide_2024_0_wasm32"); err != nil || abi.PlatformTag != "pyemscripten_2024_0_wasm32" || abi.WasmExceptions || abi.RuntimePath {
		t.Errorf("the tag from before PEP 783: %+v, %v", abi, err)
	}
	for name, says := range map[string]string{
		"2027_0":                "not known: it is one of",
		"manylinux_2_28_x86_64": "names no ABI",
		"":                      "names no ABI",
		"pyodide_2026_0_wasm32": "since PEP 783 it is pyemscripten_2026_0_wasm32",
	} {
		if _, err := audit.FindABI(name); err == nil || !strings.Contains(err.Error(), says) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v, want %q", name, err, says)
		}
	}
}

func TestWhatAWheelPromises(t *testing.T) {
	for file, want := range map[string][]string{
		"a-1-py3-none-any.whl":                                                nil,
		"a-1-cp314-cp314-pyemscripten_2026_0_wasm32.whl":                      {"pyemscripten_2026_0_wasm32"},
		"a-1-cp313-cp313-pyodide_2025_0_wasm32.whl":                           {"pyemscripten_2025_0_wasm32"},
		"a-1-cp312-abi3-pyodide_2024_0_wasm32.pyemscripten_2026_0_wasm32.whl": {"pyemscripten_2024_0_wasm32", "pyemscripten_2026_0_wasm32"},
		"a-1-cp312-abi3-manylinux_2_28_x86_64.pyemscripten_2026_5_wasm32.whl": {"pyemscripten_2026_5_wasm32"},
		"a-1-py3-none-any.pyemscripten_2026_5_wasm32.whl":                     nil,
		"a-1-cp314-cp314-manylinux_2_28_x86_64.whl":                           {"error: name the ABI to hold it against with --abi"},
		"a-1-cp314-cp314-pyemscripten_2099_0_wasm32.whl":                      {"error: is not known"},
		"a-1-cp312-abi3-pyodide_2024_0_wasm32.pyemscripten_2099_0_wasm32.whl": {"error: is not known"},
	} {
		name, err := wheel.ParseFilename(file)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		abis, err := audit.Promised(name)
		for _, abi := range abis {
			got = append(got, abi.PlatformTag)
		}
		if err != nil {
			if len(want) != 1 || !strings.Contains(err.Error(), strings.TrimPrefix(want[0], "error: ")) || fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v, want %v", file, err, want)
			}
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", file, d)
		}
	}
}
