package audit

import (
	"bytes"
	"fmt"
	"iter"
	"regexp"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// Runtime is what a runtime's main module and its JavaScript offer to side modules. Its JSON is part of a toolchain
// image; it is some 300 KB for Pyodide. Nil maps mean that there is nothing of the kind.
type Runtime struct {
	Functions map[string]wasm.Signature `json:"functions"` // exported by the main module
	Tags      map[string]wasm.Signature `json:"tags"`
	Data      map[string]bool           `json:"data"` // exported globals: addresses of variables
	// Script names what JavaScript adds (`wasmImports`). The signature is empty where the script does not tell it; a
	// JavaScript function takes any call, so it says what the function expects, not what the loader demands.
	Script map[string]wasm.Signature `json:"script"`
}

var (
	scriptTable = regexp.MustCompile(`^\s*=\s*\{([^{}]*)\}`)
	scriptEntry = regexp.MustCompile(`^\s*["']?([\w$]+)["']?\s*(?::\s*([\w$]+)\s*)?$`)
	scriptName  = regexp.MustCompile(`[\w$]+$`)
	scriptSig   = regexp.MustCompile(`^\s*=\s*["']([a-z]*)["']`)
	scriptStub  = regexp.MustCompile(`^\s*=\s*(true)`)
)

// ReadRuntime reads the main module (pyodide.asm.wasm) and the script beside it (pyodide.asm.mjs, as Emscripten writes
// it). Its errors are fault.Invalid.
func ReadRuntime(mainModule, script []byte) (*Runtime, error) {
	m, err := wasm.Parse(bytes.NewReader(mainModule))
	if err != nil {
		return nil, fmt.Errorf("reading the runtime's main module: %w", err)
	}
	r := &Runtime{
		Functions: map[string]wasm.Signature{},
		Tags:      map[string]wasm.Signature{},
		Data:      map[string]bool{},
		Script:    map[string]wasm.Signature{},
	}
	for _, e := range m.Exports {
		switch e.Kind {
		case wasm.Func:
			r.Functions[e.Name] = e.Signature
		case wasm.Tag:
			r.Tags[e.Name] = e.Signature
		case wasm.Global:
			r.Data[e.Name] = true
		}
	}
	if err := r.readScript(string(script)); err != nil {
		return nil, fmt.Errorf("reading the runtime's script: %w", err)
	}
	// How the main module itself imports a function is surer than the note in the script.
	for _, i := range m.Imports {
		if _, known := r.Script[i.Name]; known && i.Module == "env" && i.Kind == wasm.Func {
			r.Script[i.Name] = i.Signature
		}
	}
	return r, nil
}

func (r *Runtime) readScript(script string) error {
	table := ""
	for rest := range mentions(script, "wasmImports") {
		if m := scriptTable.FindStringSubmatch(script[rest:]); m != nil {
			table = m[1]
			break
		}
	}
	if table == "" {
		return fault.Errorf(fault.Invalid, "no wasmImports={…} in it: is it the .asm.js or .asm.mjs that Emscripten wrote?")
	}
	signatures := properties(script, ".sig", scriptSig)
	// A stub only says at run time that the function is missing; the loader counts it as undefined.
	stubs := properties(script, ".stub", scriptStub)
	for entry := range strings.SplitSeq(table, ",") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		m := scriptEntry.FindStringSubmatch(entry)
		if m == nil {
			return fault.Errorf(fault.Invalid, "wasmImports has an entry of an unknown form: %q", entry)
		}
		name, value := m[1], m[2]
		if value == "" {
			value = name
		}
		if stubs[value] == "" {
			r.Script[name] = scriptSignature(signatures[value])
		}
	}
	return nil
}

// mentions yields what stands behind each mention of a literal in the script. Regular expressions alone take ten times as
// long for the megabyte that it has.
func mentions(script, literal string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for at := 0; ; {
			i := strings.Index(script[at:], literal)
			if i < 0 {
				return
			}
			if at += i + len(literal); !yield(at) {
				return
			}
		}
	}
}

// properties are the values that the script gives to one property of its functions, by the function's name.
func properties(script, property string, value *regexp.Regexp) map[string]string {
	const longest = 200 // of names and values
	out := map[string]string{}
	for at := range mentions(script, property) {
		name := at - len(property)
		m := value.FindStringSubmatch(script[at:min(at+longest, len(script))])
		n := scriptName.FindString(script[max(name-longest, 0):name])
		if m != nil && n != "" {
			out[n] = m[1]
		}
	}
	return out
}

// scriptSignature turns Emscripten's notation (result first, v for none, p for a pointer) into ours.
func scriptSignature(sig string) wasm.Signature {
	if sig == "" {
		return ""
	}
	sig = strings.ReplaceAll(sig, "p", "i") // wasm32
	result, params := strings.Trim(sig[:1], "v"), sig[1:]
	return wasm.Signature(params + ":" + result)
}

// Defines says whether a symbol, function or variable, is there.
func (r *Runtime) Defines(symbol string) bool {
	if _, ok := r.Functions[symbol]; ok {
		return true
	}
	_, ok := r.Script[symbol]
	return ok || r.Data[symbol]
}
