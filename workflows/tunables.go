package workflows

import (
	"hash/fnv"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/wasmill/wasmill/internal/fault"
)

// Tunables are the numbers that decide how a run behaves.
type Tunables struct {
	Parallel           int           `json:"parallel"`             // builds of one run that are in flight at a time; plan.Window bounds those that wait for a slot
	BuildsPerExecution int           `json:"builds_per_execution"` // after as many a run continues as new
	BuildTimeout       time.Duration `json:"build_timeout"`        // of containers whose recipe says nothing
	BuildMargin        time.Duration `json:"build_margin"`         // on top, for fetching, packing and storing
	TestTimeout        time.Duration `json:"test_timeout"`
	FarmTimeout        time.Duration `json:"farm_timeout"`     // of an activity on the farm
	PlanTimeout        time.Duration `json:"plan_timeout"`     // of planning, for which an index may be asked about thousands of recipes
	WorkerHeartbeat    time.Duration `json:"worker_heartbeat"` // after as long without a sign the attempt is given up by Temporal; see Silence
	FarmHeartbeat      time.Duration `json:"farm_heartbeat"`
	Attempts           int           `json:"attempts"` // of an activity that fails for the machinery's sake
	FirstRetry         time.Duration `json:"first_retry"`
	MaxRetry           time.Duration `json:"max_retry"`   // the pause before a try is twice the one before, up to this
	MaxDecline         time.Duration `json:"max_decline"` // at most, until a second build is offered again that a worker left to others
}

// DefaultTunables are for a farm of any size; the limits of Temporal behind them are 2,000 children in flight and 4,096
// events before it suggests to continue as new (a build adds up to 16).
func DefaultTunables() Tunables {
	return Tunables{
		Parallel:           200,
		BuildsPerExecution: 250,
		BuildTimeout:       30 * time.Minute,
		BuildMargin:        20 * time.Minute,
		TestTimeout:        30 * time.Minute,
		FarmTimeout:        15 * time.Minute,
		PlanTimeout:        12 * time.Hour,
		WorkerHeartbeat:    time.Minute,
		FarmHeartbeat:      5 * time.Second,
		Attempts:           8,
		FirstRetry:         2 * time.Second,
		MaxRetry:           2 * time.Minute,
		MaxDecline:         15 * time.Second,
	}
}

// awaitedAttempts is the default in lanes in which somebody waits for the answer: half a minute of pauses, not four minutes.
const awaitedAttempts = 5

func (t Tunables) withDefaults(lane Lane) Tunables {
	d := DefaultTunables()
	if lane == Interactive || lane == Submission {
		d.Attempts = awaitedAttempts
	}
	for _, n := range []struct{ to, from *int }{
		{&t.Parallel, &d.Parallel}, {&t.BuildsPerExecution, &d.BuildsPerExecution}, {&t.Attempts, &d.Attempts},
	} {
		if *n.to == 0 {
			*n.to = *n.from
		}
	}
	for _, n := range []struct{ to, from *time.Duration }{
		{&t.BuildTimeout, &d.BuildTimeout}, {&t.BuildMargin, &d.BuildMargin}, {&t.TestTimeout, &d.TestTimeout},
		{&t.FarmTimeout, &d.FarmTimeout}, {&t.PlanTimeout, &d.PlanTimeout}, {&t.WorkerHeartbeat, &d.WorkerHeartbeat}, {&t.FarmHeartbeat, &d.FarmHeartbeat},
		{&t.FirstRetry, &d.FirstRetry}, {&t.MaxRetry, &d.MaxRetry}, {&t.MaxDecline, &d.MaxDecline},
	} {
		if *n.to == 0 {
			*n.to = *n.from
		}
	}
	return t
}

// pause is how long a build rests after a try that has failed for the machinery's sake. Builds that fail together do not come
// back together: each takes between half and all of the time, by its name.
func (t Tunables) pause(build string, try int) time.Duration {
	most := t.FirstRetry << min(try-1, 20)
	if most <= 0 || most > t.MaxRetry {
		most = t.MaxRetry
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(build + " " + strconv.Itoa(try)))
	const steps = 1024
	return most/2 + most/2*time.Duration(h.Sum32()%steps)/steps
}

// retry lets only trouble with the machinery be tried again.
func (t Tunables) retry() *temporal.RetryPolicy {
	never := []string{"PanicError"} // the SDK's name for a panic in an activity
	for _, k := range []fault.Kind{fault.Internal, fault.Invalid, fault.NotFound, fault.Conflict, fault.Canceled} {
		never = append(never, k.String())
	}
	return &temporal.RetryPolicy{
		InitialInterval:        t.FirstRetry,
		BackoffCoefficient:     2,
		MaximumInterval:        t.MaxRetry,
		MaximumAttempts:        int32(t.Attempts), //nolint:gosec // a handful
		NonRetryableErrorTypes: never,
	}
}
