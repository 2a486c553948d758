package python

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
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
	for system, p := range pinned {
		if len(p.sha256) != 64 || !strings.HasPrefix(p.version, "24.") || !strings.Contains(system, "/") {
			t.Errorf("%s: %+v", system, p)
		}
	}
}
