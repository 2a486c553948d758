package orchestrator

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/workflows"
)

// Top implements api.Farm.
func (o *Orchestrator) Top(ctx context.Context) (api.Top, error) {
	top := api.Top{At: time.Now(), Queues: []api.Queue{}, Runs: []api.RunProgress{}}
	var err error
	if top.Workers, err = o.Workers(ctx); err != nil {
		return top, err
	}
	runs, err := o.db.RunsInFlight(ctx)
	if err != nil {
		return top, err
	}
	type place struct{ lane, class string }
	queues, lanes := map[place]*api.Queue{}, map[string]string{}
	at := func(lane, class string) *api.Queue {
		p := place{cmp.Or(lane, string(workflows.Submission)), cmp.Or(class, string(workflows.Small))}
		if queues[p] == nil {
			queues[p] = &api.Queue{Lane: p.lane, Class: p.class}
		}
		return queues[p]
	}
	going := map[string]bool{}
	for _, r := range runs {
		going[r.ID], lanes[r.ID] = true, r.Lane
		shown, err := runShown(r.Run)
		if err != nil {
			return top, err
		}
		progress := api.RunProgress{Run: shown, Counts: map[string]int{}}
		for status, n := range r.Counts {
			progress.Counts[string(status)] = n
			progress.Total += n
		}
		top.Runs = append(top.Runs, progress)
		if len(r.Queued) == 0 {
			continue
		}
		classes, err := o.runClasses.of(r.ID, func() (map[string]string, error) { return o.classes(ctx, r.ID) })
		if err != nil {
			return top, err
		}
		for _, name := range r.Queued {
			at(r.Lane, classes[name]).Queued++
		}
	}
	o.runClasses.keep(going)
	for _, w := range top.Workers {
		for _, b := range w.Builds {
			at(lanes[b.Run], b.Class).Running++
		}
	}
	for _, q := range queues {
		top.Queues = append(top.Queues, *q)
	}
	slices.SortFunc(top.Queues, func(a, b api.Queue) int {
		return cmp.Or(cmp.Compare(laneRank(a.Lane), laneRank(b.Lane)), cmp.Compare(a.Class, b.Class))
	})
	return top, nil
}

func laneRank(lane string) int { return slices.Index(lanes, workflows.Lane(lane)) }

// classCache keeps the classes of runs that go on: to find them all recipes of a run are read.
type classCache struct {
	mu    sync.Mutex
	byRun map[string]map[string]string
}

func (c *classCache) of(run string, find func() (map[string]string, error)) (map[string]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if classes, known := c.byRun[run]; known {
		return classes, nil
	}
	classes, err := find()
	if err != nil {
		return nil, err
	}
	if c.byRun == nil {
		c.byRun = map[string]map[string]string{}
	}
	c.byRun[run] = classes
	return classes, nil
}

// keep forgets all other runs.
func (c *classCache) keep(runs map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for run := range c.byRun {
		if !runs[run] {
			delete(c.byRun, run)
		}
	}
}
