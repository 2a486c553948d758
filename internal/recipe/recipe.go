// Package recipe reads recipes: folders with a meta.yaml that say what to build. The schema is that of Pyodide's
// recipes (pyodide-build 0.39) with one more section, `wasmill`. The package parses and validates with positions,
// loads whole folders of recipes and the graph between them, digests what matters for a build, packs recipes for
// the way to a worker, and makes recipes for projects that have none. It does not plan, fetch or build, and it
// never uses the network.
package recipe

import (
	"path/filepath"
	"strings"
	"time"
)

// MetaFile is the name of the file that makes a folder a recipe.
const MetaFile = "meta.yaml"

// Recipe is one recipe as its file says it, with the defaults of the schema filled in. It is read-only once loaded.
type Recipe struct {
	// Name is package.name in the recipe's own spelling; it equals the folder's name. Recipes name each other in
	// any spelling that PEP 503 holds for the same: compare by Canonical.
	Name string
	// Version is package.version and equals the built wheel's. It is empty only with Wasmill.DynamicVersion: the
	// built wheel then tells it.
	Version string
	// TopLevel is package.top-level, the import names. See Imports for the default.
	TopLevel []string
	// Tags is package.tag: what "tag:X" selects. The tag "always" means always built.
	Tags []string
	// Disabled is package._disabled: excluded from sets, with everything that depends on it.
	Disabled bool
	// Pinned is package.pinned: whoever proposes new versions leaves this recipe alone.
	Pinned bool

	Source       Source
	Build        Build
	Requirements Requirements
	Test         Test
	About        About
	// Extra is the free-form section, as YAML gives it: maps, lists and scalars. Nil if absent.
	Extra   any
	Wasmill Wasmill

	// File is the meta.yaml, spelled as it was given to Load; errors name it so. FromProject puts pyproject.toml here.
	File string
	// Dir is the absolute path of the recipe's folder, below which patches, extras and tests lie, or of the project.
	// It is empty for what was read by Parse or made by Release.Skeleton.
	Dir string
	// Tests are the names of the test_*.py beside meta.yaml, sorted.
	Tests []string

	positions map[string]Position // of keys and list entries, by path: "requirements.run[1]"
	requires  []string            // a project's build-system.requires: the names
	dependsOn []string            // what a project or a release says it requires at run time (PEP 508)
	meta      []byte              // the bytes of meta.yaml; nil if there is none
}

// Source says where the code comes from. URL and Path exclude each other; a recipe without both is a bare script.
type Source struct {
	// URL is an archive or a ready wheel (see Wheel), with variables in the form $(NAME) or ${NAME}: SourceURL is what to
	// fetch. SHA256 always stands beside it.
	URL string
	// SHA256 is 64 hexadecimal digits in lower case.
	SHA256 string
	// Path is a folder or archive relative to Dir. With it there are no patches and no extras. It may lead out of
	// Dir, as in `../other/src`; what came from elsewhere by way of Unpack never does.
	Path string
	// ExtractDir is the folder in the archive that holds the source; empty means the archive's name without its
	// extension.
	ExtractDir string
	// Patches are applied in this order, from Dir, as by `patch -p1 --binary`. There are none with a wheel or Path.
	Patches []string
	// Extras are copied into the source after the patches.
	Extras []Extra
}

// Extra is one file or folder that is copied into the source.
type Extra struct {
	From string // relative to Recipe.Dir
	To   string // relative to the source's root
}

// Type is what a build yields.
type Type string

// The types. All but Package may set only type, script, exports and unvendor-tests in the build section.
const (
	Package       Type = "package"
	StaticLibrary Type = "static_library"
	SharedLibrary Type = "shared_library"
	CPythonModule Type = "cpython_module"
	// App is Wasmill's own: a program for a target on which nothing is loaded, linked of an interpreter and all that Requirements.Run
	// names, with what these need.
	App Type = "app"
)

// Build says how to build. Flags may use variables that Script exports, so they are substituted after it has run.
type Build struct {
	Type Type
	// Script is bash, run in the source's folder, with nothing substituted beforehand. What it exports is seen by
	// all later steps.
	Script string
	// CrossScript is bash, run after the compiler wrappers are in the environment.
	CrossScript string
	// Post is bash, run in the unpacked wheel.
	Post string
	// BackendFlags are the config settings for the PEP 517 backend, unparsed: variables in them are substituted
	// first, then ParseBackendFlags reads them.
	BackendFlags string
	// CFlags, CXXFlags and LDFlags are appended to the ABI's flags. Variables in the form $(NAME) or ${NAME} are
	// substituted; $NAME stays as it is (`-Wl,-rpath,$ORIGIN`).
	CFlags, CXXFlags, LDFlags string
	Exports                   Exports
	// UnvendorTests: the wheel's tests are split off. True unless the recipe says otherwise.
	UnvendorTests bool
	// RetainTestPatterns are kept in the wheel in spite of UnvendorTests.
	RetainTestPatterns []string
	// VendorSharedLib: libraries that the extension modules need are copied into the wheel. True unless the recipe
	// says otherwise.
	VendorSharedLib bool
	// CrossBuildEnv: builds of other recipes see this package's headers and configuration.
	CrossBuildEnv bool
	// CrossBuildEnvSkipInstall: with CrossBuildEnv, the package is not installed into the native environment.
	CrossBuildEnvSkipInstall bool
	// CrossBuildFiles are laid over the native copy of the package, relative to site-packages.
	CrossBuildFiles []string
}

// ExportMode is which symbols an extension module exports (-sEXPORTED_FUNCTIONS of emcc).
type ExportMode string

// The modes of exporting.
const (
	ExportPyInit       ExportMode = "pyinit"        // PyInit_* and PyModExport_* only; the default
	ExportRequested    ExportMode = "requested"     // every symbol of the objects that is not hidden
	ExportWholeArchive ExportMode = "whole_archive" // all, -sSIDE_MODULE=1
	ExportList         ExportMode = "list"          // Exports.Symbols
)

// Exports is build.exports.
type Exports struct {
	Mode    ExportMode
	Symbols []string // as C knows them, without emcc's leading underscore; only with ExportList
}

// Requirements says what a build and its wheel need.
type Requirements struct {
	// Run are recipes that the wheel needs when it is imported.
	Run []string
	// Host are recipes that are built before this one; static libraries must be here. Duplicates are allowed.
	Host []string
	// BuildExtras are further requirements (PEP 508) of the isolated build environment.
	BuildExtras []string
	// Executable are programs of the build image that must exist.
	Executable []string
	// Constraint are appended to the constraints (PEP 508) of the build environment.
	Constraint []string
}

// Test says what is tested beside the functions in Recipe.Tests.
type Test struct {
	Imports []string // modules that must import; empty means Recipe.Imports
}

// About is for people.
type About struct {
	Home, PyPI, Summary, License string
}

// DefaultTimeout ends a build whose recipe names no timeout.
const DefaultTimeout = 30 * time.Minute

// Wasmill is the section that Pyodide's schema does not have.
type Wasmill struct {
	// Pure says that a wheel for any platform is what the recipe wants. Without it such a wheel fails the build:
	// many packages fall back to pure Python, with exit status 0, when their extension does not compile.
	Pure bool
	// DynamicVersion says that only the built wheel tells the version; package.version is left out then. It goes with
	// Source.Path only: for what is fetched, the version is known.
	DynamicVersion bool
	// ExtensionModules are the dotted names of the compiled modules that the wheel must hold. Empty: what the
	// source's own build announces.
	ExtensionModules []string
	// Targets are the compilers' names of what the recipe is for ("wasm32-wasip1"); empty: for any.
	Targets []string
	// Class is empty unless the recipe names one: the farm then learns it from earlier builds.
	Class Class
	// Timeout is how long the build's container may run: DefaultTimeout unless the recipe says otherwise.
	Timeout time.Duration
	// MaxSize is what the wheel may have at most; zero is any size.
	MaxSize Size
	// ExcludeNewer locks build requirements as of this time. Zero means the toolchain's.
	ExcludeNewer time.Time
	// Patches holds what is known about a patch, under its name in Source.Patches.
	Patches map[string]PatchNote
	// NotReproducible says why two builds of the recipe differ, where that is known and accepted.
	NotReproducible string
	// Test is what is tested beside imports and the recipe's own tests.
	Test TestSuite
	// App is what an app runs; nil for what is none, and for one that is the interpreter itself.
	App *AppSpec
}

// PatchNote is the life of a patch.
type PatchNote struct {
	// Why is what breaks without the patch.
	Why string
	// Upstream is the URL where it was sent, or "inapplicable: reason".
	Upstream string
	// Status is pending, submitted, merged-in VERSION, or wontfix.
	Status string
}

// Pin is the requirement for this very version (PEP 508).
func (r *Recipe) Pin() string { return r.Name + "==" + r.Version }

// HasFolder says whether the recipe stands in a folder of its own, with a meta.yaml. What FromProject, Release.Skeleton and
// Parse make does not.
func (r *Recipe) HasFolder() bool { return r.Dir != "" && r.meta != nil }

// Imports are the import names: top-level, or else the name as a module would have it.
func (r *Recipe) Imports() []string {
	if len(r.TopLevel) > 0 {
		return r.TopLevel
	}
	return []string{strings.ReplaceAll(r.Name, "-", "_")}
}

// TestImports are the modules whose import is tested: test.imports, or else Imports. A library has none.
func (r *Recipe) TestImports() []string {
	switch {
	case len(r.Test.Imports) > 0:
		return r.Test.Imports
	case r.Build.Type == StaticLibrary, r.Build.Type == SharedLibrary, r.Build.Type == App:
		return nil
	}
	return r.Imports()
}

// Wheel says whether the source is a ready wheel, which is hosted again, not built.
func (r *Recipe) Wheel() bool { return strings.HasSuffix(urlPath(r.Source.URL), ".whl") }

// Library says whether the recipe yields a library for builds of other recipes, and no wheel.
func (r *Recipe) Library() bool {
	return r.Build.Type == StaticLibrary || r.Build.Type == SharedLibrary
}

// HasRequirements says whether a build of the recipe has an environment of build requirements to lock: all that a build
// backend makes has, the others where the recipe names requirements.
func (r *Recipe) HasRequirements() bool {
	backend := (r.Build.Type == Package || r.Build.Type == "") && !r.Wheel()
	return backend || len(r.Requirements.BuildExtras) > 0
}

// fromIndex are programs of which a build takes a release of the package index and not the toolchain image's: SWIG 4.4 has
// dropped the names of Python 2 (PyInt_Check) that many interface files still use.
var fromIndex = map[string]string{"swig": "swig<4.4"}

// Tools are the requirements (PEP 508) of the build environment for programs that the recipe names as executables.
func (r *Recipe) Tools() (requirements []string) {
	for _, program := range r.Requirements.Executable {
		if tool, ok := fromIndex[program]; ok {
			requirements = append(requirements, tool)
		}
	}
	return requirements
}

// Path is the absolute path of a file that the recipe names relative to its folder: a patch, an extra, a test.
func (r *Recipe) Path(name string) string { return filepath.Join(r.Dir, filepath.FromSlash(name)) }

// At is where a key ("build.script") or a list entry ("requirements.run[0]") stands in the file; for what does not
// stand there, it is the start of the file.
func (r *Recipe) At(path string) Position {
	if p, ok := r.positions[path]; ok {
		return p
	}
	return Position{File: r.File, Line: 1, Column: 1}
}

// urlPath is a URL without its query and fragment.
func urlPath(url string) string {
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url = url[:i]
	}
	return url
}
