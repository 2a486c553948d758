package recipe

import (
	"regexp"
	"slices"
	"strings"
)

// What conda's names mean to a build in the farm. A name that is in none of these tables may be a library or a program
// that nobody here knows: it is refused, as guessing is not converting.
var (
	// provided comes with the toolchain or with every build.
	provided = words(`python pip cross-python crossenv python_abi conda-build
		make cmake ninja pkg-config pkgconf git patch sed coreutils findutils m2-patch tar unzip zip xz nodejs emscripten
		emscripten_emscripten-wasm32 pytester pytester-run llvm wasm-ld binaryen sysroot ccache`)
	// backends come with the source's own build-system.requires, in the version that it asks for.
	backends = words(`setuptools wheel meson-python meson flit-core flit hatchling hatch-vcs hatch-fancy-pypi-readme poetry-core
		scikit-build-core scikit-build maturin setuptools-rust setuptools-scm pdm-backend pdm-pep517 pbr build versioneer
		versioningit uv-build jupyter-packaging trove-classifiers packaging tomli typing-extensions py-build-cmake calver`)
	// tools are Python packages of PyPI that builds call, which old sources don't name themselves.
	tools = words(`cython cffi pybind11 nanobind cppy pkgconfig ply pythran expandvars jinja2 swig-python extension-helpers mypy
		setuptools-dso cmake-python-distributions pyproject-metadata pathspec numpy-typing cogapp`)
	// programs must be in the image.
	programs = map[string][]string{"swig": {"swig"}, "rust": {"rustc", "cargo"}, "cargo": {"cargo"}, "rust-nightly": {"rustc", "cargo"}, "flex": {"flex"}, "bison": {"bison"}}
	// libraries are known by names that do not begin with lib.
	libraries = words(`zlib bzip2 xz zstd lz4-c snappy brotli openssl sqlite expat gmp mpfr mpc gsl fftw hdf5 netcdf geos proj gdal
		openblas lapack blas netlib eigen boost boost-cpp boost-headers xtensor xtl xsimd nlohmann_json freetype jpeg tiff png webp
		cairo pango glpk suitesparse metis flint arb ecl gap pari givaro linbox cddlib ppl symengine openjpeg icu curl ncurses
		readline pcre pcre2 re2 protobuf abseil-cpp yaml yaml-cpp leveldb crc32c double-conversion fmt spdlog tbb igraph sundials
		nlopt ceres cgal qhull assimp harfbuzz onnx bullet box2d soci sdl2`)
	// conda is how conda-forge calls what PyPI calls otherwise.
	conda = map[string]string{"lz4-c": "liblz4", "zlib": "libzlib", "openssl": "libopenssl", "libffi": "libffi", "hdf5": "libhdf5", "geos": "libgeos",
		"proj": "libproj", "glpk": "libglpk", "gmp": "libgmp", "mpfr": "libmpfr", "mpc": "libmpc", "freetype": "libfreetype", "libjpeg-turbo": "libjpeg",
		"jpeg": "libjpeg", "tiff": "libtiff", "webp": "libwebp", "xz": "liblzma", "expat": "libexpat", "zstd": "libzstd", "crc32c": "libcrc32c",
		"sqlite": "libsqlite", "boost-headers": "boost-cpp", "boost": "boost-cpp", "yaml": "libyaml", "suitesparse": "suitesparse"}
)

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[Canonical(w)] = true
	}
	return set
}

var (
	compilerForm  = regexp.MustCompile(`^\$\{\{\s*(?:compiler|stdlib)\(\s*['"](\w+)['"]\s*\)\s*\}\}$`)
	condaSpecForm = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9._-]*)\s*(.*)$`)
	lowerBound    = regexp.MustCompile(`^>=?\s*[\w.]+$`)
)

// condaNeed is a requirement in conda's form: a name, and perhaps a version.
type condaNeed struct {
	name, version string
	at            Position
}

func (f *forge) needs(v *value, where string) (list []condaNeed) {
	for _, item := range f.items(v) {
		if m := compilerForm.FindStringSubmatch(strings.TrimSpace(item.text)); m != nil {
			switch m[1] {
			case "c", "cxx":
				f.native = true
			case "rust":
				f.native = true
				f.executable("rust")
			default:
				f.refuse(item.at, "", "the toolchain has no compiler for `%s`", m[1])
			}
			continue
		}
		text, ok := f.text(item, where)
		if !ok {
			continue
		}
		m := condaSpecForm.FindStringSubmatch(strings.TrimSpace(text))
		if m == nil {
			f.refuse(item.at, "", "`%s` is not a requirement that is converted", text)
			continue
		}
		name := m[1]
		if strings.HasPrefix(name, "cross-python") {
			name = "cross-python"
		}
		list = append(list, condaNeed{Canonical(name), strings.TrimSpace(m[2]), item.at})
	}
	return list
}

func (f *forge) executable(name string) {
	for _, p := range programs[name] {
		if !slices.Contains(f.out.Requirements.Executable, p) {
			f.out.Requirements.Executable = append(f.out.Requirements.Executable, p)
		}
	}
}

func isLibrary(name string) bool { return libraries[name] || strings.HasPrefix(name, "lib") }

func (f *forge) requirements(v *value) {
	var build, host, run []condaNeed
	f.each(v, "requirements", map[string]func(*value){
		"build":       func(v *value) { build = f.needs(v, "requirements.build") },
		"host":        func(v *value) { host = f.needs(v, "requirements.host") },
		"run":         func(v *value) { run = f.needs(v, "requirements.run") },
		"run_exports": nil, "ignore_run_exports": nil,
		"run_constraints": func(v *value) {
			f.note(v.at, "left out, as a set of recipes holds one version of each: requirements.run_constraints")
		},
	})
	for _, n := range build {
		f.buildNeed(n, "requirements.build")
	}
	for _, n := range host {
		switch {
		case provided[n.name], backends[n.name]:
		case n.name == "numpy":
			f.host("numpy", n)
		case isLibrary(n.name):
			f.library(n)
		case slices.ContainsFunc(run, func(r condaNeed) bool { return r.name == n.name }) && !tools[n.name]:
			f.host(n.name, n) // a package whose headers are needed, and which is imported too
		default:
			f.buildNeed(n, "requirements.host")
		}
	}
	for _, n := range run {
		switch {
		case n.name == "python" || n.name == "python-abi":
		case isLibrary(n.name):
			if !slices.ContainsFunc(host, func(h condaNeed) bool { return h.name == n.name }) {
				f.refuse(n.at, "say under requirements.host what is linked", "the library `%s` is required at run time only: what uses it is not said", n.name)
			}
		default:
			f.versioned(n)
			if !slices.Contains(f.out.Requirements.Run, n.name) {
				f.out.Requirements.Run = append(f.out.Requirements.Run, n.name)
			}
		}
	}
}

// buildNeed is something that runs on the machine that builds.
func (f *forge) buildNeed(n condaNeed, where string) {
	switch {
	case provided[n.name], backends[n.name]:
	case n.name == "numpy":
		f.note(n.at, "left out: numpy's headers come from requirements.host")
	case tools[n.name]:
		if !slices.Contains(f.out.Requirements.BuildExtras, n.name) {
			f.out.Requirements.BuildExtras = append(f.out.Requirements.BuildExtras, n.name)
		}
	case programs[n.name] != nil:
		f.executable(n.name)
	case isLibrary(n.name):
		f.refuse(n.at, "", "the library `%s` is needed natively, by the machine that builds", n.name)
	default:
		f.refuse(n.at, "write the recipe by hand", "`%s` in `%s` is neither a known tool of builds nor a known library", n.name, where)
	}
}

// library is a library to link. One that there is no recipe for is left out: many sources bring a copy of what they need,
// and those that don't fail with the compiler's words.
func (f *forge) library(n condaNeed) {
	for _, name := range []string{n.name, conda[n.name], "lib" + n.name} {
		if name != "" && f.have(name) {
			f.host(name, n)
			return
		}
	}
	f.note(n.at, "the library %s is left out, as there is no recipe for it: if the source brings no copy of its own, write one and put it under requirements.host", n.name)
}

func (f *forge) host(name string, n condaNeed) {
	f.versioned(n)
	if !slices.Contains(f.out.Requirements.Host, name) {
		f.out.Requirements.Host = append(f.out.Requirements.Host, name)
	}
}

// versioned says what becomes of a version. At least as new is what a recipe's newest release nearly always is; any other
// demand can't be kept by a set of recipes that holds one version of each.
func (f *forge) versioned(n condaNeed) {
	switch {
	case n.version == "", n.version == "*":
	case lowerBound.MatchString(n.version):
		f.note(n.at, "the bound is left out, as a set of recipes holds one version of each: %s %s", n.name, n.version)
	default:
		f.refuse(n.at, "", "`%s %s`: a recipe can't require a version of another", n.name, n.version)
	}
}
