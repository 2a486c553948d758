package recipe

import "strings"

// nearest is the candidate that word was probably meant to be, or "". It may be the beginning
// of the candidate, or have a third of the letters wrong; of equally near candidates the first wins.
func nearest(word string, candidates []string) string {
	best, bestDistance := "", len(word)/3+1
	if len(word) > 64 { // nobody means anything by that
		return ""
	}
	for _, c := range candidates {
		if f := fold(word); len(f) > 3 && strings.HasPrefix(fold(c), f) { // patch, for patches and not for path
			return c
		}
	}
	for _, c := range candidates {
		if d := distance(fold(word), fold(c)); d < bestDistance || d == bestDistance && best == "" && d < len(c) {
			best, bestDistance = c, d
		}
	}
	return best
}

// fold makes spellings alike that differ only in what people do not look at.
func fold(s string) string {
	return strings.Trim(strings.ToLower(strings.NewReplacer("_", "-", " ", "-").Replace(s)), "-")
}

// distance is how many letters must be inserted, deleted, replaced or swapped with their neighbour (the optimal
// string alignment distance).
func distance(a, b string) int {
	before, previous, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(previous[j]+1, row[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, previous, row = previous, row, before
	}
	return previous[len(b)]
}
