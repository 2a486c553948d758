package toolchain

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wasmcc"
)

// small is a whole spec.
const small = `name: tiny_1
facts:
  platform_tag: tiny_1_wasm32
  python: "3.15"
  python_tag: cp315
  ext_suffix: .cpython-315-wasm32-emscripten.so
  emscripten: 6.0.5
  compiler: nobody's emscripten
  pyodide: 1.0.0
exclude_newer: 2026-11-01T00:00:00Z
env: {EM_FROZEN_CACHE: "1"}
debian:
  mirror: http://mirror.example/debian
  suite: forky
  components: [main]
  architecture: amd64
  runtime: [hello]
  build: [cc]
  drop: [usr/share/doc]
  scaffold: [usr/src]
  links: {usr/bin/greet: hello}
  files: {etc/passwd: "root:x:0:0::/:/bin/sh\n"}
npm:
  - {name: runtime, version: 1.0.0, unpack: /opt/runtime}
wheels:
  - {name: tool, version: "2.0", copy: /opt/tool}
main: opt/runtime/main.wasm
script: opt/runtime/main.mjs
cross: [cc]
`

func TestWhatIsWrongInASpecHasAPlace(t *testing.T) {
	for name, c := range map[string]struct{ old, new, message string }{
		"an unknown key":        {"  suite: forky", "  suit: forky", `toolchain.yaml:14:3: unknown field "suit"`},
		"a list for a text":     {"name: tiny_1", "name: [tiny]", "toolchain.yaml:1:7: "},
		"no list where one is":  {"cross: [cc]", "cross: {cc: 1}", "toolchain.yaml:29:8: "},
		"a broken line":         {"cross: [cc]", "cross: [cc", "toolchain.yaml:29:8: "},
		"a missing fact":        {"  python_tag: cp315\n", "", "facts.python_tag is missing"},
		"a name with a slash":   {"name: tiny_1", "name: tiny/1", `name is "tiny/1"`},
		"no day":                {"exclude_newer: 2026-11-01T00:00:00Z\n", "", "exclude_newer is missing"},
		"two origins":           {"cross: [cc]", "from: x@sha256:" + strings.Repeat("0", 64), "exactly one of debian and from"},
		"a pattern":             {"[usr/share/doc]", "['usr/[share']", "debian.drop: "},
		"a package without one": {`version: "2.0", `, "", "a package needs a name and a version"},
		"a place that is none":  {"copy: /opt/tool", "copy: opt/tool", "which is no absolute path"},
		"a name that is a path": {"cross: [cc]", "cross: [bin/cc]", "which is no name of a command"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(small, c.old) {
				t.Fatalf("the spec does not have %q", c.old)
			}
			_, err := parseSpec("toolchain.yaml", []byte(strings.Replace(small, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.message) || fault.KindOf(err) != fault.Invalid {
				t.Errorf("the error is %v (%s), want one of kind invalid with %q", err, fault.KindOf(err), c.message)
			}
		})
	}
	if _, err := parseSpec("toolchain.yaml", []byte(small)); err != nil {
		t.Errorf("the spec as it is: %v", err)
	}
}

func TestABaseImageIsNamedByItsDigest(t *testing.T) {
	start, rest, _ := strings.Cut(small, "debian:\n")
	_, end, _ := strings.Cut(rest, "npm:\n")
	for from, good := range map[string]bool{
		"example.org/base@sha256:" + strings.Repeat("a", 64): true,
		"example.org/base:latest":                            false,
	} {
		if _, err := parseSpec("toolchain.yaml", []byte(start+"from: "+from+"\nnpm:\n"+end)); (err == nil) != good {
			t.Errorf("from: %s gives %v", from, err)
		}
	}
}

func TestTheLockKnowsWhetherItFitsTheSpec(t *testing.T) {
	read := func(old, new string) *Spec {
		s, err := parseSpec("toolchain.yaml", []byte(strings.Replace(small, old, new, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	lock := &Lock{Request: read("", "").request()}
	for change, fits := range map[[2]string]bool{
		{"runtime: [hello]", "runtime: [hello, more]"}: false,
		{"suite: forky", "suite: duke"}:                false,
		{`version: "2.0"`, `version: "2.1"`}:           false,
		{"drop: [usr/share/doc]", "drop: []"}:          true, // another image from the same inputs
		{"cross: [cc]", "cross: [cc, ld]"}:             true,
	} {
		_, err := (&Toolchain{Spec: read(change[0], change[1]), Lock: lock}).locked()
		if (err == nil) != fits || err != nil && fault.KindOf(err) != fault.Conflict {
			t.Errorf("%v gives %v", change, err)
		}
	}
}

func TestALockComesBackAsItWasWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lock.json")
	if l, err := readLock(file); l != nil || err != nil {
		t.Errorf("a lock that is not there is %v, %v", l, err)
	}
	want := &Lock{Request: "r", Build: "sha256:b", Inputs: []Input{{Kind: Deb, Name: "hello", Version: "1:2.0", Base: true, Size: 3}}}
	if err := want.write(file); err != nil {
		t.Fatal(err)
	}
	got, err := readLock(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Build != want.Build || len(got.Inputs) != 1 || got.Inputs[0] != want.Inputs[0] {
		t.Errorf("the lock is %+v, want %+v", got, want)
	}
	if err := os.WriteFile(file, []byte(`{"request": "r", "more": 1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readLock(file); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("a lock with an unknown key gives %v", err)
	}
}

func TestAFolderOfToolchains(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b": strings.Replace(small, "tiny_1", "tiny_2", 1), "a": small, "empty": ""} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name, "toolchain.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all, err := List(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Spec.Name != "tiny_1" || all[1].Spec.Name != "tiny_2" {
		t.Errorf("the toolchains are %v", all)
	}
	if _, err := Load(filepath.Join(dir, "empty")); fault.KindOf(err) != fault.NotFound || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without a spec gives %v", err)
	}
}

// The toolchains of this repository: a change of a spec that nobody locked is found here, not in a bake.
func TestOurToolchainsAreLocked(t *testing.T) {
	all, err := List("../../toolchains")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range all {
		lock, err := tc.locked()
		if err != nil {
			t.Error(err)
			continue
		}
		if lock.Build == "" || lock.Runtime == "" {
			t.Errorf("the lock of %s names no images", tc.Spec.Name)
		}
		for _, in := range lock.Inputs {
			if len(in.SHA256) != 64 || in.Size == 0 || in.URL == "" {
				t.Errorf("%s: input %s is not pinned: %+v", tc.Spec.Name, in.Name, in)
			}
		}
	}
}

func TestTheWrapperHasItsNames(t *testing.T) {
	all, err := List("../../toolchains")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range all {
		if diff := cmp.Diff(slices.Sorted(slices.Values(wasmcc.Names())), slices.Sorted(slices.Values(tc.Spec.Cross))); diff != "" {
			t.Errorf("cross of %s differs from wasmcc.Names (-want +got):\n%s", tc.Spec.Name, diff)
		}
	}
}
