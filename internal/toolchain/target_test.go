package toolchain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
)

// linked makes of the small spec one of a toolchain whose Python is linked with what it is to import.
var linked = strings.NewReplacer(
	"facts:\n", "facts:\n  target: wasm32-wasip1\n  interpreter: python\n", "  emscripten: 6.0.5\n", "", "  pyodide: 1.0.0\n", "",
	"main: opt/runtime/main.wasm\nscript: opt/runtime/main.mjs\n", "",
)

func TestEachTargetHasFactsOfItsOwn(t *testing.T) {
	for story, c := range map[string]struct{ text, message string }{
		"one that loads":                        {small, ""},
		"one that links":                        {linked.Replace(small), ""},
		"one that nobody knows":                 {strings.Replace(small, "facts:\n", "facts:\n  target: wasm64\n", 1), `facts.target is "wasm64"; it can be wasm32-unknown-emscripten or wasm32-wasip1`},
		"Emscripten's, by its name":             {strings.Replace(small, "facts:\n", "facts:\n  target: wasm32-unknown-emscripten\n", 1), ""},
		"loading, without Emscripten's version": {strings.Replace(small, "  emscripten: 6.0.5\n", "", 1), "facts.emscripten is missing"},
		"loading, with a recipe for Python":     {strings.Replace(small, "facts:\n", "facts:\n  interpreter: python\n", 1), "facts.interpreter means nothing for the target wasm32-unknown-emscripten"},
		"linking, without a recipe for Python":  {strings.Replace(linked.Replace(small), "  interpreter: python\n", "", 1), "facts.interpreter is missing"},
		"linking, with a main module":           {linked.Replace(small) + "main: opt/main.wasm\n", "main means nothing for the target wasm32-wasip1"},
	} {
		_, err := parseSpec("toolchain.yaml", []byte(c.text))
		if c.message == "" && err != nil || c.message != "" && (err == nil || !strings.Contains(err.Error(), c.message) || fault.KindOf(err) != fault.Invalid) {
			t.Errorf("%s: the error is %v, want %q", story, err, c.message)
		}
	}
}

// What the facts of a toolchain say that is baked already must not change with what others can say: it would be another image.
func TestFactsOfOtherTargetsLeaveNoTrace(t *testing.T) {
	s, err := parseSpec("toolchain.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(s.Facts)
	const want = `{"platform_tag":"tiny_1_wasm32","python":"3.15","python_tag":"cp315","ext_suffix":".cpython-315-wasm32-emscripten.so",` +
		`"emscripten":"6.0.5","compiler":"nobody's emscripten","pyodide":"1.0.0"}`
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// Without a main module, what the system's libraries have is the script's to say.
func TestTheScriptNamesTheSymbolsWhereNoRuntimeDoes(t *testing.T) {
	bake := func(t *testing.T, says string) (*Baked, error) {
		k := newKitchen(t)
		s, err := parseSpec("toolchain.yaml", []byte(linked.Replace(small)))
		if err != nil {
			t.Fatal(err)
		}
		k.Spec, k.Lock.Request = s, s.request()
		k.engine.Container = func(ctx context.Context, spec engine.Spec, out io.Writer) engine.Result {
			result := script(ctx, spec, out)
			for _, m := range spec.Mounts {
				if m.Target == "/opt/wasmill" && says != "" {
					if err := os.WriteFile(filepath.Join(m.Source, "etc/abi.json"), []byte(says), 0o600); err != nil {
						fmt.Fprintln(out, err)
						return engine.Result{ExitStatus: 1}
					}
				}
			}
			return result
		}
		o := k.options(t)
		o.Update = true
		return k.Bake(t.Context(), o)
	}
	baked, err := bake(t, `{"functions": {"malloc": ""}, "data": {"stdout": true}}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := baked.Image.Symbols.Functions["malloc"]; !ok || !baked.Image.Symbols.Data["stdout"] {
		t.Errorf("the symbols are %+v", baked.Image.Symbols)
	}
	for says, want := range map[string]string{"": "opt/wasmill/etc/abi.json", "{": "reading opt/wasmill/etc/abi.json, which the script has made"} {
		if _, err := bake(t, says); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a script that says %q gives %v, want %q", says, err, want)
		}
	}
}
