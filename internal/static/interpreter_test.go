package static_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/static"
)

func TestAnInterpreterIsLinkedWithItsModules(t *testing.T) {
	modules := []static.Module{{Name: "a._b", Init: "PyInit_a._b", Archive: "/in/it's/a._b.a"}}
	table, err := static.Table(modules)
	want := `#include <Python.h>
extern PyObject *init0(void) __asm__("PyInit_a._b");
void wasmill_modules(void) {
	PyImport_AppendInittab("a._b", init0);
}
`
	if diff := cmp.Diff(want, table); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	l := static.Linker{LLVM: "/llvm", ClangFlags: []string{"--target=x"}, LinkFlags: []string{"-lemulated"}, Python: "3.13"}
	script := l.Script(static.Program{Python: "/py", Modules: modules, Sources: []string{"/in/main.c"}, Options: []string{"-Wl,--strip-debug"}, Out: "/out/app.wasm"})
	want = `'/llvm/clang' '--target=x' '-O2' '-c' '/in/main.c' '-o' '/out/main.o' '-I/py/include/python3.13'
'/llvm/clang++' '--target=x' '-z' 'stack-size=8388608' '-Wl,--stack-first' '-o' '/out/app.wasm' '/out/main.o' '/in/it'\''s/a._b.a' '/py/lib/libpython3.13.a' '-ldl' '-lemulated' '-Wl,--strip-debug'
`
	if diff := cmp.Diff(want, script); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAProgramHasRoomForOneModuleOfAName(t *testing.T) {
	_, err := static.Table([]static.Module{{Name: "ujson", Init: "PyInit_ujson"}, {Name: "ujson", Init: "PyInit_ujson"}})
	if fault.KindOf(err) != fault.Invalid || err == nil || !strings.Contains(err.Error(), "ujson") {
		t.Errorf("%v", err)
	}
}
