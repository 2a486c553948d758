package toolchain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/static"
)

// Target is what a toolchain compiles for, in the compiler's words (a target triple).
type Target string

// The targets. Emscripten's toolchains need not name it.
const (
	Emscripten Target = "wasm32-unknown-emscripten"
	WASI       Target = "wasm32-wasip1"
)

// Targets are those that builds know how to build for.
func Targets() []Target { return []Target{Emscripten, WASI} }

// Or is the target, with Emscripten in place of the empty one.
func (t Target) Or() Target {
	if t == "" {
		return Emscripten
	}
	return t
}

// Static says that nothing is loaded at run time: what would be a shared library is linked into the interpreter.
func (t Target) Static() bool { return t == WASI }

// Linker links the toolchain's Python with packages, where nothing is loaded.
func (f Facts) Linker() static.Linker {
	return static.Linker{LLVM: f.LLVM, ClangFlags: f.ClangFlags, LinkFlags: f.LinkFlags, Python: f.Python}
}

// checkTarget demands the facts that each target needs, and refuses those that mean nothing there.
func (s *Spec) checkTarget() error {
	f := s.Facts
	if f.Target != "" && !slices.Contains(Targets(), f.Target) {
		names := make([]string, len(Targets()))
		for i, t := range Targets() {
			names[i] = string(t)
		}
		return fmt.Errorf("facts.target is %q; it can be %s", f.Target, strings.Join(names, " or "))
	}
	needed := map[string]string{
		"facts.platform_tag": f.PlatformTag, "facts.python": f.Python, "facts.python_tag": f.PythonTag, "facts.ext_suffix": f.ExtSuffix,
		"facts.compiler": f.Compiler,
	}
	loading := map[string]string{"facts.emscripten": f.Emscripten, "main": s.Main, "script": s.Script}
	static := map[string]string{"facts.interpreter": f.Interpreter}
	unwanted := static
	for key, value := range loading {
		if !f.Target.Static() {
			needed[key] = value
		}
	}
	if f.Target.Static() {
		unwanted = loading
		needed["facts.interpreter"] = f.Interpreter
	}
	for key, value := range needed {
		if value == "" {
			return fmt.Errorf("%s is missing", key)
		}
	}
	for key, value := range unwanted {
		if value != "" {
			return fmt.Errorf("%s means nothing for the target %s", key, f.Target.Or())
		}
	}
	return nil
}
