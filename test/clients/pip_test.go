//go:build engine

package clients

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pip makes a virtual environment with a pip that knows WebAssembly's tags, and returns a function that downloads
// with it. Without Python on the machine the test is skipped: pip is a client here, and the farm needs none.
func pip(t *testing.T) func(s *server, name string) (files []string, output string, err error) {
	python, err := exec.LookPath("python3")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("there is no python3 on this machine to run pip")
	}
	venv := filepath.Join(t.TempDir(), "venv")
	for _, command := range [][]string{
		{python, "-m", "venv", venv},
		{filepath.Join(venv, "bin/pip"), "install", "--quiet", "pip>=26"},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", command, err, out)
		}
	}
	return func(s *server, name string) ([]string, string, error) {
		dest := t.TempDir()
		out, err := exec.CommandContext(t.Context(), filepath.Join(venv, "bin/pip"), "download", "--isolated", "--no-cache-dir",
			"--dest", dest, "--index-url", s.simple(), "--platform", "pyemscripten_2026_5_wasm32", "--python-version", "3.15",
			"--implementation", "cp", "--abi", "cp315", "--only-binary", ":all:", name).CombinedOutput()
		entries, readErr := os.ReadDir(dest)
		if readErr != nil {
			t.Fatal(readErr)
		}
		var files []string
		for _, e := range entries {
			files = append(files, e.Name())
		}
		return files, string(out), err
	}
}

func TestPipDownload(t *testing.T) {
	download, s := pip(t), serve(t)
	// The files' names matter: where a wheel of this ABI is missing, a resolver may take an older pure one.
	files, out, err := download(s, "wasmill-test-native")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{
		"wasmill_test_dep-2.0-py3-none-any.whl",
		"wasmill_test_native-1.0-cp315-cp315-pyemscripten_2026_5_wasm32.whl",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("%s\n%s", diff, out)
	}
	if !s.asked(".whl.metadata", "") {
		t.Errorf("pip did not use the metadata: it asked for %q", s.requests())
	}

	s.tamper = func(path string, body []byte) []byte {
		if strings.HasSuffix(path, ".whl") {
			body[len(body)-1]++
		}
		return body
	}
	if files, out, err := download(s, "wasmill-test-dep"); err == nil || len(files) > 0 || !strings.Contains(out, "HASH") {
		t.Errorf("with a wrong hash: %v, %v\n%s", err, files, out)
	}
}
