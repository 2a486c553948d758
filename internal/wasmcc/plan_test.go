package wasmcc_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/wasmcc"
)

// What every compile ends with, and every side module's link, in the tests' toolchain.
const (
	werror  = " -Werror=implicit-function-declaration -Werror=mismatched-parameter-types -Werror=return-type"
	compile = werror + " -O2 -g0 -fPIC -fwasm-exceptions"
	include = " -I/opt/wasmill/python/include/python3.15 -ffile-prefix-map=/work/src/p=. -ffile-prefix-map=/work/src/p/build=."
	cc      = "/llvm/clang --c-abi "
	cxx     = "/llvm/clang++ --cxx-abi "
	link    = werror + " -O2 -g0 -fwasm-exceptions -sSUPPORT_LONGJMP=wasm -sWASM_BIGINT -Wl,--experimental-pic -Wl,--fatal-warnings"
	program = werror + " -fwasm-exceptions -sSUPPORT_LONGJMP=wasm"
	side    = link + " -sSIDE_MODULE=2 -sEXPORTED_FUNCTIONS="
)

func testEnv() wasmcc.Env {
	files := map[string]string{
		"/work/src/p/build/args.rsp":   `-c "with space.c" -DX=\"a\ b\" @more.rsp`,
		"/work/src/p/build/more.rsp":   "'-DY=1 2'\n",
		"/work/src/p/build/loop.rsp":   "@loop.rsp",
		"/work/src/p/build/m.o":        object(sym{name: "PyInit_m"}, sym{name: "helper"}, sym{name: "inner", flags: 0x4}, sym{name: "static", flags: 0x2}),
		"/work/src/p/build/two.o":      object(sym{name: "PyInit_b"}, sym{name: "PyInit_a"}, sym{name: "malloc", flags: 0x10}),
		"/work/src/p/build/slots.o":    object(sym{name: "PyModExport_m"}, sym{name: "PyInit_m"}, sym{name: "helper"}),
		"/work/src/p/build/libfoo.a":   archive(map[string]string{"foo.o/": object(sym{name: "foo"}, sym{name: "table", kind: 1})}),
		"/work/src/p/build/native.o":   "\x7fELF…",
		"/work/src/p/build/damaged.o":  object(sym{name: "PyInit_m"})[:20],
		"/work/src/p/build/sub/deep.o": object(sym{name: "deep"}),
	}
	return wasmcc.Env{
		Toolchain: wasmcc.Toolchain{
			LLVM: "/llvm", Python: "3.15", ClangFlags: []string{"--c-abi"}, ClangxxFlags: []string{"--cxx-abi"},
		},
		Settings: wasmcc.Settings{Exports: "pyinit", Root: "/work/src/p"},
		Dir:      "/work/src/p/build",
		ReadFile: func(name string) ([]byte, error) {
			if s, ok := files[name]; ok {
				return []byte(s), nil
			}
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		},
	}
}

func TestPlan(t *testing.T) {
	for _, c := range []struct{ story, given, want string }{
		// Compiling.
		{"a C file goes to clang", "cc -c a.c -o a.o", cc + "-c a.c -o a.o" + compile + include},
		{"as gcc and clang too", "gcc -c a.c", cc + "-c a.c" + compile + include},
		{"a C++ driver", "c++ -c a.cpp -o a.o", cxx + "-c a.cpp -o a.o" + compile + include},
		{"distutils compiles C++ with the C driver", "cc -c a.cpp", cxx + "-c a.cpp" + compile + include},
		{"a language said by option", "cc -x c++ -c a.txt", cxx + "-x c++ -c a.txt" + compile + include},
		{"preprocessing", "cc -E a.c", cc + "-E a.c" + compile + include},
		{"from standard input", "cc -E -dM -", cc + "-E -dM -" + compile + include},
		{"settings are emcc's, clang does not know them", "cc -sUSE=1 -s WASM_BIGINT -c a.c -s SIDE_MODULE=1", cc + "-c a.c" + compile + include},
		{"the system's own headers are for another machine", "cc -I/usr/include/python3.15 -I /usr/include -isystem /usr/include/x -Iinc -I . -c a.c",
			cc + "-Iinc -I . -c a.c" + compile + include},
		{"what clang refuses for wasm", "cc -pthread -mpopcnt -mno-sse2 -mno-avx2 -fstack-protector-strong -fcf-protection -flto=auto -c a.c",
			cc + "-c a.c" + compile + include},
		{"SIMD levels are macros that only emcc knows", "cc -msse2 -msimd128 -c a.c",
			"/usr/bin/emcc -msse2 -msimd128 -c a.c" + werror + " -O2 -g0 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm" + include},
		{"SSE is what WebAssembly's SIMD stands in for", "cc -msse2 -mssse3 -c a.c",
			"/usr/bin/emcc -msse2 -mssse3 -c a.c" + werror + " -O2 -g0 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm" + include + " -msimd128"},
		{"AVX is for those who have a way without it", "cc -msse4.2 -mavx2 -c a.c",
			"/usr/bin/emcc -msse4.2 -mavx2 -c a.c" + werror + " -O2 -g0 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm" + include},
		{"ports have headers that only emcc finds", "cc -sUSE_ZLIB=1 -c a.c",
			"/usr/bin/emcc -sUSE_ZLIB=1 -c a.c" + werror + " -O2 -g0 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm" + include},
		{"response files, with their quotes", "cc @args.rsp", cc + `-c with·space.c -DX="a·b" -DY=1·2` + compile + include},
		{"an @ that is no file", "cc -c a.c @loader_path", cc + "-c a.c @loader_path" + compile + include},

		// Questions.
		{"only emcc says that it is Emscripten", "cc --version", "/usr/bin/emcc --version"},
		{"verbose, without an input", "c++ -v", "/usr/bin/em++ -v"},
		{"what distutils asks", "gcc -print-multiarch", "print wasm32-emscripten"},

		// Linking modules.
		{"an extension module exports its init function", "cc -shared m.o -o m.cpython-315-wasm32-emscripten.so", "/usr/bin/emcc m.o -o m.cpython-315-wasm32-emscripten.so" + side + "_PyInit_m"},
		{"one file may hold several modules", "cc m.o two.o -o m.so", "/usr/bin/emcc m.o two.o -o m.so" + side + "_PyInit_a,_PyInit_b,_PyInit_m"},
		{"and may be loaded by its slots", "cc slots.o -o m.so", "/usr/bin/emcc slots.o -o m.so" + side + "_PyInit_m,_PyModExport_m"},
		{"a version behind .so", "cc m.o -o libm.so.1.2", "/usr/bin/emcc m.o -o libm.so.1.2" + side + "_PyInit_m"},
		{"-shared, whatever the file is called", "cc -shared m.o -o m.wasm", "/usr/bin/emcc m.o -o m.wasm" + side + "_PyInit_m"},
		{"a C++ driver links with em++", "c++ -shared m.o -o m.so", "/usr/bin/em++ m.o -o m.so" + side + "_PyInit_m"},
		{"ld is a driver too", "ld m.o -o m.so", "/usr/bin/emcc m.o -o m.so" + side + "_PyInit_m"},
		{"the system's libraries, libffi and Fortran's are dropped, others named once", "cc m.o -L/usr/lib -Llib -lffi -lgfortran -lz -l z -lm -o m.so",
			"/usr/bin/emcc m.o -Llib -lz -lm -o m.so" + side + "_PyInit_m"},
		{"linker options that wasm-ld lacks, one by one", "cc m.o -Wl,--as-needed,--gc-sections -Wl,--version-script=x -Wl,-R/usr/lib -Wl,--exclude-libs=ALL -Xlinker --sort-common -s -o m.so",
			"/usr/bin/emcc m.o -Wl,--gc-sections -o m.so" + side + "_PyInit_m"},
		{"$ORIGIN stays", "cc m.o -Wl,-rpath,$ORIGIN/x.libs -o m.so", "/usr/bin/emcc m.o -Wl,-rpath,$ORIGIN/x.libs -o m.so" + side + "_PyInit_m"},
		{"compiled and linked at once: the name tells", "cc -shared m.c -o sub/m.abi3.so", "/usr/bin/emcc m.c -o sub/m.abi3.so" + werror +
			" -O2 -g0 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm -I/opt/wasmill/python/include/python3.15" + strings.TrimPrefix(side, werror) + "_PyInit_m"},
		{"SSE, compiled and linked at once", "cc -msse2 -shared m.c -o m.so", "/usr/bin/emcc -msse2 m.c -o m.so" + werror +
			" -O2 -g0 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm -msimd128 -I/opt/wasmill/python/include/python3.15" + strings.TrimPrefix(side, werror) + "_PyInit_m"},
		{"a library, which has no init function, exports what is not hidden", "cc -shared sub/deep.o libfoo.a -o libdeep.so", "/usr/bin/emcc sub/deep.o libfoo.a -o libdeep.so" + side + "_deep,_foo,_table"},
		{
			"a side module by its settings, whatever it is called", "cc -s EXPORTED_FUNCTIONS=_PyInit_r r.o --target=wasm32-unknown-emscripten -fwasm-exceptions -o r.wasm -sSIDE_MODULE=2 -O3",
			"/usr/bin/emcc -s EXPORTED_FUNCTIONS=_PyInit_r r.o --target=wasm32-unknown-emscripten -fwasm-exceptions -o r.wasm -sSIDE_MODULE=2 -O3" + link + " -sSIDE_MODULE=2",
		},
		{"rustc brings its own list", "cc r.o -sEXPORTED_FUNCTIONS=_PyInit_r -o r.so", "/usr/bin/emcc r.o -sEXPORTED_FUNCTIONS=_PyInit_r -o r.so" + link + " -sSIDE_MODULE=2"},
		{"an object of another machine exports nothing here; the linker will say so", "cc native.o -o m.so", "/usr/bin/emcc native.o -o m.so" + side},

		// Linking programs: checks of configure, cmake and meson.
		{"a check", "cc conftest.c -o conftest -lm", "/usr/bin/emcc conftest.c -o conftest -lm" + program},
		{"an object to a program", "c++ x.o -o x.js", "/usr/bin/em++ x.o -o x.js" + program},
		{"-r joins objects", "ld -r m.o two.o -o all.o", "/usr/bin/emcc -r m.o two.o -o all.o" + program},

		// The others.
		{"ar without Python around it", "ar rcs libx.a x.o", "/llvm/llvm-ar rcs libx.a x.o"},
		{"ranlib", "ranlib libx.a", "/llvm/llvm-ranlib libx.a"},
		{"nm", "nm -g x.o", "/llvm/llvm-nm -g x.o"},
		{"strip would delete dylink.0", "strip --strip-all m.so", "print "},
		{"strip to another file copies", "strip -g -o out.so m.so", "cp -- m.so out.so"},
		{"there is nothing to rewrite in wasm", "install_name_tool -id x y", "print "},
		{"cmake configures for the target", "cmake -S . -B b -DX=1", "cmake -DCMAKE_TOOLCHAIN_FILE=/opt/wasmill/etc/toolchain.cmake -DCMAKE_CXX_SCAN_FOR_MODULES=OFF -S . -B b -DX=1"},
		{"unless told already", "cmake -DCMAKE_TOOLCHAIN_FILE=x -DCMAKE_CXX_SCAN_FOR_MODULES:BOOL=ON .", "cmake -DCMAKE_TOOLCHAIN_FILE=x -DCMAKE_CXX_SCAN_FOR_MODULES:BOOL=ON ."},
		{"cmake builds", "cmake --build b", "cmake --build b"},
		{"with as many jobs as it says", "cmake --build b -j 3 --parallel 2 -j4", "cmake --build b -j 3 --parallel 2 -j4"},
		{"but not with all at once", "cmake --build b --parallel --target x -j -- -j --parallel", "cmake --build b --target x -- -j --parallel"},
		{"cmake installs", "cmake --install b", "cmake --install b"},
		{"cmake runs a command", "cmake -E echo x", "cmake -E echo x"},
		{"cmake runs a script", "cmake -DA=1 -P x.cmake", "cmake -DA=1 -P x.cmake"},
		{"cmake tells its version", "cmake --version", "cmake --version"},
		{"meson sets up for the target", "meson setup b --prefix=/x", "meson setup --cross-file=/opt/wasmill/etc/meson-cross.ini b --prefix=/x"},
		{"unless told already", "meson setup b --cross-file /opt/wasmill/etc/meson-cross.ini", "meson setup b --cross-file /opt/wasmill/etc/meson-cross.ini"},
		{"meson compiles", "meson compile", "meson compile"},
		{"pkg-config has its folders from the environment", "pkg-config --cflags python3", "pkg-config --cflags python3"},
	} {
		t.Run(c.story, func(t *testing.T) {
			words := strings.Fields(c.given)
			got, err := wasmcc.Plan(words[0], words[1:], testEnv())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lines(c.want), lines(show(got))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.given, diff)
			}
		})
	}
}

func TestPlanFollowsTheRecipe(t *testing.T) {
	for _, c := range []struct {
		story, given, want string
		settings           wasmcc.Settings
	}{
		{"flags come last and win", "cc -O3 -c a.c", cc + "-O3 -c a.c" + werror + " -O2 -g0 -fPIC -fwasm-exceptions -Oz -DFOO=\"(x)\" -I/opt/wasmill/python/include/python3.15 -ffile-prefix-map=/work/src/p/build=.",
			wasmcc.Settings{CFlags: []string{"-Oz", `-DFOO="(x)"`}, CXXFlags: []string{"-std=c++20"}}},
		{"C++ has both", "cc -c a.cc", cxx + "-c a.cc" + compile + " -Oz -std=c++20 -I/opt/wasmill/python/include/python3.15 -ffile-prefix-map=/work/src/p/build=.",
			wasmcc.Settings{CFlags: []string{"-Oz"}, CXXFlags: []string{"-std=c++20"}}},
		{"requested: all that is not hidden", "cc m.o libfoo.a -o m.so", "/usr/bin/emcc m.o libfoo.a -o m.so" + link + " -Llib -sSIDE_MODULE=2 -sEXPORTED_FUNCTIONS=_PyInit_m,_foo,_helper,_table",
			wasmcc.Settings{Exports: "requested", LDFlags: []string{"-Llib"}}},
		{"whole archive", "cc m.o -o m.so", "/usr/bin/emcc m.o -o m.so" + link + " -sSIDE_MODULE=1", wasmcc.Settings{Exports: "whole_archive"}},
		{"a list", "cc m.o -o m.so", "/usr/bin/emcc m.o -o m.so" + side + "_a,_b", wasmcc.Settings{Exports: "list", Symbols: []string{"b", "a"}}},
	} {
		t.Run(c.story, func(t *testing.T) {
			env := testEnv()
			env.Settings = c.settings
			words := strings.Fields(c.given)
			got, err := wasmcc.Plan(words[0], words[1:], env)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lines(c.want), lines(show(got))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.given, diff)
			}
		})
	}
}

func TestPlanRefusesOpenMP(t *testing.T) {
	_, err := wasmcc.Plan("cc", []string{"-fopenmp", "-c", "a.c"}, testEnv())
	if refused := (*wasmcc.Refused)(nil); !errors.As(err, &refused) {
		t.Errorf("a configure check must see that there is no OpenMP, got %v", err)
	}
}

func TestPlanFailsInWords(t *testing.T) {
	for given, want := range map[string]string{
		"cc missing.o -o m.so": "missing.o",
		"cc damaged.o -o m.so": "reading the symbols of damaged.o: the object is cut off",
		"cc @loop.rsp":         "they name each other",
	} {
		words := strings.Fields(given)
		if _, err := wasmcc.Plan(words[0], words[1:], testEnv()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
}

func TestManyExportsGoToAFile(t *testing.T) {
	env := testEnv()
	env.Settings.Exports = "list"
	for range 5000 {
		env.Settings.Symbols = append(env.Settings.Symbols, strings.Repeat("x", 20)+string(rune('a'+len(env.Settings.Symbols)%26))+strings.Repeat("y", len(env.Settings.Symbols)%40))
	}
	got, err := wasmcc.Plan("cc", []string{"m.o", "-o", "m.so"}, env)
	if err != nil {
		t.Fatal(err)
	}
	if last := got.Args[len(got.Args)-1]; len(got.Exports) > 0 != (last == "-sEXPORTED_FUNCTIONS=@"+wasmcc.ExportsPlaceholder) {
		t.Errorf("%d exports in a file, argument %.60q", len(got.Exports), last)
	}
	for _, a := range got.Args {
		if len(a) > 128<<10 {
			t.Errorf("an argument of %d bytes: Linux refuses it", len(a))
		}
	}
}

func TestLinksAreNoted(t *testing.T) {
	got, err := wasmcc.Plan("cc", []string{"-shared", "m.o", "-o", "../lib/m.so"}, testEnv())
	if err != nil || got.Link == nil || got.Link.Output != "/work/src/p/lib/m.so" {
		t.Errorf("link noted: %+v, %v", got.Link, err)
	}
	got, err = wasmcc.Plan("cc", []string{"m.o", "-o", "m.js"}, testEnv())
	if err != nil || got.Link != nil {
		t.Errorf("a program is no module: %+v, %v", got.Link, err)
	}
}

// A build that is compiled with headers of the native environment may be compiled with those of another machine.
func TestHeadersOfTheEnvironmentAreNoted(t *testing.T) {
	env := testEnv()
	env.Settings.Env = "/env"
	const numpy = "/env/lib/python3.15/site-packages/numpy/_core/include"
	for _, c := range []struct {
		story, given string
		want         []string
	}{
		{"in C, each once", "cc -I" + numpy + " -I /env/include -Iinc -I" + numpy + "/ -c a.c", []string{numpy, "/env/include"}},
		{"as system headers, which CMake prefers", "c++ -isystem " + numpy + " -c a.cpp", []string{numpy}},
		{"by a relative path, as Meson has it", "cc -I../../../.." + numpy + " -c a.c", []string{numpy}},
		{"by emcc", "cc -msse2 -I" + numpy + " -c a.c", []string{numpy}},
		{"compiled and linked at once", "cc -shared -I" + numpy + " a.c -o a.so", []string{numpy}},
		{"after all others", "cc -idirafter" + numpy + " -iquote /env/q -c a.c", []string{numpy, "/env/q"}},
		{"none of it", "cc -I/environment/include -I/work/libs/include -c a.c", nil},
		{"a question", "cc -I" + numpy + " --version", nil},
	} {
		got, err := wasmcc.Plan(strings.Fields(c.given)[0], strings.Fields(c.given)[1:], env)
		if err != nil {
			t.Fatal(err)
		}
		var dirs []string
		if got.Headers != nil {
			dirs = got.Headers.Dirs
		}
		if diff := cmp.Diff(c.want, dirs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.story, diff)
		}
	}
	if got, err := wasmcc.Plan("cc", []string{"-I" + numpy, "-c", "a.c"}, testEnv()); err != nil || got.Headers != nil {
		t.Errorf("outside of a build: %+v, %v", got.Headers, err)
	}
}

func TestEveryNameHasAPlan(t *testing.T) {
	for _, name := range wasmcc.Names() {
		if _, err := wasmcc.Plan(name, nil, testEnv()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// show writes a command as the tables above do: words separated by spaces; a space in a word is a middle dot.
func show(c wasmcc.Command) string {
	if c.Program == "" {
		return "print " + strings.ReplaceAll(c.Print, "\n", "")
	}
	out := c.Program
	for _, a := range c.Args {
		out += " " + strings.ReplaceAll(a, " ", "·")
	}
	return out
}

// lines puts each word on a line of its own, for a readable difference.
func lines(s string) string { return strings.Join(strings.Fields(s), "\n") }
