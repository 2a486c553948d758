package python

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/fetch/fetchtest"
	"github.com/wasmill/wasmill/internal/pyodide"
)

// What comes from npm under another hash is not unpacked, and nothing of it stays.
func TestWrongHashFromNpm(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("something else")) }))
	defer server.Close()
	h := home{cache: t.TempDir()}
	_, err := h.unpacked(t.Context(), "pyodide-1", fetch.Source{URL: server.URL + "/pyodide.tgz", SHA256: strings.Repeat("0", 64)})
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "expected sha256 0000") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(h.cache, "npm", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What was unpacked and is not what it was is noticed, and is unpacked anew, without the network.
func TestUnpackedIsWhatItWas(t *testing.T) {
	packed := fetchtest.TarGz(t, map[string]string{"package/runtime.wasm": "a module", "package/lib/a file": "a library"})
	served := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { served++; _, _ = w.Write(packed) }))
	defer server.Close()
	h := home{cache: t.TempDir()}
	source := fetch.Source{URL: server.URL + "/pyodide.tgz", SHA256: fmt.Sprintf("%x", sha256.Sum256(packed))}
	for _, c := range []struct {
		story  string
		damage func(dir string) error
		keeps  bool // what was done is no damage
	}{
		{"at first", func(string) error { return nil }, false},
		{"nothing happened", func(dir string) error { return nil }, true},
		{"a file was cut off", func(dir string) error { return os.Truncate(dir+"/runtime.wasm", 3) }, false},
		{"a file was cut off by a crash", func(dir string) error {
			return errors.Join(os.Truncate(dir+"/lib/a file", 0), os.Chtimes(dir+"/lib/a file", fetch.Mtime, fetch.Mtime))
		}, false},
		{"a file was changed", func(dir string) error { return os.WriteFile(dir+"/runtime.wasm", []byte("another."), 0o644) }, false},
		{"a file is gone", func(dir string) error { return os.Remove(dir + "/lib/a file") }, false},
		{"the list is gone", func(dir string) error { return os.Remove(dir + listSuffix) }, false},
		{"the list is half", func(dir string) error { return os.Truncate(dir+listSuffix, 12) }, false},
		{"the folder is gone", os.RemoveAll, false},
	} {
		dir := filepath.Join(h.cache, "npm", "pyodide-1-"+source.SHA256[:16])
		mark := dir + "/mark" // goes with the folder
		_ = os.WriteFile(mark, nil, 0o644)
		if err := c.damage(dir); err != nil {
			t.Fatal(err)
		}
		got, err := h.unpacked(t.Context(), "pyodide-1", source)
		text, _ := os.ReadFile(dir + "/runtime.wasm")
		other, _ := os.ReadFile(dir + "/lib/a file")
		if err != nil || got != dir || string(text) != "a module" || string(other) != "a library" {
			t.Errorf("%s: %s, %v: %q, %q", c.story, got, err, text, other)
		}
		if _, err := os.Stat(mark); c.keeps != (err == nil) {
			t.Errorf("%s: unpacked anew: %v", c.story, err != nil)
		}
	}
	if served != 1 {
		t.Errorf("downloaded %d times", served)
	}
}

func TestCacheThatCantBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, cache := range map[string]string{"below a file": filepath.Join(file, "cache"), "where nothing can be made": "/proc/nothing"} {
		_, err := home{cache: cache}.scripts()
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), envCache) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPinnedNodesAreWhole(t *testing.T) {
	for system, p := range pyodide.Nodes() {
		if len(p.SHA256) != 64 || !strings.HasPrefix(p.Version, "24.") || !strings.Contains(system, "/") {
			t.Errorf("%s: %+v", system, p)
		}
	}
}
