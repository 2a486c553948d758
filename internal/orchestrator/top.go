package orchestrator

import (
	"cmp"
	"context"
	"slices"
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
	for _, r := range runs {
		lanes[r.ID] = r.Lane
		shown, err := runShown(r.Run)
		if err != nil {
			return top, err
		}
		progress := api.RunProgress{Run: shown, Counts: map[string]int{}, Joined: r.Joined}
		for status, n := range r.Counts {
			progress.Counts[string(status)] = n
			progress.Total += n
		}
		top.Runs = append(top.Runs, progress)
		for class, n := range r.Queued {
			at(r.Lane, class).Queued += n
		}
	}
	on := map[[2]string]int{} // builds on a worker, by run and class
	for _, w := range top.Workers {
		for _, b := range w.Builds {
			at(lanes[b.Run], b.Class).Running++
			on[[2]string{b.Run, cmp.Or(b.Class, string(workflows.Small))}]++
		}
	}
	// What was begun and is on no worker waits for a slot again, for its second build or its test.
	for _, r := range runs {
		for class, n := range r.Begun {
			class = cmp.Or(class, string(workflows.Small))
			at(r.Lane, class).Queued += max(0, n-on[[2]string{r.ID, class}])
		}
	}
	for _, q := range queues {
		if q.Running+q.Queued > 0 {
			top.Queues = append(top.Queues, *q)
		}
	}
	slices.SortFunc(top.Queues, func(a, b api.Queue) int {
		return cmp.Or(cmp.Compare(laneRank(a.Lane), laneRank(b.Lane)), cmp.Compare(a.Class, b.Class))
	})
	return top, nil
}

func laneRank(lane string) int { return slices.Index(lanes, workflows.Lane(lane)) }
