package recipe

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// SourceFacts is what a look into a source's files tells: nothing of it is run.
type SourceFacts struct {
	Backend     string   // the build backend, as pyproject.toml names it
	Requires    []string // build-system.requires, names only
	Executables []string // programs that the build must call
	TopLevel    []string // modules, where setuptools has written them down
	Libraries   []LibraryGuess
	extensions  bool // there is code to compile
}

// Compiles says whether there is code to compile.
func (s SourceFacts) Compiles() bool { return s.extensions }

// LibraryGuess is a library that a source or a wheel seems to use.
type LibraryGuess struct {
	Name  string // as in libraryNames
	Place string // what it was guessed from
}

// recipe is the name under which there is a recipe for the library; empty: there is none.
func (g LibraryGuess) recipe(known func(string) bool) string {
	for _, name := range []string{"lib" + strings.TrimPrefix(g.Name, "lib"), strings.TrimPrefix(g.Name, "lib"), g.Name} {
		if known(name) {
			return name
		}
	}
	return ""
}

// libraryNames are the libraries that skeletons guess at, by what setup.py links, pkg-config and CMake call them. Only what
// stands here is guessed: the C library's own parts (m, dl, pthread, rt) and Python are everywhere, and nothing to require.
var libraryNames = func() map[string]string {
	names := map[string]string{}
	for name, spellings := range map[string]string{
		"zlib": "z zlib zlib-ng", "bzip2": "bz2 bzip2", "liblzma": "lzma liblzma", "zstd": "zstd libzstd", "lz4": "lz4 liblz4",
		"brotli": "brotlidec brotlienc brotlicommon libbrotlidec libbrotlienc brotli", "snappy": "snappy", "crc32c": "crc32c",
		"xml2": "xml2 libxml2 libxml-2.0", "xslt": "xslt exslt libxslt libexslt", "expat": "expat", "yaml": "yaml yaml-0.1 libyaml",
		"openssl": "ssl crypto openssl libssl libcrypto", "sodium": "sodium libsodium", "ffi": "ffi libffi",
		"iconv": "iconv libiconv", "curl": "curl libcurl", "sqlite": "sqlite3 sqlite", "magic": "magic libmagic",
		"png": "png libpng png16 libpng16", "jpeg": "jpeg libjpeg turbojpeg", "tiff": "tiff libtiff libtiff-4", "webp": "webp libwebp",
		"freetype": "freetype freetype2", "openjpeg": "openjp2 libopenjp2 openjpeg", "cairo": "cairo", "harfbuzz": "harfbuzz",
		"gmp": "gmp", "mpfr": "mpfr", "mpc": "mpc", "flint": "flint", "gsl": "gsl", "glpk": "glpk", "fftw": "fftw3 fftw3f fftw fftw3l",
		"openblas": "openblas blas cblas lapack lapacke", "suitesparse": "cholmod umfpack klu amd suitesparse", "metis": "metis",
		"hdf5": "hdf5 hdf5_hl", "netcdf": "netcdf", "geos": "geos geos_c", "proj": "proj", "gdal": "gdal", "eigen": "eigen eigen3",
		"boost-cpp": "boost boost_system boost_filesystem boost_headers boost_serialization", "protobuf": "protobuf libprotobuf", "re2": "re2",
		"pcre2": "pcre2 pcre2-8 libpcre2-8", "xgboost": "xgboost", "igraph": "igraph", "symengine": "symengine", "nlopt": "nlopt", "ceres": "ceres",
		"sundials": "sundials_cvode sundials", "vorbis": "vorbis vorbisfile", "sndfile": "sndfile", "ogg": "ogg", "heif": "heif libheif", "leveldb": "leveldb",
		"uuid": "uuid", "event": "event libevent", "ncurses": "ncurses ncursesw", "readline": "readline",
	} {
		for _, s := range strings.Fields(spellings) {
			names[s] = name
		}
	}
	return names
}()

// linkForms find in build files what is linked. Their first group is a name, or a list of names in quotes.
var linkForms = map[string][]*regexp.Regexp{
	".py": {
		regexp.MustCompile(`libraries\s*(?:=|\+=|\.extend\(|\.append\()\s*[\[(]?([^\])\n]*)`),
		regexp.MustCompile(`(?:exists|parse|installed|libs|cflags|pkg_config|pkgconfig)\(\s*["']([\w.+-]+)["']`),
		regexp.MustCompile(`["']-l([\w.+-]+)["']`),
		regexp.MustCompile(`pkg-config[^\n]*?["' ](lib[\w.+-]+)["']`),
	},
	".pyx":           {regexp.MustCompile(`(?m)^#\s*distutils:\s*libraries\s*=\s*([^\n]*)`)},
	".cfg":           {regexp.MustCompile(`(?m)^libraries\s*=\s*([^\n]*)`)},
	"meson.build":    {regexp.MustCompile(`(?:dependency|find_library)\(\s*'([\w.+-]+)'`)},
	"CMakeLists.txt": {regexp.MustCompile(`(?i)find_package\(\s*([\w.+-]+)`), regexp.MustCompile(`(?i)pkg_(?:check|search)_modules?\(\s*\w+\s+(?:REQUIRED\s+|QUIET\s+|IMPORTED_TARGET\s+)*([\w .+-]+)`)},
	".toml":          {regexp.MustCompile(`(?m)^\s*libraries\s*=\s*\[([^\]\n]*)`)},
}

var nameInList = regexp.MustCompile(`[\w.+-]+`)

// limits of a look: build files are small, and stand near the top.
const (
	lookSize  = 512 << 10
	lookDepth = 4
)

// LookAtSource looks into a source's folder.
func LookAtSource(source fs.FS) SourceFacts {
	s := SourceFacts{Backend: "setuptools"}
	s.pyproject(source)
	found := map[string]string{}
	_ = fs.WalkDir(source, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what can't be read tells nothing
		case e.IsDir() && name != "." && (strings.Count(name, "/") >= lookDepth || skipped(e.Name())):
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		s.file(source, name, found)
		return nil
	})
	for name, place := range found {
		s.Libraries = append(s.Libraries, LibraryGuess{name, place})
	}
	sort.Slice(s.Libraries, func(i, j int) bool { return s.Libraries[i].Name < s.Libraries[j].Name })
	for _, r := range s.Requires {
		switch r {
		case "maturin", "setuptools-rust", "puccinialin":
			s.needs("rustc", "cargo")
		case "swig":
			s.needs("swig")
		}
	}
	return s
}

// skipped are folders that say nothing of how the package itself is built.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains([]string{"test", "tests", "testing", "docs", "doc", "examples", "example", "benchmarks", "benchmark",
		"third_party", "thirdparty", "vendor", "vendored", "extern", "external", "deps", "submodules", "node_modules", "subprojects"}, strings.ToLower(name))
}

func (s *SourceFacts) needs(programs ...string) {
	for _, p := range programs {
		if !slices.Contains(s.Executables, p) {
			s.Executables = append(s.Executables, p)
		}
	}
}

func (s *SourceFacts) pyproject(source fs.FS) {
	data, err := fs.ReadFile(source, "pyproject.toml")
	if err != nil {
		return
	}
	var p struct {
		BuildSystem struct {
			Backend  string   `toml:"build-backend"`
			Path     []string `toml:"backend-path"`
			Requires []string `toml:"requires"`
		} `toml:"build-system"`
	}
	if toml.Unmarshal(data, &p) != nil {
		return
	}
	if b := p.BuildSystem.Backend; b != "" {
		module, _, _ := strings.Cut(b, ":")
		if s.Backend = backendName(module); len(p.BuildSystem.Path) > 0 {
			s.Backend = "a backend of its own, " + s.Backend
		}
	}
	for _, r := range p.BuildSystem.Requires {
		if name, _ := requirement(r); name != "" {
			s.Requires = append(s.Requires, Canonical(name))
		}
	}
}

// backendName is how people call a backend that is named by its module.
func backendName(module string) string {
	for prefix, name := range map[string]string{
		"setuptools": "setuptools", "mesonpy": "meson-python", "scikit_build_core": "scikit-build-core", "flit_core": "flit", "flit_scm": "flit", "hatchling": "hatchling",
		"maturin": "maturin", "poetry": "poetry", "pdm": "pdm", "uv_build": "uv", "py_build_cmake": "py-build-cmake", "sipbuild": "sip",
	} {
		if module == prefix || strings.HasPrefix(module, prefix+".") {
			return name
		}
	}
	return "`" + strings.ReplaceAll(printable(module), "`", "") + "`"
}

// file looks at one file of the source.
func (s *SourceFacts) file(source fs.FS, name string, found map[string]string) {
	base, ext := path.Base(name), path.Ext(name)
	switch ext {
	case ".c", ".cc", ".cpp", ".cxx", ".pyx", ".rs", ".f90", ".f":
		s.extensions = true
	case ".i", ".swg":
		s.needs("swig")
	}
	if base == "top_level.txt" && strings.HasSuffix(path.Dir(name), ".egg-info") {
		if data, err := fs.ReadFile(source, name); err == nil {
			for _, m := range strings.Fields(string(data)) {
				if moduleForm.MatchString(m) && !slices.Contains(s.TopLevel, m) && !notAModule(m) {
					s.TopLevel = append(s.TopLevel, m)
				}
			}
		}
	}
	forms := linkForms[base]
	if forms == nil && (ext != ".py" || strings.Contains(base, "setup") || strings.Contains(base, "build")) && (ext != ".toml" || base == "pyproject.toml") {
		forms = linkForms[ext]
	}
	if forms == nil {
		return
	}
	if info, err := fs.Stat(source, name); err != nil || info.Size() > lookSize {
		return
	}
	data, err := fs.ReadFile(source, name)
	if err != nil {
		return
	}
	for _, form := range forms {
		for _, m := range form.FindAllSubmatchIndex(data, -1) {
			for _, word := range nameInList.FindAllString(string(data[m[2]:m[3]]), -1) {
				library := libraryNames[strings.ToLower(strings.TrimPrefix(word, "-l"))]
				if _, ok := found[library]; library != "" && !ok {
					found[library] = fmt.Sprintf("%s:%d", name, 1+strings.Count(string(data[:m[0]]), "\n"))
				}
			}
		}
	}
}

// notAModule are names that packages ship at the top by mistake.
func notAModule(name string) bool {
	return slices.Contains([]string{"test", "tests", "docs", "doc", "examples", "benchmarks", "scripts", "build", "dist"}, name)
}

// WheelFacts is what the names in a wheel tell.
type WheelFacts struct {
	TopLevel   []string
	Extensions []string // dotted names of compiled modules
	Bundled    []string // libraries that auditwheel has put in, in the spelling of libraryNames
}

var (
	extensionFile = regexp.MustCompile(`^([\w/]+?)(?:\.(?:cpython-|cp|pypy|abi3|wasm32|pyemscripten)[\w.-]*)?\.(?:so|pyd)$`)
	bundledFile   = regexp.MustCompile(`^lib([\w+]+?)(?:-[0-9a-f]{6,})?(?:[-.].*)?\.so`)
)

// LookAtWheel looks at the names of the files in a wheel.
func LookAtWheel(names []string) WheelFacts {
	var w WheelFacts
	add := func(list *[]string, name string) {
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	for _, name := range names {
		top, rest, nested := strings.Cut(name, "/")
		if strings.HasSuffix(top, ".dist-info") || strings.HasSuffix(top, ".data") {
			continue
		}
		if strings.HasSuffix(top, ".libs") || strings.Contains(name, ".dylibs/") {
			if m := bundledFile.FindStringSubmatch(path.Base(rest)); m != nil && libraryNames[m[1]] != "" {
				add(&w.Bundled, libraryNames[m[1]])
			}
			continue
		}
		if m := extensionFile.FindStringSubmatch(name); m != nil {
			if dotted := strings.ReplaceAll(m[1], "/", "."); moduleForm.MatchString(dotted) {
				add(&w.Extensions, dotted)
				module, _, _ := strings.Cut(dotted, ".")
				add(&w.TopLevel, module)
			}
			continue
		}
		if strings.HasSuffix(name, ".py") {
			if !nested {
				top = strings.TrimSuffix(top, ".py")
			}
			if moduleForm.MatchString(top) && !notAModule(top) {
				add(&w.TopLevel, top)
			}
		}
	}
	slices.Sort(w.TopLevel)
	slices.Sort(w.Extensions)
	slices.Sort(w.Bundled)
	return w
}

// libraries are all guesses: what the source links, what a wheel brings, and the packages whose headers a build uses.
func (e Evidence) libraries() (all []LibraryGuess) {
	add := func(g LibraryGuess) {
		if !slices.ContainsFunc(all, func(other LibraryGuess) bool { return other.Name == g.Name }) {
			all = append(all, g)
		}
	}
	if e.Source != nil {
		for _, r := range e.Source.Requires {
			switch {
			case r == "numpy", r == "oldest-supported-numpy":
				add(LibraryGuess{"numpy", "build-system.requires"})
			case e.CompiledAgainst != nil && e.CompiledAgainst(r):
				add(LibraryGuess{r, "build-system.requires"})
			}
		}
		for _, g := range e.Source.Libraries {
			add(g)
		}
	}
	if e.Wheel != nil {
		for _, name := range e.Wheel.Bundled {
			add(LibraryGuess{name, "in the wheel for Linux"})
		}
	}
	return all
}
