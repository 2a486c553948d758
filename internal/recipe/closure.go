package recipe

import (
	"slices"
	"strings"
)

// Closure gives the recipes and all that they need, host, run and for tests, each once and after everything that it needs; where
// the graph leaves a choice, by canonical name. A missing recipe and a cycle are *Errors of kind fault.Invalid, at the
// place of the requirement; all missing ones are reported at once. A recipe that is not in the set is an error as in
// Select.
func (s *Set) Closure(recipes []*Recipe) ([]*Recipe, error) {
	w := walk{set: s, state: map[string]visit{}, errs: &Errors{}}
	names := make([]string, 0, len(recipes))
	for _, r := range recipes {
		if _, err := s.find(r.Name); err != nil {
			return nil, err
		}
		names = append(names, Canonical(r.Name))
	}
	slices.Sort(names)
	for _, name := range names {
		w.visit(name)
	}
	if err := w.errs.err(); err != nil {
		return nil, err
	}
	return w.order, nil
}

type visit int

const (
	unseen visit = iota
	open         // on the path
	done
)

// walk is a depth-first search.
type walk struct {
	set   *Set
	state map[string]visit
	path  []string
	order []*Recipe
	errs  *Errors
}

func (w *walk) visit(name string) {
	if w.state[name] == done {
		return
	}
	r := w.set.recipes[name]
	w.state[name] = open
	w.path = append(w.path, name)
	seen := map[string]bool{}
	for _, dep := range slices.Concat(slices.Collect(r.dependencies()), w.set.interpreters(r), w.set.testDependencies(r)) {
		next := Canonical(dep.name)
		if seen[next] {
			continue
		}
		seen[next] = true
		switch {
		case w.set.recipes[next] == nil:
			hint := "add a recipe for it"
			if f := w.set.foreign[next]; f != nil {
				hint = "`" + f.Name + "` is not for " + w.set.platform.Target + " (" + f.At("wasmill.targets").String() + ")"
			} else if near := nearest(next, w.set.names()); near != "" {
				hint = "did you mean `" + w.set.recipes[near].Name + "`?"
			}
			w.errs.add(r.At(dep.at), hint, "`%s` needs `%s`, and there is no such recipe", r.Name, dep.name)
		case w.state[next] == open:
			w.errs.add(r.At(dep.at), "", "dependency cycle: %s", w.cycle(next))
		default:
			w.visit(next)
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.state[name] = done
	w.order = append(w.order, r)
}

// cycle is the part of the path that begins with name, and name again.
func (w *walk) cycle(name string) string {
	names := append(slices.Clone(w.path[slices.Index(w.path, name):]), name)
	for i, n := range names {
		names[i] = w.set.recipes[n].Name
	}
	return strings.Join(names, " → ")
}

// Hosts are the recipes of which a build of r uses what came out, each after those that it uses itself: the host
// dependencies, those of a library among them, since whoever links a static library links what it needs too; the Python
// that a package is compiled against, where that is a recipe (Platform); and packages with build.cross-build-env among what r and they run with, whose headers a build sees even where nobody lists
// them as host dependencies. An app uses all that it and they run with. All that r needs must be in the set (Closure tells).
func (s *Set) Hosts(r *Recipe) []*Recipe {
	var order []*Recipe
	seen := map[*Recipe]bool{r: true}
	app := r.Build.Type == App
	var visit func(r *Recipe, host bool)
	visit = func(r *Recipe, host bool) {
		next := func(h *Recipe) {
			if h != nil && !seen[h] {
				seen[h] = true
				visit(h, h.Library())
				order = append(order, h)
			}
		}
		if host {
			for _, d := range s.interpreters(r) {
				next(s.Get(d.name))
			}
			for _, name := range r.Requirements.Host {
				next(s.Get(name))
			}
		}
		for _, name := range r.Requirements.Run {
			if h := s.Get(name); h != nil && (app || h.Build.CrossBuildEnv) {
				next(h)
			}
		}
	}
	visit(r, true)
	return order
}
