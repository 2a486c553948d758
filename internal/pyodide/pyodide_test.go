package pyodide_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch/fetchtest"
	"github.com/wasmill/wasmill/internal/pyodide"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
)

// release are the files of a small Pyodide.
func release(script string) map[string]string {
	main := wasmtest.Module{Exports: []wasm.Export{{Name: "PyLong_FromLong", Kind: wasm.Func, Signature: "i:i"}}}
	return map[string]string{"package.json": "{}", "pyodide.asm.wasm": string(main.Bytes()), script: "var wasmImports={fd_write:_fd_write}"}
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func archive(t *testing.T, files map[string]string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pyodide.tgz")
	if err := os.WriteFile(file, fetchtest.TarGz(t, fetchtest.Below("package", files)), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOpen(t *testing.T) {
	for name, path := range map[string]string{
		"folder":          folder(t, release("pyodide.asm.mjs")),
		"folder, before":  folder(t, release("pyodide.asm.js")), // the script's name until 0.29
		"package":         archive(t, release("pyodide.asm.mjs")),
		"package, before": archive(t, release("pyodide.asm.js")),
	} {
		r, err := pyodide.Open(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, ok := r.Script["fd_write"]; !ok || r.Functions["PyLong_FromLong"] != "i:i" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	text := filepath.Join(folder(t, map[string]string{"x": "text"}), "x")
	half := release("pyodide.asm.mjs")
	delete(half, "pyodide.asm.wasm")
	for name, c := range map[string]struct {
		path, says string
		kind       fault.Kind
	}{
		"nothing":       {"/nonexistent/pyodide", "no such file", fault.NotFound},
		"a text":        {text, "not an npm package", fault.Invalid},
		"half a folder": {folder(t, half), "a runtime is pyodide.asm.wasm with", fault.Invalid},
		"half archive":  {archive(t, half), "a runtime is pyodide.asm.wasm with", fault.Invalid},
	} {
		if _, err := pyodide.Open(c.path); err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v (%v), want %q", name, err, fault.KindOf(err), c.says)
		}
	}
}

// An ABI that audits know without a runtime to compare with would pass everything by.
func TestEachABIHasItsRelease(t *testing.T) {
	seen := map[string]bool{}
	for _, tag := range audit.Known() {
		r, ok := pyodide.For(tag)
		if !ok || seen[r.SHA256] || len(r.SHA256) != 64 || !strings.Contains(r.Source().URL, "/pyodide-"+r.Version+".tgz") {
			t.Errorf("%s: %+v", tag, r)
		}
		seen[r.SHA256] = true
	}
	if _, ok := pyodide.For("manylinux_2_28_x86_64"); ok {
		t.Error("another platform has a release")
	}
}
