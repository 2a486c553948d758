package nightly

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/workflows"
)

// world is a farm and its workers, whose builds take no time but that of the world's own clock. The clock stands still as long
// as a slot is free for which there is something to do, however long Temporal takes to bring it there: what the night takes
// is what the order of the builds makes of it.
type world struct {
	actions []workflows.Action
	times   map[string]Times
	slots   int

	mu      sync.Mutex
	now     float64
	running ends
	missing map[string]int      // needs that are not done
	after   map[string][]string // who needs it
	open    int                 // recipes that are ready and not done
	done    int
	steps   int           // builds and tests that have begun
	ready   chan struct{} // told when something has begun or ended
}

var (
	_ workflows.FarmActivities   = (*world)(nil)
	_ workflows.WorkerActivities = (*world)(nil)
)

func newWorld(actions []workflows.Action, times map[string]Times, slots int) *world {
	w := &world{actions: actions, times: times, slots: slots, missing: map[string]int{}, after: map[string][]string{}, ready: make(chan struct{}, 1)}
	for _, a := range actions {
		w.missing[a.Recipe] = len(a.Needs)
		if len(a.Needs) == 0 {
			w.open++
		}
		for _, need := range a.Needs {
			w.after[need] = append(w.after[need], a.Recipe)
		}
	}
	return w
}

// full says whether all slots are taken for which there is something to do.
func (w *world) full() bool { return len(w.running) == min(w.slots, w.open) }

// patience is how long the clock waits for a slot to be taken before it goes on without, which is the scheduler's defect.
const patience = 20 * time.Second

// turn lets time pass until all is done, and says how often a slot stayed free for want of patience.
func (w *world) turn(ctx context.Context, progress func(done int)) (stalls int, err error) {
	for {
		w.mu.Lock()
		if w.done == len(w.actions) {
			w.mu.Unlock()
			return stalls, nil
		}
		if w.full() {
			w.pass()
			done := w.done
			w.mu.Unlock()
			progress(done)
			continue
		}
		steps := w.steps
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return stalls, context.Cause(ctx)
		case <-w.ready:
		case <-time.After(patience):
			w.mu.Lock()
			if w.steps == steps {
				if len(w.running) == 0 {
					w.mu.Unlock()
					return stalls, fault.Errorf(fault.Internal, "nothing is built any more: %d of %d recipes are done", w.done, len(w.actions))
				}
				stalls++
				w.pass()
			}
			w.mu.Unlock()
		}
	}
}

// pass lets the clock go to the next end.
func (w *world) pass() {
	end := heap.Pop(&w.running).(ending)
	w.now = end.at
	if end.last {
		w.done++
		w.open--
		for _, next := range w.after[end.recipe] {
			if w.missing[next]--; w.missing[next] == 0 {
				w.open++
			}
		}
	}
	close(end.over)
}

// begin takes a slot for some of the world's time.
func (w *world) begin(ctx context.Context, recipe string, seconds float64, last bool) error {
	over := make(chan struct{})
	w.mu.Lock()
	w.steps++
	heap.Push(&w.running, ending{w.now + seconds, recipe, last, over})
	w.mu.Unlock()
	select {
	case w.ready <- struct{}{}:
	default:
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		w.leave(over)
		return ctx.Err()
	}
}

// leave gives a slot back before the end, for an attempt that Temporal or the SDK has given up: there will be another.
func (w *world) leave(over chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.IndexFunc(w.running, func(e ending) bool { return e.over == over }); i >= 0 {
		heap.Remove(&w.running, i)
	}
}

func (w *world) Build(ctx context.Context, task workflows.Task, _ workflows.Attempt) (workflows.BuildResult, error) {
	err := w.begin(ctx, task.Recipe, w.times[task.Recipe].Build, false)
	return workflows.BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:built"}, err
}

func (w *world) Test(ctx context.Context, task workflows.Task, _ workflows.Attempt) (workflows.BuildResult, error) {
	err := w.begin(ctx, task.Recipe, w.times[task.Recipe].Test, true)
	return workflows.BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:tested"}, err
}

// Reproduce is asked of nobody: the plan does not want it.
func (w *world) Reproduce(context.Context, workflows.Task, workflows.Attempt) (workflows.BuildResult, error) {
	return workflows.BuildResult{}, fault.Errorf(fault.Internal, "a simulated nightly builds once")
}

func (w *world) Plan(context.Context, workflows.RunInput) (workflows.Plan, error) {
	return workflows.Plan{Actions: w.actions, Slots: map[workflows.Class]int{workflows.Small: w.slots}}, nil
}

func (w *world) Resolve(_ context.Context, in workflows.ResolveInput) (workflows.Action, error) {
	return workflows.Action{Recipe: in.Recipe, Kind: workflows.KindBuild, Key: "key-" + in.Recipe, Job: "sha256:job"}, nil
}

func (w *world) Built(context.Context, workflows.Task) (workflows.BuildResult, error) {
	return workflows.BuildResult{}, nil
}

func (w *world) Outgrew(context.Context, workflows.Task) error        { return nil }
func (w *world) Record(context.Context, workflows.RecordInput) error  { return nil }
func (w *world) Store(context.Context, workflows.Task) error          { return nil }
func (w *world) FinishRun(context.Context, workflows.RunResult) error { return nil }

// ending is when a build or a test is over; a test is the last of its recipe.
type ending struct {
	at     float64
	recipe string
	last   bool
	over   chan struct{}
}

type ends []ending

func (e ends) Len() int           { return len(e) }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e ends) Less(i, j int) bool { return e[i].at < e[j].at }
func (e *ends) Push(x any)        { *e = append(*e, x.(ending)) }
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
