//go:build engine

package toolchain

import (
	"os"
	"strings"
	"testing"
)

// inWASI makes a test use the image for WASI, which WASMILL_WASI_IMAGE names.
func inWASI(t *testing.T) {
	t.Helper()
	image := os.Getenv("WASMILL_WASI_IMAGE")
	if image == "" {
		t.Skip("WASMILL_WASI_IMAGE names no toolchain image")
	}
	t.Setenv("WASMILL_BUILD_IMAGE", image)
}

func TestProgramsForWASICompileAndRun(t *testing.T) {
	inWASI(t)
	out := shell(t, `
		printf '#include <signal.h>\n#include <stdio.h>\nint main(int n, char **a) { raise(SIGURG); printf("%%s in C\\n", a[1]); return 3; }\n' > c.c
		printf '#include <iostream>\n#include <vector>\nint main() { std::vector<int> v{1, 2}; std::cout << v.size() << " in C++\\n"; }\n' > cxx.cpp
		$CLANG $CLANG_FLAGS -O2 c.c -o c.wasm -lwasi-emulated-signal
		${CLANG}++ $CLANGXX_FLAGS -O2 cxx.cpp -o cxx.wasm
		/opt/wasmill/bin/run c.wasm hello || echo "status $?"
		/opt/wasmill/bin/run cxx.wasm
		/opt/wasmill/bin/run python3 -c 'print("native")'
	`)
	if want := "hello in C\nstatus 3\n2 in C++\nnative\n"; !strings.HasSuffix(out, want) {
		t.Errorf("they print %q, want %q", out, want)
	}
}

// What a configure script finds of the build machine would be compiled for the target.
func TestTheMachinesHeadersAreOutOfSight(t *testing.T) {
	inWASI(t)
	out := shell(t, `
		ls /usr/include/pty.h
		echo '#include <pty.h>' | $CLANG $CLANG_FLAGS -E - 2>&1 && echo "found" || echo "not found"
	`)
	if !strings.HasSuffix(out, "\nnot found\n") {
		t.Errorf("a header of glibc: %s", out)
	}
}
