package workflows

import (
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// Lane is the priority class of a run. A build of a higher lane gets the next free slot, whatever waits in a lower one.
type Lane string

// The lanes, highest first.
const (
	Interactive Lane = "interactive" // somebody waits at a terminal
	Submission  Lane = "submission"
	Nightly     Lane = "nightly"
	Migration   Lane = "migration" // mass rebuilds
)

// Class is the resource class of a build, and so the task queue it waits in.
type Class string

// The classes, smallest first.
const (
	Small  Class = "small"
	Medium Class = "medium"
	Large  Class = "large"
)

// Classes are all classes, smallest first.
var Classes = []Class{Small, Medium, Large}

// next is the next larger class; false for the largest.
func (c Class) next() (Class, bool) {
	i := max(slices.Index(Classes, c), 0) + 1
	if i == len(Classes) {
		return c, false
	}
	return Classes[i], true
}

// Kind says what the plan wants done about a recipe.
type Kind string

// The kinds of actions.
const (
	KindBuild Kind = "build"
	KindReuse Kind = "reuse" // an earlier build of the same key stands, a failed one too
	KindSkip  Kind = "skip"
)

// Action is what is to be done about one recipe. A plan of 10,000 must fit into one payload of Temporal (2 MiB), so an
// Action holds what the workflow needs, and no more: keys and full reasons are in the farm's database.
type Action struct {
	Recipe string `json:"recipe"`
	Kind   Kind   `json:"kind"`
	// Needs are the recipes of this plan that must be done before.
	Needs []string `json:"needs,omitempty"`
	Class Class    `json:"class,omitempty"` // empty means Small
	// Timeout is how long the build's container may run; 0 means Tunables.BuildTimeout.
	Timeout time.Duration `json:"timeout,omitempty"`

	// Key and Job are for Resolve to tell: only when all of Needs are done they are known. Key is the cache key, empty
	// while requirements are not locked yet; Job the blob that tells a worker all about the build.
	Key string        `json:"key,omitempty"`
	Job record.Digest `json:"job,omitempty"`
	// Grant goes with Job to the workers.
	Grant string `json:"grant,omitempty"`
	// Shared stands for Key while that is not known: two runs that want the same build get the same.
	Shared string `json:"shared,omitempty"`

	// Reproduce, for Resolve to tell too, has the build made twice; nil: once.
	Reproduce *Reproduce `json:"reproduce,omitempty"`

	// Built is the record of a build that is there already, and is made a second time only: what Reproduce asks for was not asked when it
	// was made.
	Built record.Digest `json:"built,omitempty"`

	// Outcome is that of the reused build: Passed or Failed.
	Outcome record.Outcome `json:"outcome,omitempty"`
	// Reason is one line for a person, about a reuse or skip; Cause the recipe at the root of a skip.
	Reason string `json:"reason,omitempty"`
	Cause  string `json:"cause,omitempty"`
}

// Reproduce asks for a second build of the same job, to be held against the first. It is no part of the key.
type Reproduce struct {
	Why    string `json:"why"`    // in words
	Blocks bool   `json:"blocks"` // a difference fails the build
}

// Plan is the answer of FarmActivities.Plan. Among the actions that are ready, the one that stands first starts first.
type Plan struct {
	Actions []Action `json:"actions"`
	// Slots are those of the farm's workers; nil where nobody knows, and the run then asks for as many builds as Tunables.Parallel.
	Slots map[Class]int `json:"slots,omitempty"`
}

// State is where a recipe of a run, or the run as a whole, stands.
type State string

// The states of a recipe in a run, of which Planned is only told where a build was asked for and is not any more; a run ends in Passed, Failed, Canceled or Errored.
const (
	Planned  State = "planned"
	Queued   State = "queued" // a build was asked for, or one of another run is awaited
	Passed   State = "passed"
	Failed   State = "failed"
	Reused   State = "reused"
	Skipped  State = "skipped"
	Canceled State = "canceled"
	Errored  State = "errored" // the machinery failed, after all attempts; says nothing about the recipe
)

// Change is a new state of one recipe in a run.
type Change struct {
	Recipe string    `json:"recipe"`
	State  State     `json:"state"`
	At     time.Time `json:"at"`
	Build  string    `json:"build,omitempty"`  // ID of the Build workflow
	Joined bool      `json:"joined,omitempty"` // the build was started by another run
	// Verified is that of BuildResult.
	Verified bool          `json:"verified,omitempty"`
	Key      string        `json:"key,omitempty"`
	Record   record.Digest `json:"record,omitempty"`
	// Reason is one line for a person. Cause is the need whose end led to a skip, Root the recipe where it began.
	Reason string `json:"reason,omitempty"`
	Cause  string `json:"cause,omitempty"`
	Root   string `json:"root,omitempty"`
	Fault  string `json:"fault,omitempty"` // of an Errored recipe: the fault.Kind
	Class  Class  `json:"class,omitempty"` // where it was built in the end
}

// RunInput is what a run is asked to do.
type RunInput struct {
	// RunID names the run everywhere. Empty in a schedule, which names each of its runs after itself and the time.
	RunID string `json:"run_id,omitempty"`
	// Request is the blob that says which recipes; only FarmActivities.Plan reads it.
	Request record.Digest `json:"request"`
	Lane    Lane          `json:"lane"`
	// Toolchain is a name or name@sha256:…, as the farm knows it.
	Toolchain   string `json:"toolchain"`
	NoCache     bool   `json:"no_cache,omitempty"`
	RetryFailed bool   `json:"retry_failed,omitempty"` // build what failed before with the same key
	// Tunables stand in the input, not in the program: a replay must decide as the first execution did. Zero fields
	// mean DefaultTunables.
	Tunables Tunables `json:"tunables,omitzero"`
	// Carried is set by a run that continues as new, and only by it.
	Carried *Carried `json:"carried,omitempty"`
}

// RunResult is how a run ended.
type RunResult struct {
	RunID string `json:"run_id"`
	Lane  Lane   `json:"lane"`
	// Outcome is Passed, Failed (of recipes: failed or errored ones), Canceled, or Errored (the run as such).
	Outcome State `json:"outcome"`
	// Counts are the recipes by their last state.
	Counts map[State]int `json:"counts"`
	Error  string        `json:"error,omitempty"` // of an Errored run
	Fault  string        `json:"fault,omitempty"` // the fault.Kind of Error
}

// Task is what the activities of one build are given.
type Task struct {
	RunID     string        `json:"run_id"` // of the run that started the build; others may have joined it
	Build     string        `json:"build"`  // ID of the Build workflow
	Recipe    string        `json:"recipe"`
	Toolchain string        `json:"toolchain"`
	Key       string        `json:"key,omitempty"`
	Job       record.Digest `json:"job"`
	NoCache   bool          `json:"no_cache,omitempty"`
	// Grant is what the farm knows its task by (access.Grant).
	Grant string `json:"grant,omitempty"`
	// Class is where it is built, Outgrew are the classes in which it ran out of memory before, smallest first.
	Class   Class   `json:"class"`
	Outgrew []Class `json:"outgrew,omitempty"`
	Tries   int     `json:"tries,omitempty"` // attempts before this one
	// Record is the record so far, as a blob; empty in the Build activity. A build that begins with one is only made a second time.
	Record record.Digest `json:"record,omitempty"`
	// Reproduce has the build made twice.
	Reproduce *Reproduce `json:"reproduce,omitempty"`
}

// BuildInput is the input of the Build workflow.
type BuildInput struct {
	Task
	Lane     Lane          `json:"lane"`
	Timeout  time.Duration `json:"timeout"`
	Tunables Tunables      `json:"tunables"`
}

// BuildResult is what the Build and Test activities, and the Build workflow as a whole, came to.
type BuildResult struct {
	Outcome record.Outcome `json:"outcome"` // Passed or Failed
	Key     string         `json:"key,omitempty"`
	Record  record.Digest  `json:"record"`
	Class   Class          `json:"class,omitempty"` // of the Build workflow: where it was built in the end
	// Failure explains a Failed outcome; without Detail, which is in the record.
	Failure *record.Failure `json:"failure,omitempty"`
	// Declined: this worker leaves the second build to another one. Nothing else is set.
	Declined bool `json:"declined,omitempty"`
	// Reused: nothing was built, for an earlier build turned out to have had the same inputs.
	Reused bool `json:"reused,omitempty"`
	// Verified: two builds gave the same, and a difference would have failed it.
	Verified bool `json:"verified,omitempty"`
}
