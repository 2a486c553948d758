package recipe

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// variable is how recipes write variables in a URL; make's form is pyodide-build's, the other one people know from the
// shell. $NAME alone is not one.
var variable = regexp.MustCompile(`\$\(([^()]*)\)|\$\{([^{}]*)\}`)

// Facts are what the variables of source.url tell of a toolchain. In flags and scripts there are more of them, but those
// are known in the container only, where nothing is fetched.
type Facts struct {
	Python     string // 3.15
	ABI        string // 2026_5
	Emscripten string
	Pyodide    string
}

// sourceVariables are the variables that may stand in source.url: those of pyodide-build (config.py, BUILD_KEY_TO_VAR)
// that do not name a place on the machine, and the recipe's own name and version.
func (r *Recipe) sourceVariables(f Facts) map[string]string {
	major, minor, _ := strings.Cut(f.Python, ".")
	return map[string]string{
		"PKG_NAME": r.Name, "PKG_VERSION": r.Version,
		"PYVERSION": f.Python, "PYMAJOR": major, "PYMINOR": minor, "PYMICRO": "0",
		"PYODIDE": "1", "PYODIDE_PACKAGE_ABI": "1",
		"PYODIDE_VERSION": f.Pyodide, "PYODIDE_ABI_VERSION": f.ABI, "PYODIDE_EMSCRIPTEN_VERSION": f.Emscripten,
		"PLATFORM_TRIPLET": "wasm32-emscripten", "CARGO_BUILD_TARGET": "wasm32-unknown-emscripten",
	}
}

// SourceURL is source.url with its variables replaced.
func (r *Recipe) SourceURL(f Facts) string {
	known := r.sourceVariables(f)
	return variable.ReplaceAllStringFunc(r.Source.URL, func(m string) string { return known[m[2:len(m)-1]] })
}

// urlVariables demands that each variable in source.url is one that has a value: pyodide-build puts nothing in its place,
// and then asks for a file that nobody has.
func (c checker) urlVariables() {
	names := slices.Sorted(maps.Keys(c.sourceVariables(Facts{})))
	for _, m := range variable.FindAllString(c.Source.URL, -1) {
		name := m[2 : len(m)-1]
		if slices.Contains(names, name) {
			continue
		}
		hint := "known are " + strings.Join(names, ", ")
		if near := nearest(name, names); near != "" {
			hint = "did you mean `" + near + "`?"
		}
		c.add("source.url", hint, "the variable `%s` in `source.url` has no value when a source is fetched", m)
	}
}
