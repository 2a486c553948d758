// Package graph has graphs of recipes that are as large as a real collection, or thirty times as large, for measuring
// how a farm copes: what stands alone, what half the world needs, how deep it goes. A graph can be written as a folder of
// recipes, which is what a farm reads. Nothing in it can be built: the sources do not exist.
package graph

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/wasmill/wasmill/internal/recipe"
)

// Recipe is a node: what it is, and the names of those that it needs.
type Recipe struct {
	Name, Version string
	Type          recipe.Type
	Host, Run     []string
}

// Needs are the names of both kinds, sorted, each once.
func (r Recipe) Needs() []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(r.Host, r.Run))))
}

// Graph is sorted by name. All that a recipe needs is in it, and no recipe needs itself, by whatever way.
type Graph []Recipe

// Read reads a graph from JSON: an object by name, of objects with host, run, type and version.
func Read(file string) (Graph, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading a graph of recipes: %w", err)
	}
	var all map[string]Recipe
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("reading a graph of recipes: %w", err)
	}
	var g Graph
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r := all[name]
		r.Name = name
		g = append(g, r)
	}
	return g, nil
}

// Shape is what makes one graph like another.
type Shape struct {
	Levels   []int // how many recipes need nothing, need only those, and so on
	Edges    int
	Hub      int // edges into the recipe that most need
	Alone    int // recipes that need nothing and that nothing needs
	Unneeded int // recipes that nothing needs, those that stand alone included
	Most     int // needs of the recipe with the most
	Host     int // edges that are host dependencies, those that are both included
}

// Shape measures a graph. It panics where one recipe needs another that is not there, or where they go in a circle.
func (g Graph) Shape() Shape {
	needs, users := map[string][]string{}, map[string]int{}
	var s Shape
	for _, r := range g {
		needs[r.Name] = r.Needs()
		s.Edges += len(needs[r.Name])
		s.Most = max(s.Most, len(needs[r.Name]))
		s.Host += len(slices.Compact(slices.Sorted(slices.Values(r.Host))))
		for _, name := range needs[r.Name] {
			users[name]++
		}
	}
	level := map[string]int{} // -1: being visited; others count from 1
	var visit func(name string) int
	visit = func(name string) int {
		list, known := needs[name]
		switch {
		case !known:
			panic("there is no recipe " + name)
		case level[name] < 0:
			panic("a circle at " + name)
		case level[name] > 0:
			return level[name]
		}
		level[name] = -1
		highest := 0
		for _, n := range list {
			highest = max(highest, visit(n))
		}
		level[name] = highest + 1
		return level[name]
	}
	for _, r := range g {
		at := visit(r.Name)
		for len(s.Levels) < at {
			s.Levels = append(s.Levels, 0)
		}
		s.Levels[at-1]++
		s.Hub = max(s.Hub, users[r.Name])
		if users[r.Name] == 0 {
			s.Unneeded++
			if len(needs[r.Name]) == 0 {
				s.Alone++
			}
		}
	}
	return s
}
