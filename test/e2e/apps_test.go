//go:build engine

package e2e

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/record"
)

// farmOfTests is the one that has the interpreter already which this machine's tests are made with: a new one would make it for minutes.
func farmOfTests(t *testing.T) *farm {
	t.Helper()
	address := os.Getenv("WASMILL_TEST_FARM")
	if address == "" {
		t.Skip("WASMILL_TEST_FARM does not name a farm that has built cpython-wasi; `make test` sets it")
	}
	f := &farm{url: address, dir: dataFolder(t, t), registry: registry(t), http: http.DefaultClient}
	f.join(t, t)
	return f
}

// A farm makes a program for WASI of a recipe with a C extension. Whoever looks at the index finds it, with what it is and where it runs; it is
// downloaded and run, and python-wasm takes the interpreter that it was linked with.
func TestAnAppFromAFarm(t *testing.T) {
	f := farmOfTests(t)
	const name = "wasmill-test-story"
	s := &recipes{t.TempDir()}
	for _, needed := range []string{"cpython-wasi", "libzlib", "markupsafe"} {
		if err := os.CopyFS(filepath.Join(s.dir, needed), os.DirFS(filepath.Join("../../recipes", needed))); err != nil {
			t.Fatal(err)
		}
	}
	s.add(t, name, "build: {type: app}\nrequirements: {run: [markupsafe]}\nwasmill: {app: {script: tell.py}, targets: [wasm32-wasip1]}\n", map[string]string{
		"tell.py": "import sys, markupsafe._speedups as fast\nprint(fast._escape_inner(sys.argv[1]))\n",
	})
	r := f.wasmill(t, "submit", "--wait", "--reproduce", "off", "--toolchain", "wasip1_cp313", "--recipes", s.dir, name)
	file := name + "-1.0.wasm"
	address := f.url + "/apps/" + name + "/" + file
	r.expect(t, 0, address+"  sha256:")

	var page struct {
		Files []struct {
			Version, Toolchain, URL, SHA256, Record, Command string
			Runtimes                                         map[string]string
		}
	}
	f.get(t, "/apps/"+name+"/?format=json", &page)
	if len(page.Files) != 1 || page.Files[0].URL != address || page.Files[0].Runtimes["wazero"] != "yes" || page.Files[0].Runtimes["node24"] != "no" {
		t.Fatalf("the page says %+v", page)
	}
	var made record.Build
	f.get(t, strings.TrimPrefix(page.Files[0].Record, f.url), &made)
	if made.Recipe != name || made.Provenance == nil {
		t.Errorf("the record is that of %s, with provenance %v", made.Recipe, made.Provenance)
	}

	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	bytes, err := io.ReadAll(resp.Body)
	if got := fmt.Sprintf("%x", sha256.Sum256(bytes)); err != nil || got != page.Files[0].SHA256 || resp.Header.Get("Content-Type") != "application/wasm" {
		t.Fatalf("%s is %d bytes of sha256 %s, %v, %v", address, len(bytes), got, resp.Header, err)
	}
	local := filepath.Join(t.TempDir(), file)
	if err := os.WriteFile(local, bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{local, name} {
		f.wasmill(t, "exec", what, "<x>").expect(t, 0, "&lt;x&gt;")
	}
	f.wasmill(t, "check", name, "--runtime", "wasmtime").expect(t, 0, file+": can work on wasmtime")

	python := program(t, "python-wasm")
	f.pythonWasm(t, python, "--runtime", "wasi", "-c", "import sys; print(sys.platform, sys.version_info[:2])").expect(t, 0, "wasi (3, 13)")
}
