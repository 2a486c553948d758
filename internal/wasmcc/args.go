package wasmcc

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// takesValue are the options whose value may be the next argument.
var takesValue = map[string]bool{
	"-o": true, "-I": true, "-L": true, "-l": true, "-D": true, "-U": true, "-x": true, "-s": true, "-include": true,
	"-imacros": true, "-isystem": true, "-iquote": true, "-idirafter": true, "-iwithsysroot": true, "-isysroot": true,
	"-MF": true, "-MT": true, "-MQ": true, "-Xclang": true, "-Xlinker": true, "-Xpreprocessor": true, "-mllvm": true,
	"-arch": true, "-target": true, "-u": true, "-z": true, "-T": true, "-e": true, "-undefined": true,
}

// arg is one option with its value, or one file.
type arg struct {
	words []string // as they were given: one or two
	name  string   // the option without its value ("-I", "-l", "-s"), the whole word if it has none, or "" for a file
	value string   // the value, or the file
}

// joined are the options whose value may follow without a space. Longer ones stand first.
var joined = []string{"-idirafter", "-isystem", "-iquote", "-I", "-L", "-l", "-o", "-x"}

// parse groups words into options and files.
func parse(words []string) []arg {
	var all []arg
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case !strings.HasPrefix(w, "-") || w == "-":
			all = append(all, arg{words[i : i+1], "", w})
		case w == "-s" && (i+1 == len(words) || !isSetting(words[i+1])):
			// The linker's -s (strip), not emcc's -s SETTING.
			all = append(all, arg{words[i : i+1], "-Wl,-s", ""})
		case takesValue[w] && i+1 < len(words):
			all = append(all, arg{words[i : i+2], w, words[i+1]})
			i++
		default:
			all = append(all, parseJoined(words[i:i+1]))
		}
	}
	return all
}

func parseJoined(words []string) arg {
	w := words[0]
	if isSetting(strings.TrimPrefix(w, "-s")) {
		return arg{words, "-s", w[2:]}
	}
	for _, name := range joined {
		if v, ok := strings.CutPrefix(w, name); ok && v != "" {
			return arg{words, name, strings.TrimPrefix(v, "=")}
		}
	}
	return arg{words, w, ""}
}

// isSetting says whether s looks like one of emcc's settings: NAME or NAME=value, in capitals.
func isSetting(s string) bool {
	name, _, _ := strings.Cut(s, "=")
	if name == "" {
		return false
	}
	for i, c := range []byte(name) {
		if (c < 'A' || c > 'Z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// Refused is a command that the wrapper fails on purpose, so that a configure check sees that the feature is absent.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return r.Reason }

// dropped are options that mean nothing on wasm32, or that clang refuses there.
var dropped = map[string]bool{
	"-pthread": true, "-mpopcnt": true, "-mno-sse2": true, "-mno-avx2": true, "-Bsymbolic-functions": true,
	"-fno-strict-overflow": true, "-bundle": true, "-undefined": true, "-fuse-linker-plugin": true, "-ffat-lto-objects": true,
}

// droppedPrefixes: link-time optimisation would leave bitcode where the audit and the linker's exports want objects;
// stack protectors need a runtime part that side modules do not get.
var droppedPrefixes = []string{"-flto", "-fno-lto", "-fstack-protector", "-fcf-protection"}

// filter drops what does not fit the ABI. It is the same for compiling and linking.
func filter(all []arg) ([]arg, error) {
	kept := make([]arg, 0, len(all))
	libs := map[string]bool{}
	for _, a := range all {
		switch {
		case a.name == "-fopenmp" || strings.HasPrefix(a.name, "-fopenmp="):
			// It would link, and the module would not load.
			return nil, &Refused{"-fopenmp: this ABI has no threads, so no OpenMP"}
		case dropped[a.name], hasPrefix(a.name, droppedPrefixes):
			continue
		case (a.name == "-I" || a.name == "-L" || a.name == "-isystem") && native(a.value):
			continue
		case a.name == "-l":
			// Libffi is in the runtime's main module; Fortran has gone through f2c. wasm-ld refuses a library's symbols
			// the second time.
			if a.value == "ffi" || a.value == "gfortran" || libs[a.value] {
				continue
			}
			libs[a.value] = true
		case strings.HasPrefix(a.name, "-Wl,"):
			options := linkerOptions(strings.Split(a.name, ",")[1:])
			if len(options) == 0 {
				continue
			}
			a = arg{words: []string{"-Wl," + strings.Join(options, ",")}, name: a.name}
		case a.name == "-Xlinker":
			if len(linkerOptions([]string{a.value})) == 0 {
				continue
			}
		}
		kept = append(kept, a)
	}
	return kept, nil
}

// native says whether a folder belongs to the build machine's own system.
func native(dir string) bool { return dir == "/usr" || strings.HasPrefix(dir, "/usr/") }

var droppedLinker = []string{"--as-needed", "--strip-all", "-strip-all", "-s", "-S", "--strip-debug", "--sort-common", "--enable-new-dtags",
	"-Bsymbolic-functions"}

var droppedLinkerPrefixes = []string{"--version-script=", "-R/", "-R.", "--exclude-libs=", "--sysroot="}

// linkerOptions drops what wasm-ld does not know, and stripping, which would take away the dylink.0 section.
func linkerOptions(options []string) []string {
	return slices.DeleteFunc(options, func(o string) bool {
		return slices.Contains(droppedLinker, o) || hasPrefix(o, droppedLinkerPrefixes)
	})
}

func hasPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// words is the command line of all.
func words(all []arg) []string {
	out := make([]string, 0, len(all)+8)
	for _, a := range all {
		out = append(out, a.words...)
	}
	return out
}

// maxDepth bounds response files that name each other.
const maxDepth = 8

// expand replaces each @file by the words in it. Like GCC and clang it leaves an @word alone that names no file
// (-Wl,-rpath,@loader_path and the like).
func expand(words []string, dir string, readFile func(string) ([]byte, error), depth int) ([]string, error) {
	if depth > maxDepth {
		return nil, errors.New("reading response files: they name each other")
	}
	var out []string
	for _, w := range words {
		name, ok := strings.CutPrefix(w, "@")
		if !ok || name == "" {
			out = append(out, w)
			continue
		}
		text, err := readFile(abs(dir, name))
		if err != nil {
			out = append(out, w)
			continue
		}
		inner, err := expand(unquote(string(text)), dir, readFile, depth+1)
		if err != nil {
			return nil, fmt.Errorf("reading response file %s: %w", name, err)
		}
		out = append(out, inner...)
	}
	return out, nil
}

func abs(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// unquote splits a response file by GCC's rules: white space separates, quotes of both kinds keep it, a backslash takes
// the next character as it is.
func unquote(text string) []string {
	var out []string
	var word strings.Builder
	var quote byte
	inWord := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			inWord = true
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteByte(c)
			}
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if inWord {
				out = append(out, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		out = append(out, word.String())
	}
	return out
}
