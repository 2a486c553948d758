package wheel_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

func TestIsTest(t *testing.T) {
	for file, want := range map[string]bool{
		"pkg/tests/__init__.py":             true,
		"pkg/test/data/x.bin":               true,
		"tests/x.py":                        true,
		"pkg/test_core.py":                  true,
		"pkg/core_test.py":                  true,
		"conftest.py":                       true,
		"pkg/test_keep.py":                  false, // retained
		"pkg/testing.py":                    false,
		"pkg/contest.py":                    false,
		"pkg/test_data.json":                false,
		"pkg/tests.py":                      false,
		"pkg-1.dist-info/licenses/tests/X":  false,
		"pkg/__pycache__/test_x.cpython.py": false,
	} {
		if got := wheel.IsTest(file, []string{"*_keep.py"}); got != want {
			t.Errorf("%s: %v, want %v", file, got, want)
		}
	}
}

func TestTestsAreSplitOff(t *testing.T) {
	spec := wheeltest.Spec{Name: "pkg", Version: "1.0", Tag: "cp315-cp315-linux_x86_64", Files: map[string]string{
		"pkg/__init__.py":                              "",
		"pkg/tests/test_a.py":                          "def test(): pass\n",
		"pkg/tests/_c.cpython-315-x86_64-linux-gnu.so": "\x00asm",
		"pkg-1.0.data/platlib/pkg/test_b.py":           "",
	}}
	opts := target
	opts.SplitTests = true
	dst := t.TempDir()
	packed, err := wheel.Repack(wheeltest.Write(t, t.TempDir(), spec), dst, opts)
	if err != nil {
		t.Fatal(err)
	}
	w, err := wheel.Open(filepath.Join(dst, packed.Wheel.Filename))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, f := range w.Files {
		if strings.Contains(f.Name, "test") {
			t.Errorf("%s is still in the wheel", f.Name)
		}
	}
	if packed.Tests == nil || packed.Tests.Filename != "pkg-1.0-tests.tar.gz" || packed.Tests.Kind != "tests" {
		t.Fatalf("tests: %+v", packed.Tests)
	}
	want := []string{"pkg/test_b.py", "pkg/tests/_c.cpython-315-wasm32-emscripten.so", "pkg/tests/test_a.py"}
	if diff := cmp.Diff(want, names(t, filepath.Join(dst, packed.Tests.Filename))); diff != "" {
		t.Errorf("names in the archive (-want +got):\n%s", diff)
	}
}

func TestAWheelOfTestsOnlyKeepsThem(t *testing.T) {
	spec := wheeltest.Spec{Name: "test_tools", Version: "1", Files: map[string]string{"test_tools.py": ""}}
	packed, err := wheel.Repack(wheeltest.Write(t, t.TempDir(), spec), t.TempDir(), wheel.PackOptions{SplitTests: true})
	if err != nil || packed.Tests != nil {
		t.Errorf("%+v, %v; want no tests split off", packed.Tests, err)
	}
}

// A module needs liba, which needs libb; libc is there and nobody wants it, libm is nowhere.
func TestSharedLibrariesComeIntoTheWheel(t *testing.T) {
	libs := t.TempDir()
	for name, needed := range map[string][]string{"liba.so": {"libb.so"}, "libb.so": nil, "libc.so": nil} {
		if err := os.WriteFile(filepath.Join(libs, name), wasmtest.Module{Needed: needed}.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(libs, "libb.so"), filepath.Join(libs, "libb.so.1")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("libb.so.1", filepath.Join(libs, "libb.so")); err != nil {
		t.Fatal(err)
	}
	spec := wheeltest.Spec{Name: "My.Pkg", Version: "1", Tag: "cp315-cp315-linux_x86_64", Files: map[string]string{
		"my/deep/_c.so": string(wasmtest.Module{Needed: []string{"liba.so", "libm.so"}, RuntimePath: []string{"/work/libs/lib", "$ORIGIN"}}.Bytes()),
		"my/_pure.so":   string(wasmtest.Module{}.Bytes()),
	}}
	opts := target
	opts.Libraries = libs
	dst := t.TempDir()
	packed, err := wheel.Repack(wheeltest.Write(t, t.TempDir(), spec), dst, opts)
	if err != nil {
		t.Fatal(err)
	}
	w, err := wheel.Open(filepath.Join(dst, packed.Wheel.Filename))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	want := map[string][]string{
		"my/_pure.so": nil, "my/deep/_c.so": {"$ORIGIN", "$ORIGIN/../../my_pkg.libs"}, "my_pkg.libs/liba.so": {"$ORIGIN"}, "my_pkg.libs/libb.so": nil,
	}
	got := map[string][]string{}
	for _, name := range w.Libraries() {
		r, err := w.OpenFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := wasm.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = m.Dylink.RuntimePath
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runtime paths of what is in the wheel (-want +got):\n%s", diff)
	}
}

func names(t *testing.T, file string) (list []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(list)
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, h.Name)
	}
}
