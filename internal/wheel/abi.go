package wheel

import (
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// ABI is the part of a platform's rules that an audit can hold a wheel against.
type ABI struct {
	PlatformTag    string // "pyemscripten_2026_5_wasm32"
	Python         string // "3.15"
	ExtSuffix      string // ".cpython-315-wasm32-emscripten.so"
	WasmExceptions bool   // exceptions and longjmp are WebAssembly's own, not made by JavaScript
	RuntimePath    bool   // needed libraries are looked for along RUNTIME_PATH
}

// NewABI knows the rules behind a platform tag of PEP 783. An unknown kind of tag is fault.Invalid.
func NewABI(platformTag, python string) (ABI, error) {
	year, _, ok := EmscriptenABI(platformTag)
	if !ok {
		return ABI{}, fault.Errorf(fault.Invalid, "%q is not a platform tag pyemscripten_YEAR_NUMBER_wasm32 (PEP 783)", platformTag)
	}
	// Both rules came with Emscripten 4 and the ABI of 2025.
	return ABI{
		PlatformTag:    platformTag,
		Python:         python,
		ExtSuffix:      ".cpython-" + strings.ReplaceAll(python, ".", "") + "-wasm32-emscripten.so",
		WasmExceptions: year >= 2025,
		RuntimePath:    year >= 2025,
	}, nil
}
