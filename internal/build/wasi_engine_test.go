//go:build engine

package build_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/build/buildtest"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/static"
)

// wasiFarm builds in the image for WASI, which WASMILL_WASI_IMAGE names, against the Python that the recipe cpython-wasi has made:
// WASMILL_WASI_PYTHON is its archive.
func wasiFarm(t *testing.T) (f *farm, python build.Host) {
	t.Helper()
	ref, archive := os.Getenv("WASMILL_WASI_IMAGE"), os.Getenv("WASMILL_WASI_PYTHON")
	if ref == "" || archive == "" {
		t.Skip("WASMILL_WASI_IMAGE and WASMILL_WASI_PYTHON name no toolchain image for WASI and no Python for it")
	}
	real := realFarm(t)
	on, err := (&buildtest.Farm{Builder: real.builder, Image: real.image}).On(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	r := ours(t, "cpython-wasi")
	return &farm{on.Builder, on.Image}, build.Host{Recipe: r, Files: []build.File{{Artifact: record.Artifact{Filename: filepath.Base(archive), Kind: record.KindLibrary}, Path: archive}}}
}

// host is a library of this repository, built.
func (f *farm) host(t *testing.T, name string) build.Host {
	t.Helper()
	r := ours(t, name)
	out := f.build(t, r, nil)
	if out.Record.Outcome != record.Passed {
		t.Fatalf("%s: %+v\n%s", name, out.Record.Failure, tail(out.log))
	}
	return build.Host{Recipe: r, Files: []build.File{{Artifact: out.Record.Artifacts[0], Path: out.Path}}}
}

// ours is a recipe of this repository.
func ours(t *testing.T, name string) *recipe.Recipe {
	t.Helper()
	r, err := recipe.Load(filepath.Join("..", "..", "recipes", name, recipe.MetaFile))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// unpacked is an archive that a build left, below a folder.
func unpacked(t *testing.T, file, dir string) (names []string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(contents(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		to := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// about is what a package's archive says of itself.
func about(t *testing.T, dir string) (p static.Package) {
	t.Helper()
	if err := json.Unmarshal(contents(t, filepath.Join(dir, static.AboutFile)), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// nested is built by Meson, which asks the compiler what the target has. Two of its modules have one name. They want functions about threads
// of which the C library and Python have some each.
var nested = map[string]string{
	"pyproject.toml": "[build-system]\nrequires = ['meson-python']\nbuild-backend = 'mesonpy'\n[project]\nname = 'nested'\nversion = '1.0'\n",
	"meson.build": `project('nested', 'c', version: '1.0')
py = import('python').find_installation(pure: false)
cc = meson.get_compiler('c')
threads = dependency('threads')
size = cc.run('int main(void) { return sizeof(void *); }', name: 'size of a pointer')
if cc.has_function('fork', prefix: '#include <unistd.h>') or not cc.has_function('pthread_create', prefix: '#include <pthread.h>', dependencies: threads) or size.returncode() != 4
  error('it asks another machine')
endif
py.install_sources('__init__.py', subdir: 'nested')
helper = static_library('helper', 'helper.c')
subdir('a')
subdir('b')
`,
	"__init__.py": "", "a/__init__.py": "", "b/__init__.py": "",
	"helper.c":      "int helper(void) { return 42; }\n",
	"a/meson.build": "py.extension_module('_x', '../x.c', c_args: '-DWHICH=\"a\"', link_with: helper, dependencies: threads, install: true, subdir: 'nested/a')\npy.install_sources('__init__.py', subdir: 'nested/a')\n",
	"b/meson.build": "py.extension_module('_x', '../x.c', c_args: '-DWHICH=\"b\"', link_with: helper, dependencies: threads, install: true, subdir: 'nested/b')\npy.install_sources('__init__.py', subdir: 'nested/b')\n",
	"x.c": `#include <Python.h>
#include <pthread.h>
int helper(void);
static void once(void) {}
static void *work(void *p) { return p; }
static PyObject *say(PyObject *self, PyObject *none) {
	static pthread_once_t first = PTHREAD_ONCE_INIT;
	pthread_cond_t c;
	pthread_t t;
	pthread_cond_init(&c, 0); pthread_cond_broadcast(&c); pthread_once(&first, once);
	return Py_BuildValue("siN", WHICH, helper(), PyBool_FromLong(pthread_create(&t, 0, work, 0) != 0));
}
static PyMethodDef methods[] = {{"say", say, METH_NOARGS}, {0}};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "_x", 0, 0, methods};
PyMODINIT_FUNC PyInit__x(void) { return PyModuleDef_Init(&def); }
`,
}

// Packages with modules of one name, in C and in C++, are linked into one interpreter, and called there.
func TestPackagesForWASIAreLinkedTogether(t *testing.T) {
	f, python := wasiFarm(t)
	work := t.TempDir()
	if err := os.Chmod(work, 0o777); err != nil {
		t.Fatal(err)
	}
	var modules []static.Module
	// Methods of xxhash take fewer parameters than Python passes: only a program that is fitted can call them.
	names := []string{"markupsafe", "simplejson", "xxhash"}
	if os.Getenv("WASMILL_TEST_NIGHTLY") != "" {
		names = append(names, "msgpack", "lz4", "ujson", "cytoolz", "toolz", "swiglpk")
	}
	recipes := map[string]*recipe.Recipe{"nested": project(t, nested)}
	for _, name := range names {
		recipes[name] = ours(t, name)
	}
	names = append(names, "nested")
	for _, name := range names {
		r, hosts := recipes[name], []build.Host{python}
		for _, host := range r.Requirements.Host {
			hosts = append(hosts, f.host(t, host))
		}
		out := f.build(t, r, func(j *build.Job) { j.Hosts = hosts })
		if out.Record.Outcome != record.Passed {
			t.Errorf("%s: %+v\n%s", name, out.Record.Failure, tail(out.log))
			continue
		}
		if kind := out.Record.Artifacts[0].Kind; kind != record.KindStatic || out.Record.Wheel() != nil {
			t.Errorf("%s is a %s", name, kind)
		}
		files := unpacked(t, out.Path, filepath.Join(work, name))
		p := about(t, filepath.Join(work, name))
		for _, m := range p.Modules {
			if !slices.Contains(files, m.Archive) {
				t.Errorf("%s is not in the package of %s: %v", m.Archive, name, files)
			}
			m.Archive = "/work/" + name + "/" + m.Archive
			modules = append(modules, m)
		}
		if again := f.build(t, r, func(j *build.Job) { j.Hosts, j.Lock = hosts, out.Lock }); !bytes.Equal(contents(t, out.Path), contents(t, again.Path)) {
			t.Errorf("two builds of %s differ", name)
		}
	}
	table, err := static.Table(modules)
	if err != nil {
		t.Fatal(err)
	}
	program := static.Program{Python: "/work/python", Modules: modules, Sources: []string{"/work/main.c", "/work/table.c"}, Out: "/work/app.wasm"}
	tests := map[string]string{
		"markupsafe": "import markupsafe._speedups as m; print('markupsafe', m._escape_inner('<a>'))",
		"simplejson": "import simplejson, simplejson._speedups as s; print('simplejson', s.encode_basestring_ascii('\\xe4'))",
		"xxhash":     "import xxhash; h = xxhash.xxh64(b'a'); print('xxhash', h.copy().hexdigest(), h.block_size)",
		"msgpack":    "import msgpack; from msgpack import _cmsgpack; print('msgpack', msgpack.unpackb(_cmsgpack.Packer().pack([1, {'a': 2}])))",
		"lz4":        "import lz4.frame; print('lz4', lz4.frame.decompress(lz4.frame.compress(b'a' * 99)) == b'a' * 99)",
		"ujson":      "import ujson; print('ujson', ujson.loads(ujson.dumps({'a': [1.5, None]})))",
		"cytoolz":    "import cytoolz; print('cytoolz', list(cytoolz.partition(2, range(4))))",
		"toolz":      "import toolz; print('toolz', toolz.first([1]))",
		"nested":     "import nested.a._x as a, nested.b._x as b; print('nested', a.say(), b.say())",
		"swiglpk":    "import swiglpk; print('swiglpk', swiglpk.glp_version(), swiglpk.glp_simplex(swiglpk.glp_create_prob(), None))",
	}
	var script strings.Builder
	script.WriteString("import sys\nsys.path[1:1] = sys.argv[1:]\n")
	for _, name := range names {
		script.WriteString(tests[name] + "\n")
	}
	writeFiles(t, work, map[string]string{"main.c": static.Main, "table.c": table, "test.py": script.String()})
	unpacked(t, python.Files[0].Path, filepath.Join(work, "python"))
	inImage := func(script string) string {
		t.Helper()
		var out bytes.Buffer
		result, err := f.builder.Engine.Run(t.Context(), engine.Spec{
			Image: os.Getenv("WASMILL_WASI_IMAGE"), WorkDir: "/work", User: "1000:1000", Env: []string{"HOME=/tmp"}, Command: []string{"bash", "-euc", script},
			Mounts: []engine.Mount{{Source: work, Target: "/work", Writable: true}}, Tmpfs: map[string]int64{"/tmp": 1 << 30},
		}, &out)
		if err != nil || result.ExitStatus != 0 {
			t.Fatalf("status %d, %v:\n%s", result.ExitStatus, err, out.String())
		}
		return out.String()
	}
	inImage(f.image.Facts.Linker().Script(program))
	linked := contents(t, filepath.Join(work, "app.wasm"))
	if err := static.Fit(linked); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "fitted.wasm"), linked, 0o644); err != nil {
		t.Fatal(err)
	}
	run := "PYTHONPATH=/work/python/lib/python313.zip PYTHONHOME=/work/python /opt/wasmill/bin/run /work/fitted.wasm /work/test.py"
	for _, name := range names {
		run += " /work/" + name + "/site-packages"
	}
	out := inImage(run)
	want := map[string]string{
		"markupsafe": "&lt;a&gt;", "xxhash": "d24ec4f1a98c6e5b 32", "simplejson": `"\u00e4"`, "msgpack": "[1, {'a': 2}]", "lz4": "True",
		"ujson": "{'a': [1.5, None]}", "cytoolz": "[(0, 1), (2, 3)]", "toolz": "1", "swiglpk": "5.0 0",
		"nested": "('a', 42, True) ('b', 42, True)",
	}
	for _, name := range names {
		if line := name + " " + want[name] + "\n"; !strings.Contains(out, line) {
			t.Errorf("%s: the interpreter says\n%s, want %s", name, out, line)
		}
	}
}

// Code that starts threads where it can, and does without them otherwise, is built: starting one fails when it runs, as under Emscripten.
func TestThreadsThatCannotStartAreNoReasonNotToBuild(t *testing.T) {
	f, python := wasiFarm(t)
	out := f.build(t, project(t, map[string]string{
		"pyproject.toml": pyproject,
		"setup.py":       "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('story', ['story.c'])])\n",
		"story.c": "#include <Python.h>\n#include <pthread.h>\nstatic void *work(void *p) { return p; }\n" +
			"static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, \"story\"};\nPyMODINIT_FUNC PyInit_story(void) {\n" +
			"\tpthread_t t; if (pthread_create(&t, 0, work, 0) == 0) pthread_join(t, 0);\n\treturn PyModule_Create(&def);\n}\n",
	}), func(j *build.Job) { j.Hosts = []build.Host{python} })
	if out.Record.Outcome != record.Passed {
		t.Fatalf("%+v\n%s", out.Record.Failure, tail(out.log))
	}
	dir := t.TempDir()
	unpacked(t, out.Path, dir)
	if p := about(t, dir); len(p.Modules) != 1 || p.Modules[0].Name != "story" {
		t.Errorf("modules: %+v", p.Modules)
	}
}

// A package that keeps its compiler's errors to itself, and goes on without the module, can't work for the same reasons.
func TestWhatCannotWorkIsToldAlsoOfAPackageThatGoesOn(t *testing.T) {
	f, python := wasiFarm(t)
	out := f.build(t, project(t, map[string]string{
		"pyproject.toml": pyproject,
		"setup.py":       "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('story', ['story.c'], optional=True)])\n",
		"story.c":        "#include <Python.h>\n#include <sys/wait.h>\n",
	}), func(j *build.Job) { j.Hosts = []build.Host{python} })
	got := out.Record.Failure
	if got == nil || got.Kind != record.Unsupported || !strings.Contains(got.Message, "'sys/wait.h' file not found (WASI has nothing of") {
		t.Errorf("%+v\n%s", got, tail(out.log))
	}
}

// What WASI has not is told with the symbols that say so.
func TestWhatCannotWorkUnderWASI(t *testing.T) {
	f, python := wasiFarm(t)
	files := map[string]string{
		"pyproject.toml": pyproject,
		"setup.py":       "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('story', ['story.c'])])\n",
		"story.c": "#include <Python.h>\nextern int fork(void); extern int waitpid(int, int *, int);\n" +
			"static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, \"story\"};\nPyMODINIT_FUNC PyInit_story(void) { if (fork() > 0) waitpid(-1, 0, 0); return PyModule_Create(&def); }\n",
	}
	out := f.build(t, project(t, files), func(j *build.Job) { j.Hosts = []build.Host{python} })
	want := &record.Failure{
		Phase: record.PhaseAudit, Kind: record.Unsupported,
		Message: "it can't be linked for wasm32-wasip1: story want fork, waitpid (processes: WASI has none)",
		Detail:  "story want fork, waitpid (processes: WASI has none)\nstory: undefined: fork waitpid",
	}
	if diff := cmp.Diff(want, out.Record.Failure); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, tail(out.log))
	}
	throws := f.build(t, ours(t, "kiwisolver"), func(j *build.Job) { j.Hosts = []build.Host{python} })
	if got := throws.Record.Failure; got == nil || got.Kind != record.Unsupported || !strings.Contains(got.Message, "__cxa_throw") {
		t.Errorf("what throws in C++: %+v\n%s", got, tail(throws.log))
	}
}
