package python

import (
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// A farm gives its Python for WASI over TLS to who has a token, and once: then nobody is asked.
func TestPythonFromAFarm(t *testing.T) {
	const archive = "an interpreter"
	digest := record.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(archive))))
	sent, asked := archive, 0
	built := &record.Build{Key: "abc", Artifacts: []record.Artifact{{Filename: "cpython-wasi-3.13.5-wasi_wasm32.tar.gz", Digest: digest}}}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"kind":"unauthenticated","message":"who are you?"}`)
			return
		}
		switch {
		case built == nil:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"kind":"not-found","message":"no build"}`)
		case r.URL.String() == "/api/v1/builds/cpython-wasi?outcome=passed":
			_ = json.NewEncoder(w).Encode(built)
		case strings.HasPrefix(r.URL.Path, "/api/v1/blobs/"+string(digest)):
			fmt.Fprint(w, sent)
		}
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	h := home{cache: t.TempDir()}
	for _, c := range []struct {
		story, token, ca string
		before           func()
		kind             fault.Kind
		says             string
	}{
		{"an authority that nobody knows", "secret", "", func() {}, fault.Unavailable, "certificate"},
		{"no token", "", ca, func() {}, fault.Unauthenticated, "who are you?"},
		{"other bytes", "secret", ca, func() { sent = "something else" }, fault.Invalid, "instead of " + strings.TrimPrefix(string(digest), "sha256:")},
		{"none has passed", "secret", ca, func() { built, sent = nil, archive }, fault.NotFound, "wasmill submit --toolchain wasip1_cp313 cpython-wasi"},
	} {
		was := built
		c.before()
		t.Setenv("WASMILL_TOKEN", c.token)
		t.Setenv("WASMILL_CA", c.ca)
		if got, err := h.fromFarm(t.Context(), server.URL); got != "" || fault.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %q, %v (%v)", c.story, got, err, fault.KindOf(err))
		}
		if left, _ := filepath.Glob(filepath.Join(h.cache, "wasi", "*")); len(left) > 0 {
			t.Errorf("%s leaves %v", c.story, left)
		}
		built = was
	}
	for _, story := range []string{"from the farm", "from the cache"} {
		got, err := h.fromFarm(t.Context(), server.URL)
		if text, _ := os.ReadFile(got); err != nil || string(text) != archive {
			t.Fatalf("%s: %q, %v", story, got, err)
		}
		server.Close()
	}
	before := asked
	t.Setenv("WASMILL_CA", "")
	if _, err := h.fromFarm(t.Context(), "http://farm.example"); fault.KindOf(err) != fault.Invalid || asked != before {
		t.Errorf("a token in the clear: %v", err)
	}
}
