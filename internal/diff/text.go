package diff

import (
	"fmt"
	"strings"
)

// Bounds of a comparison by lines.
const (
	maxEdits = 400 // lines that go or come; with more, only the first that differs is shown
	maxShown = 40  // lines in a report
	maxLine  = 200 // bytes of one
	around   = 1   // lines on both sides of a change
)

func (d *differ) texts(n *Node, a, b []byte, _ int) error {
	n.Lines = lines(string(a), string(b))
	return nil
}

// lines is what differs between two texts, as in a unified diff. Equal texts have none.
func lines(a, b string) []string {
	x, y := split(a), split(b)
	start := 0
	for start < len(x) && start < len(y) && x[start] == y[start] {
		start++
	}
	end := 0
	for end < len(x)-start && end < len(y)-start && x[len(x)-1-end] == y[len(y)-1-end] {
		end++
	}
	steps, ok := edits(x[start:len(x)-end], y[start:len(y)-end])
	if !ok {
		steps = nil
		for _, l := range head(x[start:], 1) {
			steps = append(steps, step{'-', l})
		}
		for _, l := range head(y[start:], 1) {
			steps = append(steps, step{'+', l})
		}
	}
	var out []string
	show := func(sign byte, l string) { out = append(out, string(sign)+clip(l)) }
	first := max(0, start-around)
	out = append(out, fmt.Sprintf("@@ line %d @@", first+1))
	for _, l := range x[first:start] {
		show(' ', l)
	}
	for i, s := range steps {
		if s.sign == ' ' && !near(steps, i) {
			if len(out) > 0 && out[len(out)-1] != "@@" {
				out = append(out, "@@")
			}
			continue
		}
		show(s.sign, s.line)
	}
	if ok {
		for _, l := range head(x[len(x)-end:], around) {
			show(' ', l)
		}
	} else {
		out = append(out, "@@ and more")
	}
	if len(out) > maxShown {
		out = append(out[:maxShown], fmt.Sprintf("@@ and %d lines more", len(out)-maxShown))
	}
	return out
}

func head(list []string, n int) []string { return list[:min(n, len(list))] }

// near says whether a change is close to a step that is none.
func near(steps []step, i int) bool {
	for j := max(0, i-around); j <= i+around && j < len(steps); j++ {
		if steps[j].sign != ' ' {
			return true
		}
	}
	return false
}

// noEnd marks a last line without an end: two texts that differ in nothing else are not equal.
const noEnd = " (no line end)"

func split(s string) []string {
	if s == "" {
		return nil
	}
	list := strings.SplitAfter(s, "\n")
	last := len(list) - 1
	if list[last] == "" {
		list = list[:last]
	} else {
		list[last] += noEnd
	}
	for i := range list {
		list[i] = strings.TrimSuffix(list[i], "\n")
	}
	return list
}

// clip bounds a line, and shows what can't be seen.
func clip(l string) string {
	if len(l) > maxLine {
		l = strings.ToValidUTF8(l[:maxLine], "") + "…"
	}
	return Visible(l)
}

type step struct {
	sign byte // ' ', '-' or '+'
	line string
}

// edits is the shortest way from x to y (E. W. Myers, An O(ND) difference algorithm, 1986), if it has at most maxEdits changes.
func edits(x, y []string) ([]step, bool) {
	v := map[int]int{1: 0}
	var trace []map[int]int
	for d := 0; d <= min(maxEdits, len(x)+len(y)); d++ {
		reached := make(map[int]int, d+1)
		for k := -d; k <= d; k += 2 {
			i := v[k-1] + 1
			if k == -d || k != d && v[k-1] < v[k+1] {
				i = v[k+1]
			}
			for i < len(x) && i-k < len(y) && i-k >= 0 && x[i] == y[i-k] {
				i++
			}
			reached[k] = i
			if i >= len(x) && i-k >= len(y) {
				return back(append(trace, reached), x, y), true
			}
		}
		trace, v = append(trace, reached), reached
	}
	return nil, false
}

// back walks from the end to the start of what edits has found.
func back(trace []map[int]int, x, y []string) []step {
	var steps []step
	i, j := len(x), len(y)
	for d := len(trace) - 1; d >= 0; d-- {
		k, from, to := i-j, 0, 0
		if d > 0 {
			v := trace[d-1]
			was := k - 1
			if k == -d || k != d && v[k-1] < v[k+1] {
				was = k + 1
			}
			from, to = v[was], v[was]-was
		}
		for i > from && j > to && i > 0 && j > 0 && x[i-1] == y[j-1] {
			i, j = i-1, j-1
			steps = append(steps, step{' ', x[i]})
		}
		switch {
		case d == 0:
		case j > to && i == from:
			j--
			steps = append(steps, step{'+', y[j]})
		default:
			i--
			steps = append(steps, step{'-', x[i]})
		}
	}
	for l, r := 0, len(steps)-1; l < r; l, r = l+1, r-1 {
		steps[l], steps[r] = steps[r], steps[l]
	}
	return steps
}
