package recipe

import (
	"maps"
	"regexp"
	"slices"
)

// Platform is what a toolchain means for the graph of recipes. The zero value knows no toolchain: no recipe is foreign.
type Platform struct {
	Target string // the compiler's name of what is compiled for, "wasm32-wasip1"
	// Interpreter is the recipe that makes the target's Python; empty where the toolchain has it. Packages that are built need
	// it like a host dependency that nobody lists.
	Interpreter string
}

var targetForm = regexp.MustCompile(`^[a-z0-9_]+(-[a-z0-9_]+){1,3}$`)

// On is the set as it is for a platform: recipes for other targets are out of it, and packages need the platform's Python.
func (s *Set) On(p Platform) *Set {
	on := &Set{recipes: maps.Clone(s.recipes), excluded: s.excluded, platform: p, foreign: map[string]*Recipe{}}
	maps.Copy(on.recipes, s.foreign)
	for name, r := range on.recipes {
		if t := r.Wasmill.Targets; len(t) > 0 && p.Target != "" && !slices.Contains(t, p.Target) {
			on.foreign[name] = r
			delete(on.recipes, name)
		}
	}
	return on
}

// interpreters is the edge from a package to the Python that it is built for and tested in, and from an app to its own: none where the
// toolchain has it, and from libraries. What is pure has it too: setuptools asks the target's sysconfig whatever it builds.
func (s *Set) interpreters(r *Recipe) []dependency {
	if s.platform.Interpreter == "" || r.Build.Type != Package && r.Build.Type != App || Canonical(r.Name) == Canonical(s.platform.Interpreter) {
		return nil
	}
	return []dependency{{s.platform.Interpreter, "package.name"}}
}
