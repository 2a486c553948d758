package plan

import (
	"cmp"
	"math/bits"
	"slices"
)

// rank puts the actions into the order in which they are to be tried as far as they are ready: what most work hangs on
// comes first. That is the longest time that the action and a chain of those that wait for it take together (its critical
// path), then the number of those that wait for it, by whatever way. Each action comes after all that it needs: what it needs
// has at least its critical path, and more that waits for it. The actions come in an order that has this property already, and
// what is equal stays in it. See docs/decisions/0017-order.md.
func rank(actions []Action) {
	index := make(map[string]int, len(actions))
	for i := range actions {
		index[actions[i].Recipe] = i
	}
	waiting := newSets(len(actions))
	for i := len(actions) - 1; i >= 0; i-- {
		a := &actions[i]
		if a.Kind == KindBuild {
			a.Critical += a.Seconds
		}
		a.Dependents = waiting.size(i)
		for _, name := range a.Needs {
			need := index[name]
			actions[need].Critical = max(actions[need].Critical, a.Critical)
			waiting.merge(need, i)
			if a.Kind == KindBuild {
				waiting.add(need, i)
			}
		}
	}
	slices.SortStableFunc(actions, func(a, b Action) int {
		return cmp.Or(cmp.Compare(b.Critical, a.Critical), cmp.Compare(b.Dependents, a.Dependents))
	})
}

// sets are n sets of numbers below n. One is made when it is first written to: most recipes have nothing that waits for them.
type sets struct {
	words int
	of    [][]uint64
}

func newSets(n int) *sets { return &sets{words: (n + 63) / 64, of: make([][]uint64, n)} }

func (s *sets) open(i int) []uint64 {
	if s.of[i] == nil {
		s.of[i] = make([]uint64, s.words)
	}
	return s.of[i]
}

func (s *sets) add(i, member int) { s.open(i)[member/64] |= 1 << (member % 64) }

func (s *sets) merge(into, from int) {
	if s.of[from] == nil {
		return
	}
	to := s.open(into)
	for w, bits := range s.of[from] {
		to[w] |= bits
	}
}

func (s *sets) size(i int) (n int) {
	for _, w := range s.of[i] {
		n += bits.OnesCount64(w)
	}
	return n
}

// Window is how many builds of a class a run asks for at a time, where the farm has as many slots: one more for each slot,
// which is there when that becomes free; and two where there are none, to tell whoever looks at the queue that somebody waits.
// What is asked for can't be overtaken by what the run wants more, so that it is no more than that.
func Window(slots int) int { return slots + max(slots, 2) }
