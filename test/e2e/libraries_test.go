//go:build engine

package e2e

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/record"
)

// libraries writes the recipes of a static library by make, another by cmake that is linked with it, a shared one, and an
// extension that uses the last two, finds the static one by pkg-config, and brings tests that are split off.
func libraries(t testing.TB) *recipes {
	s := newRecipes(t)
	s.add(t, "libbase", `source: {path: src}
build:
  type: static_library
  script: |
    emmake make install PREFIX=${WASM_LIBRARY_DIR}
`, map[string]string{
		"src/base.c": "int base(int x) { return x + 1; }\n",
		"src/Makefile": `install:
	$(CC) -fPIC -O2 -c base.c
	$(AR) rcs libbase.a base.o
	install -D -m 644 libbase.a $(PREFIX)/lib/libbase.a
	install -D -m 644 base.c $(PREFIX)/share/doc/base/base.c
`,
	})
	s.add(t, "libmid", `source: {path: src}
requirements: {host: [libbase]}
build:
  type: static_library
  script: |
    emcmake cmake -S . -B build -DCMAKE_INSTALL_PREFIX=${WASM_LIBRARY_DIR}
    cmake --build build
    cmake --install build
`, map[string]string{
		"src/mid.c":     "int base(int);\nint mid(int x) { return base(x) * 2; }\n",
		"src/mid.h":     "int mid(int);\n",
		"src/mid.pc.in": "prefix=@CMAKE_INSTALL_PREFIX@\nincludedir=${prefix}/include\nName: mid\nDescription: mid\nVersion: 1\nCflags: -I${includedir}\nLibs: -L${prefix}/lib -lmid -lbase\n",
		"src/CMakeLists.txt": `cmake_minimum_required(VERSION 3.1)
project(mid C)
find_library(BASE base PATHS $ENV{WASM_LIBRARY_DIR}/lib NO_DEFAULT_PATH REQUIRED)
add_library(mid STATIC mid.c)
configure_file(mid.pc.in mid.pc @ONLY)
install(TARGETS mid DESTINATION lib)
install(FILES mid.h DESTINATION include)
install(FILES ${CMAKE_BINARY_DIR}/mid.pc DESTINATION lib/pkgconfig)
`,
	})
	s.add(t, "libdyn", `source: {path: src}
build:
  type: shared_library
  script: |
    emcmake cmake -S . -B build -DCMAKE_INSTALL_PREFIX=${WASM_LIBRARY_DIR} -DBUILD_SHARED_LIBS=ON
    cmake --build build
    cmake --install build
    cp -P ${WASM_LIBRARY_DIR}/lib/libdyn.so ${DISTDIR}
`, map[string]string{
		"src/dyn.c":          "int dyn(int x) { return x * 7; }\nstatic int hidden(void) { return 0; }\nint (*unused)(void) = hidden;\n",
		"src/CMakeLists.txt": "cmake_minimum_required(VERSION 3.10)\nproject(dyn C)\nadd_library(dyn dyn.c)\nset_target_properties(dyn PROPERTIES VERSION 1.2 SOVERSION 1)\ninstall(TARGETS dyn DESTINATION lib)\n",
	})
	source := project("uses-libraries", map[string]string{
		"uses_libraries.c": `#include <Python.h>
#include <mid.h>
int dyn(int);
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(dyn(mid(2))); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, NULL}, {NULL}};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "uses_libraries", NULL, 0, methods};
PyMODINIT_FUNC PyInit_uses_libraries(void) { return PyModule_Create(&def); }
`,
		"setup.py": `import subprocess
from setuptools import Extension, setup
flags = subprocess.run(["pkg-config", "--cflags", "--libs", "mid"], check=True, capture_output=True, text=True).stdout.split()
setup(packages=["uses_libraries_data", "uses_libraries_data.tests"], ext_modules=[Extension("uses_libraries", ["uses_libraries.c"],
    extra_compile_args=[f for f in flags if f.startswith("-I")], extra_link_args=[f for f in flags if not f.startswith("-I")] + ["-ldyn"])])
`,
		"uses_libraries_data/__init__.py":       "",
		"uses_libraries_data/tests/__init__.py": "",
		"uses_libraries_data/tests/test_x.py":   "def test_x(): pass\n",
	})
	files := map[string]string{"test_it.py": "import uses_libraries\n\ndef test_answer():\n    assert uses_libraries.answer() == 42\n"}
	for name, text := range source {
		files["source/"+name] = text
	}
	s.add(t, "uses-libraries", `source: {path: source}
requirements: {host: [libmid, libdyn]}
build:
  ldflags: -L$(WASM_LIBRARY_DIR)/lib
`, files)
	return s
}

func TestLibraries(t *testing.T) {
	f, _ := sharedFarm(t)
	s := libraries(t)
	run, status := f.submit(t, s, "uses-libraries")
	if passed(t, run); status != 0 {
		t.Fatalf("status %d", status)
	}
	b := f.record(t, action(t, run, "uses-libraries"))
	if b.Counts().Passed != 1 {
		t.Errorf("tests: %+v", b.Tests)
	}
	var kinds []string
	for _, a := range b.Artifacts {
		kinds = append(kinds, a.Kind)
	}
	if diff := cmp.Diff([]string{record.KindWheel, record.KindTests}, kinds); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
	// What it was linked with, and what that was linked with, stands in its record.
	var hosts []string
	for _, in := range b.Inputs {
		if in.Kind == "host" {
			hosts = append(hosts, strings.TrimSuffix(in.Name, "-1.0-pyemscripten_2026_5_wasm32.tar.gz"))
		}
	}
	if diff := cmp.Diff([]string{"libbase", "libmid", "libdyn"}, hosts); diff != "" {
		t.Errorf("hosts among the inputs (-want +got):\n%s", diff)
	}
	var served []struct{ Name, URL string }
	f.get(t, "/libraries/?format=json", &served)
	got := map[string][]string{}
	for _, l := range served {
		got[l.Name] = f.download(t, l.URL)
	}
	for name, want := range map[string][]string{
		"libbase": {"lib/libbase.a"},
		"libmid":  {"include/mid.h", "lib/libmid.a", "lib/pkgconfig/mid.pc"},
		"libdyn":  {"lib/libdyn.so", "lib/libdyn.so.1", "lib/libdyn.so.1.2"},
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s as it is served (-want +got):\n%s", name, diff)
		}
	}
	// Another comment gives the same library, so nothing that uses it is built again.
	write(t, filepath.Join(s.dir, "libbase"), map[string]string{"src/base.c": "/* other words */ int base(int x) { return x + 1; }\n"})
	again, _ := f.submit(t, s, "uses-libraries")
	states := map[string]string{}
	for _, a := range again.Actions {
		states[a.Recipe] = a.Status
	}
	if diff := cmp.Diff(map[string]string{"libbase": "passed", "libmid": "cached", "libdyn": "cached", "uses-libraries": "cached"}, states); diff != "" {
		t.Errorf("after a change of a comment (-want +got):\n%s", diff)
	}
}

// A script that forgets emmake gets the build machine's compiler.
func TestALibraryForTheBuildMachine(t *testing.T) {
	f, _ := sharedFarm(t)
	s := newRecipes(t)
	s.add(t, "libnative", "source: {path: src}\nbuild: {type: static_library, script: 'cc -c x.c && ar rcs libx.a x.o && install -D libx.a ${WASM_LIBRARY_DIR}/lib/libx.a'}\n",
		map[string]string{"src/x.c": "int x(void) { return 1; }\n"})
	run, _ := f.submit(t, s, "libnative")
	if a := action(t, run, "libnative"); a.Status != "failed" || !strings.Contains(a.Cause, "lib/libx.a is for the build machine") {
		t.Errorf("%s: %s", a.Status, a.Cause)
	}
}

// download reads the names in an archive that the index serves.
func (f *farm) download(t testing.TB, url string) (names []string) {
	t.Helper()
	res, err := f.http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(names)
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}
