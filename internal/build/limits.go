package build

import (
	"runtime"
	"time"

	"github.com/wasmill/wasmill/internal/recipe"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// Limits bound a build. None of them is part of a build's key.
type Limits struct {
	Memory int64 // bytes, of the container with all that it writes to /tmp
	CPUs   float64
	Pids   int64
	Time   time.Duration // of the container, on the wall
	Log    int64         // bytes
}

// LimitsOf are the limits of a recipe's class, with the recipe's own timeout. They never ask for more processors than
// the machine has, which engines refuse.
func LimitsOf(r *recipe.Recipe) Limits {
	l := map[recipe.Class]Limits{
		recipe.Small:  {Memory: 2 * gib, CPUs: 2},
		recipe.Medium: {Memory: 6 * gib, CPUs: 4},
		recipe.Large:  {Memory: 16 * gib, CPUs: 8},
	}[r.Wasmill.Class]
	if l.Memory == 0 {
		l = Limits{Memory: 2 * gib, CPUs: 2}
	}
	l.CPUs = min(l.CPUs, float64(runtime.NumCPU()))
	l.Pids, l.Time, l.Log = 1024, r.Wasmill.Timeout, 64*mib
	if l.Time == 0 {
		l.Time = recipe.DefaultTimeout
	}
	return l
}
