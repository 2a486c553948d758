//go:build integration

package wheel_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/wheel"
)

func get(t *testing.T, url, accept string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return b
}

// npmRuntime reads the runtime out of a release of the npm package pyodide.
func npmRuntime(t *testing.T, version string) *wheel.Runtime {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(get(t, "https://registry.npmjs.org/pyodide/-/pyodide-"+version+".tgz", "*/*")))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[filepath.Base(h.Name)], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	runtime, err := wheel.ReadRuntime(files["pyodide.asm.wasm"], files["pyodide.asm.mjs"])
	if err != nil {
		t.Fatal(err)
	}
	return runtime
}

// published downloads the newest wheel of a project for a platform and checks its hash.
func published(t *testing.T, project, platform string) string {
	t.Helper()
	var page struct {
		Files []struct {
			Filename, URL string
			Hashes        map[string]string
		}
	}
	text := get(t, "https://pypi.org/simple/"+project+"/", "application/vnd.pypi.simple.v1+json")
	if err := json.Unmarshal(text, &page); err != nil {
		t.Fatal(err)
	}
	for i := len(page.Files) - 1; i >= 0; i-- {
		f := page.Files[i]
		if !strings.HasSuffix(f.Filename, platform+".whl") {
			continue
		}
		b := get(t, f.URL, "*/*")
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != f.Hashes["sha256"] {
			t.Fatalf("%s has another hash than its index says", f.Filename)
		}
		path := filepath.Join(t.TempDir(), f.Filename)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Skipf("%s has no wheel for %s", project, platform)
	return ""
}

// What others built and published, and people use, must not be called broken.
func TestNoFalseAlarmOnPublishedWheels(t *testing.T) {
	for _, c := range []struct {
		runtime, platform, python string
		projects                  []string
	}{
		{"314.0.7", "pyemscripten_2026_0_wasm32", "3.14", []string{"jiter", "pydantic-core", "charset-normalizer"}},
		{"315.0.0-alpha.2", "pyemscripten_2026_5_wasm32", "3.15", []string{"msgpack"}},
	} {
		runtime := npmRuntime(t, c.runtime)
		abi, err := wheel.NewABI(c.platform, c.python)
		if err != nil {
			t.Fatal(err)
		}
		for _, project := range c.projects {
			t.Run(project, func(t *testing.T) {
				path := published(t, project, c.platform)
				found, err := wheel.Audit(path, abi, runtime)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range found {
					t.Errorf("%s: %+v", filepath.Base(path), f)
				}
				// The audit must have looked: without the runtime's exports, nearly every import is undefined.
				if found, _ := wheel.Audit(path, abi, &wheel.Runtime{}); len(found) < 20 {
					t.Errorf("against an empty runtime there are only %d findings", len(found))
				}
			})
		}
	}
}
