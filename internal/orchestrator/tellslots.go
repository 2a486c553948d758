package orchestrator

import (
	"context"
	"maps"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/workflows"
)

// slots are those of all classes that the farm has now.
func (o *Orchestrator) slots(ctx context.Context) (map[workflows.Class]int, error) {
	workers, err := o.Workers(ctx)
	if err != nil {
		return nil, err
	}
	byClass := api.SlotsOf(workers)
	slots := map[workflows.Class]int{}
	for _, class := range workflows.Classes {
		slots[class] = byClass[string(class)]
	}
	return slots, nil
}

// tellEvery is how often the farm looks whether workers have come or gone.
const tellEvery = 3 * time.Second

// tellSlots tells runs that go on when workers have come or gone, so that they ask for as many builds as can be carried out.
func (o *Orchestrator) tellSlots(ctx context.Context, c client.Client, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var told map[workflows.Class]int
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := o.slots(ctx)
		if err == nil && !maps.Equal(now, told) {
			if err = o.tellRuns(ctx, c, now); err == nil {
				told = now
			}
		}
		if err != nil && ctx.Err() == nil {
			o.cfg.Log.Warn("telling runs how many slots there are", zap.Error(err))
		}
	}
}

func (o *Orchestrator) tellRuns(ctx context.Context, c client.Client, slots map[workflows.Class]int) error {
	runs, err := o.db.Runs(ctx, 0)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if run.Outcome != "" {
			continue
		}
		if err := workflows.TellSlots(ctx, c, run.ID, slots); err != nil {
			return err
		}
	}
	return nil
}
