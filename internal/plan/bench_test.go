package plan_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// synthetic is a graph of n recipes in the shape of a real collection: a sixth stands alone, one hub (numpy) draws
// about every seventh edge, the rest has few dependencies on earlier levels.
func synthetic(b *testing.B, n int) *farm {
	random := rand.New(rand.NewPCG(1, 1))
	f := newFarm(b, a("hub", nil, nil))
	for i := 1; i < n; i++ {
		var host, run []string
		if i%6 != 0 {
			for range random.IntN(4) {
				if random.IntN(7) == 0 {
					host = append(host, "hub")
				} else {
					run = append(run, f.Recipes[random.IntN(i)].Name)
				}
			}
			if i%5 == 0 {
				host = append(host, f.Recipes[random.IntN(i)].Name)
			}
		}
		f.Recipes = append(f.Recipes, a(fmt.Sprintf("package-%05d", i), host, run))
	}
	return f
}

func BenchmarkMake(b *testing.B) {
	for _, n := range []int{332, 10_000} {
		f := synthetic(b, n)
		b.Run(fmt.Sprintf("recipes=%d/nothing known", n), func(b *testing.B) {
			for b.Loop() {
				f.plan()
			}
		})
		f.carryOut()
		b.Run(fmt.Sprintf("recipes=%d/nothing to do", n), func(b *testing.B) {
			for b.Loop() {
				f.plan()
			}
		})
	}
}
