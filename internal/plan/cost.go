package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/recipe"
)

// Cost is what the builds of a recipe have taken so far. None of it is part of a key.
type Cost struct {
	Seconds float64 // on the wall, with the test: the newest build that passed, or else the newest
	Peak    int64   // bytes of memory, the most of the newest builds that passed; 0 where it was not measured
	// Class is the one in which Peak was measured, Outgrew the largest in which a build ran out of memory, both of the newest
	// builds; empty where there is none.
	Class, Outgrew recipe.Class
}

// Unknown is what a build is taken to need where the farm has never built anything.
const Unknown = time.Minute

// estimates are how many seconds each recipe is taken to need: as long as before, or else as long as one of its kind
// usually takes here.
type estimates struct {
	costs  map[string]Cost
	ofKind map[string]float64
	usual  float64
}

func newEstimates(recipes []*Recipe, h *History) *estimates {
	// What is planned may be new altogether while the farm is not.
	e := &estimates{costs: h.Costs, ofKind: map[string]float64{}, usual: cmp.Or(h.Usual, Unknown.Seconds())}
	kinds, all := map[string][]float64{}, []float64(nil)
	for _, r := range recipes {
		if s := h.Costs[r.Name].Seconds; s > 0 {
			kinds[r.Kind] = append(kinds[r.Kind], s)
			all = append(all, s)
		}
	}
	if len(all) > 0 {
		e.usual = median(all)
	}
	for kind, seconds := range kinds {
		e.ofKind[kind] = median(seconds)
	}
	return e
}

func (e *estimates) of(r *Recipe) (seconds float64, guessed bool) {
	if s := e.costs[r.Name].Seconds; s > 0 {
		return s, false
	}
	return cmp.Or(e.ofKind[r.Kind], e.usual), true
}

func median(s []float64) float64 {
	slices.Sort(s)
	return s[len(s)/2]
}

// How long a build may take in a class before a larger one, with more processors, is worth its slot. Both are times in
// Small; those of other classes are converted by their processors.
const (
	longForSmall  = 15 * time.Minute
	longForMedium = time.Hour
)

// room is how much of a class's memory a build may have used in a larger one, and still come down to it.
const room = 0.9

// ClassOf is the class that a recipe is built in: its own choice, or what was learned from earlier builds, with the reason
// where that is not Small for want of one.
func ClassOf(r *Recipe, c Cost) (class recipe.Class, why string) {
	if r.Class != "" {
		return r.Class, "the recipe says so"
	}
	class = recipe.Small
	raise := func(to recipe.Class, format string, args ...any) {
		if to.Larger(class) {
			class, why = to, fmt.Sprintf(format, args...)
		}
	}
	if c.Outgrew != "" {
		next, _ := c.Outgrew.Next()
		raise(next, "it ran out of memory in the class %s", c.Outgrew)
	}
	for _, candidate := range recipe.Classes {
		// What has passed in a class fits into it, however near to the limit it came: the kernel keeps files in memory as long as
		// there is room.
		if !c.Class.Larger(candidate) || float64(c.Peak) <= room*float64(candidate.Memory()) {
			raise(candidate, "it has used %.1f GiB of memory", float64(c.Peak)/(1<<30))
			break
		}
	}
	long := time.Duration(c.Seconds * c.Class.CPUs() / recipe.Small.CPUs() * float64(time.Second))
	switch {
	case long >= longForMedium:
		raise(recipe.Large, "it takes long: %s in the class %s", time.Duration(c.Seconds)*time.Second, cmp.Or(c.Class, recipe.Small))
	case long >= longForSmall:
		raise(recipe.Medium, "it takes long: %s in the class %s", time.Duration(c.Seconds)*time.Second, cmp.Or(c.Class, recipe.Small))
	}
	return class, why
}
