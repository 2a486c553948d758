// Package wasmcc is the compiler wrapper of the build containers: one static program that stands under the names of a
// C toolchain (Names) in front of the real one, and turns what a package's build says to a native compiler into what
// Emscripten's needs for the ABI. Plan, a pure function, decides; Main carries it out. It is started hundreds of times
// in a build, so it depends on the standard library only and hands compiles to clang without starting emcc's Python.
//
// It knows nothing of recipes: the driver (package driver) leaves what a recipe sets in SettingsFile.
package wasmcc

import "slices"

// Places in the build image; internal/toolchain puts them there.
const (
	CrossDir      = "/opt/wasmill/cross"
	ToolchainFile = "/opt/wasmill/etc/toolchain.json"
	CMakeFile     = "/opt/wasmill/etc/toolchain.cmake"
	MesonFile     = "/opt/wasmill/etc/meson-cross.ini"
	PythonInclude = "/opt/wasmill/python/include"
	SystemConfig  = "/opt/wasmill/python/sysconfigdata"
)

// Places in the build's folder. The settings are a file and not variables because build systems drop variables they
// do not know.
const (
	Libraries    = "/work/libs" // $WASM_LIBRARY_DIR
	SettingsFile = "/work/wrapper.json"
	LinksFile    = "/work/links.jsonl"
	TimesFile    = "/work/times.jsonl"
	HeadersFile  = "/work/headers.jsonl"
)

// Names are the names under which the wrapper stands in CrossDir.
func Names() []string {
	return slices.Concat(cDrivers, cxxDrivers, linkers, archivers,
		[]string{"nm", "strip", "cmake", "meson", "install_name_tool", "otool", "pkg-config"})
}

var (
	cDrivers   = []string{"cc", "gcc", "clang"}
	cxxDrivers = []string{"c++", "g++", "clang++"}
	linkers    = []string{"ld", "lld"}
	archivers  = []string{"ar", "ranlib"}
)

// Toolchain is the part of the image's toolchain.json that the wrapper needs.
type Toolchain struct {
	Target       string   `json:"target"`        // the compiler's name of what is compiled for; empty for Emscripten's
	LLVM         string   `json:"llvm"`          // the folder of clang and llvm-ar
	Python       string   `json:"python"`        // "3.15"
	ClangFlags   []string `json:"clang_flags"`   // what emcc -c hands clang, without the user's flags
	ClangxxFlags []string `json:"clangxx_flags"` // the same of em++
	LinkFlags    []string `json:"link_flags"`    // what a program for a static target is linked with
}

// Settings is what a recipe changes in the wrapper.
type Settings struct {
	CFlags   []string `json:"cflags,omitempty"`
	CXXFlags []string `json:"cxxflags,omitempty"`
	LDFlags  []string `json:"ldflags,omitempty"`
	Exports  string   `json:"exports"` // pyinit, requested, whole_archive or list
	Symbols  []string `json:"symbols,omitempty"`
	// Root is the source's folder. It does not enter what the compiler writes.
	Root string `json:"root"`
	// Env is the folder with the build machine's own packages. Header folders in it are noted: what they hold may be
	// meant for that machine.
	Env string `json:"env,omitempty"`
}

// Link is one line of LinksFile: a shared object that a build tried to link.
type Link struct {
	Output string `json:"output"` // absolute
	Failed bool   `json:"failed,omitempty"`
}

// Headers is one line of HeadersFile: the folders below Settings.Env in which a compiler looked for headers.
type Headers struct {
	Dirs []string `json:"dirs"` // absolute
}

// Time is one line of TimesFile: when a compiler or linker ran, in nanoseconds since 1970.
type Time struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

// timed says whether a name's commands are noted in TimesFile: those that compile, link and archive.
func timed(name string) bool {
	return slices.Contains(slices.Concat(cDrivers, cxxDrivers, linkers, archivers), name)
}
