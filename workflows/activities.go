package workflows

import (
	"context"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// FarmActivities is what the farm does for its workflows: it plans, remembers and publishes. Every method may be called
// again with the same argument, after an attempt that failed or whose answer was lost, and must then give the same answer
// without doing anything twice. The kind of an error (package fault) decides whether it is tried again.
type FarmActivities interface {
	// Plan makes the run known, if it is not, computes what is to be done and notes it with all reasons. Needs that are
	// not in the plan, or that go in a circle, end the run.
	Plan(ctx context.Context, in RunInput) (Plan, error)
	// Resolve decides again about an action that is to be built, when all that it needs is done, just before it starts:
	// build, now with key and job; or reuse, because what it needs came out as before (early cutoff), or another run has
	// built this key since; or skip.
	Resolve(ctx context.Context, in ResolveInput) (Action, error)
	// Built looks once more, as a build starts, whether its key has passed since Resolve; an empty Outcome says no. It must
	// return in a few seconds.
	Built(ctx context.Context, task Task) (BuildResult, error)
	// Record notes changes, in their order. It is called within a task of the workflow and must return in a few
	// seconds.
	Record(ctx context.Context, in RecordInput) error
	// Outgrew notes that a build ran out of memory in the last class of task.Outgrew and is tried again in task.Class. It must
	// return in a few seconds.
	Outgrew(ctx context.Context, task Task) error
	// Store takes a finished build into the database and the cache, failed ones too, and publishes what passed, all in
	// one transaction. A key that is there already stays as it is.
	Store(ctx context.Context, task Task) error
	// FinishRun notes the end of a run. It is called for every run that was planned or could not be.
	FinishRun(ctx context.Context, result RunResult) error
}

// ResolveInput names the action to decide about.
type ResolveInput struct {
	RunID  string `json:"run_id"`
	Recipe string `json:"recipe"`
}

// RecordInput is a batch of changes in one run.
type RecordInput struct {
	RunID   string   `json:"run_id"`
	Changes []Change `json:"changes"`
	// Control is how the run is held back from now on; nil for no news.
	Control *Control `json:"control,omitempty"`
}

// WorkerActivities is what a worker does, each call in a container of its own. When ctx ends, the container must be gone
// before the method returns. An error means trouble with the machinery (package fault); a build or test that fails is a
// BuildResult.
type WorkerActivities interface {
	// Build fetches, builds, packs and audits, and puts artifacts, log and record into the registry.
	Build(ctx context.Context, task Task, attempt Attempt) (BuildResult, error)
	// Reproduce builds once more what task.Record is the record of, and puts a record that holds the comparison into the
	// registry. A worker that has made the first build declines as long as another serves the class.
	Reproduce(ctx context.Context, task Task, attempt Attempt) (BuildResult, error)
	// Test runs the tests on the artifact of task.Record in a fresh runtime, and puts a record that holds both into the
	// registry.
	Test(ctx context.Context, task Task, attempt Attempt) (BuildResult, error)
}

// Attempt is one try of an activity. An earlier attempt that was given up may still run somewhere: what it leaves behind
// is told from this one's by ID.
type Attempt struct {
	Number int    // counts from 1
	Class  Class  // whose slot it has
	ID     string // unique among all attempts of all builds; letters, digits and dashes
	Lane   Lane
	Waited time.Duration // until the first attempt got its slot; 0 for later ones
	// Report says what goes on now; Describe shows it. It never blocks and may be called at any time.
	Report func(Progress)
}

// Progress is what a running attempt says of itself.
type Progress struct {
	Phase  record.Phase `json:"phase"`
	Detail string       `json:"detail,omitempty"` // one line
}
