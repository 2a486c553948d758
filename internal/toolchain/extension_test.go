package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/toolchain/debian/debiantest"
)

const extended = small + `extensions:
  rust:
    debian: [rustc]
    script: rust.py
    executables: [rustc, cargo]
    env: {CARGO_HOME: /work/cargo}
    compiler: rustc 1.0
`

// newExtended is a kitchen whose pair is baked, with an extension to bake.
func newExtended(t *testing.T) *kitchen {
	t.Helper()
	k := newKitchen(t)
	spec, err := parseSpec("toolchain.yaml", []byte(extended))
	if err != nil {
		t.Fatal(err)
	}
	k.Spec, k.Lock.Request = spec, spec.request()
	text := debiantest.Deb(t, ".xz", "Package: rustc\nVersion: 1.0\nArchitecture: amd64\nDescription: compiles\n",
		map[string]string{"./usr/bin/rustc": "compiler", "./usr/src/library.rs": "source", "./usr/share/doc/rustc/changelog": "long"})
	sum := sha256.Sum256(text)
	k.mirror.files["/rustc.deb"] = text
	k.Lock.Inputs = append(k.Lock.Inputs, Input{
		Kind: Deb, Name: "rustc", Version: "1.0", Extension: "rust", URL: strings.Replace(k.Lock.Inputs[0].URL, "hello", "rustc", 1),
		Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:]),
	})
	own := k.engine.Container
	k.engine.Container = func(ctx context.Context, spec engine.Spec, out io.Writer) engine.Result {
		if !strings.HasSuffix(spec.Command[len(spec.Command)-1], "/rust.py") {
			return own(ctx, spec, out)
		}
		if err := rustScript(spec); err != nil {
			fmt.Fprintln(out, err)
			return engine.Result{ExitStatus: 1}
		}
		return engine.Result{}
	}
	o := k.options(t)
	o.Update = true
	if _, err := k.Bake(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return k
}

// rustScript is what an extension's script does: it reads what the spec says of the extension, and leaves a library. What
// is in /opt/wasmill it only reads.
func rustScript(spec engine.Spec) error {
	at := map[string]string{}
	for _, m := range spec.Mounts {
		at[m.Target] = m.Source
	}
	if at["/opt/wasmill"] != "" {
		return fmt.Errorf("the extension's script may write to /opt/wasmill")
	}
	text, err := os.ReadFile(filepath.Join(at["/in"], "spec.json"))
	if err != nil {
		return err
	}
	var said struct {
		Extension struct{ Env map[string]string }
	}
	if err := json.Unmarshal(text, &said); err != nil || said.Extension.Env["CARGO_HOME"] != "/work/cargo" {
		return fmt.Errorf("spec.json says %s (%w)", text, err)
	}
	lib := filepath.Join(at["/out"], "usr", "lib")
	if err := os.MkdirAll(lib, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(lib, "libstd.rlib"), []byte("library"), 0o600)
}

func TestAnExtensionIsTheBuildImageWithLayersOfItsOwn(t *testing.T) {
	k := newExtended(t)
	build := k.Lock.Build
	if k.mirror.asked["/rustc.deb"] != 0 {
		t.Error("baking the pair fetched the extension's packages")
	}
	asked := maps.Clone(k.mirror.asked)
	o := k.options(t)
	o.Update = true
	baked, err := k.BakeExtension(t.Context(), "rust", o)
	if err != nil {
		t.Fatal(err)
	}
	asked["/rustc.deb"]++
	if diff := cmp.Diff(asked, k.mirror.asked); diff != "" {
		t.Errorf("what was fetched (-want +got):\n%s", diff)
	}
	below := k.layers(t, "toolchains/tiny_1@"+build)
	want := slices.Concat(below[:len(below)-1], [][]string{{"usr/bin/rustc", "var/lib/dpkg/status.d/rust"}, {"usr/lib/libstd.rlib"}}, below[len(below)-1:])
	if diff := cmp.Diff(want, k.layers(t, baked.Image)); diff != "" {
		t.Errorf("the extension's layers differ (-want +got):\n%s", diff)
	}
	base, err := Open(t.Context(), k.registry, "toolchains/tiny_1@"+build)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open(t.Context(), k.registry, baked.Image)
	if err != nil {
		t.Fatal(err)
	}
	base.Build, base.Facts.Extension, base.Facts.Compiler = baked.Image, "rust", "nobody's emscripten; rustc 1.0"
	base.Facts.Env = map[string]string{"EM_FROZEN_CACHE": "1", "CARGO_HOME": "/work/cargo"}
	if diff := cmp.Diff(base, opened); diff != "" {
		t.Errorf("who opens it finds another toolchain (-want +got):\n%s", diff)
	}
	written, err := readLock(filepath.Join(k.Dir, "lock.json"))
	if err != nil || "toolchains/tiny_1@"+written.Extensions["rust"] != baked.Image || written.Build != build {
		t.Errorf("the lock names %v and %s (%v)", written.Extensions, written.Build, err)
	}
}

func TestAnExtensionInTheRegistryIsNotBakedAgain(t *testing.T) {
	k := newExtended(t)
	o := k.options(t)
	o.Update = true
	first, err := k.BakeExtension(t.Context(), "rust", o)
	if err != nil {
		t.Fatal(err)
	}
	runs := k.engine.Calls("Run")
	second, err := k.BakeExtension(t.Context(), "rust", k.options(t))
	if err != nil || second.Fresh || second.Image != first.Image || second.Size != first.Size || k.engine.Calls("Run") != runs {
		t.Errorf("the second bake gives %+v, %v; the first gave %+v", second, err, first)
	}
	if again, err := k.VerifyExtension(t.Context(), "rust", k.options(t)); err != nil || again.Image != first.Image || k.engine.Calls("Run") != runs+1 {
		t.Errorf("verifying gives %+v, %v", again, err)
	}
}

func TestWhatStandsInTheWayOfAnExtension(t *testing.T) {
	k := newExtended(t)
	if _, err := k.BakeExtension(t.Context(), "fortran", k.options(t)); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "has no extension fortran; it has rust") {
		t.Errorf("one that there is not gives %v", err)
	}
	if _, err := k.BakeExtension(t.Context(), "rust", k.options(t)); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "the lock names none yet") {
		t.Errorf("a lock without its digest gives %v", err)
	}
	k.Lock.Build = "sha256:" + strings.Repeat("1", 64)
	if _, err := k.BakeExtension(t.Context(), "rust", k.options(t)); fault.KindOf(err) != fault.NotFound {
		t.Errorf("without the Build image: %v", err)
	}
}

// A new Build image takes its extensions' digests along: what stood on the old one is another image.
func TestDigestsOfExtensionsLiveAsLongAsWhatTheyStandOn(t *testing.T) {
	k := newExtended(t)
	o := k.options(t)
	o.Update = true
	if _, err := k.BakeExtension(t.Context(), "rust", o); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Bake(t.Context(), o); err != nil || k.Lock.Extensions["rust"] == "" {
		t.Errorf("the same pair baked again leaves %v, %v", k.Lock.Extensions, err)
	}

	locked := func(change func(*Lock)) *Lock {
		l := &Lock{Epoch: k.Lock.Epoch, Inputs: slices.Clone(k.Lock.Inputs)}
		change(l)
		l.inherit(k.Lock)
		return l
	}
	if l := locked(func(*Lock) {}); l.Build == "" || l.Extensions["rust"] == "" {
		t.Errorf("locked anew, the same inputs give %+v", l)
	}
	if l := locked(func(l *Lock) { l.Inputs[len(l.Inputs)-1].Version = "2.0" }); l.Build == "" || l.Extensions["rust"] != "" {
		t.Errorf("another package of the extension gives %+v", l)
	}
	if l := locked(func(l *Lock) { l.Inputs[0].Version = "2.0" }); l.Build != "" || l.Extensions["rust"] != "" {
		t.Errorf("another package of the pair gives %+v", l)
	}

	k.Spec.Debian.Drop = append(k.Spec.Debian.Drop, "bin")
	if _, err := k.Bake(t.Context(), o); err != nil || len(k.Lock.Extensions) != 0 {
		t.Errorf("another Build image leaves the extensions %v, %v", k.Lock.Extensions, err)
	}
}

func TestWhichRecipesGetAnExtension(t *testing.T) {
	spec, err := parseSpec("toolchain.yaml", []byte(extended))
	if err != nil {
		t.Fatal(err)
	}
	for extension, executables := range map[string][]string{"rust": {"swig", "cargo"}, "": {"swig"}} {
		if got := spec.Extension(executables); got != extension {
			t.Errorf("%v are in %q, want %q", executables, got, extension)
		}
	}
	for wrong, message := range map[string]string{
		"    debian: [rustc]\n": "extensions.rust needs debian", "    executables: [rustc, cargo]\n": "and either executables",
	} {
		if _, err := parseSpec("toolchain.yaml", []byte(strings.Replace(extended, wrong, "", 1))); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), message) {
			t.Errorf("without %q: %v", wrong, err)
		}
	}
	if _, err := parseSpec("toolchain.yaml", []byte(extended+"    runtime: chromium\n")); err == nil {
		t.Error("an extension is for builds and for tests")
	}
	if spec, err = parseSpec("toolchain.yaml", []byte(strings.Replace(extended, "executables: [rustc, cargo]", "runtime: chromium", 1))); err != nil {
		t.Fatal(err)
	}
	if spec.Testing("chromium") != "rust" || spec.Testing("node") != "" || spec.Extension([]string{"cargo"}) != "" {
		t.Errorf("chromium is in %q, node in %q", spec.Testing("chromium"), spec.Testing("node"))
	}
}
