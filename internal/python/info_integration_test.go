//go:build integration

package python_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What --wasm-info names is there, and is what a program finds itself in.
func TestInfoIsTrue(t *testing.T) {
	inside := call(t, "", "-c", "import sys; print(sys.version.split('rc')[0].rpartition('.')[0], sys.executable)")
	told := call(t, "", "--wasm-info", "--json")
	if inside.status != 0 || told.status != 0 {
		t.Fatal(inside, told)
	}
	var info struct {
		Executable, Toolchain, Python, Runtime, Prefix, Cache, Snapshot, Measured string

		Node     struct{ Program, Version string }
		Features map[string]bool
	}
	if err := json.Unmarshal([]byte(told.out), &info); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(inside.out); got != info.Python+" "+info.Executable {
		t.Errorf("a program says %q, --wasm-info %+v", got, info)
	}
	for _, file := range []string{info.Executable, filepath.Join(info.Runtime, "pyodide.asm.wasm"), info.Node.Program, info.Cache, info.Snapshot} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	if _, ok := info.Features["host.jspi"]; !ok || !strings.HasPrefix(info.Node.Version, "v"+strings.TrimPrefix(info.Measured, "node")) {
		t.Errorf("%+v", info)
	}
	people := call(t, "", "--toolchain", "2026_5", "--wasm-info")
	for _, want := range []string{info.Toolchain, info.Python, info.Runtime, info.Node.Version, info.Snapshot, info.Prefix, "JSPI"} {
		if !strings.Contains(people.out, want) {
			t.Errorf("%q is not in\n%s", want, people.out)
		}
	}
}
