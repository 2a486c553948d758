package wasmcc_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/wasmcc"
)

// Where nothing is loaded, what would be a shared object becomes one object, to be linked later.
func TestPlanForAStaticTarget(t *testing.T) {
	env := testEnv()
	env.Toolchain.Target, env.Toolchain.Python, env.Toolchain.LinkFlags = "wasm32-wasip1", "3.13", []string{"-lwasi-emulated-signal"}
	const (
		threads = "-D_WASI_EMULATED_PTHREAD "
		compile = " -O2 -g0" + werror + " -I/work/libs/include/python3.13 -ffile-prefix-map=/work/src/p=. -ffile-prefix-map=/work/src/p/build=."
		merge   = " -nostdlib -Wl,-r"
		program = " -lwasi-emulated-signal -lwasi-emulated-pthread"
	)
	for _, c := range []struct{ story, given, want string }{
		{"a C file", "cc -c a.c -o a.o", cc + threads + "-c a.c -o a.o" + compile},
		{"a C++ file", "cc -c a.cpp", cxx + threads + "-c a.cpp" + compile},
		{"what Emscripten's ABI or a loader would want", "cc -fPIC -pthread -fwasm-exceptions -sSUPPORT_LONGJMP=wasm -DX -c a.c", cc + threads + "-DX -c a.c" + compile},
		{"a module", "cc -shared m.o -o m.so", cc + "m.o -o m.so" + merge},
		{"a module by its name", "c++ m.o -o m.cpython-313-wasm32-wasi.so", cxx + "m.o -o m.cpython-313-wasm32-wasi.so" + merge},
		{"a module and its libraries, without those that the interpreter brings", "cc -shared -Wl,-O1 -Wl,-z,relro -L/work/libs/lib m.o -lfoo -lm -lc -lpthread -lstdc++ -lpython3.13 -o m.so",
			cc + "-L/work/libs/lib m.o -lfoo -o m.so" + merge},
		{"whole archives", "cc -shared m.o -Wl,--whole-archive libfoo.a -Wl,--no-whole-archive -o m.so", cc + "m.o -Wl,--whole-archive libfoo.a -Wl,--no-whole-archive -o m.so" + merge},
		{"a module from its source at once", "cc -shared m.c -o m.so", cc + threads + "m.c -o m.so" + compile + merge},
		{"a module that was linked with another", "cc -shared m.o ../libother.so.1 -o m.so", cc + "m.o -o m.so" + merge},
		{"a program of a check", "cc a.o -o a.out", cc + "a.o -o a.out" + program},
		{"what GNU's linker would understand", "cc -Wl,--as-needed -Wl,--start-group a.o -lfoo -Wl,--end-group -Wl,-rpath,/x -Wl,-z,stack-size=8388608 -rdynamic -o a",
			cc + "a.o -lfoo -Wl,-z,stack-size=8388608 -o a" + program},
		{"the interpreter's own link", "cc -z stack-size=8388608 -Wl,--stack-first -Wl,--initial-memory=20971520 -o python.wasm a.o -lm",
			cc + "-z stack-size=8388608 -Wl,--stack-first -Wl,--initial-memory=20971520 -o python.wasm a.o -lm" + program},
		{"one that has stubs of threads, and wants no others", "cc -U_WASI_EMULATED_PTHREAD a.c -o a", cc + threads + "-U_WASI_EMULATED_PTHREAD a.c -o a" + compile + " -lwasi-emulated-signal"},
		{"a question", "cc --version", cc + "--version"},
		{"the name of the platform", "cc -print-multiarch", "print wasm32-wasi"},
		{"an archive", "ar rcs libx.a x.o", "/llvm/llvm-ar rcs libx.a x.o"},
	} {
		words := strings.Fields(c.given)
		got, err := wasmcc.Plan(words[0], words[1:], env)
		if err != nil {
			t.Errorf("%s: %v", c.story, err)
			continue
		}
		if diff := cmp.Diff(lines(c.want), lines(show(got))); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", c.story, c.given, diff)
		}
		if module := strings.Contains(c.want, merge); module != (got.Link != nil) {
			t.Errorf("%s: the link that is noted is %+v", c.story, got.Link)
		}
	}
}

func TestFlagsOfARecipeForAStaticTarget(t *testing.T) {
	env := testEnv()
	env.Toolchain.Target = "wasm32-wasip1"
	env.Settings.CFlags, env.Settings.LDFlags = []string{"-DA", "-fPIC", "-sUSE_ZLIB"}, []string{"-L/work/libs/lib", "-lz", "-sSIDE_MODULE=2", "-Wl,-s"}
	got, err := wasmcc.Plan("cc", []string{"-c", "a.c"}, env)
	if err != nil || !strings.Contains(show(got), " -DA"+werror+" -I") || strings.Contains(show(got), "USE_ZLIB") {
		t.Errorf("compiling: %s, %v", show(got), err)
	}
	got, err = wasmcc.Plan("cc", []string{"-shared", "a.o", "-o", "a.so"}, env)
	if err != nil || !strings.HasSuffix(show(got), "-nostdlib -Wl,-r -L/work/libs/lib -lz") {
		t.Errorf("linking: %s, %v", show(got), err)
	}
}

// A library's script comes before there are settings.
func TestALibrarysCompilerDoesWhatItIsTold(t *testing.T) {
	env := testEnv()
	env.Toolchain.Target, env.Settings = "wasm32-wasip1", wasmcc.Settings{}
	got, err := wasmcc.Plan("cc", []string{"-c", "a.c"}, env)
	if err != nil || strings.Contains(show(got), "-Werror") || !strings.Contains(show(got), " -D_WASI_EMULATED_PTHREAD ") {
		t.Errorf("%s, %v", show(got), err)
	}
}
