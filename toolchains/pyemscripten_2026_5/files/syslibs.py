"""The probe programs whose links fill the compiler's cache.

configure, CMake and Meson ask what the platform has by linking small programs. With a frozen cache a library that is missing
makes such a check answer "no", and the package is built without the feature: no error, a worse wheel. So each variant of each
system library that these links can ask for is made at bake time, by doing such links, and syslibs.txt lists them.
"""

import itertools

C = """
#include <math.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <complex.h>
#include <time.h>
static jmp_buf buf;
static _Atomic long long count;
int main(int argc, char **argv) {
  void *p = malloc((size_t)argc);
  if (setjmp(buf) == 0 && argc > 5) longjmp(buf, 1);
  printf("%f %Lf %f %lld %p\\n", sin(argc), (long double)argc, cabs(argc * I), atomic_fetch_add(&count, time(0)), p);
  free(p);
  return 0;
}
"""

CXX = """
#include <atomic>
#include <filesystem>
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>
struct Base { virtual ~Base() {} };
struct Derived : Base {};
int main(int argc, char **argv) {
  static std::atomic<long long> count;
  Base *base = argc > 5 ? new Base : new Derived;
  try {
    std::vector<std::string> x(argc);
    std::cout << x.at(argc + count++).size() << dynamic_cast<Derived *>(base) << std::filesystem::path(argv[0]);
  } catch (std::exception &e) {
    std::cout << e.what();
  }
  return 0;
}
"""

# What CMake's CheckTypeSize links, as a bare module, in Emscripten's version of it: sizes are read out of the file.
BARE = "static const char info[] = \"INFO:size[4]\"; int main(int argc, char **argv) { return info[argc]; }\n"

# What checks compile with: nothing, a level, a level of a debug build, position independent (all of a wheel's objects are).
LEVELS = ([], ["-O1"], ["-O2"], ["-O3"], ["-Os"], ["-Oz"], ["-O0", "-g"], ["-O2", "-fPIC"])
# The ABI's exceptions; and without, which is what a check that forgets CFLAGS does.
UNWINDING = ([], ["-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm"])
LIBS = ["-lm", "-ldl", "-lpthread", "-lrt", "-lc"]


def probes(work):
    """Yields the command lines, after writing the sources into work."""
    sources = {"c.c": C, "cxx.cpp": CXX, "bare.c": BARE, "bare.cpp": BARE}
    for name, text in sources.items():
        (work / name).write_text(text)
    count = itertools.count()
    for level, unwinding, source in itertools.product(LEVELS, UNWINDING, sources):
        driver = "em++" if source.endswith(".cpp") else "emcc"
        libs = ["--oformat=wasm", "-sWASM=1", "-lm"] if source.startswith("bare") else LIBS
        yield [driver, *level, *unwinding, str(work / source), *libs, "-o", str(work / f"probe{next(count)}.js")]
    side = ["-O2", "-fPIC", *UNWINDING[1], "-sSIDE_MODULE=2", "-sWASM_BIGINT", "-Wl,--experimental-pic"]
    yield ["emcc", *side, str(work / "c.c"), "-o", str(work / "c.so")]
    yield ["em++", *side, str(work / "cxx.cpp"), "-o", str(work / "cxx.so")]
