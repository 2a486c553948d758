package wasmcc

import (
	"path"
	"slices"
	"strings"
)

// wasi is the target on which nothing is loaded at run time.
const wasi = "wasm32-wasip1"

// Static says whether a shared object means an object that is linked into the interpreter later.
func (t Toolchain) Static() bool { return t.Target == wasi }

// Include is the folder with the target's Python.h.
func (t Toolchain) Include() string {
	if t.Static() {
		return Libraries + "/include/python" + t.Python // the farm's own Python is a host dependency like a library
	}
	return PythonInclude + "/python" + t.Python
}

// StaticCFlags is how everything is compiled for a static target. Nothing in it moves, so position independence is only a cost.
var StaticCFlags = []string{"-O2", "-g0"}

// noThreads has wasi-libc's headers declare what starts a thread. Python's library defines it, and it always fails, as Emscripten's
// does: code that can do without threads then does. Without the macro the mere mention of pthread_create does not compile. It comes
// first, so that -U on the command line goes before it: who defines these functions, as Python itself does, wants no other ones.
const (
	noThreads  = "-D_WASI_EMULATED_PTHREAD"
	ownThreads = "-U_WASI_EMULATED_PTHREAD"
)

// failingThreads is where programs, which have no Python, find the same. It comes last: what a program brings itself goes before it.
const failingThreads = "-lwasi-emulated-pthread"

// droppedStatic are options that mean nothing where all is linked statically, those that recipes say to Emscripten's ABI among them.
var droppedStatic = map[string]bool{
	"-fPIC": true, "-fpic": true, "-fPIE": true, "-fpie": true, "-pie": true, "-no-pie": true, "-rdynamic": true, "-static": true, "-s": true, "-Wl,-s": true,
	"-fwasm-exceptions": true, "-fno-plt": true, "-fno-semantic-interposition": true, "-static-libgcc": true, "-static-libstdc++": true,
}

// ofSystem are libraries that the interpreter's link brings for all: an object that is to be linked into it must not hold parts of
// them.
var ofSystem = []string{
	"c", "m", "dl", "pthread", "rt", "util", "crypt", "resolv", "xnet", "stdc++", "c++", "c++abi", "gcc", "gcc_s", "atomic", "setjmp",
	"wasi-emulated-signal", "wasi-emulated-getpid", "wasi-emulated-process-clocks", "wasi-emulated-mman", "wasi-emulated-pthread",
}

// known begin the linker's options that wasm-ld has, and that a build may set. Build systems that take the linker for GNU's say
// others, which change nothing that matters here.
var known = []string{
	"--allow-undefined", "--export", "--fatal-warnings", "--gc-sections", "--initial-memory", "--max-memory", "--no-entry", "--no-gc-sections",
	"--no-whole-archive", "--stack-first", "--strip-debug", "--whole-archive", "--wrap", "-z", "stack-size=",
}

// planStatic is planCompiler for a static target: everything goes to clang, which links programs; what would be a shared object
// becomes one relocatable object of all that it is linked from. all is filtered as for any target.
func planStatic(all []arg, cxx bool, env Env) Command {
	program, flags := env.Toolchain.LLVM+"/clang", env.Toolchain.ClangFlags
	if cxx {
		program, flags = env.Toolchain.LLVM+"/clang++", env.Toolchain.ClangxxFlags
	}
	question := !slices.ContainsFunc(all, isInput)
	if question {
		return Command{Program: program, Args: slices.Concat(flags, words(all))}
	}
	compiles := slices.ContainsFunc(all, func(a arg) bool { return compileModes[a.name] })
	output, shared := "", false
	kept := make([]arg, 0, len(all))
	for _, a := range all {
		switch {
		case a.name == "-s" || droppedStatic[a.name]:
			continue
		case a.name == "-shared", a.name == "-dynamiclib":
			shared = true
			continue
		case a.name == "-o":
			output = a.value
		}
		kept = append(kept, a)
	}
	var ours []string
	if compiles || slices.ContainsFunc(kept, func(a arg) bool { return a.name == "" && isSource(a.value) }) {
		flags, ours = append(slices.Clone(flags), noThreads), staticCompile(cxx, env)
	}
	command := Command{Program: program}
	switch {
	case compiles:
		command.Args = slices.Concat(flags, words(kept), ours)
	case shared || sharedObject.MatchString(output):
		command.Link = &Link{Output: abs(env.Dir, output)}
		command.Args = slices.Concat(flags, words(mergeable(kept)), ours, []string{"-nostdlib", "-Wl,-r"}, words(mergeable(parse(env.Settings.LDFlags))))
	default:
		command.Args = slices.Concat(flags, words(linkable(kept)), ours, env.Toolchain.LinkFlags)
		if !slices.ContainsFunc(kept, func(a arg) bool { return a.name == ownThreads }) {
			command.Args = append(command.Args, failingThreads)
		}
	}
	command.Headers = headers(all, env)
	return command
}

func staticCompile(cxx bool, env Env) []string {
	ours := slices.Concat(StaticCFlags, env.Settings.CFlags)
	if env.Settings.Exports != "" { // a library's script is left alone, as by Emscripten's own compiler
		ours = append(ours, werror...)
	}
	if cxx {
		ours = append(ours, env.Settings.CXXFlags...)
	}
	ours = slices.DeleteFunc(ours, func(w string) bool { return droppedStatic[w] || strings.HasPrefix(w, "-s") && isSetting(w[2:]) })
	ours = append(ours, "-I"+env.Toolchain.Include())
	for _, dir := range []string{env.Settings.Root, env.Dir} {
		if dir != "" {
			ours = append(ours, "-ffile-prefix-map="+dir+"=.")
		}
	}
	return ours
}

// mergeable are the arguments of a link that make sense for a relocatable object: objects, archives, folders, and whether archives
// go in whole.
func mergeable(all []arg) []arg {
	return slices.DeleteFunc(slices.Clone(all), func(a arg) bool {
		switch {
		case a.name == "-s" || droppedStatic[a.name]:
			return true
		case a.name == "-l":
			return slices.Contains(ofSystem, a.value) || strings.HasPrefix(a.value, "python")
		case strings.HasPrefix(a.name, "-Wl,"):
			return a.name != "-Wl,--whole-archive" && a.name != "-Wl,--no-whole-archive"
		case a.name == "":
			ext := path.Ext(a.value)
			return sharedObject.MatchString(a.value) && ext != ".o" // a module that another is linked with: both are linked in
		}
		return slices.Contains([]string{"-Xlinker", "-z", "-u", "-e", "-T", "-undefined", "-arch"}, a.name)
	})
}

// linkable drops what wasm-ld does not know.
func linkable(all []arg) []arg {
	var kept []arg
	for _, a := range all {
		switch {
		case strings.HasPrefix(a.name, "-Wl,"):
			options := slices.DeleteFunc(strings.Split(a.words[0], ",")[1:], func(o string) bool { return !hasPrefix(o, known) })
			if len(options) == 0 {
				continue
			}
			a.words = []string{"-Wl," + strings.Join(options, ",")}
		case a.name == "-Xlinker" && !hasPrefix(a.value, known):
			continue
		case a.name == "-l" && (a.value == "stdc++" || a.value == "gcc" || a.value == "gcc_s" || a.value == "atomic"):
			continue // clang brings what takes their place
		}
		kept = append(kept, a)
	}
	return kept
}
