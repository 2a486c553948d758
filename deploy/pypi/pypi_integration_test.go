//go:build integration

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
)

// pip itself installs the wheel, and what it puts on PATH is Python for WebAssembly, with packages of its own.
func TestPipInstallPythonWasm(t *testing.T) {
	i := slices.IndexFunc(platforms, func(p platform) bool { return p.name() == runtime.GOOS+"/"+runtime.GOARCH })
	if i < 0 {
		t.Skipf("there is no wheel for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	venv := filepath.Join(t.TempDir(), "venv")
	if out, err := exec.CommandContext(t.Context(), "python3", "-m", "venv", venv).CombinedOutput(); err != nil {
		t.Skipf("this machine has no python3 with venv and pip: %v\n%s", err, out)
	}
	var wheels [2][]byte
	file := ""
	for n := range wheels {
		var err error
		if file, err = makeWheel(t.Context(), platforms[i], t.TempDir()); err != nil {
			t.Fatal(err)
		}
		if wheels[n], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(wheels[0], wheels[1]) {
		t.Error("two wheels of the same sources differ")
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(venv, "bin", "pip"), "install", "--no-index", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(venv, "bin", "python-wasm"), "-c", "import sys; print(sys.platform, sys.prefix == sys.base_prefix)")
	if out, err = cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "emscripten True\n") {
		t.Errorf("%v\n%s", err, out)
	}

	// Beside it there is this machine's python, which its own virtual environments must not be taken to be made from: uv would build
	// projects with it.
	own := filepath.Join(t.TempDir(), "own")
	if out, err := exec.CommandContext(t.Context(), filepath.Join(venv, "bin", "python-wasm"), "-m", "venv", own).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd = exec.CommandContext(t.Context(), filepath.Join(own, "bin", "python"), "-c", "import os, sys; print(os.path.basename(sys._base_executable))")
	if out, err = cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "python-wasm\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUnknownPlatform(t *testing.T) {
	cmd := root()
	cmd.SetArgs([]string{"--platform", "plan9/amd64", "--out", t.TempDir()})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.Execute(); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "linux/arm64") {
		t.Errorf("%v", err)
	}
}
