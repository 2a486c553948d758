package orchestrator

import (
	"context"
	"slices"
	"sync"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/store"
)

// keptPlans is how many runs at a time find their plans in memory.
const keptPlans = 8

// plans keeps those of the runs that go on: a run asks for one action after the other, and its plan, once made, never changes.
type plans struct {
	mu   sync.Mutex
	list []planned // the one used last stands last
}

type planned struct {
	run     string
	actions map[string]*plan.Action
}

// action is what a run was planned to do about a recipe. The caller gets a copy.
func (p *plans) action(ctx context.Context, db store.DB, run, recipe string) (plan.Action, error) {
	p.mu.Lock()
	defer p.mu.Unlock() // those who want the same plan wait for the one that reads it
	i := slices.IndexFunc(p.list, func(p planned) bool { return p.run == run })
	if i < 0 {
		r, _, err := db.Run(ctx, run)
		if err != nil {
			return plan.Action{}, err
		}
		if r.Plan == nil {
			return plan.Action{}, fault.Errorf(fault.Internal, "run %s has no plan", run)
		}
		next := planned{run, map[string]*plan.Action{}}
		for i := range r.Plan.Actions {
			next.actions[r.Plan.Actions[i].Recipe] = &r.Plan.Actions[i]
		}
		i = len(p.list)
		p.list = append(p.list, next)
	}
	now := p.list[i]
	p.list = append(slices.Delete(p.list, i, i+1), now)
	if len(p.list) > keptPlans {
		p.list = slices.Delete(p.list, 0, 1)
	}
	act := now.actions[recipe]
	if act == nil {
		return plan.Action{}, fault.Errorf(fault.Internal, "run %s has no recipe %s", run, recipe)
	}
	return *act, nil
}
