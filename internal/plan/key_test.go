package plan_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
)

func inputs() plan.Inputs {
	return plan.Inputs{
		Recipe:    []plan.Input{{Name: "build", Digest: digest("recipe")}, {Name: "file x", Digest: digest("x")}},
		Sources:   []plan.Input{{Name: "source", Digest: digest("source")}, {Name: "extra", Digest: digest("extra")}},
		Patches:   []plan.Input{{Name: "a.patch", Digest: digest("a")}, {Name: "b.patch", Digest: digest("b")}},
		Tests:     digest("tests"),
		Toolchain: digest("toolchain"),
		Lock:      digest("lock"),
		Hosts:     []plan.Input{{Name: "numpy", Digest: digest("numpy")}, {Name: "openblas", Digest: digest("openblas")}},
		Env:       map[string]string{"SOURCE_DATE_EPOCH": "1", "LANG": "C"},
		Builder:   plan.Builder{Version: "1", Digest: digest("builder")},
	}
}

func TestEachInputChangesTheKey(t *testing.T) {
	keys := map[string]string{plan.Key(inputs()): "nothing"}
	for what, change := range map[string]func(*plan.Inputs){
		"recipe":               func(in *plan.Inputs) { in.Recipe[0].Digest = digest("x") },
		"a file of the recipe": func(in *plan.Inputs) { in.Recipe[1].Name = "file y" },
		"tests":                func(in *plan.Inputs) { in.Tests = digest("x") },
		"browser":              func(in *plan.Inputs) { in.Browser = digest("x") },
		"source digest":        func(in *plan.Inputs) { in.Sources[0].Digest = digest("x") },
		"source name":          func(in *plan.Inputs) { in.Sources[0].Name = "x" },
		"source gone":          func(in *plan.Inputs) { in.Sources = in.Sources[:1] },
		"patch digest":         func(in *plan.Inputs) { in.Patches[0].Digest = digest("x") },
		"patch name":           func(in *plan.Inputs) { in.Patches[0].Name = "x" },
		"patch order":          func(in *plan.Inputs) { slices.Reverse(in.Patches) },
		"patches gone":         func(in *plan.Inputs) { in.Patches = nil },
		"toolchain":            func(in *plan.Inputs) { in.Toolchain = digest("x") },
		"lock":                 func(in *plan.Inputs) { in.Lock = digest("x") },
		"no lock":              func(in *plan.Inputs) { in.Lock = "" },
		"output of a host":     func(in *plan.Inputs) { in.Hosts[1].Digest = digest("x") },
		"another host":         func(in *plan.Inputs) { in.Hosts[1].Name = "x" },
		"a host more":          func(in *plan.Inputs) { in.Hosts = append(in.Hosts, plan.Input{Name: "x", Digest: digest("x")}) },
		"environment value":    func(in *plan.Inputs) { in.Env["LANG"] = "de" },
		"environment name":     func(in *plan.Inputs) { delete(in.Env, "LANG"); in.Env["LC_ALL"] = "C" },
		"environment, empty":   func(in *plan.Inputs) { in.Env["LANG"] = "" },
		"environment, unset":   func(in *plan.Inputs) { delete(in.Env, "LANG") },
		"builder version":      func(in *plan.Inputs) { in.Builder.Version = "2" },
		"builder digest":       func(in *plan.Inputs) { in.Builder.Digest = digest("x") },
		"text over a border":   func(in *plan.Inputs) { in.Sources[0].Name += string(in.Sources[0].Digest); in.Sources[0].Digest = "" },
		"patch told a source":  func(in *plan.Inputs) { in.Sources = append(in.Sources, in.Patches...); in.Patches = nil },
	} {
		in := inputs()
		change(&in)
		key := plan.Key(in)
		if len(key) != 64 {
			t.Errorf("%s: the key %q is not 64 digits long", what, key)
		}
		if other, ok := keys[key]; ok {
			t.Errorf("changing %s gives the key of changing %s", what, other)
		}
		keys[key] = what
	}
}

func TestWhatHasNoOrderDoesNotChangeTheKey(t *testing.T) {
	want := plan.Key(inputs())
	in := inputs()
	slices.Reverse(in.Recipe)
	slices.Reverse(in.Sources)
	slices.Reverse(in.Hosts)
	if got := plan.Key(in); got != want {
		t.Errorf("another order of sources and hosts gives another key")
	}
	if in.Hosts[0].Name != "openblas" {
		t.Error("Key has sorted its caller's list")
	}
}

// A key is kept for years, in databases and registries. If this test fails, either restore the encoding or raise
// keyVersion, knowing that every package is then built again.
func TestKeysStayWhatTheyWere(t *testing.T) {
	const want = "36cdea298c086fe288e08707516ac864df020c1dbcdd720abd04b5cbec89af43"
	if got := plan.Key(inputs()); got != want {
		t.Errorf("Key = %s, want %s", got, want)
	}
}

// Scheduling must never get into a key: whoever adds a field to Inputs reads this list first.
func TestInputsAreThese(t *testing.T) {
	var fields []string
	for f := range reflect.TypeFor[plan.Inputs]().Fields() {
		fields = append(fields, f.Name)
	}
	want := []string{"Recipe", "Sources", "Patches", "Tests", "Browser", "Toolchain", "Lock", "Hosts", "Env", "Builder"}
	if !slices.Equal(fields, want) {
		t.Errorf("Inputs has the fields %v, want %v", fields, want)
	}
}

func TestOutput(t *testing.T) {
	a := record.Artifact{Filename: "a.whl", Digest: digest("a")}
	b := record.Artifact{Filename: "b.whl", Digest: digest("b")}
	if got := plan.Output(&record.Build{}); got != "" {
		t.Errorf("output of a build without artifacts: %q", got)
	}
	if got := plan.Output(&record.Build{Artifacts: []record.Artifact{a}}); got != a.Digest {
		t.Errorf("output of a single artifact: %q, want its own digest", got)
	}
	ab := plan.Output(&record.Build{Artifacts: []record.Artifact{a, b}})
	ba := plan.Output(&record.Build{Artifacts: []record.Artifact{b, a}})
	if ab != ba || ab == a.Digest || ab == b.Digest {
		t.Errorf("output of two artifacts: %q, and %q in the other order", ab, ba)
	}
}

func TestCompletingAKey(t *testing.T) {
	full := inputs()
	a := plan.Action{Recipe: "scipy", Inputs: inputs(), Wants: plan.Wants{Lock: true, Hosts: []string{"numpy"}}}
	a.Inputs.Lock, a.Inputs.Hosts = "", full.Hosts[1:]

	outputs := map[string]record.Digest{"numpy": digest("numpy"), "unrelated": digest("x")}

	early := a
	if err := early.Complete("", outputs); err != nil || early.Key != "" || !early.Wants.Lock || len(early.Wants.Hosts) != 0 {
		t.Errorf("without a lock: %+v, %v", early, err)
	}
	if len(a.Inputs.Hosts) != 1 {
		t.Error("Complete has changed a copy of the action")
	}
	if err := early.Complete(full.Lock, outputs); err != nil || early.Key != plan.Key(full) {
		t.Errorf("with the lock that came later: %s, %v; want the key of the full inputs", early.Key, err)
	}
	if err := a.Complete(full.Lock, outputs); err != nil || a.Key != plan.Key(full) {
		t.Errorf("all at once: %s, %v; want the key of the full inputs", a.Key, err)
	}
	a.Wants.Hosts = []string{"scipy"}
	if err := a.Complete(full.Lock, outputs); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("without an output: %v", err)
	}
}
