package nightly

import (
	"math"
	"math/rand/v2"

	"github.com/wasmill/wasmill/bench/graph"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
)

// Times are how long a recipe's build and its test take, in seconds.
type Times struct{ Build, Test float64 }

// Both is the time on a slot.
func (t Times) Both() float64 { return t.Build + t.Test }

// recorded are the times of 25 recipes on two cores, with locked requirements and a ready environment (docs/coverage.md).
var recorded = []Times{
	{0.01, 1.22}, {0.01, 1.33}, {0.01, 1.86}, {0.01, 3.94}, {0.25, 1.21}, {0.33, 4.04}, {0.47, 4.38}, {0.62, 3.01}, {0.77, 1.35},
	{0.80, 4.15}, {1.25, 18.38}, {1.42, 4.22}, {1.46, 1.49}, {2.13, 3.54}, {2.56, 3.68}, {2.91, 3.77}, {3.57, 3.71}, {4.80, 4.86},
	{5.23, 3.69}, {5.47, 1.07}, {8.22, 1.60}, {13.56, 4.26}, {15.33, 4.12},
}

// recordedLibraries have no test.
var recordedLibraries = []Times{{7.86, 0}, {30.94, 0}}

// Of 25 recipes none is as large as some of a real collection: numpy and scipy take minutes. One in a hundred, and what most
// others need, takes as much longer.
const (
	heavy  = 40
	oneOf  = 100
	spread = 0.25 // from one build of the same recipe to the next (standard deviation of the logarithm)
	unseen = 0.05 // of the recipes were never built before
)

// draw gives each recipe times, and a farm's memory of an earlier night in which they were a little different.
func draw(g graph.Graph, seed uint64) (map[string]Times, map[string]plan.Cost) {
	random := rand.New(rand.NewPCG(seed, 7))
	needed := map[string]int{}
	hub := ""
	for _, r := range g {
		for _, need := range r.Needs() {
			if needed[need]++; needed[need] > needed[hub] {
				hub = need
			}
		}
	}
	times, costs := make(map[string]Times, len(g)), make(map[string]plan.Cost, len(g))
	for _, r := range g {
		from := recorded
		if r.Type == recipe.StaticLibrary || r.Type == recipe.SharedLibrary {
			from = recordedLibraries
		}
		t := from[random.IntN(len(from))]
		if r.Name == hub || random.IntN(oneOf) == 0 {
			t.Build *= heavy
		}
		last := t.Both() * math.Exp(spread*random.NormFloat64())
		tonight := math.Exp(spread * random.NormFloat64())
		times[r.Name] = Times{t.Build * tonight, t.Test * tonight}
		if random.Float64() >= unseen {
			costs[r.Name] = plan.Cost{Seconds: last}
		}
	}
	return times, costs
}
