package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// alone runs a command with no farm at all.
func alone(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	a := &app{out: &out, err: io.Discard}
	cmd := a.root()
	command.Prepare(cmd)
	cmd.SetArgs(append([]string{"--data", filepath.Join(t.TempDir(), "data"), "-q"}, args...))
	err := cmd.ExecuteContext(context.Background())
	return out.String(), err
}

// smallRuntime is a folder with a runtime that provides one function.
func smallRuntime(t *testing.T) string {
	t.Helper()
	main := wasmtest.Module{Exports: []wasm.Export{{Name: "PyLong_FromLong", Kind: wasm.Func, Signature: "i:i"}}}
	dir := t.TempDir()
	for name, text := range map[string]string{"pyodide.asm.wasm": string(main.Bytes()), "pyodide.asm.mjs": "var wasmImports={fd_write:_fd_write}"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// calls and takes are what an extension imports to call a function, and to take its address.
func calls(name string) wasm.Import {
	return wasm.Import{Module: "env", Name: name, Kind: wasm.Func, Signature: "i:i"}
}

func takes(name string) wasm.Import {
	return wasm.Import{Module: "GOT.func", Name: name, Kind: wasm.Global}
}

// spam is a wheel whose extension imports one symbol, and has a section for debuggers where it is asked for.
func spam(t *testing.T, dir, platform string, needs wasm.Import, debug bool) string {
	t.Helper()
	module := string(wasmtest.Module{
		Imports: []wasm.Import{needs},
		Exports: []wasm.Export{{Name: "PyInit_spam", Kind: wasm.Func, Signature: ":i"}},
	}.Bytes())
	if debug {
		module += string(wasmtest.Custom(".debug_info", "x"))
	}
	return wheeltest.Write(t, dir, wheeltest.Spec{Name: "spam", Version: "1.0", Tag: "cp311-abi3-" + platform, Files: map[string]string{"spam.abi3.so": module}})
}

func TestAudit(t *testing.T) {
	const abi = "pyemscripten_2026_0_wasm32"
	runtime := smallRuntime(t)
	sound := spam(t, t.TempDir(), abi, calls("PyLong_FromLong"), false)
	broken := spam(t, t.TempDir(), abi, takes("fork"), true)
	warned := spam(t, t.TempDir(), abi, calls("PyLong_FromLong"), true)
	both := spam(t, t.TempDir(), "pyemscripten_2025_0_wasm32."+abi, calls("PyLong_FromLong"), false)
	native := spam(t, t.TempDir(), "linux_x86_64", calls("PyLong_FromLong"), false)
	pure := wheeltest.Write(t, t.TempDir(), wheeltest.Spec{Name: "eggs", Version: "2", Files: map[string]string{"eggs.py": ""}})

	for name, c := range map[string]struct {
		args   []string
		status int
		says   string // in the output or the error
	}{
		"sound":                    {[]string{sound}, 0, "spam-1.0-cp311-abi3-" + abi + ".whl: against " + abi + ", " + runtime + ": passes\n"},
		"broken":                   {[]string{sound, broken}, 1, "  error   undefined-symbol  spam.abi3.so fork: its address is taken, but nothing provides it"},
		"a warning":                {[]string{warned}, 0, "passes with 1 warning\n  warning debug-sections  spam.abi3.so: 1"},
		"a call into nothing":      {[]string{spam(t, t.TempDir(), abi, calls("fork"), false)}, 0, "  warning undefined-function  spam.abi3.so fork: nothing provides"},
		"a warning, strictly":      {[]string{"--strict", warned}, 1, "debug-sections"},
		"each ABI of the name":     {[]string{both}, 0, "against pyemscripten_2025_0_wasm32"},
		"another ABI than its own": {[]string{"--abi", "2026_5", sound}, 1, "wrong-tag"},
		"Linux":                    {[]string{native}, 2, "name the ABI to hold it against with --abi"},
		"Linux, what is missing":   {[]string{"--abi", "2026_0", native}, 1, "wrong-tag"},
		"pure":                     {[]string{pure}, 0, "eggs-2-py3-none-any.whl: promises no platform: passes"},
		"over the budget":          {[]string{"--max-size", "100B", pure}, 1, "size-budget"},
		"no file":                  {[]string{"/nonexistent/a-1-py3-none-any.whl"}, 2, "no such file"},
		"no wheel's name":          {[]string{"/nonexistent/a.tar.gz"}, 2, "does not end in .whl"},
		"an unknown ABI":           {[]string{"--abi", "2031_0", sound}, 2, "not known: it is one of"},
		"an unknown format":        {[]string{"--format", "xml", sound}, 2, "--format is text, json or sarif"},
		"no size":                  {[]string{"--max-size", "large", sound}, 2, "is not a size such as 5 MB"},
		"nothing to audit":         {nil, 2, "needs wheel files"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := alone(t, append([]string{"audit", "--runtime", runtime}, c.args...)...)
			status := 0
			switch {
			case errors.Is(err, command.ErrFailed):
				status = 1
			case err != nil:
				status = fault.KindOf(err).ExitStatus()
				out += err.Error()
			}
			if status != c.status || !strings.Contains(out, c.says) {
				t.Errorf("status %d, want %d; want %q in:\n%s", status, c.status, c.says, out)
			}
		})
	}
}

func TestAuditAsData(t *testing.T) {
	broken := spam(t, t.TempDir(), "pyemscripten_2026_0_wasm32", takes("fork"), true)
	for _, flags := range [][]string{{"--format", "json"}, {"--json"}} {
		out, _ := alone(t, append([]string{"audit", "--runtime", smallRuntime(t), broken}, flags...)...)
		var got []audit.Report
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %v\n%s", flags, err, out)
		}
		if len(got) != 1 || got[0].Wheel != broken || got[0].Errors != 1 || got[0].Warnings != 1 || len(got[0].Findings) != 2 {
			t.Errorf("%v: %+v", flags, got)
		}
	}
	out, _ := alone(t, "audit", "--runtime", smallRuntime(t), "--format", "sarif", broken)
	var log struct {
		Version string
		Runs    []struct{ Results []struct{ RuleID string } }
	}
	if err := json.Unmarshal([]byte(out), &log); err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 || len(log.Runs[0].Results) != 2 {
		t.Errorf("%+v, %v", log, err)
	}
}
