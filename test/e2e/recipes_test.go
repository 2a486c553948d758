//go:build engine

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recipes is a folder of recipes that a test writes.
type recipes struct{ dir string }

func newRecipes(t testing.TB) *recipes { return &recipes{t.TempDir()} }

// add writes a recipe: its meta.yaml without `package`, and further files.
func (s *recipes) add(t testing.TB, name, meta string, files map[string]string) {
	t.Helper()
	all := map[string]string{"meta.yaml": fmt.Sprintf("package:\n  name: %s\n  version: '1.0'\n%s", name, meta)}
	maps.Copy(all, files)
	write(t, filepath.Join(s.dir, name), all)
}

// extension adds a recipe of a C extension, whose source lies beside it, with a test.
func (s *recipes) extension(t testing.TB, name, more string) {
	t.Helper()
	s.source(t, name, more, nil)
}

// source is extension with other files in the source.
func (s *recipes) source(t testing.TB, name, more string, changed map[string]string) {
	t.Helper()
	files := map[string]string{}
	for file, text := range project(name, changed) {
		files["source/"+file] = text
	}
	m := module(name)
	files["test_"+m+".py"] = fmt.Sprintf("import %s\n\ndef test_answer():\n    assert %s.answer() == 42\n", m, m)
	if !strings.Contains(more, "wasmill:") {
		more += "wasmill:\n  extension-modules: [" + m + "]\n"
	}
	s.add(t, name, "source:\n  path: source\n"+more, files)
}

func module(name string) string { return strings.ReplaceAll(name, "-", "_") }

// project is the source of a package with one C extension, of which some files may be others.
func project(name string, changed map[string]string) map[string]string {
	m := module(name)
	files := map[string]string{
		"pyproject.toml": fmt.Sprintf("[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n[project]\nname = %q\nversion = \"1.0\"\n", name),
		"setup.py":       fmt.Sprintf("from setuptools import Extension, setup\nsetup(ext_modules=[Extension(%q, [%q])])\n", m, m+".c"),
		m + ".c": strings.ReplaceAll(`#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, NULL}, {NULL}};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "MODULE", NULL, 0, methods};
PyMODINIT_FUNC PyInit_MODULE(void) { return PyModule_Create(&def); }
`, "MODULE", m),
	}
	maps.Copy(files, changed)
	return files
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// sources is a local server of source archives.
type sources struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte
	asked map[string]int
}

func newSources(t testing.TB) *sources {
	s := &sources{files: map[string][]byte{}, asked: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked[r.URL.Path]++
		content, ok := s.files[path.Base(r.URL.Path)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(s.Close)
	return s
}

// requests counts those for a path.
func (s *sources) requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

// sdist serves a package's source archive with further entries, and returns the `source` section for it.
func (s *sources) sdist(t testing.TB, name string, more ...tar.Header) string {
	t.Helper()
	return s.archive(t, name, project(name, nil), more...)
}

// archive is sdist with these files.
func (s *sources) archive(t testing.TB, name string, files map[string]string, more ...tar.Header) string {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	w := tar.NewWriter(z)
	put := func(h tar.Header, text string) {
		h.Mode, h.Size = 0o644, int64(len(text))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		put(tar.Header{Typeflag: tar.TypeReg, Name: name + "-1.0/" + file}, files[file])
	}
	for _, h := range more {
		put(h, "")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.files[name+"-1.0.tar.gz"] = packed.Bytes()
	s.mu.Unlock()
	sum := sha256.Sum256(packed.Bytes())
	return fmt.Sprintf("source:\n  url: %s/%s-1.0.tar.gz\n  sha256: %s\n", s.URL, name, hex.EncodeToString(sum[:]))
}
