package workflows

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/wasmill/wasmill/internal/record"
)

// fakeFarm is a farm whose plan is given, and which remembers what it is told. Zero means an empty plan.
type fakeFarm struct {
	plan     []Action
	plans    map[string][]Action // of runs that have one of their own
	slots    map[Class]int
	planErr  error
	resolved map[string]Action      // what Resolve says; absent: build
	built    map[string]BuildResult // what another run has built since

	mu        sync.Mutex
	resolves  []string
	changes   []Change
	control   Control
	batches   int
	inFlight  map[string]bool
	most      int // builds in flight at a time
	stored    []string
	outgrew   []string
	finished  []RunResult
	onChange  func(Change) // called with each change, outside of the lock
	recordErr error        // of the first Record only
}

func (f *fakeFarm) Plan(_ context.Context, in RunInput) (Plan, error) {
	if actions, ok := f.plans[in.RunID]; ok {
		return Plan{Actions: actions, Slots: f.slots}, nil
	}
	return Plan{Actions: f.plan, Slots: f.slots}, f.planErr
}

func (f *fakeFarm) Resolve(_ context.Context, in ResolveInput) (Action, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resolves = append(f.resolves, in.Recipe)
	if a, ok := f.resolved[in.Recipe]; ok {
		return a, nil
	}
	return Action{Recipe: in.Recipe, Kind: KindBuild, Key: "key-" + in.Recipe, Job: "sha256:job"}, nil
}

func (f *fakeFarm) Built(_ context.Context, task Task) (BuildResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.built[task.Recipe], nil
}

func (f *fakeFarm) Outgrew(_ context.Context, task Task) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outgrew = append(f.outgrew, fmt.Sprintf("%s: %s, now %s", task.Recipe, task.Outgrew, task.Class))
	return nil
}

func (f *fakeFarm) Record(_ context.Context, in RecordInput) error {
	f.mu.Lock()
	if err := f.recordErr; err != nil {
		f.recordErr = nil
		f.mu.Unlock()
		return err
	}
	f.changes = append(f.changes, in.Changes...)
	if in.Control != nil {
		f.control = *in.Control
	}
	f.batches++
	for _, c := range in.Changes {
		if f.inFlight == nil {
			f.inFlight = map[string]bool{}
		}
		if delete(f.inFlight, c.Recipe); c.State == Queued {
			f.inFlight[c.Recipe] = true
		}
	}
	f.most = max(f.most, len(f.inFlight))
	tell := f.onChange
	f.mu.Unlock()
	if tell != nil {
		for _, c := range in.Changes {
			tell(c)
		}
	}
	return nil
}

func (f *fakeFarm) Store(_ context.Context, task Task) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stored = append(f.stored, task.Recipe+" "+string(task.Record))
	return nil
}

func (f *fakeFarm) FinishRun(_ context.Context, result RunResult) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.finished = append(f.finished, result)
	return nil
}

// states is the last state of each recipe.
func (f *fakeFarm) states() map[string]State {
	f.mu.Lock()
	defer f.mu.Unlock()
	states := map[string]State{}
	for _, c := range f.changes {
		states[c.Recipe] = c.State
	}
	return states
}

func (f *fakeFarm) controlled() Control {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.control
}

// last is the last change of a recipe.
func (f *fakeFarm) last(recipe string) Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range slices.Backward(f.changes) {
		if c.Recipe == recipe {
			return c
		}
	}
	return Change{}
}

// step is what a fake worker does in one activity.
type step func(ctx context.Context, task Task, attempt Attempt) (BuildResult, error)

// fakeWorker passes everything, except where build or test of a recipe is steered.
type fakeWorker struct {
	build, again, test map[string]step

	mu      sync.Mutex
	running int
	most    int      // builds at a time
	builds  []string // in the order in which they began
	second  []string
	tests   []string
}

func (w *fakeWorker) Build(ctx context.Context, task Task, attempt Attempt) (BuildResult, error) {
	w.mu.Lock()
	w.builds = append(w.builds, task.Recipe)
	w.running++
	w.most = max(w.most, w.running)
	w.mu.Unlock()
	defer func() { w.mu.Lock(); w.running--; w.mu.Unlock() }()
	if s := w.build[task.Recipe]; s != nil {
		return s(ctx, task, attempt)
	}
	return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:built"}, nil
}

func (w *fakeWorker) Reproduce(ctx context.Context, task Task, attempt Attempt) (BuildResult, error) {
	w.mu.Lock()
	w.second = append(w.second, task.Recipe)
	w.mu.Unlock()
	if s := w.again[task.Recipe]; s != nil {
		return s(ctx, task, attempt)
	}
	return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:reproduced"}, nil
}

func (w *fakeWorker) Test(ctx context.Context, task Task, attempt Attempt) (BuildResult, error) {
	w.mu.Lock()
	w.tests = append(w.tests, task.Recipe)
	w.mu.Unlock()
	if s := w.test[task.Recipe]; s != nil {
		return s(ctx, task, attempt)
	}
	return BuildResult{Outcome: record.Passed, Key: task.Key, Record: "sha256:tested"}, nil
}

func (w *fakeWorker) built() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := map[string]int{}
	for _, b := range w.builds {
		n[b]++
	}
	return n
}

func (w *fakeWorker) order() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.builds)
}

// doesNotCompile is a result, not an error.
func doesNotCompile(_ context.Context, task Task, _ Attempt) (BuildResult, error) {
	return BuildResult{Outcome: record.Failed, Key: task.Key, Record: "sha256:failed", Failure: &record.Failure{
		Phase: record.PhaseCompile, Kind: record.CompileFailed, Message: "no member named 'x'", Detail: "many lines",
	}}, nil
}

// untilCanceled runs until it is asked to stop, and says when it has begun and ended.
func untilCanceled(begun, ended func(recipe string)) step {
	return func(ctx context.Context, task Task, _ Attempt) (BuildResult, error) {
		begun(task.Recipe)
		<-ctx.Done()
		ended(task.Recipe)
		return BuildResult{}, ctx.Err()
	}
}

// builds makes a plan in which all is built: "c: a b" means that c needs a and b.
func builds(graph map[string][]string) []Action {
	var actions []Action
	for _, name := range slices.Sorted(maps.Keys(graph)) {
		actions = append(actions, Action{Recipe: name, Kind: KindBuild, Needs: graph[name]})
	}
	return actions
}
