package orchestrator

import (
	"context"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/explain"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/store"
)

// Explain implements api.Farm.
func (o *Orchestrator) Explain(ctx context.Context, run, recipe string) (api.Explanation, error) {
	var none api.Explanation
	if run == "" {
		var err error
		if run, err = o.db.NewestRun(ctx, recipe); fault.KindOf(err) == fault.NotFound && err != nil {
			return none, fault.Errorf(fault.NotFound, "no run that is remembered has had a recipe %q: `wasmill plan %s` says what one would do", recipe, recipe)
		} else if err != nil {
			return none, err
		}
	}
	f := explain.Facts{Now: time.Now()}
	var err error
	if f.Run, f.Actions, err = o.db.Run(ctx, run); err != nil {
		return none, err
	}
	if f.Run.Plan == nil {
		if f.Run.Error != "" {
			return none, fault.Errorf(fault.NotFound, "run %s has no plan to explain, because it failed before: %s", run, f.Run.Error)
		}
		return none, fault.Errorf(fault.NotFound, "run %s is not planned yet; it was asked for %s ago", run, explain.Span(f.Now.Sub(f.Run.Created).Seconds()))
	}
	i := slices.IndexFunc(f.Actions, func(a store.RunAction) bool { return a.Recipe == recipe })
	if i < 0 {
		return none, fault.Errorf(fault.NotFound, "run %s has no recipe %q: `wasmill run show %s` lists what it has", run, recipe, run)
	}
	if err := o.pastOf(ctx, &f, &f.Actions[i]); err != nil {
		return none, err
	}
	if act := f.Actions[i]; act.Joined {
		started, err := o.db.StartedBy(ctx, map[string]string{act.Recipe: act.Build})
		if err != nil {
			return none, err
		}
		f.Starter = started[act.Recipe]
	}
	if !f.Actions[i].Status.Ended() {
		if err := o.waiting(ctx, &f); err != nil {
			return none, err
		}
	}
	return explain.Recipe(f, recipe), nil
}

// pastOf finds the builds that an action is compared with. Those that are forgotten are left out.
func (o *Orchestrator) pastOf(ctx context.Context, f *explain.Facts, act *store.RunAction) (err error) {
	planned := slices.IndexFunc(f.Run.Plan.Actions, func(a plan.Action) bool { return a.Recipe == act.Recipe })
	if planned < 0 {
		return fault.Errorf(fault.Internal, "the plan of run %s lacks %s", f.Run.ID, act.Recipe)
	}
	if f.Last, err = o.remembered(ctx, f.Run.Plan.Actions[planned].Last); err != nil {
		return err
	}
	if f.Build, err = o.remembered(ctx, act.Key); err != nil || f.Build == nil {
		return err
	}
	past, err := o.db.BuiltIn(ctx, act.Recipe, act.Key)
	switch {
	case err == nil:
		f.Past = &past
	case fault.KindOf(err) != fault.NotFound:
		return err
	}
	return nil
}

// remembered is the build of a key; nil where there is none.
func (o *Orchestrator) remembered(ctx context.Context, key string) (*store.Build, error) {
	if key == "" {
		return nil, nil
	}
	b, err := o.db.Build(ctx, key)
	switch {
	case err == nil:
		return &b, nil
	case fault.KindOf(err) == fault.NotFound:
		return nil, nil
	}
	return nil, err
}

// waiting adds what else is to be built, by whom, and how long it takes.
func (o *Orchestrator) waiting(ctx context.Context, f *explain.Facts) (err error) {
	if f.Open, err = o.db.OpenActions(ctx); err != nil {
		return err
	}
	var recipes []string
	for _, a := range f.Open {
		recipes = append(recipes, a.Recipe)
	}
	slices.Sort(recipes)
	if f.Seconds, err = o.db.Seconds(ctx, slices.Compact(recipes)); err != nil {
		return err
	}
	workers, err := o.Workers(ctx)
	if err != nil {
		return err
	}
	f.Workers, f.Slots = workers, api.SlotsOf(workers)
	return nil
}
