//go:build engine

package build_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/record"
)

// Three build systems: a backend that compiles in its source folder, one in a folder below it, one in a temporary folder.
func TestTwoBuildsGiveTheSameBytes(t *testing.T) {
	f := realFarm(t)
	const c = "#include <Python.h>\n#include <assert.h>\n" +
		"static PyObject *file(PyObject *m, PyObject *n) { assert(m); return PyUnicode_FromString(__FILE__); }\n" +
		"static PyMethodDef methods[] = {{\"file\", file, METH_NOARGS, __FILE__}, {NULL}};\n" +
		"static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, \"story\", NULL, 0, methods};\n" +
		"PyMODINIT_FUNC PyInit_story(void) { return PyModule_Create(&def); }\n"
	project1 := func(requires, backend string, more map[string]string) map[string]string {
		more["story.c"] = c
		more["pyproject.toml"] = strings.NewReplacer(`"setuptools"`, requires, "setuptools.build_meta", backend).Replace(pyproject)
		return more
	}
	for system, files := range map[string]map[string]string{
		"setuptools": project1(`"setuptools"`, "setuptools.build_meta", map[string]string{"setup.py": setup}),
		"meson-python": project1(`"meson-python"`, "mesonpy", map[string]string{
			"meson.build": "project('story', 'c', version: '1.0')\npy = import('python').find_installation(pure: false)\npy.extension_module('story', 'story.c', install: true)\n"}),
		"scikit-build-core": project1(`"scikit-build-core"`, "scikit_build_core.build", map[string]string{
			"CMakeLists.txt": "cmake_minimum_required(VERSION 3.20)\nproject(story LANGUAGES C)\nfind_package(Python COMPONENTS Interpreter Development.Module REQUIRED)\n" +
				"python_add_library(story MODULE story.c WITH_SOABI)\ninstall(TARGETS story DESTINATION .)\nfile(WRITE ${CMAKE_BINARY_DIR}/where.txt ${CMAKE_BINARY_DIR})\ninstall(FILES ${CMAKE_BINARY_DIR}/where.txt DESTINATION story_data)\n"}),
	} {
		t.Run(system, func(t *testing.T) {
			r := project(t, files)
			first := f.build(t, r, nil)
			if first.Record.Outcome != record.Passed {
				t.Fatalf("%+v\n%s", first.Record.Failure, tail(first.log))
			}
			second := f.build(t, r, func(j *build.Job) { j.Lock = first.Lock })
			a, b := contents(t, first.Path), contents(t, second.Path)
			if !bytes.Equal(a, b) {
				t.Errorf("different wheels, %d and %d bytes", len(a), len(b))
			}
			if !strings.HasSuffix(first.Path, "-cp315-cp315-pyemscripten_2026_5_wasm32.whl") {
				t.Errorf("the wheel is %s", filepath.Base(first.Path))
			}
		})
	}
}

// The wrapper hands a compile to clang as emcc would have: the object is the same, byte for byte.
func TestObjectsAreThoseOfEmcc(t *testing.T) {
	f := realFarm(t)
	// The lines in the middle are a user's flags; emcc gets them with what the wrapper adds for the ABI.
	const script = `set -e
cd /tmp
printf '#include <math.h>\n#include <setjmp.h>\njmp_buf b; double f(double x) { if (setjmp(b)) return 0; return sin(x) * x; }\n' > a.c
printf '#include <string>\n#include <stdexcept>\nint g(std::string s) { try { return std::stoi(s); } catch (std::exception &e) { throw 1; } }\n' > b.cpp
abi="-Werror=implicit-function-declaration -Werror=mismatched-parameter-types -Werror=return-type -O2 -g0 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm -I/opt/wasmill/python/include/python3.15 -ffile-prefix-map=/tmp=."
for flags in "-O3" "-O0 -DX=1" "-Oz -fvisibility=hidden -std=gnu2x"; do
  /opt/wasmill/cross/cc $flags -c a.c -o ours.o
  emcc $flags -c a.c -o theirs.o $abi
  cmp ours.o theirs.o
done
for flags in "-O3" "-std=c++20 -fno-rtti -frtti"; do
  /opt/wasmill/cross/c++ $flags -c b.cpp -o ours.o
  em++ $flags -c b.cpp -o theirs.o $abi
  cmp ours.o theirs.o
done
echo same
`
	work := t.TempDir()
	if err := os.Chmod(work, 0o777); err != nil { // the wrapper keeps notes there, and the container's user is another
		t.Fatal(err)
	}
	var out bytes.Buffer
	env := []string{"PATH=/usr/bin:/bin", "HOME=/tmp"}
	for name, v := range f.image.Facts.Env {
		env = append(env, name+"="+v)
	}
	_, err := f.builder.Engine.Run(t.Context(), engine.Spec{
		Image: f.builder.Registry + "/" + f.image.Build, Command: []string{"bash", "-c", script}, User: "1000:1000", Env: env,
		Mounts: []engine.Mount{{Source: f.builder.Wasmcc, Target: "/opt/wasmill/bin/wasmcc"}, {Source: work, Target: "/work", Writable: true}},
		Tmpfs:  map[string]int64{"/tmp": 1 << 28},
	}, &out)
	if err != nil || !strings.HasSuffix(out.String(), "same\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
