package audit

import (
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// ABI is the part of a platform's rules that an audit can hold a wheel against.
type ABI struct {
	PlatformTag    string // "pyemscripten_2026_5_wasm32"
	Python         string // "3.15"
	ExtSuffix      string // ".cpython-315-wasm32-emscripten.so"
	WasmExceptions bool   // exceptions and longjmp are WebAssembly's own, not made by JavaScript
	RuntimePath    bool   // needed libraries are looked for along RUNTIME_PATH
	LegacyTag      string // under which wheels were made before PEP 783; empty where there was none
}

// pythons are the ABIs that exist, each with its one Python.
var pythons = map[string]string{
	"pyemscripten_2024_0_wasm32": "3.12",
	"pyemscripten_2025_0_wasm32": "3.13",
	"pyemscripten_2026_0_wasm32": "3.14",
	"pyemscripten_2026_5_wasm32": "3.15",
}

// NewABI knows the rules behind a platform tag of PEP 783. An unknown kind of tag is fault.Invalid.
func NewABI(platformTag, python string) (ABI, error) {
	year, _, ok := wheel.EmscriptenABI(platformTag)
	if !ok {
		return ABI{}, fault.Errorf(fault.Invalid, "%q is not a platform tag pyemscripten_YEAR_NUMBER_wasm32 (PEP 783)", platformTag)
	}
	// Both rules came with Emscripten 4 and the ABI of 2025.
	a := ABI{
		PlatformTag:    platformTag,
		Python:         python,
		ExtSuffix:      ".cpython-" + strings.ReplaceAll(python, ".", "") + "-wasm32-emscripten.so",
		WasmExceptions: year >= 2025,
		RuntimePath:    year >= 2025,
	}
	if year <= 2025 {
		a.LegacyTag = strings.Replace(platformTag, "pyemscripten_", "pyodide_", 1)
	}
	return a, nil
}

var shortABI = regexp.MustCompile(`^(?:pyemscripten_|pyodide_)?(\d+_\d+)(?:_wasm32)?$`)

// FindABI knows an ABI by its platform tag, the legacy one too, or the part of it that tells ABIs apart: "2026_0". What
// does not exist is fault.Invalid.
func FindABI(name string) (ABI, error) {
	m := shortABI.FindStringSubmatch(name)
	if m == nil {
		return ABI{}, fault.Errorf(fault.Invalid, "%q names no ABI: it is one of %s", name, strings.Join(Known(), ", "))
	}
	tag := "pyemscripten_" + m[1] + "_wasm32"
	python, ok := pythons[tag]
	if !ok {
		return ABI{}, fault.Errorf(fault.Invalid, "the ABI %s is not known: it is one of %s", tag, strings.Join(Known(), ", "))
	}
	a, err := NewABI(tag, python)
	if err == nil && name == strings.Replace(tag, "pyemscripten_", "pyodide_", 1) && a.LegacyTag == "" {
		return ABI{}, fault.Errorf(fault.Invalid, "there is no platform tag %s: since PEP 783 it is %s", name, tag)
	}
	return a, err
}

// Known are the platform tags of the ABIs that exist, the oldest first.
func Known() []string {
	var out []string
	for tag := range pythons {
		out = append(out, tag)
	}
	slices.Sort(out)
	return out
}

// Promised are the ABIs that a wheel's file name promises, in its order; none for a wheel for any platform. A name that
// promises only other platforms, or an ABI that does not exist, is fault.Invalid.
func Promised(f wheel.Filename) ([]ABI, error) {
	var out []ABI
	for platform := range strings.SplitSeq(f.Platform, ".") {
		if platform == "any" {
			return nil, nil
		}
		if !strings.HasPrefix(platform, "pyemscripten_") && !strings.HasPrefix(platform, "pyodide_") {
			continue
		}
		abi, err := FindABI(platform)
		if err != nil {
			return nil, err
		}
		out = append(out, abi)
	}
	if len(out) == 0 {
		return nil, fault.Errorf(fault.Invalid, "%s is for %s, not for WebAssembly: name the ABI to hold it against with --abi", f, f.Platform)
	}
	return out, nil
}

func (a ABI) platforms() []string {
	if a.LegacyTag == "" {
		return []string{a.PlatformTag}
	}
	return []string{a.PlatformTag, a.LegacyTag}
}

// engines are what every engine knows on which a Pyodide of these ABIs promises to run. All four releases ask for node
// 18 or newer (package.json, "engines"), that is V8 10.2; browsers of that time agree.
var engines = []wasm.Proposal{wasm.SignExt, wasm.TruncSat, wasm.BulkMemory, wasm.ReferenceTypes, wasm.SIMD, wasm.LegacyExceptions}

// newer are what current engines know, node from 22 on among them, and what recipes use on purpose where it pays.
var newer = []wasm.Proposal{wasm.RelaxedSIMD, wasm.ExtendedConst, wasm.TailCall}

// allows says whether the ABI's engines know a proposal.
func (a ABI) allows(p wasm.Proposal) bool { return slices.Contains(engines, p) }
