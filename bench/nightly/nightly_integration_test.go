//go:build integration

package nightly

import (
	"testing"

	"github.com/wasmill/wasmill/bench/graph"
)

// A night of the size of a real collection, on more workers than its longest chain of recipes can use.
func TestANightIsNotMuchLongerThanItMustBe(t *testing.T) {
	res, err := Simulate(t.Context(), Night{Graph: graph.Synthetic(332, 1), Workers: 16, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", res)
	if res.Ratio > 1.15 || res.Ratio < 1 || res.Stalls > 0 {
		t.Errorf("it took %.2f of the bound, with %d stalls", res.Ratio, res.Stalls)
	}
}
