package share_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/wasmill/wasmill/bench/share"
)

func TestARegistryIsSharedWithoutBeingChanged(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
	large := bytes.Repeat([]byte("x"), share.Large)
	if err := os.MkdirAll(filepath.Join(from, "blobs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"blobs/data": large, "link": []byte("sha256:old")} {
		if err := os.WriteFile(filepath.Join(from, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := share.Registry(from, to); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(to, "blobs", "data")); err != nil || !bytes.Equal(got, large) {
		t.Errorf("the blob is not there: %v", err)
	}
	if err := os.WriteFile(filepath.Join(to, "link"), []byte("sha256:new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(from, "link")); err != nil || string(got) != "sha256:old" {
		t.Errorf("a link of the registry has become %q, %v", got, err)
	}
}
