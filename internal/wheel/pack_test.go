package wheel_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

var (
	epoch  = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	native = wheeltest.Spec{
		Name: "Markup_Safe", Version: "3.0.3", Tag: "cp315-cp315-linux_x86_64",
		Files: map[string]string{
			"markupsafe/__init__.py":                               "from ._speedups import escape\n",
			"markupsafe/_speedups.cpython-315-x86_64-linux-gnu.so": strings.Repeat("\x00asm", 1000),
			"a last, with a comma.txt":                             "",
			"Markup_Safe-3.0.3.dist-info/RECORD.jws":               "{}",
			"Markup_Safe-3.0.3.dist-info/licenses/LICENSE":         "BSD\n",
		},
	}
	target = wheel.PackOptions{
		Epoch: epoch, PlatformTag: "pyemscripten_2026_5_wasm32", ExtSuffix: ".cpython-315-wasm32-emscripten.so",
	}
)

func repack(t *testing.T, src string, opts wheel.PackOptions) (string, []byte) {
	t.Helper()
	dst := t.TempDir()
	p, err := wheel.Repack(src, dst, opts)
	if err != nil {
		t.Fatal(err)
	}
	a := p.Wheel
	path := filepath.Join(dst, a.Filename)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != a.Size {
		t.Errorf("%d bytes, announced as %d", len(b), a.Size)
	}
	return path, b
}

func TestRepack(t *testing.T) {
	path, _ := repack(t, wheeltest.Write(t, t.TempDir(), native), target)
	if got, want := filepath.Base(path), "markup_safe-3.0.3-cp315-cp315-pyemscripten_2026_5_wasm32.whl"; got != want {
		t.Errorf("named %s, want %s", got, want)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		if len(f.Extra) > 0 || f.Mode() != 0o644 || !f.Modified.Equal(epoch.Truncate(2*time.Second)) || f.Flags&8 != 0 {
			t.Errorf("%s: extra %v, mode %v, time %v, flags %x", f.Name, f.Extra, f.Mode(), f.Modified, f.Flags)
		}
	}
	want := []string{
		"a last, with a comma.txt",
		"markupsafe/__init__.py",
		"markupsafe/_speedups.cpython-315-wasm32-emscripten.so",
		"Markup_Safe-3.0.3.dist-info/METADATA",
		"Markup_Safe-3.0.3.dist-info/WHEEL",
		"Markup_Safe-3.0.3.dist-info/licenses/LICENSE",
		"Markup_Safe-3.0.3.dist-info/RECORD",
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
	w := open(t, path)
	if m, err := w.VerifyRecord(nil); err != nil || len(m) > 0 {
		t.Error(m, err)
	}
	if d := cmp.Diff([]string{"cp315-cp315-pyemscripten_2026_5_wasm32"}, w.Info.All("Tag")); d != "" {
		t.Error(d)
	}
}

// Whatever order, folder, times and umask the contents come with: the same contents are the same bytes, and a wheel that
// is packed already stays as it is.
func TestRepackIsReproducible(t *testing.T) {
	packed, want := repack(t, wheeltest.Write(t, t.TempDir(), native), target)
	same := func(how, src string) {
		t.Helper()
		if _, got := repack(t, src, target); !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes", how)
		}
	}
	same("repacked", packed)

	reverse := native
	reverse.Reverse = true
	same("other order", wheeltest.Write(t, t.TempDir(), reverse))

	dir := t.TempDir()
	wheeltest.Unpack(t, dir, native)
	if err := os.Chmod(filepath.Join(dir, "markupsafe/__init__.py"), 0o600); err != nil {
		t.Fatal(err)
	}
	same("from a folder", dir)
}

// Equal contents must stay equal bytes from one release of the farm to the next, or everything is rebuilt. Who changes
// this digest changes the builder's version with it.
func TestRepackIsTheSameAsEver(t *testing.T) {
	a, err := wheel.Repack(wheeltest.Write(t, t.TempDir(), native), t.TempDir(), target)
	if err != nil {
		t.Fatal(err)
	}
	if want := "sha256:cc9f4b132bb91643902301f37d072af94a705a9b3f05cf55d38b8d017d15405a"; string(a.Wheel.Digest) != want {
		t.Errorf("got %s, want %s", a.Wheel.Digest, want)
	}
}

func TestRepackIsReproducibleForAnyContents(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		s := wheeltest.Spec{Name: "x", Version: "1", Files: map[string]string{}}
		for i := range random.IntN(12) {
			body := make([]byte, random.IntN(5000))
			for j := range body {
				body[j] = byte(random.IntN(1 + i*20))
			}
			s.Files[fmt.Sprintf("%c/%d.py", 'a'+random.IntN(3), random.IntN(1000))] = string(body)
		}
		opts := wheel.PackOptions{Epoch: time.Unix(random.Int64N(1<<32), 0)}
		packed, want := repack(t, wheeltest.Write(t, t.TempDir(), s), opts)
		if _, got := repack(t, packed, opts); !bytes.Equal(got, want) {
			t.Fatalf("a repack of the repack differs: %v", maps.Collect(maps.All(s.Files)))
		}
		for name, text := range s.Files {
			if got, err := open(t, packed).ReadFile(name); err != nil || string(got) != text {
				t.Fatalf("%s changed: %v", name, err)
			}
		}
	}
}

func TestRepackKeepsTheExecutableBit(t *testing.T) {
	dir := t.TempDir()
	s := wheeltest.Spec{Name: "x", Version: "1", Files: map[string]string{"x-1.data/scripts/tool": "#!python\n"}}
	wheeltest.Unpack(t, dir, s)
	if err := os.Chmod(filepath.Join(dir, "x-1.data/scripts/tool"), 0o711); err != nil {
		t.Fatal(err)
	}
	path, _ := repack(t, dir, wheel.PackOptions{Epoch: epoch})
	for _, f := range open(t, path).Files {
		if want := strings.HasPrefix(f.Name, "x-1.data"); f.Executable != want {
			t.Errorf("%s: executable %v", f.Name, f.Executable)
		}
	}
}

func TestRepackBefore1980(t *testing.T) {
	src := wheeltest.Write(t, t.TempDir(), wheeltest.Spec{Name: "x", Version: "1"})
	_, zero := repack(t, src, wheel.PackOptions{})
	_, first := repack(t, src, wheel.PackOptions{Epoch: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
	if !bytes.Equal(zero, first) {
		t.Error("the zero time is not 1980-01-01")
	}
}

func TestRepackRefusesAndLeavesNothing(t *testing.T) {
	twoSets := wheeltest.Spec{Name: "x", Version: "1", Files: map[string]string{
		"x-1.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\nTag: cp315-cp315-linux_x86_64\n",
	}}
	clash := native
	clash.Files = map[string]string{"a.cpython-315-x86_64-linux-gnu.so": "", "a.cpython-315-wasm32-emscripten.so": ""}
	noMetadata := wheeltest.Spec{Name: "x", Version: "1", Without: []string{"x-1.dist-info/METADATA"}}
	for want, make := range map[string]func(dir string){
		"do not make a file name":       func(dir string) { wheeltest.Unpack(t, dir, twoSets) },
		"two files would have the name": func(dir string) { wheeltest.Unpack(t, dir, clash) },
		"no x-1.dist-info/METADATA":     func(dir string) { wheeltest.Unpack(t, dir, noMetadata) },
		"no .dist-info folder":          func(string) {},
		`"link" is not a regular file`:  func(dir string) { _ = os.Symlink("/etc/passwd", filepath.Join(dir, "link")) },
	} {
		src, dst := t.TempDir(), t.TempDir()
		make(src)
		_, err := wheel.Repack(src, dst, target)
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("got %v, want %q", err, want)
		}
		if left, _ := os.ReadDir(dst); len(left) > 0 {
			t.Errorf("%s: left %v behind", want, left)
		}
	}
}

// A wheel that breaks off in the middle must not become a shorter one.
func TestRepackOfADamagedWheel(t *testing.T) {
	path := wheeltest.Write(t, t.TempDir(), native)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("from ._speedups"))
	if at < 0 { // deflated: spoil what follows the name instead
		at = bytes.Index(b, []byte("markupsafe/__init__.py")) + len("markupsafe/__init__.py") + 4
	}
	b[at] ^= 0xff
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := wheel.Repack(path, t.TempDir(), target); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("got %v", err)
	}
}
