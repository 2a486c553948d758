package debian

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Resolve chooses the packages that names need, dependencies included, sorted by name. It is greedy, which is enough for
// a suite whose packages fit together: of alternatives it takes one that is chosen already, else the first that is there.
// What exclude names is never chosen, and a dependency that an excluded package would meet counts as met.
func (ix *Index) Resolve(names, exclude []string) ([]*Package, error) {
	r := resolver{index: ix, chosen: map[string]*Package{}, excluded: map[string]bool{}}
	for _, name := range exclude {
		r.excluded[name] = true
	}
	for _, name := range names {
		if r.excluded[name] {
			return nil, fmt.Errorf("package %s is both wanted and excluded", name)
		}
		p := ix.packages[name]
		if p == nil {
			return nil, fmt.Errorf("the suite has no package %s", name)
		}
		r.choose(p)
	}
	for len(r.queue) > 0 {
		p := r.queue[0]
		r.queue = r.queue[1:]
		for _, alternatives := range p.depends {
			if err := r.satisfy(p, alternatives); err != nil {
				return nil, err
			}
		}
	}
	return slices.SortedFunc(maps.Values(r.chosen), compareNames), nil
}

type resolver struct {
	index    *Index
	chosen   map[string]*Package
	excluded map[string]bool
	queue    []*Package
}

func (r *resolver) choose(p *Package) {
	if r.chosen[p.Name] == nil {
		r.chosen[p.Name] = p
		r.queue = append(r.queue, p)
	}
}

func (r *resolver) satisfy(asker *Package, alternatives []Relation) error {
	var candidates []*Package
	skipped := false
	for _, rel := range alternatives {
		for _, p := range r.index.satisfying(rel) {
			switch {
			case r.excluded[p.Name]:
				skipped = true
			case r.chosen[p.Name] != nil:
				return nil
			default:
				candidates = append(candidates, p)
			}
		}
		// An excluded name need not exist in the suite.
		skipped = skipped || r.excluded[rel.Name]
	}
	if skipped {
		return nil
	}
	if len(candidates) == 0 {
		texts := make([]string, len(alternatives))
		for i, rel := range alternatives {
			texts[i] = rel.String()
		}
		return fmt.Errorf("%s %s needs %s, which the suite does not have", asker.Name, asker.Version, strings.Join(texts, " or "))
	}
	r.choose(candidates[0])
	return nil
}

// satisfying lists the package of that name first, then those that provide it.
func (ix *Index) satisfying(rel Relation) []*Package {
	var found []*Package
	if p := ix.packages[rel.Name]; p != nil && rel.admits(p.Version) {
		found = append(found, p)
	}
	for _, p := range ix.providers[rel.Name] {
		if rel.Operator == "" || p.version != "" && rel.admits(p.version) {
			found = append(found, p.Package)
		}
	}
	return found
}
