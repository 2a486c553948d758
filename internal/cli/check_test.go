package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasi/assembler"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/world"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	sockets := spam(t, dir, "pyemscripten_2026_5_wasm32", calls("connect"), false)
	var p, foreign assembler.Program
	foreign.Imports = []wasm.Import{{Module: "env", Name: "system", Kind: wasm.Func, Signature: "i:i"}}
	for name, b := range map[string][]byte{"app.wasm": p.Assemble(p.Exit(assembler.I32(0))), "foreign.wasm": foreign.Assemble(), "text.wasm": []byte("(module)"),
		"nothing.wasm": []byte("\x00asm\x01\x00\x00\x00")} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	app, other := filepath.Join(dir, "app.wasm"), filepath.Join(dir, "foreign.wasm")
	for story, c := range map[string]struct {
		args []string
		want string
		err  error
	}{
		"all runtimes": {[]string{app, sockets},
			"ARTIFACT                                            CHROMIUM  NODE20  NODE20-WASI  NODE24  NODE24-WASI  WASMTIME  WAZERO\n" +
				"app.wasm                                            no        no      yes          no      yes          yes       yes\n" +
				"spam-1.0-cp311-abi3-pyemscripten_2026_5_wasm32.whl  partly    partly  no           partly  no           no        no\n", nil},
		"a program on wazero": {[]string{app, "--runtime", "wazero"}, "app.wasm: can work on wazero\n", nil},
		"a wheel on node 20": {[]string{sockets, "--runtime", "node20"},
			"spam-1.0-cp311-abi3-pyemscripten_2026_5_wasm32.whl: loads on node20, and calls that need what is missing fail\n" +
				"  host.sockets (spam.abi3.so): calls connect, and the runtime says: OSError: [Errno 23] Host is unreachable\n", nil},
		"a wheel on wazero": {[]string{sockets, "--runtime", "wazero"},
			"spam-1.0-cp311-abi3-pyemscripten_2026_5_wasm32.whl: can't work on wazero\n  loader pyemscripten_2026_5_wasm32: wazero loads wasip1\n", command.ErrFailed},
		"an import that no WASI has": {[]string{other, "--runtime", "wasmtime"}, "foreign.wasm: can't work on wasmtime\n  env.system: it is imported\n", command.ErrFailed},
	} {
		out, err := alone(t, append([]string{"check"}, c.args...)...)
		if out != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: it printed\n%s\nand ended with %v; want\n%s", story, out, err, c.want)
		}
	}
	for story, c := range map[string]struct {
		args []string
		want string
	}{
		"no such file":       {[]string{filepath.Join(dir, "none.wasm")}, "there is no file"},
		"no such runtime":    {[]string{app, "--runtime", "deno"}, "no runtime \"deno\" is known: it is one of chromium"},
		"text":               {[]string{filepath.Join(dir, "text.wasm")}, "not a WebAssembly module"},
		"what nothing loads": {[]string{filepath.Join(dir, "nothing.wasm")}, "neither a side module"},
		"two worlds":         {[]string{"--wit", app, other}, "--wit takes one artifact"},
	} {
		_, err := alone(t, append([]string{"check"}, c.args...)...)
		if k := fault.KindOf(err); err == nil || k.ExitStatus() != 2 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", story, err, c.want)
		}
	}

	out, err := alone(t, "check", "--json", "--runtime", "wazero", other)
	var got []artifactCheck
	if err2 := json.Unmarshal([]byte(out), &got); err2 != nil || !errors.Is(err, command.ErrFailed) {
		t.Fatalf("%v, %v", err, err2)
	}
	if r := got[0].Runtimes[0]; r.Verdict != world.No || r.Missing[0].Name != "env.system" || got[0].Requires.Loaders[0] != world.Program {
		t.Errorf("the JSON says %+v", got)
	}
	if out, err := alone(t, "check", "--wit", app); err != nil || !strings.Contains(out, "%proc-exit: func(p0: u32);") {
		t.Errorf("as WIT: %q, %v", out, err)
	}
}

func TestRuntime(t *testing.T) {
	out, err := alone(t, "runtime", "list")
	if err != nil || !strings.Contains(out, "wazero ") || !strings.Contains(out, "pyemscripten_2026_5_wasm32") {
		t.Errorf("the list is\n%s\n%v", out, err)
	}
	out, err = alone(t, "runtime", "show", "chromium")
	if err != nil || !strings.Contains(out, "host.synchronous-compile  up to 8.0 MiB") {
		t.Errorf("Chromium is\n%s\n%v", out, err)
	}
	// The only runtime that needs nothing but this program is measured anew, and is as it was.
	out, err = alone(t, "runtime", "probe", "wazero", "--json")
	var now world.Runtime
	if err2 := json.Unmarshal([]byte(out), &now); err != nil || err2 != nil {
		t.Fatalf("%v, %v", err, err2)
	}
	was, err := world.Find("wazero")
	if err != nil {
		t.Fatal(err)
	}
	if diff := world.Differences(was, now); len(diff) > 0 {
		t.Errorf("internal/world/runtimes/wazero.json is out of date (`wasmill runtime probe wazero --json`):\n%s", strings.Join(diff, "\n"))
	}
	for _, args := range [][]string{{"show", "deno"}, {"probe", "deno"}, {"probe", "node20", "--program", "/nowhere/node"}, {"probe", "node24", "--abi", "2030_0"}} {
		if _, err := alone(t, append([]string{"runtime"}, args...)...); err == nil {
			t.Errorf("runtime %s went well", strings.Join(args, " "))
		}
	}
}

// The wheels of a run, from their records; what failed, and what is from before records said it, is passed over.
func TestCheckOfARun(t *testing.T) {
	const file = "spam-1.0-cp315-cp315-pyemscripten_2026_5_wasm32.whl"
	farm := &api.Fake{Builds: map[string]record.Build{
		"k1": {Artifacts: []record.Artifact{{Filename: file, Requires: &record.Requires{Loaders: []string{"pyemscripten_2026_5_wasm32"}, Needs: []record.Need{
			{Name: "wasm.extended-const", File: "spam/_a`b|c.so", Why: "in global section"}}}}}},
		"k2": {Artifacts: []record.Artifact{{Filename: "old-1.0-py3-none-any.whl"}}},
	}}
	farm.Keep(api.Run{ID: "monday", State: "failed", Actions: []api.Action{
		{Recipe: "spam", Status: "passed", Key: "k1", Artifact: file}, {Recipe: "old", Status: "cached", Key: "k2", Artifact: "old-1.0-py3-none-any.whl"},
		{Recipe: "bad", Status: "failed", Key: "k3"},
	}})
	farm.Keep(api.Run{ID: "tuesday", State: "failed", Actions: []api.Action{{Recipe: "bad", Status: "failed", Key: "k3"}}})
	out, err := wasmill(t, farm, "check", "--run", "monday", "--markdown")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "checked.md", out)
	if _, err := wasmill(t, farm, "check", "--run", "monday", "--runtime", "node20"); !errors.Is(err, command.ErrFailed) {
		t.Errorf("on node 20: %v", err)
	}
	if _, err := wasmill(t, farm, "check", "--run", "tuesday"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a run without wheels: %v", err)
	}
	if _, err := wasmill(t, farm, "check", "--run", "monday", "x.whl"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a run and a file: %v", err)
	}
}
