package recipe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Set is a folder of recipes, or recipes put together in memory, with the graph between them. It is read-only.
type Set struct {
	recipes  map[string]*Recipe // by canonical name; without what is excluded
	excluded map[string]Exclusion
	platform Platform
	foreign  map[string]*Recipe // recipes that are not for the platform
}

// Exclusion is a recipe that is left out of a set because it, or something that it needs, is disabled.
type Exclusion struct {
	Recipe   *Recipe
	Disabled *Recipe // the same recipe, or one that it needs
}

// LoadSet reads every folder in dir that holds a meta.yaml. All mistakes of all recipes are reported at once, as
// *Errors of kind fault.Invalid; the set then holds the recipes without mistakes, so that one broken recipe need not
// stop the others. Any other error leaves no set.
func LoadSet(dir string) (*Set, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.Errorf(fault.NotFound, "reading folder of recipes: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading folder of recipes: %w", err)
	}
	var recipes []*Recipe
	errs := &Errors{}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name(), MetaFile)
		if _, err := os.Stat(file); err != nil {
			continue
		}
		r, err := Load(file)
		if mistakes := (*Errors)(nil); errors.As(err, &mistakes) {
			errs.List = append(errs.List, mistakes.List...)
			continue
		}
		if err != nil {
			return nil, err
		}
		recipes = append(recipes, r)
	}
	set := newSet(recipes, errs)
	return set, errs.err()
}

// NewSet makes a set of recipes that are loaded already. Two recipes of one name are fault.Invalid.
func NewSet(recipes ...*Recipe) (*Set, error) {
	errs := &Errors{}
	set := newSet(recipes, errs)
	if err := errs.err(); err != nil {
		return nil, err
	}
	return set, nil
}

// With is the set with more recipes. Each takes the place of the set's own of that name.
func (s *Set) With(recipes ...*Recipe) (*Set, error) {
	all := slices.Clone(recipes)
	for _, r := range s.all() {
		if !slices.ContainsFunc(recipes, func(other *Recipe) bool { return Canonical(other.Name) == Canonical(r.Name) }) {
			all = append(all, r)
		}
	}
	with, err := NewSet(all...)
	if err != nil {
		return nil, err
	}
	return with.On(s.platform), nil
}

func newSet(recipes []*Recipe, errs *Errors) *Set {
	s := &Set{recipes: map[string]*Recipe{}, excluded: map[string]Exclusion{}}
	for _, r := range recipes {
		name := Canonical(r.Name)
		if first, ok := s.recipes[name]; ok {
			errs.add(r.At("package.name"), "", "`%s` is the same package as `%s` (%s)", r.Name, first.Name, first.At("package.name"))
			continue
		}
		s.recipes[name] = r
	}
	s.exclude()
	return s
}

// exclude moves what is disabled, and all that depends on it, out of the way.
func (s *Set) exclude() {
	for name, r := range s.recipes {
		if r.Disabled {
			s.excluded[name] = Exclusion{r, r}
			delete(s.recipes, name)
		}
	}
	for again := len(s.excluded) > 0; again; {
		again = false
		for _, r := range s.Recipes() {
			for dep := range r.dependencies() {
				if x, ok := s.excluded[Canonical(dep.name)]; ok {
					s.excluded[Canonical(r.Name)] = Exclusion{r, x.Disabled}
					delete(s.recipes, Canonical(r.Name))
					again = true
					break
				}
			}
		}
	}
}

// dependency is one edge of the graph, as the recipe spells it, with the key that says so.
type dependency struct{ name, at string }

func (r *Recipe) dependencies() func(yield func(dependency) bool) {
	return func(yield func(dependency) bool) {
		for _, list := range []struct {
			key   string
			names []string
		}{{"host", r.Requirements.Host}, {"run", r.Requirements.Run}} {
			for i, name := range list.names {
				if !yield(dependency{name, fmt.Sprintf("requirements.%s[%d]", list.key, i)}) {
					return
				}
			}
		}
	}
}

// testDependencies are the edges to what the recipe's tests need, as far as there are recipes for it: the package index
// has the rest.
func (s *Set) testDependencies(r *Recipe) (edges []dependency) {
	for i, name := range r.Wasmill.Test.Requires {
		if s.Get(name) != nil {
			edges = append(edges, dependency{name, fmt.Sprintf("wasmill.test.requires[%d]", i)})
		}
	}
	return edges
}

// Recipes are all recipes but the excluded ones, by canonical name.
func (s *Set) Recipes() []*Recipe {
	all := make([]*Recipe, 0, len(s.recipes))
	for _, name := range slices.Sorted(maps.Keys(s.recipes)) {
		all = append(all, s.recipes[name])
	}
	return all
}

// Len is how many recipes there are, with the excluded ones.
func (s *Set) Len() int { return len(s.recipes) + len(s.excluded) }

// all are the recipes with the excluded ones, by canonical name.
func (s *Set) all() []*Recipe {
	all := s.Recipes()
	for _, x := range s.excluded {
		all = append(all, x.Recipe)
	}
	all = slices.AppendSeq(all, maps.Values(s.foreign))
	slices.SortFunc(all, func(a, b *Recipe) int { return strings.Compare(Canonical(a.Name), Canonical(b.Name)) })
	return all
}

// Excluded are the recipes that are left out, by canonical name.
func (s *Set) Excluded() []Exclusion {
	all := make([]Exclusion, 0, len(s.excluded))
	for _, name := range slices.Sorted(maps.Keys(s.excluded)) {
		all = append(all, s.excluded[name])
	}
	return all
}

// Get finds a recipe by its name in any spelling; nil if there is none, or if it is excluded.
func (s *Set) Get(name string) *Recipe { return s.recipes[Canonical(name)] }

// Select gives the recipes that the patterns choose, by canonical name, each once: "*" is all, "tag:X" those with the
// tag, anything else a name in any spelling. A pattern behind "!" takes back what it would choose, whatever the order. What
// they depend on is not added: that is Closure. Recipes with the tag "always" come with every selection. A name or tag that nothing has is fault.NotFound; the name of an excluded recipe
// is fault.Conflict.
func (s *Set) Select(patterns ...string) ([]*Recipe, error) {
	chosen, taken := map[string]*Recipe{}, map[string]*Recipe{}
	for _, pattern := range patterns {
		into := chosen
		if rest, not := strings.CutPrefix(pattern, "!"); not {
			pattern, into = rest, taken
		}
		tag, isTag := strings.CutPrefix(pattern, "tag:")
		switch {
		case pattern == "*":
			maps.Copy(into, s.recipes)
		case isTag:
			if err := s.selectTag(tag, into); err != nil {
				return nil, err
			}
		default:
			r, err := s.find(pattern)
			if err != nil {
				return nil, err
			}
			into[Canonical(r.Name)] = r
		}
	}
	maps.DeleteFunc(chosen, func(name string, _ *Recipe) bool { return taken[name] != nil })
	for name, r := range s.recipes {
		if slices.Contains(r.Tags, "always") {
			chosen[name] = r
		}
	}
	return (&Set{recipes: chosen}).Recipes(), nil
}

func (s *Set) selectTag(tag string, chosen map[string]*Recipe) error {
	var tags []string
	found := false
	for name, r := range s.recipes {
		tags = append(tags, r.Tags...)
		if slices.Contains(r.Tags, tag) {
			chosen[name], found = r, true
		}
	}
	if found {
		return nil
	}
	slices.Sort(tags)
	return fault.Errorf(fault.NotFound, "no recipe has the tag `%s`%s", tag, didYouMean(tag, tags))
}

func (s *Set) find(name string) (*Recipe, error) {
	if r := s.Get(name); r != nil {
		return r, nil
	}
	if x, ok := s.excluded[Canonical(name)]; ok {
		if x.Recipe == x.Disabled {
			return nil, fault.Errorf(fault.Conflict, "recipe `%s` is disabled (%s)", x.Recipe.Name, x.Recipe.At("package._disabled"))
		}
		return nil, fault.Errorf(fault.Conflict, "recipe `%s` needs `%s`, which is disabled (%s)",
			x.Recipe.Name, x.Disabled.Name, x.Disabled.At("package._disabled"))
	}
	if r, ok := s.foreign[Canonical(name)]; ok {
		return nil, fault.Errorf(fault.Conflict, "recipe `%s` is not for %s (%s)", r.Name, s.platform.Target, r.At("wasmill.targets"))
	}
	return nil, fault.Errorf(fault.NotFound, "there is no recipe `%s`%s", name, didYouMean(Canonical(name), s.names()))
}

func (s *Set) names() []string { return slices.Sorted(maps.Keys(s.recipes)) }

func didYouMean(word string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return fmt.Sprintf(" (did you mean `%s`?)", near)
	}
	return ""
}
