package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch/fetchtest"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/world"
)

// A package for WASI says itself what it wants of a runtime, once it is linked.
func TestWhatAPackageForWASIRequires(t *testing.T) {
	dir := t.TempDir()
	pack := func(name, file, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, fetchtest.TarGz(t, map[string]string{file: text}), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := pack("a-1-cp313-wasi_wasm32.tar.gz", "package.json", `{"schema":1,"name":"a","requires":{"loaders":["wasip1"],"imports":["wasi_snapshot_preview1.fd_read"]}}`)
	got, err := audit.Requires(good)
	if diff := cmp.Diff(record.Requires{Loaders: []string{world.Program}, Imports: []string{"wasi_snapshot_preview1.fd_read"}}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for words, path := range map[string]string{
		"it has no package.json":        pack("lib.tar.gz", "lib/libz.a", ""),
		"does not say what it requires": pack("old.tar.gz", "package.json", `{"schema":1}`),
		"reading package.json":          pack("broken.tar.gz", "package.json", `{"schema"`),
		"there is no file":              filepath.Join(dir, "none.tar.gz"),
	} {
		if _, err := audit.Requires(path); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "no.tar.gz"), []byte("PK"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Requires(filepath.Join(dir, "no.tar.gz")); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("what is no archive: %v", err)
	}
	if _, _, err := audit.Artifact(good); err == nil || !strings.Contains(err.Error(), "an archive to be linked") {
		t.Errorf("its modules: %v", err)
	}
}
