package wasirun

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/wasi"
)

// advice is what a trap means in code that works elsewhere, by wazero's words for it.
var advice = []struct{ trap, means string }{
	{"indirect call type mismatch", "a function was called through a pointer with other parameters, or another result, than it has: " +
		"give the C function exactly the ones that its caller, often Python's table of methods or slots, passes (clang names such casts with -Wcast-function-type)"},
	{"invalid table access", "a function was called through a pointer that is none"},
	{"unreachable", "the program ended itself: abort(), a failed assertion, or a call that the linker could not resolve (functions that are declared in one way and defined in another)"},
	{"out of bounds memory access", "it read or wrote outside of its memory"},
	{"stack overflow", "calls went too deep: the engine's own stack is full"},
	{"integer divide by zero", "it divided by zero"},
	{"integer overflow", "the result of a division has no room in its type"},
	{"invalid conversion to integer", "a number has no room in the integer that it was converted to"},
}

// explain says in one line how a run ended: which functions were running, and what that means.
func explain(r wasi.Result) string {
	text := r.String()
	if r.Trap == "" {
		if r.Status != passed && r.Status != failed && r.End == wasi.Exited {
			text = fmt.Sprintf("it ended with status %d before the tests had", r.Status)
		}
		return text
	}
	if in := frames(r.Trap); len(in) > 0 {
		text += " in " + strings.Join(in, ", called by ")
	}
	for _, a := range advice {
		if strings.Contains(r.Trap, a.trap) {
			return text + " (" + a.means + ")"
		}
	}
	return text
}

// frames are the innermost functions of a trap, at most three.
func frames(trap string) (names []string) {
	_, stack, _ := strings.Cut(trap, "wasm stack trace:")
	for line := range strings.Lines(stack) {
		line = strings.TrimPrefix(strings.TrimSpace(line), linked) // the linker has named the module after its file
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "."), "(")
		if ok && name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		if len(names) == 3 {
			break
		}
	}
	return names
}

// afterLimit says which limit a run met that went on.
func afterLimit(r wasi.Result) string {
	_, words, _ := strings.Cut(r.String(), ", after ")
	return "the tests met a limit of the runtime: " + words
}
