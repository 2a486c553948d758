package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/wasmill/wasmill/internal/recipe"
)

// What was counted in the recipes of Pyodide: 332 with 459 edges between them.
var (
	levels = []int{160, 81, 41, 38, 9, 2, 1}
	spans  = []int{0, 219, 113, 98, 20, 5, 4}                 // edges by the number of levels that they bridge
	degree = []int{0, 84, 23, 26, 10, 7, 7, 3, 6, 0, 3, 1, 2} // recipes with needs, by their number
)

const (
	alone   = 55.0 / 332  // of all recipes
	hub     = 70.0 / 459  // of all edges: those into one recipe
	host    = 121.0 / 459 // of all edges
	both    = 48.0 / 121  // of the host dependencies, those that are run dependencies too
	static  = 26.0 / 332  // recipes that are libraries
	shared  = 12.0 / 332
	between = 77.0 / 172 // of the recipes with needs, those that others need
)

// Synthetic makes a graph of n recipes in the shape of a real one, for n from some hundreds on: recipes by level, needs
// of a recipe and the levels that they bridge are drawn as often as they were counted, and one recipe is the hub. The same
// seed gives the same graph. (Copies of a real graph side by side would have a hub each, and no more to do at once.)
func Synthetic(n int, seed uint64) Graph {
	m := &maker{random: rand.New(rand.NewPCG(seed, uint64(n)))}
	m.nodes(n)
	m.plan()
	m.chooseHub()
	for i := range m.drafts {
		for _, to := range m.drafts[i].spans {
			m.edge(i, m.drafts[i].level-to)
		}
	}
	return m.graph()
}

// draft is a recipe in the making.
type draft struct {
	level int
	spans []int // of its edges that are not drawn yet
	needs []int
}

type maker struct {
	random *rand.Rand
	drafts []draft // by level
	first  []int   // of each level; one more than there are levels
	fresh  [][]int // by level: those that are to be needed and are not yet
	wanted [][]int // by level: those that may be needed, once for each time that they are
}

// nodes spreads n recipes over the levels. The first is the hub; those that stand alone are the last of the lowest level.
func (m *maker) nodes(n int) {
	total, before := 0, 0
	for _, width := range levels {
		total += width
	}
	for level, width := range levels {
		before += width
		m.first = append(m.first, len(m.drafts))
		for len(m.drafts) < before*n/total {
			m.drafts = append(m.drafts, draft{level: level})
		}
	}
	m.first = append(m.first, n)
	m.fresh, m.wanted = make([][]int, len(levels)), make([][]int, len(levels))
	for level := range levels {
		for i := m.first[level]; i < m.first[level+1]; i++ {
			needed := i == m.first[level] || m.random.Float64() < between
			if level == 0 {
				needed = i > 0 && i < m.first[1]-int(alone*float64(n))
			}
			if needed {
				m.fresh[level] = append(m.fresh[level], i)
			}
		}
		m.wanted[level] = slices.Clone(m.fresh[level])
	}
}

// plan draws how many needs each recipe has, and how far down they are. One is on the next level, or the recipe would not be on
// its own.
func (m *maker) plan() {
	for i := m.first[1]; i < len(m.drafts); i++ {
		d := &m.drafts[i]
		d.spans = []int{1}
		for range m.draw(degree) - 1 {
			d.spans = append(d.spans, m.draw(spans[:d.level+1]))
		}
	}
}

// chooseHub gives the hub its edges: one each of recipes that need something of the lowest level.
func (m *maker) chooseHub() {
	edges, users := 0, []int(nil)
	for i, d := range m.drafts {
		edges += len(d.spans)
		if slices.Contains(d.spans, d.level) {
			users = append(users, i)
		}
	}
	m.random.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
	for _, i := range users[:min(len(users), int(hub*float64(edges)))] {
		d := &m.drafts[i]
		at := slices.Index(d.spans, d.level)
		d.spans = slices.Delete(d.spans, at, at+1)
		d.needs = append(d.needs, 0)
	}
}

// edge draws what a recipe needs of a level: one that nothing needs yet, or one that others need, the more likely the more
// do.
func (m *maker) edge(from, level int) {
	d := &m.drafts[from]
	if fresh := m.fresh[level]; len(fresh) > 0 && !slices.Contains(d.needs, fresh[0]) && m.random.Float64() < 0.6 {
		d.needs, m.fresh[level] = append(d.needs, fresh[0]), fresh[1:]
		return
	}
	for range 8 { // a recipe with many needs may draw the same again and again; it then has one less
		to := m.wanted[level][m.random.IntN(len(m.wanted[level]))]
		if !slices.Contains(d.needs, to) {
			d.needs = append(d.needs, to)
			m.wanted[level] = append(m.wanted[level], to)
			return
		}
	}
}

// draw gives an index, as often as its count says.
func (m *maker) draw(counts []int) int {
	sum := 0
	for _, c := range counts {
		sum += c
	}
	at := m.random.IntN(sum)
	for i, c := range counts {
		if at -= c; at < 0 {
			return i
		}
	}
	panic("unreachable")
}

// graph gives the recipes names that say nothing about their level, as real ones do not.
func (m *maker) graph() Graph {
	place := m.random.Perm(len(m.drafts))
	name := func(i int) string { return fmt.Sprintf("package-%05d", place[i]) }
	g := make(Graph, len(m.drafts))
	libraries := map[int]bool{}
	for i, d := range m.drafts {
		r := Recipe{Name: name(i), Version: fmt.Sprintf("%d.%d.%d", m.random.IntN(5), m.random.IntN(30), m.random.IntN(10)), Type: recipe.Package}
		switch draw := m.random.Float64(); {
		case i == 0 || d.level > 2: // the hub, and what is high up, is Python
		case draw < static*1.2:
			r.Type = recipe.StaticLibrary
		case draw < (static+shared)*1.2:
			r.Type = recipe.SharedLibrary
		}
		libraries[i] = r.Type != recipe.Package
		for _, to := range d.needs {
			asHost := libraries[i] || libraries[to] || m.random.Float64() < host*0.4
			if asHost {
				r.Host = append(r.Host, name(to))
			}
			if !asHost || !libraries[i] && !libraries[to] && m.random.Float64() < both*1.5 {
				r.Run = append(r.Run, name(to))
			}
		}
		g[place[i]] = r
	}
	return g
}
