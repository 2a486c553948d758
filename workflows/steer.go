package workflows

import (
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/wasmill/wasmill/internal/fault"
)

// Control is how a run is held back. The zero Control does not.
type Control struct {
	Paused time.Time `json:"paused,omitzero"` // since when nothing new starts
	By     string    `json:"by,omitempty"`    // who has paused it
	Reason string    `json:"reason,omitempty"`
	Limit  int       `json:"limit,omitempty"` // how many builds of it at a time; 0: as many as there are slots
}

// Steering is what is wanted of a run that goes on.
type Steering struct {
	Control Control `json:"control"`
	// Running are the recipes that a worker builds right now. They go on; what only waits for a slot is withdrawn where the
	// Control leaves no room for it. One that was taken up since is canceled, and begins again later.
	Running []string `json:"running,omitempty"`
}

// SteerRun holds a run back, or lets it go. It returns before the run has heard of it; what it then has done it tells with
// FarmActivities.Record. The error is fault.NotFound for a run that does not go on.
func SteerRun(ctx context.Context, c client.Client, runID string, s Steering) error {
	if s.Control.Limit < 0 {
		return fault.Errorf(fault.Invalid, "a run can't be limited to %d builds at a time", s.Control.Limit)
	}
	return fromTemporal(c.SignalWorkflow(ctx, RunWorkflowID(runID), "", steerSignal, s))
}

// beSteered does what it is told, for as long as the run goes on, and lets the farm know how it is held back.
func (r *run) beSteered(ctx workflow.Context) {
	for {
		var s Steering
		workflow.GetSignalChannel(ctx, steerSignal).Receive(ctx, &s)
		r.telling = true
		r.steer(s)
		if err := callControl(ctx, r.in, r.control); err != nil { // no matter of the run's success
			workflow.GetLogger(ctx).Warn("noting how the run is held back", "error", err)
		}
		r.telling = false
	}
}

// steerBefore waits until the run has done what it was told: what it has not read is lost when it continues as new.
func (r *run) steerBefore(ctx workflow.Context) error {
	signals := workflow.GetSignalChannel(ctx, steerSignal)
	return workflow.Await(ctx, func() bool { return !r.telling && signals.Len() == 0 })
}

func (r *run) steer(s Steering) {
	r.control = s.Control
	for _, f := range slices.Backward(r.flights) { // what was asked for last waits longest
		if r.asked() <= r.allowed() {
			return
		}
		if f.Owned && !f.Withdrawn && !slices.Contains(s.Running, f.Recipe) {
			f.Withdrawn = true
			r.withdrawing++
			delete(r.kept, f.Build)
			if f.cancel != nil { // it is nil until the coroutine that awaits a carried flight has begun, which then looks
				f.cancel()
			}
		}
	}
}

// allowed is how many builds may be asked for at a time.
func (r *run) allowed() int {
	switch {
	case !r.control.Paused.IsZero():
		return 0
	case r.control.Limit > 0:
		return min(r.control.Limit, r.in.Tunables.Parallel)
	}
	return r.in.Tunables.Parallel
}

// asked is how many builds are asked for and will go on.
func (r *run) asked() int { return r.busy - r.withdrawing }

// mayStart says whether another build can be asked for.
func (r *run) mayStart() bool {
	if r.leaving || r.busy >= r.allowed() {
		return false
	}
	_, found := r.graph.best(r.room)
	return found
}

// withdrawn is what becomes of a build that is not asked for any more: it is as if it had never been.
func (r *run) withdrawn(ctx workflow.Context, f *Flight, end Change) Change {
	if !f.Withdrawn {
		return end
	}
	r.withdrawing--
	if end.State != Canceled || ctx.Err() != nil {
		return end
	}
	return Change{State: Planned}
}
