package python

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/pyodide"
)

// options are python-wasm's own. They come before Python's, or from the environment, so that they work behind `#!` and for
// programs that start a python themselves.
type options struct {
	help       bool
	info       bool     // say what runs Python here
	json       bool     // say it as JSON
	runtime    string   // empty: what else there is to go by
	toolchain  string   // an ABI, by its platform tag or the part 2026_5 of it; empty: what else there is to go by
	chromium   string   // a program; empty: one that is found
	wasiPython string   // a file or folder; empty: the farm's
	node       string   // a program, or "npm" for the pinned one; empty: the one on PATH, if it will do
	readonly   bool     // nothing on this machine is written
	exclude    []string // folders that are not there for Python
	noSnapshot bool
}

// variables are the names in the environment that stand for options.
const (
	envRuntime    = "WASMILL_PYTHON_RUNTIME"
	envToolchain  = "WASMILL_PYTHON_TOOLCHAIN"
	envChromium   = "WASMILL_PYTHON_CHROMIUM"
	envWASIPython = "WASMILL_PYTHON_WASI"
	envNode       = "WASMILL_PYTHON_NODE"
	envReadonly   = "WASMILL_PYTHON_FS_READONLY"
	envExclude    = "WASMILL_PYTHON_FS_EXCLUDE"
	envNoSnapshot = "WASMILL_PYTHON_NO_SNAPSHOT"
	envCache      = "WASMILL_PYTHON_CACHE"
	envPrefix     = "WASMILL_PYTHON_PREFIX"
	envServer     = "WASMILL_SERVER" // a farm, as for wasmill itself
)

const help = `python-wasm is Python for WebAssembly as a command: python, in node, in headless Chromium, or under WASI.

  python-wasm [OWN OPTIONS] [PYTHON'S OPTIONS] [-c CODE | -m MODULE | FILE | -] [ARGUMENTS]

Own options come first; what follows the last of them is Python's (python-wasm --help). In the environment they are called as
given on the right.

  --runtime NAME     node (the default), chromium or wasi                  WASMILL_PYTHON_RUNTIME
  --toolchain ABI    2026_5, 2026_0, 2025_0 or 2024_0                      WASMILL_PYTHON_TOOLCHAIN
  --node PROGRAM     this node; npm: the pinned one from npm               WASMILL_PYTHON_NODE
  --chromium PROGRAM this Chromium, or another browser made of it;         WASMILL_PYTHON_CHROMIUM
                     npm: the pinned one from npm (Linux on x86-64)
  --wasi-python FILE this Python for WASI: the artifact of cpython-wasi,   WASMILL_PYTHON_WASI
                     or what wasmill app made; else that of the farm       WASMILL_SERVER
  --fs-readonly      write nothing on this machine                         WASMILL_PYTHON_FS_READONLY=1
  --fs-exclude DIR   hide this folder from Python; may be repeated         WASMILL_PYTHON_FS_EXCLUDE=DIR:DIR
  --no-snapshot      start anew, which takes seconds                       WASMILL_PYTHON_NO_SNAPSHOT=1
  --wasm-info        say which runtime, programs and folders these are, and fetch what is missing; --json behind it: as JSON
  --wasm-help        this text

Examples:
  python-wasm -c 'import sys; print(sys.platform)'
  python-wasm --fs-readonly -m json.tool data.json
  python-wasm --runtime wasi --wasi-python python.wasm -m venv .venv
  WASMILL_PYTHON_TOOLCHAIN=2025_0 ./script.py
`

// parseOptions takes python-wasm's own options from the front of the arguments, and returns what is Python's.
func parseOptions(args, environ []string) (options, []string, error) {
	var o options
	for _, entry := range environ {
		switch name, value, _ := strings.Cut(entry, "="); name {
		case envRuntime:
			o.runtime = value
		case envToolchain:
			o.toolchain = value
		case envChromium:
			o.chromium = value
		case envWASIPython:
			o.wasiPython = value
		case envNode:
			o.node = value
		case envReadonly:
			o.readonly = value != "" && value != "0"
		case envNoSnapshot:
			o.noSnapshot = value != "" && value != "0"
		case envExclude:
			o.exclude = append(o.exclude, filepath.SplitList(value)...)
		}
	}
	for len(args) > 0 {
		name, value, joined := strings.Cut(args[0], "=")
		take := func() error {
			if joined {
				args = args[1:]
				return nil
			}
			if len(args) < 2 {
				return fault.Errorf(fault.Invalid, "%s needs a value (python-wasm --wasm-help)", name)
			}
			value, args = args[1], args[2:]
			return nil
		}
		var err error
		switch {
		case name == "--runtime":
			err = take()
			o.runtime = value
		case name == "--toolchain":
			err = take()
			o.toolchain = value
		case name == "--chromium":
			err = take()
			o.chromium = value
		case name == "--wasi-python":
			err = take()
			o.wasiPython = value
		case name == "--node":
			err = take()
			o.node = value
		case name == "--fs-exclude":
			err = take()
			o.exclude = append(o.exclude, value)
		case args[0] == "--fs-readonly":
			o.readonly, args = true, args[1:]
		case args[0] == "--no-snapshot":
			o.noSnapshot, args = true, args[1:]
		case args[0] == "--wasm-help":
			o.help, args = true, args[1:]
		case args[0] == "--wasm-info":
			o.info, args = true, args[1:]
		case args[0] == "--json" && o.info:
			o.json, args = true, args[1:]
		case o.info:
			return o, nil, fault.Errorf(fault.Invalid, "behind --wasm-info stands nothing or --json, and not %q", args[0])
		default:
			return o, args, nil
		}
		if err != nil {
			return o, nil, err
		}
	}
	return o, nil, nil
}

// chooseRelease finds the runtime that is meant: the one that the option names, the one that the virtual environment of the
// executable was made with, the one that the executable's name says (python3.14), or the newest.
func chooseRelease(o options, executable string) (pyodide.Release, error) {
	all := pyodide.All()
	if o.toolchain != "" {
		var known []string
		for _, r := range all {
			short := strings.TrimSuffix(strings.TrimPrefix(r.PlatformTag, "pyemscripten_"), "_wasm32")
			if o.toolchain == r.PlatformTag || o.toolchain == short {
				return r, nil
			}
			known = append(known, short)
		}
		return pyodide.Release{}, fault.Errorf(fault.Invalid, "there is no toolchain %q; known are %s", o.toolchain, strings.Join(known, ", "))
	}
	for _, r := range all {
		if venvVersion(executable) == r.Python || filepath.Base(executable) == "python"+r.Python {
			return r, nil
		}
	}
	return all[len(all)-1], nil
}

// What Python runs in.
const (
	runtimeNode     = "node"
	runtimeChromium = "chromium"
	runtimeWASI     = "wasi"
)

// chooseRuntime finds what is meant: the option's, that for which the virtual environment of the executable was made, or node.
func chooseRuntime(o options, executable string) (string, error) {
	switch o.runtime {
	case runtimeNode, runtimeChromium, runtimeWASI:
		return o.runtime, nil
	case "":
	default:
		return "", fault.Errorf(fault.Invalid, "there is no runtime %q; known are node, chromium, wasi", o.runtime)
	}
	if venvSetting(executable, "platform") == wasiTag {
		return runtimeWASI, nil
	}
	return runtimeNode, nil
}

// venvVersion is the language version of the virtual environment that an executable belongs to; empty where it is in none.
func venvVersion(executable string) string {
	value := venvSetting(executable, "version", "version_info")
	if parts := strings.SplitN(value, ".", 3); len(parts) > 1 {
		return parts[0] + "." + parts[1]
	}
	return ""
}

// venvSetting is what one of the keys has in the pyvenv.cfg of an executable; empty where it is in no virtual environment.
func venvSetting(executable string, keys ...string) string {
	if _, ok := venvFolder(executable); !ok {
		return ""
	}
	folder := filepath.Dir(executable)
	for _, dir := range []string{folder, filepath.Dir(folder)} {
		text, err := os.ReadFile(filepath.Join(dir, "pyvenv.cfg"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, "=")
			if slices.Contains(keys, strings.TrimSpace(key)) {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	return ""
}
