package recipe

import "slices"

// Class is the size of the container that a build gets. It is no part of what comes out.
type Class string

// The classes; each has a task queue of its own.
const (
	Small  Class = "small"
	Medium Class = "medium"
	Large  Class = "large"
)

// Classes are all classes, smallest first.
var Classes = []Class{Small, Medium, Large}

const gib = 1 << 30

// Memory is how many bytes the container of a build has with all that it writes to /tmp.
func (c Class) Memory() int64 {
	return [...]int64{2 * gib, 6 * gib, 16 * gib}[c.rank()]
}

// CPUs are the processors that it has, where the machine has as many.
func (c Class) CPUs() float64 {
	return [...]float64{2, 4, 8}[c.rank()]
}

// Next is the next larger class; false for the largest.
func (c Class) Next() (Class, bool) {
	if r := c.rank() + 1; r < len(Classes) {
		return Classes[r], true
	}
	return c, false
}

// Larger says whether builds of this class get more than those of another.
func (c Class) Larger(than Class) bool { return c.rank() > than.rank() }

// rank counts from 0, the smallest; what is no class is small.
func (c Class) rank() int { return max(slices.Index(Classes, c), 0) }
