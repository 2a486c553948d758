# Makes the modules of the truth tests in the current folder, with the real toolchain: sound ones, and others that are
# each broken in one way. NAME.so is the module m, or what it says otherwise. Run by truth_engine_test.go.
include=-I/opt/wasmill/python/include/python3.15
abi="-O2 -g0 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm"
side="-sSIDE_MODULE=2 -sWASM_BIGINT -Wl,--experimental-pic"
init=-sEXPORTED_FUNCTIONS=_PyInit_m
src=/tmp/builder/project/src # as it stands in __FILE__
mkdir -p $src

# A module with one function, call, and what a line or two of C add: before it, and as the value that it returns.
c() { # NAME BEFORE VALUE
	cat > $src/$1.c <<-EOF
		#define Py_LIMITED_API 0x030b0000
		#include <Python.h>
		$2
		static PyObject *call(PyObject *self, PyObject *args) { return PyLong_FromLong((long)($3)); }
		static PyMethodDef methods[] = {{"call", call, METH_NOARGS, ""}, {0}};
		static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "m", "", -1, methods};
		PyMODINIT_FUNC PyInit_m(void) { return PyModule_Create(&def); }
	EOF
}
cpp() { # NAME BEFORE VALUE
	c "$@"
	mv $src/$1.c $src/$1.cpp
}

# Each job compiles and links one module; four at a time, for emcc takes a second for each.
jobs=()
job() { jobs+=("$*"); }
simple() { # NAME FLAGS-TO-COMPILE
	local file=$(ls $src/$1.c*) flags=${2:-}
	job "emcc $abi $flags $include -c $file -o $1.o && emcc $abi $flags $1.o $side $init -o $1.so"
}

# --- what the matrix was measured with
c c '' 7; simple c
c setjmp '
#include <setjmp.h>
static jmp_buf env;
__attribute__((noinline)) static void jump(int n) { longjmp(env, n); }
static int go(void) { int n = setjmp(env); if (!n) jump(7); return n; }' 'go()'
simple setjmp
cpp throw '
#include <stdexcept>
__attribute__((noinline)) static void raise(int n) { if (n) throw std::runtime_error("seven"); }
static int go() { try { raise(7); return 0; } catch (const std::exception &e) { return 7; } }' 'go()'
simple throw
printf 'int x_seven(void) { return 7; }\n' > $src/libx.c
c needed 'int x_seven(void);' 'x_seven()'
job "emcc $abi -c $src/libx.c -o libx.o && emcc $abi libx.o $side -sEXPORTED_FUNCTIONS=_x_seven -o libx.so &&
	emcc $abi $include -c $src/needed.c -o needed.o &&
	emcc $abi needed.o libx.so $side $init -o needed.so &&
	emcc $abi needed.o libx.so $side $init '-Wl,-rpath,\$ORIGIN/x.libs' -o needed-path.so &&
	emcc $abi needed.o libx.so $side $init -Wl,-rpath,/usr/local/lib -o needed-elsewhere.so"

# --- sound, and more of what an ABI allows
c simd '
#include <wasm_simd128.h>
static float v[4];
static float go(void) { v128_t a = wasm_v128_load(v); return wasm_f32x4_extract_lane(wasm_f32x4_add(a, a), 0); }' 'go()'
simple simd -msimd128
cpp strings '
#include <string>
#include <map>
static std::map<std::string, long> seen;
static long go() { std::string s("seven"); s += std::to_string((long)seen.size()); return (long)(seen[s] = (long)s.size()); }' 'go()'
simple strings

# --- broken
job "em++ -O2 -fPIC -fexceptions $include -c $src/throw.cpp -o js-throw.o && em++ -fexceptions js-throw.o $side $init -o js-throw.so"
job "emcc -O2 -fPIC -sSUPPORT_LONGJMP=emscripten $include -c $src/setjmp.c -o js-setjmp.o && emcc -sSUPPORT_LONGJMP=emscripten js-setjmp.o $side $init -o js-setjmp.so"
job "emcc $abi -pthread $include -c $src/c.c -o pthread.o && emcc $abi -pthread -nostdlib pthread.o $side $init -o pthread.so"
c atomics 'static int n; static int go(void) { return __atomic_fetch_add(&n, 7, __ATOMIC_SEQ_CST); }' 'go()'
simple atomics '-matomics -mbulk-memory'
c relaxed '
#include <wasm_simd128.h>
static float v[4];
static float go(void) { v128_t a = wasm_v128_load(v); return wasm_f32x4_extract_lane(wasm_f32x4_relaxed_madd(a, a, a), 0); }' 'go()'
simple relaxed '-msimd128 -mrelaxed-simd'
c tail '
__attribute__((noinline)) static int odd(int n);
__attribute__((noinline)) static int even(int n) { if (n == 0) return 7; __attribute__((musttail)) return odd(n - 1); }
__attribute__((noinline)) static int odd(int n) { if (n == 0) return 0; __attribute__((musttail)) return even(n - 1); }' 'even((int)(long)self)'
simple tail -mtail-call
job "em++ $abi -sWASM_LEGACY_EXCEPTIONS=0 $include -c $src/throw.cpp -o exnref.o && em++ $abi -sWASM_LEGACY_EXCEPTIONS=0 exnref.o $side $init -o exnref.so"
c extended 'static int a[4]; int *volatile where = &a[2];' '*where'
simple extended -mextended-const
c undefined 'int nobody_has_this(int);' 'nobody_has_this(7)'; simple undefined
c address 'int nobody_has_this(int);' '&nobody_has_this'; simple address
c variable 'extern int nobody_has_this;' '&nobody_has_this'; simple variable
c mistyped 'double PyOS_strtol(const char *, double);' 'PyOS_strtol("7", 1.0)'
sed -i 's/#include <Python.h>/#define PyOS_strtol ignored\n#include <Python.h>\n#undef PyOS_strtol/' $src/mistyped.c
simple mistyped
c loose 'long emscripten_get_now(long);' 'emscripten_get_now(7)'; simple loose
c wasi '__attribute__((import_module("wasi_snapshot_preview1"), import_name("sock_shutdown"))) int sock_shutdown(int, int);' 'sock_shutdown(1, 2)'
simple wasi
c foreign '__attribute__((import_module("wbg"), import_name("log"))) int wbg_log(int);' 'wbg_log(7)'; simple foreign
mkdir -p $src/native && sed 's/\(define _LIBCPP_ABI_NAMESPACE\).*/\1 __1/' "$EM_CACHE"/sysroot/include/c++/v1/__config_site > $src/native/__config_site
job "em++ $abi -I$src/native $include -c $src/strings.cpp -o libcxx.o && em++ $abi libcxx.o $side $init -o libcxx.so"
job "sed s/PyInit_m/PyInit_other/ $src/c.c > $src/other.c && emcc $abi $include -c $src/other.c -o other.o && emcc $abi other.o $side -sEXPORTED_FUNCTIONS=_PyInit_other -o other.so"
c badinit '' 7
job "sed 's/PyMODINIT_FUNC PyInit_m(void)/__attribute__((visibility(\"default\"))) PyObject *PyInit_m(double d)/' $src/c.c > $src/badinit.c && emcc $abi $include -c $src/badinit.c -o badinit.o && emcc $abi badinit.o $side $init -o badinit.so"
c path '' '__FILE__[0]'
sed -i 's/METH_NOARGS, ""/METH_NOARGS, __FILE__/' $src/path.c
simple path
job "emcc $abi -g $include -ffile-prefix-map=$src=. -fdebug-compilation-dir=. -c $src/c.c -o debug.o && emcc $abi -g debug.o $side $init -o debug.so"
job "emcc -O2 -fPIC -m64 $include -c $src/libx.c -o wide.o && emcc -m64 wide.o $side -sEXPORTED_FUNCTIONS=_x_seven -o wide.so"

printf '%s\0' "${jobs[@]}" | xargs -0 -P4 -I{} bash -euo pipefail -c '{}'

# What other tools do to sound modules. (llvm-strip does this from LLVM 22 on; the toolchain's LLVM keeps the section.)
"$(dirname "$(readlink -f /usr/lib/llvm-*/bin/llvm-objcopy | head -1)")"/llvm-objcopy --remove-section=dylink.0 c.so stripped.so
cp "$(ls /usr/lib/x86_64-linux-gnu/libz.so.1* | head -1)" elf.so
