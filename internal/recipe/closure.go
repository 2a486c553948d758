package recipe

import (
	"slices"
	"strings"
)

// Closure gives the recipes and all that they need, host and run, each once and after everything that it needs; where
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
	for dep := range r.dependencies() {
		next := Canonical(dep.name)
		if seen[next] {
			continue
		}
		seen[next] = true
		switch {
		case w.set.recipes[next] == nil:
			hint := "add a recipe for it"
			if near := nearest(next, w.set.names()); near != "" {
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
