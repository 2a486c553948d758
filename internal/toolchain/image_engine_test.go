//go:build engine

package toolchain

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/engine"
)

// The tests in this file look into a baked image, which WASMILL_BUILD_IMAGE names ("host:port/repository@sha256:…"). They use it
// as a build does: without network, on a read-only root, as uid 1000.

// shell runs a script in the image and gives what it prints. mounts are the machine's files that it sees.
func shell(t *testing.T, script string, mounts ...engine.Mount) string {
	t.Helper()
	registry, ref, ok := strings.Cut(os.Getenv("WASMILL_BUILD_IMAGE"), "/")
	if !ok {
		t.Skip("WASMILL_BUILD_IMAGE names no toolchain image")
	}
	opened, err := Open(t.Context(), registry, ref)
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
	env := []string{"HOME=/tmp", "CLANG_FLAGS=" + strings.Join(opened.Facts.ClangFlags, " "), "CLANGXX_FLAGS=" + strings.Join(opened.Facts.ClangxxFlags, " "), "CLANG=" + opened.Facts.LLVM + "/clang"}
	for name, value := range opened.Facts.Env {
		env = append(env, name+"="+value)
	}
	var out bytes.Buffer
	result, err := docker.Run(t.Context(), engine.Spec{
		Image: image, Command: []string{"bash", "-euo", "pipefail", "-c", script}, Env: env, WorkDir: "/tmp", User: "1000:1000",
		Mounts: mounts, Tmpfs: map[string]int64{"/tmp": 1 << 30},
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if result.ExitStatus != 0 {
		t.Fatalf("the script ended with status %d:\n%s", result.ExitStatus, out.String())
	}
	return out.String()
}

// What a check can't link is answered with "no", silently: so what is in the cache is part of the ABI.
func TestTheCompilersCacheHoldsWhatItMust(t *testing.T) {
	golden := filepath.Join("..", "..", "toolchains", "pyemscripten_2026_5", "files", "syslibs.txt")
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(shell(t, "cd /opt/wasmill/emcache && find sysroot/lib -type f"))
	slices.Sort(got)
	if diff := cmp.Diff(strings.Fields(string(text)), got); diff != "" {
		t.Errorf("the cache differs from %s (-want +got):\n%s", golden, diff)
	}
}

func TestASideModuleCompilesAndLinks(t *testing.T) {
	shell(t, `
		printf '#include <Python.h>\nstatic struct PyModuleDef d = {PyModuleDef_HEAD_INIT, "m"};\nPyMODINIT_FUNC PyInit_m(void) { return PyModule_Create(&d); }\n' > m.c
		include=-I/opt/wasmill/python/include/python3.15
		emcc -O2 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm $include -c m.c -o by-emcc.o
		$CLANG $CLANG_FLAGS -O2 -fPIC -fwasm-exceptions $include -c m.c -o by-clang.o
		cmp by-emcc.o by-clang.o
		emcc by-clang.o -sSIDE_MODULE=2 -sWASM_BIGINT -sEXPORTED_FUNCTIONS=_PyInit_m -Wl,--experimental-pic,--fatal-warnings -o m.so
		head -c 24 m.so | grep -q dylink.0`)
}

func TestWhatConfigureScriptsAskForIsThere(t *testing.T) {
	shell(t, `
		printf '#include <math.h>\n#include <stdatomic.h>\n_Atomic long long n; int main(int c, char **v) { return (int)sin(c) + (int)atomic_fetch_add(&n, 1); }\n' > a.c
		printf '#include <stdexcept>\n#include <string>\nint main(int c, char **v) { try { return std::string(v[0]).at(c + 99); } catch (std::out_of_range &) { return 0; } }\n' > a.cpp
		for level in -O0 -O2 -Oz; do
			emcc $level a.c -lm -o a.js
			em++ $level -fwasm-exceptions -sSUPPORT_LONGJMP=wasm a.cpp -o b.js
			node b.js
		done`)
}

func TestTheImageHasTheToolsOfABuildAndNoMore(t *testing.T) {
	shell(t, `
		for tool in python3 node cmake ninja make pkgconf patch git xz unzip zip bzip2 tar gzip sed grep awk find diff which \
			emcc em++ emar emranlib emnm emconfigure emmake emcmake /opt/wasmill/bin/uv \
			autoreconf aclocal automake libtoolize m4 bison yacc flex gperf swig file perl \
			cc c++ ar ld x86_64-linux-gnu-gcc x86_64-linux-gnu-g++ x86_64-linux-gnu-gcc-ar; do
			command -v $tool > /dev/null || { echo "$tool is missing"; exit 1; }
		done
		for tool in apt-get dpkg curl wget rustc; do
			if command -v $tool; then exit 1; fi
		done
		python3 -c 'import bz2, ctypes, hashlib, lzma, sqlite3, ssl, zlib'
		python3 -m venv --without-pip venv && venv/bin/python -c 'import sys; assert sys.prefix == "/tmp/venv"'
		test "$(id -un)" = build && test ! -w /opt/wasmill`)
}

// A build makes programs that it then runs: generators of code, Rust's build scripts. Their compiler must not look at the
// target, and what looks at the target must not find their headers and libraries (TestCMakeFindsTheTarget).
func TestTheNativeCompilerMakesProgramsOfThisMachine(t *testing.T) {
	shell(t, `
		printf '#include <pthread.h>\n#include <math.h>\n#include <stdio.h>\nint main(int c, char **v) { return printf("%%d\\n", (int)sizeof(void *) + (int)floor(c / 2)) < 0; }\n' > a.c
		printf '#include <stdexcept>\n#include <iostream>\nint main() { try { throw std::runtime_error("thrown"); } catch (std::exception &e) { std::cout << e.what() << std::endl; } }\n' > a.cpp
		export PATH=/opt/wasmill/cross:$PATH # as in a build: the plain names are the wrapper's
		for cc in x86_64-linux-gnu-gcc /usr/bin/cc /usr/bin/gcc /usr/bin/clang-21; do
			$cc -O2 -g a.c -lm -lpthread -ldl -lrt -o a && test "$(./a)" = 8
		done
		for cxx in x86_64-linux-gnu-g++ /usr/bin/c++ /usr/bin/g++; do
			$cxx -O2 -std=c++20 a.cpp -o b && test "$(./b)" = thrown
		done
		# what Python's own configuration calls for a native extension module
		printf '#include <Python.h>\nstatic struct PyModuleDef d = {PyModuleDef_HEAD_INIT, "m"};\nPyMODINIT_FUNC PyInit_m(void) { return PyModule_Create(&d); }\n' > m.c
		config() { python3 -c "import sysconfig; print(sysconfig.get_config_var('$1'))"; }
		$(config CC) $(config CFLAGS) $(config CCSHARED) -I$(config INCLUDEPY) -I$(dirname $(config CONFIGINCLUDEPY))/x86_64-linux-gnu/$(basename $(config INCLUDEPY)) -c m.c -o m.o
		$(config LDSHARED) m.o -o m$(config EXT_SUFFIX)
		python3 -c 'import m'
		$(config AR) rcs libm1.a m.o && x86_64-linux-gnu-nm libm1.a | grep -q PyInit_m`)
}

// The route of a library's recipe: everything made anew from configure.ac, and the checks ask the target.
func TestAutotoolsMakeAStaticLibrary(t *testing.T) {
	out := shell(t, `
		mkdir p && cd p
		cat > configure.ac <<'END'
AC_INIT([p], [1.0])
AC_CONFIG_AUX_DIR([build-aux])
AC_CONFIG_MACRO_DIRS([m4])
AM_INIT_AUTOMAKE([foreign subdir-objects])
AM_PROG_AR
AC_PROG_CC
AC_PROG_YACC
AC_PROG_LEX([noyywrap])
LT_INIT([disable-shared])
PKG_PROG_PKG_CONFIG
AC_CHECK_HEADERS([gnu/libc-version.h linux/if.h emscripten.h])
AC_CHECK_FUNCS([getpid fork_that_is_not_there])
AC_CHECK_SIZEOF([long])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
END
		cat > Makefile.am <<'END'
ACLOCAL_AMFLAGS = -I m4
AM_YFLAGS = -d
lib_LTLIBRARIES = libp.la
libp_la_SOURCES = p.c grammar.y scan.l
END
		printf '#include <setjmp.h>\njmp_buf b; int p(int n) { return setjmp(b) ? n : n + 1; }\n' > p.c
		printf '%%{\nint yylex(void);\nstatic void yyerror(const char *s) {}\n%%}\n%%token A\n%%%%\ns: A;\n' > grammar.y
		printf '%%{\n#include "grammar.h"\n%%}\n%%option noyywrap\n%%%%\na return A;\n' > scan.l
		autoreconf -fi
		CFLAGS="-fPIC -O2 -sSUPPORT_LONGJMP=wasm" LDFLAGS=-sSUPPORT_LONGJMP=wasm emconfigure ./configure --host=wasm32-unknown-emscripten --prefix=/tmp/to
		emmake make -j2
		emmake make install
		grep -E 'define (HAVE_|SIZEOF)' config.h 2>/dev/null || grep -oE -- '-D(HAVE_[A-Z_]*|SIZEOF_LONG)=[0-9]*' Makefile | sort -u
		emar t /tmp/to/lib/libp.a
		emar p /tmp/to/lib/libp.a p.o | head -c 4 | od -An -c`)
	for _, want := range []string{"HAVE_EMSCRIPTEN_H=1", "HAVE_GETPID=1", "SIZEOF_LONG=4", "grammar.o", "asm"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	for _, bad := range []string{"HAVE_GNU_LIBC_VERSION_H=1", "HAVE_LINUX_IF_H=1", "FORK_THAT_IS_NOT_THERE=1"} {
		if strings.Contains(out, bad) {
			t.Errorf("configure found what the target does not have, %s:\n%s", bad, out)
		}
	}
}

func TestGeneratorsOfSources(t *testing.T) {
	shell(t, `
		printf '%%module m\n%%inline %%{ int twice(int n) { return 2 * n; } %%}\n' > m.i
		swig -python -o m_wrap.c m.i && grep -q PyInit__m m_wrap.c
		swig -c++ -python -o m_wrap.cpp m.i
		printf 'alpha, 1\nbeta, 2\n' | gperf > /dev/null
		file -b /usr/bin/swig | grep -q 'ELF 64-bit'`)
}

// emcc starts a Python for each link, and the root is read-only: byte code that is not there is made each time anew.
func TestPythonFindsItsByteCode(t *testing.T) {
	out := shell(t, `cd /usr/share/emscripten && python3 -v -c 'import sys; sys.path.insert(0, "."); import emcc, tools.link' 2>&1 | grep "^# code object from"`)
	if !strings.Contains(out, "/tools/__pycache__/link.cpython-315.pyc") {
		t.Errorf("Emscripten was not loaded from byte code:\n%s", out)
	}
	for line := range strings.Lines(out) {
		if !strings.Contains(line, ".pyc") {
			t.Errorf("made from its source: %s", line)
		}
	}
}

// A wrong answer here is a worse wheel, not an error.
func TestCMakeFindsTheTarget(t *testing.T) {
	wrapper := filepath.Join(t.TempDir(), "wasmcc")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", wrapper, "github.com/wasmill/wasmill/cmd/wasmcc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the wrapper: %v\n%s", err, out)
	}
	project, err := filepath.Abs("testdata/cmake")
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	if err := os.Chmod(work, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, policies := range []string{"3.18", "4.1"} { // before and after CMP0190
		out := shell(t, `
			export PATH=/opt/wasmill/cross:/usr/bin _PYTHON_HOST_PLATFORM=wasm32 PYODIDE_ROOT=/opt/wasmill/python
			export _PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__emscripten_wasm32-emscripten _PYTHON_SYSCONFIGDATA_PATH=/opt/wasmill/python/sysconfigdata
			cmake -G Ninja -S /project -B b -DPOLICY_VERSION=`+policies+` -DCMAKE_BUILD_TYPE=Release
			cmake --build b
			ls b/module.*`,
			engine.Mount{Source: wrapper, Target: "/opt/wasmill/bin/wasmcc"},
			engine.Mount{Source: project, Target: "/project"},
			engine.Mount{Source: work, Target: "/work", Writable: true})
		for _, want := range []string{
			"found: sin=1 nothing= long=4 soabi=cpython-315-wasm32-emscripten include=/opt/wasmill/python/include/python3.15\n",
			"native: header=NATIVE_HEADER-NOTFOUND library=NATIVE_LIBRARY-NOTFOUND program=/usr/bin/swig\n",
			"b/module.cpython-315-wasm32-emscripten.so\n",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("with the policies of CMake %s, the output lacks %q:\n%s", policies, want, out)
			}
		}
	}
}
