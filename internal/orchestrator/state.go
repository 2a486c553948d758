package orchestrator

import (
	"cmp"
	"context"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/telemetry"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/workflows"
)

// remembers is how long the metrics tell of a worker that gives no sign.
const remembers = 24 * time.Hour

// state is what the metrics tell at each scrape.
func (o *Orchestrator) state(ctx context.Context) (telemetry.State, error) {
	now := time.Now()
	s := telemetry.State{Now: now, Runs: map[string]int{}, Generations: map[string]int64{}}
	open, err := o.db.OpenActions(ctx)
	if err != nil {
		return s, err
	}
	s.Waiting = waitingByClass(open)
	lanes := map[string]string{}
	for _, a := range open {
		lanes[a.Run] = a.Lane
	}
	for _, lane := range lanes {
		s.Runs[lane]++
	}
	if err := o.workersNow(ctx, &s); err != nil {
		return s, err
	}
	apart, err := o.db.Quarantines(ctx, now)
	if err != nil {
		return s, err
	}
	for _, q := range apart {
		if q.Automatic {
			s.Automatic++
		} else {
			s.ByHand++
		}
		if s.QuarantineEnds.IsZero() || q.Until.Before(s.QuarantineEnds) {
			s.QuarantineEnds = q.Until
		}
	}
	toolchains, err := toolchain.List(o.cfg.Toolchains)
	if err != nil {
		return s, err
	}
	for _, tc := range toolchains {
		if tc.Spec.Facts.Target.Static() {
			continue // nothing of it is on an index
		}
		if s.Generations[tc.Spec.Name], err = o.db.Generation(ctx, tc.Spec.Name); err != nil {
			return s, err
		}
	}
	return s, nil
}

// workersNow adds the workers. One that gave no sign any more is lost, unless it had taken its leave: then it is left out.
func (o *Orchestrator) workersNow(ctx context.Context, s *telemetry.State) error {
	// A class that nobody serves is worth an alert, and so has a 0.
	s.Slots, s.Busy = map[string]int{}, map[string]int{}
	for _, class := range workflows.Classes {
		s.Slots[string(class)], s.Busy[string(class)] = 0, 0
	}
	workers, err := o.Workers(ctx)
	if err != nil {
		return err
	}
	for class, n := range api.SlotsOf(workers) {
		s.Slots[class] += n
	}
	for _, w := range workers {
		for _, b := range w.Builds {
			s.Busy[cmp.Or(b.Class, string(workflows.Small))]++
		}
	}
	kept, err := o.db.Workers(ctx)
	if err != nil {
		return err
	}
	for _, w := range kept {
		state, silent := cmp.Or(w.State, string(api.Active)), s.Now.Sub(w.LastSeen)
		leaves := state == string(api.Draining) || state == string(api.Drained)
		switch {
		case silent > remembers || silent > lives && leaves:
			continue
		case silent > lives:
			state = "lost"
		}
		s.Workers = append(s.Workers, telemetry.Crew{Name: w.Name, LastSeen: w.LastSeen, State: state})
	}
	return nil
}

func waitingByClass(open []store.OpenAction) []telemetry.Waiting {
	type place struct{ lane, class, status string }
	places := map[place]*telemetry.Waiting{}
	carrying := store.Carrying(open)
	for i, a := range open {
		at := place{a.Lane, cmp.Or(a.Class, string(workflows.Small)), string(a.Status)}
		if carrying[i] >= 0 && carrying[i] != i {
			at.status = "joined"
		}
		w := places[at]
		if w == nil {
			w = &telemetry.Waiting{Lane: at.lane, Class: at.class, Status: at.status}
			places[at] = w
		}
		w.Recipes++
		if at.status == string(store.Queued) && (w.Oldest.IsZero() || a.Started.Before(w.Oldest)) {
			w.Oldest = a.Started
		}
	}
	list := make([]telemetry.Waiting, 0, len(places))
	for _, w := range places {
		list = append(list, *w)
	}
	return list
}

// ready says why this orchestrator can't do its work.
func (o *Orchestrator) ready(ctx context.Context) error {
	if _, err := o.db.Setting(ctx, registryPort); err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	o.mu.Lock()
	c := o.client
	o.mu.Unlock()
	if c == nil {
		return fault.Errorf(fault.Unavailable, "Temporal is not connected yet")
	}
	return workflows.Answers(ctx, c)
}
