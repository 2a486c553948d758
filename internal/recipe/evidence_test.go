package recipe_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/wheel"
)

// source is a source's folder of files with the given contents.
func source(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestLookAtSource(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  recipe.SourceFacts
	}{
		"nothing but setup.py": {
			map[string]string{"setup.py": "from setuptools import setup\nsetup(libraries=libs)\n"},
			recipe.SourceFacts{Backend: "setuptools"},
		},
		"setup.py that links, with pkg-config and without": {
			map[string]string{
				"setup.py": "import pkgconfig\nif pkgconfig.exists('liblz4'):\n    pass\next = Extension('x', libraries=[\"z\", 'm',\n  'bz2'])\nextra = ['-lssl']\n",
				"x.c":      "int x;", "demo.egg-info/top_level.txt": "demo\n_demo\ntests\n", "demo/_x.pyx": "# distutils: libraries = gmp m\n",
			},
			recipe.SourceFacts{Backend: "setuptools", TopLevel: []string{"demo", "_demo"}, Libraries: []recipe.LibraryGuess{
				{Name: "gmp", Place: "demo/_x.pyx:1"}, {Name: "lz4", Place: "setup.py:2"}, {Name: "openssl", Place: "setup.py:6"}, {Name: "zlib", Place: "setup.py:4"},
			}},
		},
		"meson": {
			map[string]string{
				"pyproject.toml":  "[build-system]\nbuild-backend = 'mesonpy'\nrequires = ['meson-python>=0.15', 'Cython>=3', 'numpy>=2']\n",
				"meson.build":     "project('x')\nz = dependency('zlib', required: true)\nm = cc.find_library('m')\nblas = dependency('openblas')\n",
				"doc/meson.build": "dependency('libcurl')\n",
			},
			recipe.SourceFacts{Backend: "meson-python", Requires: []string{"meson-python", "cython", "numpy"},
				Libraries: []recipe.LibraryGuess{{Name: "openblas", Place: "meson.build:4"}, {Name: "zlib", Place: "meson.build:2"}}},
		},
		"cmake": {
			map[string]string{
				"pyproject.toml": "[build-system]\nbuild-backend = 'scikit_build_core.build'\nrequires = ['scikit-build-core']\n",
				"CMakeLists.txt": "find_package(Python REQUIRED)\nFind_Package(PNG)\npkg_check_modules(X REQUIRED libxml-2.0 libxslt)\n",
			},
			recipe.SourceFacts{Backend: "scikit-build-core", Requires: []string{"scikit-build-core"},
				Libraries: []recipe.LibraryGuess{{Name: "png", Place: "CMakeLists.txt:2"}, {Name: "xml2", Place: "CMakeLists.txt:3"}, {Name: "xslt", Place: "CMakeLists.txt:3"}}},
		},
		"Rust": {
			map[string]string{"pyproject.toml": "[build-system]\nbuild-backend = 'maturin'\nrequires = ['maturin>=1,<2']\n", "Cargo.toml": "", "src/lib.rs": ""},
			recipe.SourceFacts{Backend: "maturin", Requires: []string{"maturin"}, Executables: []string{"rustc", "cargo"}},
		},
		"SWIG":                   {map[string]string{"setup.py": "", "demo.i": "%module demo"}, recipe.SourceFacts{Backend: "setuptools", Executables: []string{"swig"}}},
		"a pyproject in pieces":  {map[string]string{"pyproject.toml": "[build-system"}, recipe.SourceFacts{Backend: "setuptools"}},
		"a backend of their own": {map[string]string{"pyproject.toml": "[build-system]\nrequires=[]\nbuild-backend='_own'\nbackend-path=['.']\n"}, recipe.SourceFacts{Backend: "a backend of its own, `_own`"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := recipe.LookAtSource(source(c.files))
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreUnexported(recipe.SourceFacts{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLookAtWheel(t *testing.T) {
	got := recipe.LookAtWheel([]string{
		"demo/__init__.py", "demo/_speed.cpython-315-x86_64-linux-gnu.so", "demo/sub/x.abi3.so", "_demo.cp315-win_amd64.pyd", "single.py", "tests/test_x.py", "demo/data.txt",
		"demo.libs/libz-1a2b3c4d.so.1.3", "demo.libs/libgomp-24e2ab19.so.1.0.0", "demo.libs/libxml2-0123abcd.so.2", "demo.libs/libpng16-cafe0123.so.16.1",
		"demo-1.0.dist-info/METADATA", "demo-1.0.data/scripts/x.py",
	})
	want := recipe.WheelFacts{
		TopLevel: []string{"_demo", "demo", "single"}, Extensions: []string{"_demo", "demo._speed", "demo.sub.x"}, Bundled: []string{"png", "xml2", "zlib"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A release whose files were looked into: the libraries that there are recipes for are required, the others are told.
func TestSkeletonWithEvidence(t *testing.T) {
	for name, c := range map[string]struct {
		info  string
		files []string
		e     recipe.Evidence
	}{
		"native": {about, []string{"the_name-1.10.tar.gz", "the_name-1.10-cp315-cp315-manylinux_2_28_x86_64.whl"}, recipe.Evidence{
			Source: &recipe.SourceFacts{Backend: "meson-python", Requires: []string{"setuptools", "numpy", "cffi"}, Executables: []string{"swig"},
				Libraries: []recipe.LibraryGuess{{Name: "zlib", Place: "meson.build:2"}, {Name: "glpk", Place: "meson.build:3"}}},
			Wheel: &recipe.WheelFacts{TopLevel: []string{"_name", "name"}, Extensions: []string{"_name", "name.core"}, Bundled: []string{"xml2", "zlib"}},
			Known: func(name string) bool {
				return slices.Contains([]string{"libzlib", "numpy", "libxml2", "cffi", "setuptools"}, name)
			},
			CompiledAgainst: func(name string) bool { return name == "cffi" },
		}},
		"pure": {strings.Replace(about, `"pytest;`, `"tomli; python_version < '3.11'", "colorama; sys_platform == 'win32'", "wasm-thing; sys_platform == 'emscripten'", "bad ; ; marker", "pytest;`, 1),
			[]string{"the_name-1.10.tar.gz", "the_name-1.10-py3-none-any.whl"}, recipe.Evidence{Wheel: &recipe.WheelFacts{TopLevel: []string{"name"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := recipe.NewRelease(page, simple(t, c.files...), []byte(c.info), "the-name", "1.10")
			if err != nil {
				t.Fatal(err)
			}
			c.e.Target = wheel.Emscripten("3.15")
			s, err := r.Skeleton(c.e)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/skeleton/evidence-"+name+".golden", string(s.Meta))
		})
	}
}

// Of many wheels the one is looked into that is nearest to what comes out here.
func TestWhichWheelIsLookedInto(t *testing.T) {
	const nearest = "the_name-1.10-cp315-cp315-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
	files := []string{
		"the_name-1.10-cp315-cp315-win_amd64.whl", "the_name-1.10-cp315-cp315t-manylinux_2_28_x86_64.whl", "the_name-1.10-pp311-pypy311_pp73-manylinux_2_28_x86_64.whl",
		nearest, "the_name-1.10-cp314-cp314-manylinux_2_28_x86_64.whl", "the_name-1.10-cp315-cp315-musllinux_1_2_x86_64.whl", "the_name-1.10-cp315-cp315-manylinux_2_28_aarch64.whl",
	}
	for range files {
		files = append(files[1:], files[0]) // whatever the order
		r, err := recipe.NewRelease(page, simple(t, append(files, "the_name-1.10.tar.gz")...), nil, "the-name", "1.10")
		if err != nil || r.Wheel.Name != nearest {
			t.Errorf("%s, %v", r.Wheel.Name, err)
		}
	}
}

// What another package requires is taken as the wheel for any platform, where there is one, whatever else there is.
func TestRehost(t *testing.T) {
	for source, files := range map[string][]string{
		"the_name-1.10-py3-none-any.whl": {"the_name-1.10.tar.gz", "the_name-1.10-cp315-cp315-manylinux_2_28_x86_64.whl", "the_name-1.10-py3-none-any.whl"},
		"the_name-1.10.tar.gz":           {"the_name-1.10.tar.gz", "the_name-1.10-cp315-cp315-manylinux_2_28_x86_64.whl"},
	} {
		r, err := recipe.NewRelease(page, simple(t, files...), nil, "the-name", "1.10")
		if err != nil {
			t.Fatal(err)
		}
		if r.Source.Name != "the_name-1.10.tar.gz" {
			t.Errorf("without being asked: %s", r.Source.Name)
		}
		r.Rehost()
		s, err := r.Skeleton(recipe.Evidence{Target: wheel.Emscripten("3.15")})
		if err != nil || r.Source.Name != source || s.Recipe.Wasmill.Pure != s.Recipe.Wheel() {
			t.Errorf("%s, %v, %+v", r.Source.Name, err, s)
		}
	}
}
