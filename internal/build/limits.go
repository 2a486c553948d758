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

// LimitsOf are the limits of a class, with the recipe's own timeout. They never ask for more processors than the machine
// has, which engines refuse.
func LimitsOf(r *recipe.Recipe, class recipe.Class) Limits {
	l := Limits{
		Memory: class.Memory(), CPUs: min(class.CPUs(), float64(runtime.NumCPU())), Pids: 1024, Time: r.Wasmill.Timeout, Log: 64 * mib,
	}
	if l.Time == 0 {
		l.Time = recipe.DefaultTimeout
	}
	return l
}
