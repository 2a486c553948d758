package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
)

// Carried is what a run takes along when it continues as new: only what is still to be done, so that it gets smaller.
type Carried struct {
	Actions []Action      `json:"actions"`
	Flights []Flight      `json:"flights,omitempty"`
	Counts  map[State]int `json:"counts,omitempty"`
	Control Control       `json:"control,omitzero"`
	Slots   map[Class]int `json:"slots,omitempty"` // as in Plan
}

// Flight is a build that was asked for before, and whose end is awaited.
type Flight struct {
	Recipe string `json:"recipe"`
	Key    string `json:"key,omitempty"`
	Build  string `json:"build"`            // workflow ID
	RunID  string `json:"run_id,omitempty"` // Temporal's ID of that execution; empty for the latest
	Owned  bool   `json:"owned,omitempty"`  // this run has started it, and cancels it when it is canceled itself
	Rests  bool   `json:"rests,omitempty"`  // it waits before another try
	// Blocks: this run wants it made twice, and a difference fails it.
	Blocks bool `json:"blocks,omitempty"`
	// Withdrawn: the run does not want it now, because it is held back. When the build has ended the recipe is ready again.
	Withdrawn bool `json:"withdrawn,omitempty"`

	class  Class               // of its action
	cancel workflow.CancelFunc // of a build that is owned
}

// run is one execution of the Run workflow. Its methods run in the workflow's coroutines, of which only one runs at a
// time.
type run struct {
	in       RunInput
	graph    *graph
	counts   map[State]int
	changes  []Change        // not recorded yet
	flights  []*Flight       // builds that were asked for and have not ended
	slots    map[Class]int   // of the farm; nil: not known
	wanted   map[Class]int   // actions on their way
	idle     map[Class]int   // those of them that want no slot: another run has asked for them, or they rest
	kept     map[string]bool // builds of this run, canceled, that go on for others
	busy     int             // coroutines that carry out an action
	starting int             // children asked for that may not have started yet
	started  int             // children started by this execution
	leaving  bool            // nothing is started any more: the run continues as new

	control     Control
	telling     bool // the farm is being told of it
	withdrawing int  // flights that are withdrawn and have not ended
}

// Run is the workflow of a run. Its error is fault.Canceled, with the RunResult in the details, or says why the run as
// such could not be carried out; failed recipes are a result.
func Run(ctx workflow.Context, in RunInput) (RunResult, error) {
	if in.RunID == "" {
		in.RunID = runIDOf(workflow.GetInfo(ctx).WorkflowExecution.ID)
	}
	in.Tunables = in.Tunables.withDefaults(in.Lane)
	r := &run{in: in, counts: map[State]int{}, kept: map[string]bool{}, wanted: map[Class]int{}, idle: map[Class]int{}}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var build string
			workflow.GetSignalChannel(ctx, keptSignal).Receive(ctx, &build)
			r.kept[build] = true
		}
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var told rest
			workflow.GetSignalChannel(ctx, restingSignal).Receive(ctx, &told)
			for _, f := range r.flights {
				if f.Build == told.Build && f.Rests != told.Rests {
					r.count(f, -1)
					f.Rests = told.Rests
					r.count(f, 1)
				}
			}
		}
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var slots map[Class]int
			workflow.GetSignalChannel(ctx, slotsSignal).Receive(ctx, &slots)
			r.slots = slots
		}
	})

	if in.Carried != nil {
		r.control = in.Carried.Control
	}
	workflow.Go(ctx, r.beSteered)

	inner, cancel := workflow.WithCancel(ctx)
	err := r.begin(inner)
	if err == nil {
		err = r.carryOut(inner)
	}
	if workflow.IsContinueAsNewError(err) {
		return RunResult{}, err
	}
	cancel() // after an error builds may be in flight
	return r.finish(ctx, err)
}

func (r *run) begin(ctx workflow.Context) error {
	carried := r.in.Carried
	if carried == nil {
		plan, err := callPlan(ctx, r.in)
		if err != nil {
			return err
		}
		carried = &Carried{Actions: plan.Actions, Slots: plan.Slots}
	}
	if r.slots == nil { // a signal that has come already is newer
		r.slots = carried.Slots
	}
	g, changes, err := newGraph(carried.Actions)
	if err != nil {
		return err
	}
	r.graph = g
	if carried.Counts != nil {
		r.counts = carried.Counts
	}
	r.note(ctx, changes)
	for _, f := range carried.Flights {
		a := g.resume(f.Recipe)
		f.class = a.class()
		r.flights = append(r.flights, &f)
		if f.Withdrawn {
			r.withdrawing++
		}
		r.count(&f, 1)
		r.spawn(ctx, a, func(ctx workflow.Context) Change { return r.resume(ctx, &f, a) })
	}
	return nil
}

// carryOut returns when all actions have ended, or with the reason why it stopped before.
func (r *run) carryOut(ctx workflow.Context) error {
	for {
		for r.mayStart() {
			a := r.graph.next(r.room)
			r.spawn(ctx, a, func(ctx workflow.Context) Change { return r.do(ctx, a) })
		}
		if err := r.record(ctx); err != nil {
			return err
		}
		switch {
		case len(r.changes) > 0:
			continue
		case r.graph.open == 0:
			return nil
		case r.busy == 0 && r.graph.idle():
			return r.graph.stuck()
		case r.leaving && r.starting == 0:
			return r.continueAsNew(ctx)
		}
		r.leaving = r.leaving || r.started >= r.in.Tunables.BuildsPerExecution || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		if err := workflow.Await(ctx, func() bool { return len(r.changes) > 0 || r.leaving && r.starting == 0 || r.mayStart() }); err != nil {
			return err
		}
	}
}

// room says whether another build of a class is to be asked for.
func (r *run) room(class Class) bool {
	return r.slots == nil || r.wanted[class]-r.idle[class] < plan.Window(r.slots[class])
}

// count adds a flight to those that want no slot, if it is one.
func (r *run) count(f *Flight, n int) {
	if f.Rests || !f.Owned {
		r.idle[f.class] += n
	}
}

// spawn carries out one action in a coroutine.
func (r *run) spawn(ctx workflow.Context, a Action, do func(workflow.Context) Change) {
	r.busy++
	r.wanted[a.class()]++
	workflow.Go(ctx, func(ctx workflow.Context) {
		end := do(ctx)
		end.Recipe, end.At = a.Recipe, workflow.Now(ctx)
		r.busy--
		r.wanted[a.class()]--
		if end.State == Planned {
			r.graph.putBack(a.Recipe)
			r.note(ctx, []Change{end})
			return
		}
		r.note(ctx, r.graph.settle(end))
	})
}

// note keeps changes for the next record, which is written once for all that one task of the workflow has brought.
func (r *run) note(ctx workflow.Context, changes []Change) {
	for _, c := range changes {
		if c.At.IsZero() {
			c.At = workflow.Now(ctx)
		}
		if c.State != Queued && c.State != Planned {
			r.counts[c.State]++
		}
		r.changes = append(r.changes, c)
	}
}

func (r *run) record(ctx workflow.Context) error {
	if len(r.changes) == 0 {
		return nil
	}
	batch := r.changes
	r.changes = nil
	return callRecord(ctx, r.in, batch)
}

func (r *run) continueAsNew(ctx workflow.Context) error {
	if err := r.steerBefore(ctx); err != nil {
		return err
	}
	next := r.in
	next.Carried = &Carried{Actions: r.graph.rest(), Counts: r.counts, Control: r.control, Slots: r.slots}
	for _, f := range r.flights {
		next.Carried.Flights = append(next.Carried.Flights, *f)
	}
	return workflow.NewContinueAsNewError(ctx, Run, next)
}

// finish waits for what is in flight, and notes how it all ended, even if the run was canceled.
func (r *run) finish(ctx workflow.Context, cause error) (RunResult, error) {
	result := RunResult{RunID: r.in.RunID, Lane: r.in.Lane, Counts: r.counts}
	calm, _ := workflow.NewDisconnectedContext(ctx)
	if r.graph != nil {
		if err := workflow.Await(calm, func() bool { return r.busy == 0 }); err != nil {
			return result, err
		}
		for _, a := range r.graph.rest() {
			r.note(calm, []Change{{Recipe: a.Recipe, State: Canceled, Reason: "the run ended before"}})
		}
	}
	recordErr := r.record(calm)
	if cause == nil {
		cause = recordErr
	}
	switch {
	case ctx.Err() != nil || temporal.IsCanceledError(cause):
		result.Outcome = Canceled
	case cause != nil:
		result.Outcome = Errored
		err := fromTemporal(cause)
		result.Error, result.Fault = err.Error(), fault.KindOf(err).String()
	case r.counts[Failed]+r.counts[Errored]+r.counts[Canceled] > 0:
		result.Outcome = Failed
	default:
		result.Outcome = Passed
	}
	if err := callFinish(calm, r.in, result); err != nil && cause == nil {
		cause = err
	}
	switch {
	case result.Outcome == Canceled:
		return result, temporal.NewCanceledError(result)
	case cause != nil:
		return result, asFailure(cause)
	}
	return result, nil
}

// asFailure keeps the kind of an error that ends a workflow.
func asFailure(err error) error {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app
	}
	err = fromTemporal(err)
	return temporal.NewNonRetryableApplicationError(err.Error(), fault.KindOf(err).String(), nil)
}
