// Package nightly simulates the nightly of a whole collection: the real workflows on the real Temporal server, with workers
// whose builds take no time but that of a clock of their own. What comes out is how well the order of the builds uses the
// workers, whatever the machine that measures; and how many builds a second the machinery could carry out on that machine.
package nightly

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wasmill/wasmill/bench/graph"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/temporald"
	"github.com/wasmill/wasmill/workflows"
)

// Night is what is simulated.
type Night struct {
	Graph   graph.Graph
	Workers int // of one slot each
	Seed    uint64
	// Levels builds recipes level by level and by name, and asks for two hundred at a time, to compare with: what a farm does that
	// knows of no order.
	Levels bool
	// Progress is told how many recipes are done; nil: nobody.
	Progress func(done int)
}

// Result is what came of it. Times are seconds.
type Result struct {
	Recipes  int     `json:"recipes"`
	Workers  int     `json:"workers"`
	Levels   bool    `json:"by_levels,omitempty"`
	Makespan float64 `json:"makespan"`      // on the clock of the simulation
	Work     float64 `json:"work"`          // of all builds and tests together
	Critical float64 `json:"critical_path"` // the longest chain of recipes that need each other
	Bound    float64 `json:"bound"`         // max(critical path, work / workers): no order can do better
	Ratio    float64 `json:"ratio"`         // makespan / bound
	Stalls   int     `json:"stalls"`        // how often a slot stayed free though there was something to do
	Real     float64 `json:"real"`          // that the simulation took
	Rate     float64 `json:"builds_per_second"`
}

// Simulate carries out one night.
func Simulate(ctx context.Context, n Night) (res Result, err error) {
	times, costs := draw(n.Graph, n.Seed)
	actions, err := order(n, costs)
	if err != nil {
		return res, err
	}
	res = Result{Recipes: len(actions), Workers: n.Workers, Levels: n.Levels}
	res.Work, res.Critical = bounds(n.Graph, times)
	res.Bound = max(res.Critical, res.Work/float64(n.Workers))

	server, err := temporald.Start(ctx, temporald.Options{})
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	c, err := workflows.Dial(ctx, server.Address(), server.Namespace(), nil)
	if err != nil {
		return res, err
	}
	defer c.Close()
	w := newWorld(actions, times, n.Workers)
	farm := workflows.FarmActivities(w)
	if n.Levels {
		farm = unaware{w}
	}
	crew, err := workflows.StartFarm(c, farm)
	if err != nil {
		return res, err
	}
	defer crew.Stop()
	for i := range n.Workers {
		one, err := workflows.StartWorker(c, w, workflows.WorkerOptions{Name: fmt.Sprintf("worker-%d", i), Slots: map[workflows.Class]int{workflows.Small: 1}})
		if err != nil {
			return res, err
		}
		defer one.Stop()
	}
	begin := time.Now()
	// On a machine that is busy with Temporal, heartbeats may come late: nobody is lost here.
	calm := workflows.Tunables{WorkerHeartbeat: time.Hour, FarmHeartbeat: 5 * time.Minute}
	in := workflows.RunInput{RunID: "night", Request: "sha256:request", Lane: workflows.Nightly, Toolchain: "tc", Tunables: calm}
	if err := workflows.StartRun(ctx, c, in); err != nil {
		return res, err
	}
	progress := n.Progress
	if progress == nil {
		progress = func(int) {}
	}
	if res.Stalls, err = w.turn(ctx, progress); err != nil {
		return res, err
	}
	res.Makespan, res.Real = w.now, time.Since(begin).Seconds()
	res.Ratio, res.Rate = res.Makespan/res.Bound, float64(res.Recipes)/res.Real
	var ended workflows.RunResult
	if err := c.GetWorkflow(ctx, workflows.RunWorkflowID("night"), "").Get(ctx, &ended); err != nil {
		return res, fmt.Errorf("simulating a nightly: %w", err)
	}
	if passed := ended.Counts[workflows.Passed]; passed != len(actions) {
		return res, fmt.Errorf("simulating a nightly: %d of %d recipes passed: %v", passed, len(actions), ended.Counts)
	}
	return res, nil
}

// unaware is a farm that tells nobody how many slots it has.
type unaware struct{ *world }

func (u unaware) Plan(context.Context, workflows.RunInput) (workflows.Plan, error) {
	return workflows.Plan{Actions: u.actions}, nil
}

// order plans the night as a farm does that has built nearly all of it before, and has a new toolchain.
func order(n Night, costs map[string]plan.Cost) ([]workflows.Action, error) {
	req := plan.Request{History: plan.History{Costs: costs}}
	for _, r := range n.Graph {
		req.Recipes = append(req.Recipes, plan.Recipe{Name: r.Name, Version: r.Version, Host: r.Host, Run: r.Run, Kind: string(r.Type)})
	}
	p, err := plan.Make(req)
	if err != nil {
		return nil, err
	}
	actions := make([]workflows.Action, 0, len(p.Actions))
	for _, a := range p.Actions {
		actions = append(actions, workflows.Action{Recipe: a.Recipe, Kind: workflows.KindBuild, Needs: a.Needs})
	}
	if n.Levels {
		level := map[string]int{}
		for _, a := range actions { // in an order in which they can be done
			for _, need := range a.Needs {
				level[a.Recipe] = max(level[a.Recipe], level[need]+1)
			}
		}
		slices.SortFunc(actions, func(a, b workflows.Action) int {
			return cmp.Or(cmp.Compare(level[a.Recipe], level[b.Recipe]), cmp.Compare(a.Recipe, b.Recipe))
		})
	}
	return actions, nil
}

// bounds are how long all takes on one worker, and on as many as anybody likes.
func bounds(g graph.Graph, times map[string]Times) (work, critical float64) {
	byName := map[string]graph.Recipe{}
	for _, r := range g {
		byName[r.Name] = r
	}
	ends := map[string]float64{}
	var end func(name string) float64
	end = func(name string) float64 {
		if at, known := ends[name]; known {
			return at
		}
		begin := 0.0
		for _, need := range byName[name].Needs() {
			begin = max(begin, end(need))
		}
		ends[name] = begin + times[name].Both()
		return ends[name]
	}
	for _, r := range g {
		work += times[r.Name].Both()
		critical = max(critical, end(r.Name))
	}
	return work, critical
}
