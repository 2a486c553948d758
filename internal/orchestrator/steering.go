package orchestrator

import (
	"context"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// How long a run may take to do what it was told, and how often it is looked at meanwhile.
const (
	steerWait  = 10 * time.Second
	steerEvery = 50 * time.Millisecond
)

// SteerRun implements api.Farm.
func (o *Orchestrator) SteerRun(ctx context.Context, id string, s api.Steering) (api.Run, error) {
	if s.Limit != nil && *s.Limit < 0 {
		return api.Run{}, fault.Errorf(fault.Invalid, "a run can't be limited to %d builds at a time: give 1 or more, or 0 for no limit", *s.Limit)
	}
	run, actions, err := o.db.Run(ctx, id)
	if err != nil {
		return api.Run{}, err
	}
	if err := goesOn(run); err != nil {
		return api.Run{}, err
	}
	wanted := steered(run.Control, s, time.Now())
	if wanted == run.Control {
		return o.Run(ctx, id)
	}
	steering := workflows.Steering{Control: workflows.Control(wanted)}
	for _, a := range actions {
		if a.Status == store.Running {
			steering.Running = append(steering.Running, a.Recipe)
		}
	}
	c, err := o.temporalClient(ctx)
	if err != nil {
		return api.Run{}, err
	}
	if err := workflows.SteerRun(ctx, c, id, steering); err != nil {
		return api.Run{}, o.endedMeanwhile(ctx, id, err)
	}
	// The run has done it when it says so.
	for limit := time.Now().Add(steerWait); ; {
		if run, err = o.db.Head(ctx, id); err != nil {
			return api.Run{}, err
		}
		if run.Control == wanted {
			return o.Run(ctx, id)
		}
		if err := goesOn(run); err != nil {
			return api.Run{}, err
		}
		if time.Now().After(limit) {
			return api.Run{}, fault.Errorf(fault.Unavailable, "run %s was told, but has not answered in %s; it does so when its workflow goes on", id, steerWait)
		}
		select {
		case <-ctx.Done():
			return api.Run{}, ctx.Err()
		case <-time.After(steerEvery):
		}
	}
}

// steered is how a run is held back that was held back as now.
func steered(now store.RunControl, s api.Steering, at time.Time) store.RunControl {
	switch {
	case s.Pause == nil:
	case !*s.Pause:
		now = store.RunControl{Limit: now.Limit}
	case now.Paused.IsZero():
		now.Paused, now.By, now.Reason = at.UTC().Truncate(time.Microsecond), s.By, s.Reason // as the database keeps it
	}
	if s.Limit != nil {
		now.Limit = *s.Limit
	}
	return now
}

// goesOn is an error for a run that has ended.
func goesOn(run store.Run) error {
	if run.Outcome == "" {
		return nil
	}
	return fault.Errorf(fault.Conflict, "run %s has ended (%s, %s): there is nothing to pause, limit or cancel any more", run.ID, run.Outcome, run.Finished.Format(time.RFC3339))
}

// endedMeanwhile is what it means that Temporal does not know a run: most often it has just ended.
func (o *Orchestrator) endedMeanwhile(ctx context.Context, id string, cause error) error {
	if fault.KindOf(cause) != fault.NotFound {
		return cause
	}
	for range 20 { // its end is noted before its workflow ends
		run, err := o.db.Head(ctx, id)
		if err != nil {
			return err
		}
		if err := goesOn(run); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(steerEvery):
		}
	}
	return fault.Errorf(fault.Conflict, "nobody carries out run %s any more: Temporal has no workflow of it", id)
}

// CancelRun implements api.Farm.
func (o *Orchestrator) CancelRun(ctx context.Context, id string) error {
	run, err := o.db.Head(ctx, id)
	if err != nil {
		return err
	}
	if run.Outcome == string(workflows.Canceled) {
		return nil
	}
	if err := goesOn(run); err != nil {
		return err
	}
	c, err := o.temporalClient(ctx)
	if err != nil {
		return err
	}
	if err := workflows.CancelRun(ctx, c, id); err != nil {
		return o.endedMeanwhile(ctx, id, err)
	}
	return nil
}
