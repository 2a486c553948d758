package wasmcc

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Env is what Plan looks at besides the command line.
type Env struct {
	Toolchain Toolchain
	Settings  Settings
	Dir       string // the current folder
	// ReadFile reads response files and, for the exports of a link, objects and archives.
	ReadFile func(name string) ([]byte, error)
}

// Command is what to do in place of the command that was called.
type Command struct {
	// Program is an absolute path, or a bare name that is looked up on PATH behind CrossDir. Empty: only Print.
	Program string
	Args    []string
	// Print goes to the standard output; no program runs then.
	Print string
	// Exports, if not nil, are too many for a command line: they go to a file that Args name by ExportsPlaceholder.
	Exports []string
	// Link is set where a shared object is linked.
	Link *Link
	// Headers is set where something is compiled with headers from Settings.Env.
	Headers *Headers
}

// ExportsPlaceholder stands in Command.Args for the name of the file with Command.Exports.
const ExportsPlaceholder = "\x00exports"

// Plan turns a call of one of Names into the command for the ABI. An error that is a *Refused is the answer "this
// platform can't": the wrapper ends with status 1.
func Plan(name string, args []string, env Env) (Command, error) {
	switch {
	case slices.Contains(cDrivers, name), slices.Contains(cxxDrivers, name), slices.Contains(linkers, name):
		return planCompiler(name, args, env)
	case slices.Contains(archivers, name), name == "nm":
		// Not emar and emranlib: they only find the same programs, by way of Python.
		return Command{Program: env.Toolchain.LLVM + "/llvm-" + name, Args: args}, nil
	case name == "strip":
		return planStrip(args), nil
	case name == "install_name_tool", name == "otool":
		// Build systems call them because the host is not ELF; there is nothing to rewrite in wasm.
		return Command{}, nil
	case name == "cmake":
		return Command{Program: name, Args: planCMake(args)}, nil
	case name == "meson":
		return Command{Program: name, Args: planMeson(args)}, nil
	}
	return Command{Program: name, Args: args}, nil
}

// planStrip leaves files as they are: stripping deletes dylink.0, without which a module does not load.
func planStrip(args []string) Command {
	var files []string
	out := ""
	for _, a := range parse(args) {
		switch a.name {
		case "":
			files = append(files, a.value)
		case "-o":
			out = a.value
		}
	}
	if out != "" && len(files) == 1 {
		return Command{Program: "cp", Args: []string{"--", files[0], out}}
	}
	return Command{}
}

// planMeson adds the cross file to `meson setup`, and to the old form that has no subcommand but starts with an option
// or a folder.
func planMeson(args []string) []string {
	if len(args) == 0 || args[0] != "setup" || slices.Contains(args, "--cross-file="+MesonFile) {
		return args
	}
	for i, a := range args {
		if a == "--cross-file" && i+1 < len(args) && args[i+1] == MesonFile {
			return args
		}
	}
	return slices.Concat([]string{"setup", "--cross-file=" + MesonFile}, args[1:])
}

// Calls of a function with another signature trap at run time on wasm, if they get that far: these warnings are errors.
var werror = []string{"-Werror=implicit-function-declaration", "-Werror=mismatched-parameter-types", "-Werror=return-type"}

// BaseCFlags is how the ABI wants everything compiled (PEP 783's tag stands for it); a side module's objects are
// position independent.
var BaseCFlags = []string{"-O2", "-g0", "-fPIC", "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm"}

// BaseLDFlags is how the ABI wants side modules linked. Distributions' wasm-ld warns about position independent code
// unless told that it is meant, and warnings are fatal.
var BaseLDFlags = []string{"-O2", "-g0", "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm", "-sWASM_BIGINT", "-Wl,--experimental-pic"}

var compileModes = map[string]bool{"-c": true, "-S": true, "-E": true, "-M": true, "-MM": true, "-fsyntax-only": true}

var cxxSources = map[string]bool{".cc": true, ".cpp": true, ".cxx": true, ".c++": true, ".C": true, ".CPP": true, ".cp": true}

func planCompiler(name string, args []string, env Env) (Command, error) {
	args, err := expand(args, env.Dir, env.ReadFile, 0)
	if err != nil {
		return Command{}, err
	}
	if slices.Contains(args, "-print-multiarch") && env.Toolchain.Static() {
		return Command{Print: "wasm32-wasi\n"}, nil
	}
	if slices.Contains(args, "-print-multiarch") {
		return Command{Print: "wasm32-emscripten\n"}, nil
	}
	all, err := filter(parse(args))
	if err != nil {
		return Command{}, err
	}
	cxx := slices.Contains(cxxDrivers, name) || slices.ContainsFunc(all, func(a arg) bool {
		return a.name == "" && cxxSources[path.Ext(a.value)] || a.name == "-x" && strings.HasPrefix(a.value, "c++")
	})
	if env.Toolchain.Static() {
		return planStatic(all, cxx, env), nil
	}
	if !slices.ContainsFunc(all, isInput) {
		// A question about the compiler (--version, -v, -print-…): only emcc says that it is Emscripten.
		return Command{Program: emcc(cxx), Args: words(all)}, nil
	}
	var command Command
	if slices.ContainsFunc(all, func(a arg) bool { return compileModes[a.name] }) {
		command = planCompile(all, cxx, env)
	} else if command, err = planLink(all, cxx, env); err != nil {
		return Command{}, err
	}
	command.Headers = headers(all, env)
	return command, nil
}

// headers are the folders of a command line that lie in the native environment, nil for none.
func headers(all []arg, env Env) *Headers {
	if env.Settings.Env == "" {
		return nil
	}
	var dirs []string
	for _, a := range all {
		if !slices.Contains([]string{"-I", "-isystem", "-iquote", "-idirafter"}, a.name) {
			continue
		}
		if dir := path.Clean(abs(env.Dir, a.value)); strings.HasPrefix(dir, env.Settings.Env+"/") && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if dirs == nil {
		return nil
	}
	return &Headers{dirs}
}

func isInput(a arg) bool { return a.name == "" || a.name == "-l" }

// byEmcc are options that emcc does not hand to clang as they are: SIMD levels become macros and include folders, ports
// are include folders too.
var byEmcc = []string{"-msse", "-mssse", "-mavx", "-mfpu=", "-mf16c", "-mfma", "--use-port", "-fsanitize", "--embed", "--preload", "-gsource-map", "-gsplit", "-gseparate"}

// withSIMD lets x86's -msse… through, which packages pass where they take the build machine for the target: emcc has SSE's
// intrinsics in terms of WebAssembly's SIMD, which each ABI allows, if it is told to use that. AVX is left to fail, as
// only packages that have a way without it ask for it, and emulating it is slow.
func withSIMD(all []arg) []arg {
	has := func(prefixes ...string) bool {
		return slices.ContainsFunc(all, func(a arg) bool { return hasPrefix(a.name, prefixes) })
	}
	if has("-msse", "-mssse") && !has("-mavx", "-mfma", "-msimd128", "-mrelaxed-simd") {
		return append(all, arg{words: []string{"-msimd128"}, name: "-msimd128"})
	}
	return all
}

// planCompile goes to clang directly where emcc would only add flags that do not depend on the user's: emcc's own start
// takes as long as compiling a small file.
func planCompile(all []arg, cxx bool, env Env) Command {
	ours := slices.Concat(werror, BaseCFlags, env.Settings.CFlags)
	if cxx {
		ours = append(ours, env.Settings.CXXFlags...)
	}
	ours = append(ours, "-I"+env.Toolchain.Include())
	for _, dir := range []string{env.Settings.Root, env.Dir} {
		if dir != "" {
			ours = append(ours, "-ffile-prefix-map="+dir+"=.")
		}
	}
	all = withSIMD(append(all, parse(ours)...))
	if slices.ContainsFunc(all, func(a arg) bool {
		return hasPrefix(a.name, byEmcc) || a.name == "-s" && strings.HasPrefix(a.value, "USE_")
	}) {
		return Command{Program: emcc(cxx), Args: words(all)}
	}
	all = slices.DeleteFunc(all, func(a arg) bool { return a.name == "-s" })
	program, flags := env.Toolchain.LLVM+"/clang", env.Toolchain.ClangFlags
	if cxx {
		program, flags = env.Toolchain.LLVM+"/clang++", env.Toolchain.ClangxxFlags
	}
	return Command{Program: program, Args: slices.Concat(flags, words(all))}
}

// emcc is Emscripten's driver. The path is absolute: a recipe's PATH must not change what compiles.
func emcc(cxx bool) string {
	if cxx {
		return "/usr/bin/em++"
	}
	return "/usr/bin/emcc"
}

var sharedObject = regexp.MustCompile(`\.so(\.\d+)*$`)

// planLink links a side module where the output is a shared object, and else a program for node, as the checks of
// configure, cmake and meson do.
func planLink(all []arg, cxx bool, env Env) (Command, error) {
	output, shared := "", false
	all = slices.DeleteFunc(all, func(a arg) bool {
		switch a.name {
		case "-o":
			output = a.value
		case "-shared", "-dynamiclib":
			// Since Emscripten 6, -shared alone makes another kind of library; SIDE_MODULE says what is meant.
			shared = true
			return true
		case "-s":
			// rustc says so, and names the output .wasm.
			shared = shared || strings.HasPrefix(a.value, "SIDE_MODULE=")
		}
		return false
	})
	out := append(words(all), werror...)
	if !shared && !sharedObject.MatchString(output) {
		out = append(out, "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm")
		return Command{Program: emcc(cxx), Args: out}, nil
	}
	if slices.ContainsFunc(all, func(a arg) bool { return a.name == "" && isSource(a.value) }) {
		out = append(out, slices.Concat(BaseCFlags, env.Settings.CFlags)...)
		if cxx {
			out = append(out, env.Settings.CXXFlags...)
		}
		out = words(withSIMD(parse(out)))
		out = append(out, "-I"+env.Toolchain.Include())
	}
	out = slices.Concat(out, BaseLDFlags, []string{"-Wl,--fatal-warnings"}, env.Settings.LDFlags)
	command := Command{Program: emcc(cxx), Link: &Link{Output: abs(env.Dir, output)}}
	if env.Settings.Exports == "whole_archive" {
		command.Args = append(out, "-sSIDE_MODULE=1")
		return command, nil
	}
	out = append(out, "-sSIDE_MODULE=2")
	// A linker that is driven by rustc brings its own list.
	if !slices.ContainsFunc(all, func(a arg) bool { return a.name == "-s" && strings.HasPrefix(a.value, "EXPORTED_FUNCTIONS=") }) {
		names, err := exports(all, output, env)
		if err != nil {
			return Command{}, err
		}
		var flag string
		flag, command.Exports = exportsFlag(names)
		out = append(out, flag)
	}
	command.Args = out
	return command, nil
}

func isSource(name string) bool {
	ext := path.Ext(name)
	return cxxSources[ext] || ext == ".c" || ext == ".S" || ext == ".s" || ext == ".m"
}

// maxFlag is how long one argument may be before Linux refuses it (128 KiB), with room to spare.
const maxFlag = 64 << 10

func exportsFlag(names []string) (flag string, file []string) {
	flag = "-sEXPORTED_FUNCTIONS=" + strings.Join(names, ",")
	if len(flag) > maxFlag {
		return "-sEXPORTED_FUNCTIONS=@" + ExportsPlaceholder, names
	}
	return flag, nil
}
