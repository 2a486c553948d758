package orchestrator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// mortal stands before the workflow's ID of a run that ends with its process, because its Temporal keeps nothing.
const mortal = "in-memory/"

func (o *Orchestrator) workflowID(run string) string {
	if o.cfg.Forget && o.cfg.Temporal == "" {
		return mortal + workflows.RunWorkflowID(run)
	}
	return workflows.RunWorkflowID(run)
}

// endKilled ends the runs of processes that were killed, and took their runs with them. Nobody else has the data folder, so
// none of them goes on.
func (o *Orchestrator) endKilled(ctx context.Context) error {
	return o.interrupt(ctx, "the process that carried it out was killed", func(r store.Run) (bool, error) {
		return strings.HasPrefix(r.Workflow, mortal), nil
	})
}

// endLost ends the runs that Temporal should go on with and does not know, for its state was lost. Runs of this process may
// be about to begin.
func (o *Orchestrator) endLost(ctx context.Context, c client.Client) error {
	if o.cfg.Forget && o.cfg.Temporal == "" {
		return nil // those of other processes are in a file that this one does not read
	}
	return o.interrupt(ctx, "Temporal does not know it any more", func(r store.Run) (bool, error) {
		if !r.Created.Before(o.began) {
			return false, nil
		}
		goes, err := workflows.Running(ctx, c, r.ID)
		return !goes, err
	})
}

func (o *Orchestrator) interrupt(ctx context.Context, why string, is func(store.Run) (bool, error)) error {
	runs, err := o.db.RunsInFlight(ctx)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if yes, err := is(r.Run); err != nil {
			return fmt.Errorf("looking whether run %s goes on: %w", r.ID, err)
		} else if !yes {
			continue
		}
		_, actions, err := o.db.Run(ctx, r.ID)
		if err != nil {
			return err
		}
		now := time.Now()
		for _, a := range actions {
			if a.Status.Ended() {
				continue
			}
			a.Status, a.Phase, a.Cause, a.Ended = store.Canceled, "", "interrupted", now
			if err := o.db.UpdateAction(ctx, r.ID, a); err != nil {
				return err
			}
		}
		end := store.RunEnd{Outcome: string(workflows.Canceled), Error: "interrupted: " + why, Fault: fault.Unavailable.String()}
		if err := o.db.FinishRun(ctx, r.ID, end, now); err != nil {
			return err
		}
		o.cfg.Log.Warn("a run was interrupted", zap.String("run", r.ID), zap.String("why", why))
	}
	return nil
}
