package python

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A program is asked for its version once, and again when it is another.
func TestWhichNodeItIs(t *testing.T) {
	h, dir := home{cache: t.TempDir()}, t.TempDir()
	program, calls := filepath.Join(dir, "node"), filepath.Join(dir, "calls")
	install := func(says string) {
		t.Helper()
		if err := os.WriteFile(program, []byte("#!/bin/sh\necho x >> "+calls+"\n"+says+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	asked := func() int {
		text, _ := os.ReadFile(calls)
		return strings.Count(string(text), "x")
	}
	install("echo v20.1.0")
	for range 2 {
		if n, err := h.probeNode(t.Context(), program); err != nil || n.version != "v20.1.0" || asked() != 1 {
			t.Errorf("got %+v %v, asked %d times", n, err, asked())
		}
	}
	install("echo v24.10.0")
	if n, err := h.probeNode(t.Context(), program); err != nil || n.version != "v24.10.0" {
		t.Errorf("another one: %+v %v", n, err)
	}
	for says, words := range map[string]string{
		"echo v18.20.99": "at least 20", "echo hello": "no version of node", "echo; exit 3": "asking it", "printf v22.1": "no version of node",
	} {
		install(says)
		if _, err := h.probeNode(t.Context(), program); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
