package orchestrator

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/version"
)

// ReportWorker implements api.Farm.
func (o *Orchestrator) ReportWorker(ctx context.Context, w api.Worker) (api.Order, error) {
	now := time.Now()
	seen := store.Worker{
		Name: w.Name, Classes: w.Classes, Slots: w.Slots, Version: version.Version, FirstSeen: now, LastSeen: now,
		State: string(w.State), Reason: w.Reason, By: w.By,
	}
	if w.Since != nil {
		seen.Since = *w.Since
	}
	if w.Heard != nil {
		seen.Heard = *w.Heard
	}
	o.crews.seen(w)
	order, err := o.db.SeeWorker(ctx, seen)
	return api.Order(order), err
}

// Workers implements api.Farm.
func (o *Orchestrator) Workers(ctx context.Context) ([]api.Worker, error) {
	list, err := o.db.Workers(ctx)
	if err != nil {
		return nil, err
	}
	now, out := time.Now(), []api.Worker{}
	var recipes []string
	for _, w := range list {
		said := o.crews.said(w.Name)
		shown := api.Worker{
			Name: w.Name, Classes: w.Classes, Slots: w.Slots, LastSeen: w.LastSeen, ClassSlots: said.ClassSlots,
			State: cmp.Or(api.WorkerState(w.State), api.Active), Reason: w.Reason, By: w.By, Since: pointer(w.Since), Heard: pointer(w.Heard),
			Builds: said.Builds,
		}
		if w.Order.At.After(w.Heard) { // the worker has not heard of it yet
			shown.State, shown.Reason, shown.By, shown.Since = api.Active, w.Order.Reason, w.Order.By, pointer(w.Order.At)
			if w.Order.Rest {
				shown.State = api.Draining
			}
		}
		if now.Sub(w.LastSeen) > lives {
			shown.State, shown.Builds = api.Gone, nil
		}
		for _, b := range shown.Builds {
			recipes = append(recipes, b.Recipe)
		}
		out = append(out, shown)
	}
	slices.Sort(recipes)
	took, err := o.db.Seconds(ctx, slices.Compact(recipes))
	if err != nil {
		return nil, err
	}
	for i := range out {
		for j := range out[i].Builds {
			out[i].Builds[j].Usual = took[out[i].Builds[j].Recipe]
		}
		out[i].Empty = empty(out[i].Builds, now)
	}
	return out, nil
}

// empty is in how many seconds all of the builds have ended, if they take as long as the last time.
func empty(builds []api.WorkerBuild, now time.Time) *float64 {
	var longest float64
	for _, b := range builds {
		left := b.Usual - now.Sub(b.Started).Seconds()
		if left <= 0 {
			return nil
		}
		longest = max(longest, left)
	}
	return &longest
}

func pointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// restAgain has the relay give nothing to the workers that were to rest before the orchestrator was started.
func (o *Orchestrator) restAgain(ctx context.Context) error {
	list, err := o.db.Workers(ctx)
	for _, w := range list {
		if w.Order.Rest {
			o.relay.Rest(ctx, w.Name)
		}
	}
	return err
}

// OrderWorker implements api.Farm. Who is to rest is given nothing from now on, long before it hears of it.
func (o *Orchestrator) OrderWorker(ctx context.Context, name string, order api.Order) (api.Worker, error) {
	find := func() (api.Worker, error) {
		list, err := o.Workers(ctx)
		if err != nil {
			return api.Worker{}, err
		}
		i := slices.IndexFunc(list, func(w api.Worker) bool { return w.Name == name })
		if i < 0 {
			return api.Worker{}, fault.Errorf(fault.NotFound, "no worker %q has ever joined: `wasmill workers` lists those that have", name)
		}
		return list[i], nil
	}
	o.orders.Lock()
	defer o.orders.Unlock()
	w, err := find()
	if err != nil {
		return w, err
	}
	rests := w.State == api.Draining || w.State == api.Drained
	if w.State != api.Gone && order.Rest == rests && (rests || w.State == api.Active) {
		return w, nil
	}
	wanted := store.WorkerOrder(order)
	wanted.At = time.Now()
	if err := o.db.OrderWorker(ctx, name, wanted); err != nil {
		return w, err
	}
	if order.Rest {
		o.relay.Rest(ctx, name)
	} else {
		o.relay.Work(name)
	}
	return find()
}

// lives is after how long without a sign a worker is not counted on any more: it has missed two.
const lives = 2 * api.Heartbeat

// workforce is what workers said of themselves since the orchestrator was started, and is not worth keeping: they repeat it.
type workforce struct {
	mu     sync.Mutex
	byName map[string]api.Worker
}

func (f *workforce) seen(w api.Worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byName == nil {
		f.byName = map[string]api.Worker{}
	}
	f.byName[w.Name] = w
}

func (f *workforce) said(worker string) api.Worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.byName[worker]
	w.Builds = slices.Clone(w.Builds)
	return w
}

// attempt is news of one attempt, between two signs of life.
func (f *workforce) attempt(a api.Attempt, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, known := f.byName[a.Worker]
	if !known {
		return
	}
	w.Builds = slices.Clone(w.Builds)
	i := slices.IndexFunc(w.Builds, func(b api.WorkerBuild) bool { return b.Attempt == a.ID })
	switch {
	case a.Outcome != "":
		w.Builds = slices.DeleteFunc(w.Builds, func(b api.WorkerBuild) bool { return b.Attempt == a.ID })
	case i >= 0:
		w.Builds[i].Phase = string(a.Phase)
	default:
		w.Builds = append(w.Builds, api.WorkerBuild{Attempt: a.ID, Run: a.Run, Recipe: a.Recipe, Phase: string(a.Phase), Number: a.Number, Started: now})
	}
	f.byName[a.Worker] = w
}
