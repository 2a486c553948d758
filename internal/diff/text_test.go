package diff

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What is left without the lines that came is the first text, and without those that went, the second.
func TestEditsLeadFromOneTextToTheOther(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	some := func() (list []string) {
		for range random.IntN(30) {
			list = append(list, string(rune('a'+random.IntN(4))))
		}
		return list
	}
	for range 5000 {
		x, y := some(), some()
		steps, ok := edits(x, y)
		if !ok {
			t.Fatalf("%q and %q are too far apart", x, y)
		}
		var was, is []string
		changes := 0
		for _, s := range steps {
			if s.sign != '+' {
				was = append(was, s.line)
			}
			if s.sign != '-' {
				is = append(is, s.line)
			}
			if s.sign != ' ' {
				changes++
			}
		}
		if !slices.Equal(was, x) || !slices.Equal(is, y) {
			t.Fatalf("%q → %q by %v", x, y, steps)
		}
		if least := len(x) + len(y) - 2*longest(x, y); changes != least {
			t.Fatalf("%q → %q takes %d changes, not %d", x, y, changes, least)
		}
	}
}

// longest is the length of the longest common subsequence.
func longest(x, y []string) int {
	row := make([]int, len(y)+1)
	for i := range x {
		above := 0
		for j := range y {
			here := row[j+1]
			if x[i] == y[j] {
				row[j+1] = above + 1
			} else {
				row[j+1] = max(row[j], row[j+1])
			}
			above = here
		}
	}
	return row[len(y)]
}
