//go:build engine

package audit_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// The tests in this file audit modules that the real toolchain made, whose image WASMILL_BUILD_IMAGE names
// ("host:port/repository@sha256:…"), against the runtimes that npm has.

var (
	makeOnce sync.Once
	modules  map[string]string // by the name under which testdata/modules.sh made them
)

// made gives a module that the toolchain made.
func made(t *testing.T, name string) string {
	t.Helper()
	registry, ref, ok := strings.Cut(os.Getenv("WASMILL_BUILD_IMAGE"), "/")
	if !ok {
		t.Skip("WASMILL_BUILD_IMAGE names no toolchain image")
	}
	makeOnce.Do(func() { modules = compile(t, registry, ref) })
	if modules[name] == "" {
		t.Fatalf("the toolchain made no module %s", name)
	}
	return modules[name]
}

func compile(t *testing.T, registry, ref string) map[string]string {
	opened, err := toolchain.Open(t.Context(), registry, ref)
	if err != nil {
		t.Fatal(err)
	}
	docker, err := engine.NewDocker()
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	image := registry + "/" + ref
	if err := docker.Pull(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/modules.sh")
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	if err := os.Chmod(work, 0o777); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=/tmp"}
	for name, value := range opened.Facts.Env {
		env = append(env, name+"="+value)
	}
	var out bytes.Buffer
	result, err := docker.Run(t.Context(), engine.Spec{
		Image: image, Command: []string{"bash", "-euo", "pipefail", "/modules.sh"}, Env: env, WorkDir: "/work", User: "1000:1000",
		Mounts: []engine.Mount{{Source: work, Target: "/work", Writable: true}, {Source: script, Target: "/modules.sh"}},
		Tmpfs:  map[string]int64{"/tmp": 1 << 30},
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if result.ExitStatus != 0 {
		t.Fatalf("making the modules ended with status %d:\n%s", result.ExitStatus, out.String())
	}
	found, err := filepath.Glob(filepath.Join(work, "*.so"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range found {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".so")] = string(b)
	}
	return all
}

// rulesOf audits a wheel of these files, and gives the rules that it breaks and all findings.
func rulesOf(t *testing.T, spec wheeltest.Spec, target audit.Target) ([]string, string) {
	t.Helper()
	spec.Version = "1"
	found, err := audit.Wheel(wheeltest.Write(t, t.TempDir(), spec), target)
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	var text strings.Builder
	if err := audit.NewReport("", "", "", found).WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		rules[f.Rule] = true
	}
	return slices.Sorted(maps.Keys(rules)), text.String()
}

// The same module was imported and called in four runtimes (npm's pyodide 0.27.7, 0.29.4, 314.0.7, 315.0.0-alpha.2 under
// node). The audit must foresee each outcome from the bytes. The wheel is not named x, so that x.libs is no folder of its
// installer's.
func TestTheMeasuredMatrixIsForeseen(t *testing.T) {
	abis := []string{"2024_0", "2025_0", "2026_0", "2026_5"}
	for _, c := range []struct {
		row, module string
		loads       [4]bool
		library     bool
		rule        string // that foretells where it does not load
	}{
		{"C, abi3", "c", [4]bool{true, true, true, true}, false, ""},
		{"setjmp by WebAssembly", "setjmp", [4]bool{false, true, true, true}, false, "wasm-exceptions"},
		{"C++ exceptions by WebAssembly", "throw", [4]bool{false, true, true, true}, false, "wasm-exceptions"},
		{"a NEEDED library without runtime path", "needed", [4]bool{}, true, "no-runtime-path"},
		{"and with $ORIGIN/x.libs", "needed-path", [4]bool{false, true, true, true}, true, "no-runtime-path"},
	} {
		for i, abi := range abis {
			t.Run(c.row+" on "+abi, func(t *testing.T) {
				files := map[string]string{"m.abi3.so": made(t, c.module)}
				if c.library {
					files["x.libs/libx.so"] = made(t, "libx")
				}
				target := on(t, abi)
				rules, text := rulesOf(t, wheeltest.Spec{Name: "matrix", Tag: "cp311-abi3-" + target.ABI.PlatformTag, Files: files}, target)
				if c.loads[i] && len(rules) > 0 {
					t.Errorf("it loads, but the audit says:\n%s", text)
				}
				if !c.loads[i] && !slices.Contains(rules, c.rule) {
					t.Errorf("it does not load, and the audit does not say %s:\n%s", c.rule, text)
				}
			})
		}
	}
}

// Each module is broken in one way, and the rule that is meant for it says so; no other does.
func TestEachBrokenModuleIsCaughtByItsRule(t *testing.T) {
	const file = "m.abi3.so"
	of := func(name string) func(t *testing.T) map[string]string {
		return func(t *testing.T) map[string]string { return map[string]string{file: made(t, name)} }
	}
	changed := func(change func(string) string) func(t *testing.T) map[string]string {
		return func(t *testing.T) map[string]string { return map[string]string{file: change(made(t, "c"))} }
	}
	for _, c := range []struct {
		story string
		files func(t *testing.T) map[string]string
		rules []string
	}{
		{"sound C", of("c"), nil},
		{"sound C++", of("strings"), nil},
		{"sound exceptions", of("throw"), nil},
		{"SIMD, which each engine knows", of("simd"), nil},
		{"exceptions by JavaScript", of("js-throw"), []string{"js-exceptions"}},
		{"longjmp by JavaScript", of("js-setjmp"), []string{"js-exceptions"}},
		{"threads", of("pthread"), []string{"threads"}},
		{"atomics alone", of("atomics"), []string{"threads"}},
		{"relaxed SIMD", of("relaxed"), []string{"newer-engine"}},
		{"tail calls", of("tail"), []string{"newer-engine"}},
		{"the newer exceptions", of("exnref"), []string{"unsupported-feature"}},
		{"a function that is nowhere, and called", of("undefined"), []string{"undefined-function"}},
		{"a function that is nowhere, and its address taken", of("address"), []string{"undefined-symbol"}},
		{"a variable that is nowhere", of("variable"), []string{"undefined-symbol"}},
		{"a function of the runtime, mistyped", of("mistyped"), []string{"signature-mismatch"}},
		{"a function of JavaScript, mistyped", of("loose"), []string{"loose-signature"}},
		{"WASI", of("wasi"), []string{"wasi-import"}},
		{"wasm-bindgen", of("foreign"), []string{"foreign-import"}},
		{"a native libc++", of("libcxx"), []string{"libcxx-namespace"}},
		{"another module's init function", of("other"), []string{"missing-init"}},
		{"an init function with an argument", of("badinit"), []string{"signature-mismatch"}},
		{"the builder's folders", of("path"), []string{"build-path"}},
		{"debug sections", of("debug"), []string{"debug-sections"}},
		{"stripped by a newer emstrip", of("stripped"), []string{"no-dylink"}},
		{"the machine's own library", of("elf"), []string{"foreign-binary"}},
		{"cut off", changed(func(s string) string { return s[:len(s)*2/3] }), []string{"not-wasm"}},
		{"an unknown instruction", changed(unknownInstruction), []string{"not-wasm"}},
		{"dylink.0 moved", changed(dylinkLast), []string{"dylink-not-first"}},
		{"a library that is not there", of("needed-path"), []string{"missing-needed", "undefined-function"}},
		{"a runtime path of the builder's", func(t *testing.T) map[string]string {
			return map[string]string{file: made(t, "needed-elsewhere"), "x.libs/libx.so": made(t, "libx")}
		}, []string{"build-path", "no-runtime-path", "undefined-function"}},
		{"64-bit addresses", func(t *testing.T) map[string]string {
			return map[string]string{file: made(t, "c"), "x.libs/wide.so": made(t, "wide")}
		}, []string{"unsupported-feature"}},
		{"compiled for this Python on Linux", func(t *testing.T) map[string]string {
			return map[string]string{"m.cpython-315-x86_64-linux-gnu.so": made(t, "c")}
		}, []string{"wrong-suffix"}},
	} {
		t.Run(c.story, func(t *testing.T) {
			target := on(t, "2026_5")
			rules, text := rulesOf(t, wheeltest.Spec{Name: "broken", Tag: "cp311-abi3-" + target.ABI.PlatformTag, Files: c.files(t)}, target)
			if d := cmp.Diff(c.rules, rules); d != "" {
				t.Errorf("%s\n%s", d, text)
			}
		})
	}
	t.Run("in a wheel for any platform", func(t *testing.T) {
		rules, text := rulesOf(t, wheeltest.Spec{Name: "broken", Files: map[string]string{file: made(t, "c")}}, audit.Target{})
		if d := cmp.Diff([]string{"binary-in-pure"}, rules); d != "" {
			t.Errorf("%s\n%s", d, text)
		}
	})
	t.Run("C++ by JavaScript is what the oldest ABI wants", func(t *testing.T) {
		target := on(t, "2024_0")
		rules, text := rulesOf(t, wheeltest.Spec{Name: "old", Tag: "cp311-abi3-" + target.ABI.PlatformTag,
			Files: map[string]string{file: made(t, "js-throw")}}, target)
		if len(rules) > 0 {
			t.Error(text)
		}
	})
	t.Run("its installers know NAME.libs", func(t *testing.T) {
		target := on(t, "2024_0")
		rules, text := rulesOf(t, wheeltest.Spec{Name: "x", Tag: "cp311-abi3-" + target.ABI.PlatformTag,
			Files: map[string]string{file: made(t, "needed"), "x.libs/libx.so": made(t, "libx")}}, target)
		if d := cmp.Diff([]string{"needs-installer"}, rules); d != "" {
			t.Errorf("%s\n%s", d, text)
		}
	})
}

// sections cuts a module into its head and sections.
func sections(module string) (head string, each []string) {
	rest := module[8:]
	for len(rest) > 0 {
		size, shift, n := 0, 0, 1
		for ; ; n++ {
			size |= int(rest[n]&0x7f) << shift
			if shift += 7; rest[n]&0x80 == 0 {
				break
			}
		}
		each = append(each, rest[:n+1+size])
		rest = rest[n+1+size:]
	}
	return module[:8], each
}

func dylinkLast(module string) string {
	head, each := sections(module)
	return head + strings.Join(each[1:], "") + each[0]
}

// unknownInstruction makes the last instruction before the end of the code another: no engine knows 0xff.
func unknownInstruction(module string) string {
	head, each := sections(module)
	for i, s := range each {
		if s[0] == 10 {
			each[i] = s[:len(s)-2] + "\xff" + s[len(s)-1:]
		}
	}
	return head + strings.Join(each, "")
}
