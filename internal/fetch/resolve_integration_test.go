//go:build integration

package fetch

import (
	"archive/zip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

// uvWheel is the tool as the toolchain's lock names it; any recent one will do here.
var uvWheel = Source{
	Package: "uv",
	URL:     "https://files.pythonhosted.org/packages/py3/u/uv/uv-0.13.9-py3-none-musllinux_1_1_x86_64.whl",
	SHA256:  "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
}

// Real requirements against the real index, on a machine that needs no Python.
func TestResolveAndFetchFromPyPI(t *testing.T) {
	f := &Fetcher{Cache: t.TempDir()}
	uv, err := f.Tool(t.Context(), uvWheel, "uv-*.data/scripts/uv")
	if err != nil {
		t.Fatal(err)
	}
	r := &Resolver{UV: uv, Cache: t.TempDir()}
	t.Setenv("PATH", "/nonexistent")
	lock, err := r.Resolve(t.Context(), []string{"setuptools>=77", "cython", "setuptools>=77"}, []string{"cython < 3.3"}, target)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, p := range lock.Packages {
		got = append(got, p.Name+" "+p.Version)
	}
	// As of a day in the past this never changes.
	if diff := cmp.Diff([]string{"cython 3.2.9", "setuptools 84.2.0"}, got); diff != "" {
		t.Error(diff)
	}
	second, err := r.Resolve(t.Context(), []string{"cython", "setuptools>=77"}, []string{"cython < 3.3"}, target)
	if diff := cmp.Diff(lock, second); err != nil || diff != "" {
		t.Errorf("the second time: %v\n%s", err, diff)
	}
	dir, err := f.Wheels(t.Context(), lock)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range lock.Packages {
		if w, err := zip.OpenReader(filepath.Join(dir, p.File)); err != nil {
			t.Error(err)
		} else {
			w.Close()
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != len(lock.Packages) {
		t.Errorf("%d files in the wheelhouse", len(entries))
	}

	for requirement, want := range map[string]string{
		"docopt==0.6.2":               "docopt==0.6.2 has no usable wheels",
		"wasmill-has-no-such-package": "was not found in the package registry",
		"cython >>> 3":                "no such comparison operator",
	} {
		_, err := r.Resolve(t.Context(), []string{requirement}, nil, target)
		if e := (*UnresolvableError)(nil); !errors.As(err, &e) || !strings.Contains(e.Reason, want) {
			t.Errorf("%s: %v", requirement, err)
		}
	}
	r.Index = "http://127.0.0.1:1/simple"
	if _, err := r.Resolve(t.Context(), []string{"tomli"}, nil, target); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without an index: %v", err)
	}
}

// The old form of PyPI's addresses, which mirrors don't have, found by its hash.
func TestOldAddressIsFoundThroughTheIndex(t *testing.T) {
	f := &Fetcher{Cache: t.TempDir()}
	_, err := f.Get(t.Context(), Source{
		URL:     "https://files.pythonhosted.org/packages/source/M/MarkupSafe/MarkupSafe-2.1.5.tar.gz",
		SHA256:  "d283d37a890ba4c1ae73ffadf8046435c76e7bc2247bbb63c00bd1a709c6544b",
		Package: "MarkupSafe",
	})
	if err != nil {
		t.Error(err)
	}
}

// What tests need inside the runtime comes as pure wheels, with its markers answered as there.
func TestResolveForTheRuntime(t *testing.T) {
	f := &Fetcher{Cache: t.TempDir()}
	uv, err := f.Tool(t.Context(), uvWheel, "uv-*.data/scripts/uv")
	if err != nil {
		t.Fatal(err)
	}
	r := &Resolver{UV: uv, Cache: t.TempDir()}
	runtime := target
	runtime.Pure = true
	lock, err := r.Resolve(t.Context(), []string{"pytest-mock", "tomli; sys_platform == 'emscripten'", "cffi; sys_platform != 'emscripten'"}, nil, runtime)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, p := range lock.Packages {
		names[p.Name] = true
		if !strings.HasSuffix(p.File, "-none-any.whl") {
			t.Errorf("%s is not for any platform", p.File)
		}
	}
	if !names["pytest-mock"] || !names["pytest"] || !names["tomli"] || names["cffi"] {
		t.Errorf("locked %v", names)
	}
	_, err = r.Resolve(t.Context(), []string{"cffi==2.0.0"}, nil, runtime)
	if e := (*UnresolvableError)(nil); !errors.As(err, &e) {
		t.Errorf("a package of compiled wheels: %v", err)
	}
}
