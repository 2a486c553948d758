package wasmcc

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// initFunctions begin the names of what Python calls to load a module: PEP 489's, and PEP 793's, which it prefers. A module
// may have both, and the first of them be a stub.
var initFunctions = []string{"PyInit", "PyModExport"}

// exports are the symbols that a side module exports, each with emcc's leading underscore, sorted.
func exports(all []arg, output string, env Env) ([]string, error) {
	var names []string
	if env.Settings.Exports == "list" {
		names = slices.Clone(env.Settings.Symbols)
	} else {
		objects, err := objectSymbols(all, env)
		if err != nil {
			return nil, err
		}
		names = objects
		if env.Settings.Exports != "requested" {
			inits := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !hasPrefix(n, initFunctions) })
			switch {
			case len(inits) > 0:
				names = inits
			case slices.ContainsFunc(all, func(a arg) bool { return a.name == "" && isSource(a.value) }):
				// Compiled and linked at once, there is no object to look into: the name of the file tells the name of
				// the function (PEP 489).
				stem, _, _ := strings.Cut(path.Base(output), ".")
				names = []string{"PyInit_" + stem}
			}
			// What has no init function is no module of Python but a library: it exports what its objects do.
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for i, n := range names {
		names[i] = "_" + n
	}
	return names, nil
}

// objectSymbols are the visible symbols of the objects and archives on a command line.
func objectSymbols(all []arg, env Env) ([]string, error) {
	var names []string
	for _, a := range all {
		ext := path.Ext(a.value)
		if a.name != "" || ext != ".o" && ext != ".a" && ext != ".obj" && ext != ".lo" {
			continue
		}
		file := abs(env.Dir, a.value)
		data, err := env.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("linking: %w", err)
		}
		symbols, err := Symbols(file, data, env.ReadFile)
		if err != nil {
			return nil, fmt.Errorf("reading the symbols of %s: %w", a.value, err)
		}
		names = append(names, symbols...)
	}
	return names, nil
}
