package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
)

// DB is the farm's memory. It is safe for concurrent use. Each method is one transaction: it happens as a whole or not
// at all, and once it has returned without an error it outlives a crash. Each method may be repeated with the same
// arguments, because the activities that call them are. Times come from the caller and are kept to the microsecond,
// in UTC. What is asked for by name and not there is fault.NotFound.
type DB interface {
	Runs
	Builds
	Reproductions
	Locks
	Publications
	Attempts
	Workers
	Settings
	Waiting
	Releases
	Garbage
	Tokens
	Journal
	Quarantines
	// Close waits for running transactions. It is safe to call twice.
	Close() error
}

// Run is a plan being carried out.
type Run struct {
	ID       string
	Lane     string
	Workflow string          // the id of the workflow that carries it out
	Request  json.RawMessage // as the API took it
	Plan     *plan.Plan      // nil before it was planned, and in lists
	Outcome  string          // "" while it goes on; then passed, failed or canceled
	Error    string          // why the run itself, not one of its builds, failed
	Fault    string          // the fault.Kind of Error
	Created  time.Time
	Started  time.Time // zero before
	Finished time.Time // zero before
	Control  RunControl
}

// RunControl is how a run is held back. The zero RunControl does not.
type RunControl struct {
	Paused     time.Time // since when; zero while it goes on
	By, Reason string    // who has paused it, and why
	Limit      int       // builds at a time; 0 is no limit
}

// RunEnd is how a run ended; the fields are those of Run.
type RunEnd struct {
	Outcome, Error, Fault string
}

// Status is where an action of a run stands.
type Status string

// The states of an action.
const (
	Planned  Status = "planned"
	Queued   Status = "queued"
	Running  Status = "running"
	Passed   Status = "passed"
	Failed   Status = "failed"
	Skipped  Status = "skipped"
	Cached   Status = "cached" // an earlier build stands
	Canceled Status = "canceled"
)

// Ended says that nothing more happens to the action in this run.
func (s Status) Ended() bool {
	switch s {
	case Planned, Queued, Running:
		return false
	}
	return true
}

// RunAction is what a run does about one recipe, and how far it is.
type RunAction struct {
	Recipe  string
	Version string
	Action  plan.Kind
	Reason  string // why it is done
	Needs   []string
	Key     string
	Status  Status
	Cause   string // why it failed or was skipped
	Fault   string // the fault.Kind, where the machinery failed and not the recipe
	Phase   record.Phase
	Attempt int // counts from 1
	Worker  string
	Seconds float64 // wall of the build and its test
	Class   string  // where it is built: as planned, or a larger one, if it ran out of memory there
	// Expected is how many seconds the plan takes it to need; it stays as planned.
	Expected float64
	// Build is the workflow that was asked for last to build it; Joined says that another run had started that, and this one waits
	// for its end.
	Build   string
	Joined  bool
	Started time.Time // of the attempt; of a queued action, since when it waits for a slot
	Ended   time.Time
}

// Runs keeps runs.
type Runs interface {
	// CreateRun notes a run before its workflow starts. One that is there already stays as it is.
	CreateRun(ctx context.Context, run Run) error
	// AskRun replaces the request of a run that has no plan yet; one that is planned keeps its own.
	AskRun(ctx context.Context, id string, request json.RawMessage) error
	// PlanRun gives a run its plan and actions, and notes when it began. A run that has a plan keeps it.
	PlanRun(ctx context.Context, id string, p *plan.Plan, at time.Time) error
	// UpdateAction notes how far a recipe is; Needs, Action, Reason and Version stay as planned, and an empty Key or
	// Class leaves the one that is known, an empty Build that and Joined, and of a running attempt the first Started stands. News of an earlier attempt than the one
	// noted, and of an action that has ended in this attempt, is dropped: a heartbeat may arrive late. So is that of a
	// canceled action: what another run wants goes on. An action that becomes Planned again forgets its attempts.
	UpdateAction(ctx context.Context, run string, a RunAction) error
	// ControlRun notes how a run is held back from now on.
	ControlRun(ctx context.Context, id string, c RunControl) error
	// FinishRun notes a run's end. The first end stands.
	FinishRun(ctx context.Context, id string, end RunEnd, at time.Time) error
	// Run reads a run with its plan and its actions, in the order of the plan. Of a large run that is a lot: most need less.
	Run(ctx context.Context, id string) (Run, []RunAction, error)
	// Head reads a run without its plan.
	Head(ctx context.Context, id string) (Run, error)
	// Actions reads those of a run that are about these recipes, or all if there are none, in the order of the plan. What the
	// run does not have is left out.
	Actions(ctx context.Context, run string, recipes ...string) ([]RunAction, error)
	// Runs lists the newest runs first, without plans. A limit of 0 is no limit.
	Runs(ctx context.Context, limit int) ([]Run, error)
}

// Build is what is remembered of a build.
type Build struct {
	Record   record.Build
	Inputs   plan.Inputs
	Finished time.Time
	Used     time.Time // when it was last built or reused; not before Finished
}

// Builds keeps builds by key.
type Builds interface {
	// PutBuild remembers a build and says whether it did. For the second build under a key the rules of
	// Blobs.PutBuild hold: other artifact bytes are fault.Conflict, the same ones change nothing but Used.
	PutBuild(ctx context.Context, b Build) (stored bool, err error)
	// UseBuilds notes that a run stands on these builds.
	UseBuilds(ctx context.Context, keys []string, at time.Time) error
	// Build finds a build by its key.
	Build(ctx context.Context, key string) (Build, error)
	// BuildsOf finds those of many keys at one moment. What is not there is left out.
	BuildsOf(ctx context.Context, keys []string) (map[string]Build, error)
	// LatestBuild finds the build of a recipe that was last built or reused, on one toolchain and with one outcome or, where these are
	// empty, any.
	LatestBuild(ctx context.Context, recipe, toolchain string, outcome record.Outcome) (Build, error)
	// History is what a plan has to know, at one moment.
	History(ctx context.Context, of plan.Question) (plan.History, error)
}

// Twice is a build that was made twice.
type Twice struct {
	Key, Recipe string
	Toolchain   record.Digest // of the image
	Same        bool
	Stands      bool // they are the same, or differ where that was tolerated
}

// Reproductions keeps what is known of builds that were made twice; PutBuild notes it.
type Reproductions interface {
	// Reproduced says whether two builds of a recipe with an image gave the same, or differed where that was tolerated.
	Reproduced(ctx context.Context, recipe string, toolchain record.Digest) (bool, error)
	// Twice lists the builds of recipes that were made twice.
	Twice(ctx context.Context, recipes []string) ([]Twice, error)
	// Differing is the build of a recipe whose two builds differ, the newest one.
	Differing(ctx context.Context, recipe string) (Build, error)
	// Look notes that somebody has looked at what differs: until then the newest such build of a recipe is not garbage.
	Look(ctx context.Context, key string, at time.Time) error
}

// Lock is a set of locked build requirements.
type Lock struct {
	Digest  record.Digest
	Content json.RawMessage // fetch.Lock
}

// Locks keeps locked build requirements by plan.LockKey.
type Locks interface {
	// PutLock keeps a lock and returns the one that is kept: the first under a key stands, so that two workers that
	// resolved at the same time go on with the same one.
	PutLock(ctx context.Context, key string, lock Lock, at time.Time) (Lock, error)
	Lock(ctx context.Context, key string) (Lock, error)
	// LockOf finds a lock by its digest: one of those that name the same wheels.
	LockOf(ctx context.Context, digest record.Digest) (Lock, error)
}

// Publication is a file that clients can install.
type Publication struct {
	Toolchain      string
	Kind           string // of the artifact: record.KindWheel and its like
	Project        string // normalised as in PEP 503; the recipe where there is none
	Name           string // as METADATA or the recipe spells it
	Version        string
	Filename       string
	Digest         record.Digest
	Size           int64         // bytes
	Metadata       record.Digest // of METADATA, a blob of its own (PEP 658)
	RequiresPython string
	Imports        []string
	Depends        []string         // projects, normalised
	Requires       *record.Requires // of a runtime; nil where nobody has read it
	Key            string           // of the build
	Run            string           // that published it
	Published      time.Time
}

// Catalog is all that is published for a toolchain at one moment.
type Catalog struct {
	// Generation counts the changes, from 1; 0 means that nothing was ever published.
	Generation int64
	// Files are by project, then by file name.
	Files []Publication
}

// Publications keeps what is served to clients.
type Publications interface {
	// Publish makes files visible, all in the same moment, and returns the generation. A file of the same name with the
	// same bytes stays as it is. With other bytes it is fault.Conflict and nothing is published, unless replace says
	// that the new ones are wanted. The generation rises only if something changed.
	Publish(ctx context.Context, toolchain string, files []Publication, replace bool) (generation int64, err error)
	// Catalog reads all that is published for a toolchain.
	Catalog(ctx context.Context, toolchain string) (Catalog, error)
	// Generation is cheap, and tells whether a Catalog read earlier still holds.
	Generation(ctx context.Context, toolchain string) (int64, error)
}

// Attempt is one try of a build by a worker.
type Attempt struct {
	ID        string // also the label of its container
	Key       string // empty before it is known
	Recipe    string
	Run       string
	Worker    string
	Number    int    // counts from 1
	Outcome   string // "" while it goes on
	LogPath   string // where the log grows while it goes on
	Log       *record.Blob
	Started   time.Time
	Heartbeat time.Time // last sign of life
	Ended     time.Time // zero while it goes on
}

// Attempts keeps attempts.
type Attempts interface {
	// BeginAttempt notes an attempt; one that is there already stays as it is.
	BeginAttempt(ctx context.Context, a Attempt) error
	// Heartbeat notes a sign of life, and the key once it is known ("" leaves it). After the end it changes nothing.
	Heartbeat(ctx context.Context, id, key string, at time.Time) error
	// EndAttempt notes how an attempt ended. The first end stands.
	EndAttempt(ctx context.Context, id, outcome string, log *record.Blob, at time.Time) error
	Attempt(ctx context.Context, id string) (Attempt, error)
	// Attempts lists the newest attempts first, of a key or of a recipe. A limit of 0 is no limit.
	Attempts(ctx context.Context, keyOrRecipe string, limit int) ([]Attempt, error)
}

// Worker is a worker daemon.
type Worker struct {
	Name      string
	Classes   []string
	Slots     int
	Version   string
	FirstSeen time.Time
	LastSeen  time.Time
	// State is what the worker said of itself (api.WorkerState), with the reason, who or what brought it there, and since
	// when; Heard the time of the order that it follows.
	State, Reason, By string
	Since, Heard      time.Time
	Order             WorkerOrder
}

// WorkerOrder is what is wanted of a worker. The zero order was never given.
type WorkerOrder struct {
	Rest       bool // take nothing new
	Reason, By string
	At         time.Time
}

// Workers keeps who was seen.
type Workers interface {
	// SeeWorker notes a sign of life at LastSeen, and what the worker says of itself, and returns what is wanted of it. FirstSeen
	// is kept from the first sign, and the order as it is.
	SeeWorker(ctx context.Context, w Worker) (WorkerOrder, error)
	// OrderWorker keeps what is wanted of a worker, in the place of what was wanted before.
	OrderWorker(ctx context.Context, name string, order WorkerOrder) error
	// Workers lists all workers, by name.
	Workers(ctx context.Context) ([]Worker, error)
}

// Release is a newer release of a recipe's project that was found, and tried or not.
type Release struct {
	Schedule, Recipe, Version string
	Replaced                  string // the version that the recipe names
	Run                       string // in which it is tried; empty where it could not be
	Problem                   string // why it could not be
	Meta                      record.Digest
	Found                     time.Time
}

// Answer is what an index said of newer releases of a recipe, the last time that it was asked for a schedule.
type Answer struct {
	Recipe  string
	About   string // digest of all that the answer was made of beside the index's page
	ETag    string // of that page; empty where the index gives none
	Version string // of the newer release; empty for none
	Meta    string // the recipe's meta.yaml for it
	Problem string // why there is no answer
	Asked   time.Time
}

// Releases keeps which releases were tried, and what the index was asked.
type Releases interface {
	// PutAnswers keeps answers for a schedule, in the place of those of the same recipes.
	PutAnswers(ctx context.Context, schedule string, list []Answer) error
	// Answers are those of a schedule, by recipe.
	Answers(ctx context.Context, schedule string) (map[string]Answer, error)
	// PutReleases notes releases; one that is there already stays as it is. A problem without a version replaces the last.
	PutReleases(ctx context.Context, list []Release) error
	// Releases lists those of a schedule, the newest found first.
	Releases(ctx context.Context, schedule string) ([]Release, error)
}

// Settings keeps single values by name.
type Settings interface {
	Setting(ctx context.Context, name string) (string, error)
	SetSetting(ctx context.Context, name, value string) error
}
