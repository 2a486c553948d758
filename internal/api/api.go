// Package api is the farm's HTTP API: the Farm interface says what can be asked, Handler serves a Farm, and Client
// is a Farm that asks a Handler. What calls a farm (the CLI, a worker) is written against Farm and does not see
// whether it runs in the same process. docs/reference/api.md describes the wire.
package api

import (
	"context"
	"io"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// Farm is what an orchestrator does for others. Errors carry a fault.Kind on both sides of the wire.
type Farm interface {
	// Join tells a worker where its two addresses are.
	Join(ctx context.Context) (Join, error)
	// PutBlob keeps bytes in the registry.
	PutBlob(ctx context.Context, r io.Reader) (record.Blob, error)
	// OpenBlob reads what PutBlob or a build has kept; reading verifies the digest.
	OpenBlob(ctx context.Context, digest record.Digest) (io.ReadCloser, error)
	// PutSource gives the farm a file from which builds are made, under a name for people. A file that is kept already
	// stays as it is.
	PutSource(ctx context.Context, name string, r io.Reader) (Source, error)
	// PutFetched is PutSource for what a worker has fetched from an address.
	PutFetched(ctx context.Context, name, url string, r io.Reader) (Source, error)
	// Sources lists the files that are kept: those that were given, and all that was ever fetched.
	Sources(ctx context.Context) ([]Source, error)
	// RemoveSource forgets a file by its sha256; fault.NotFound where it is not kept.
	RemoveSource(ctx context.Context, sha256 string) (RemovedSource, error)

	// Plan says what StartRun with the same request would do, and why.
	Plan(ctx context.Context, req RunRequest) ([]Action, error)
	// StartRun begins a run and returns without waiting for it.
	StartRun(ctx context.Context, req RunRequest) (Run, error)
	// Runs lists the newest runs, without their actions.
	Runs(ctx context.Context, limit int) ([]Run, error)
	// Run is one run with its actions.
	Run(ctx context.Context, id string) (Run, error)
	// Explain says why a recipe of a run is built, reused or skipped, and what it waits for. An empty run is the newest that
	// has the recipe, one that goes on before all others.
	Explain(ctx context.Context, run, recipe string) (Explanation, error)
	// SteerRun pauses, resumes or limits a run that goes on, and returns when the run has done so. What is so already stays.
	// The error is fault.Conflict for a run that has ended.
	SteerRun(ctx context.Context, id string, s Steering) (Run, error)
	// CancelRun asks a run to stop; its containers are killed. It returns before that has happened. For a run that was canceled
	// nothing happens; one that has ended otherwise is fault.Conflict.
	CancelRun(ctx context.Context, id string) error

	// Build is the record of a build by its key, or the newest build of a recipe: RECIPE on whichever toolchain, RECIPE@TOOLCHAIN on one.
	Build(ctx context.Context, keyOrRecipe string) (record.Build, error)
	// Passed is the same of builds that have passed alone: what one takes, where Build is what one asks about.
	Passed(ctx context.Context, keyOrRecipe string) (record.Build, error)
	// Difference is what differs between the two builds of a key, or of the newest build of a recipe that was made twice and
	// came out otherwise. fault.NotFound where nothing is known to differ. Who asks has looked: the farm no longer keeps the
	// build for that reason alone.
	Difference(ctx context.Context, keyOrRecipe string) (Difference, error)
	// Log reads the log of a build, which is named as for Build, from offset. It returns what is there now.
	Log(ctx context.Context, keyOrRecipe string, offset int64) (Log, error)
	// AppendLog is how a worker streams what a build prints. Appending at an offset that is already written replaces
	// what follows it: a repeated call does no harm, and another attempt begins anew at 0.
	// The grant is that of the task (workflows.Task).
	AppendLog(ctx context.Context, log, grant string, offset int64, r io.Reader) error
	// ReportAttempt is how a worker says where an attempt stands.
	ReportAttempt(ctx context.Context, a Attempt) error
	// ReportWorker is a worker's sign of life, with what it says of itself. The answer is what the farm wants of it. LastSeen
	// and the estimates are the farm's to set.
	ReportWorker(ctx context.Context, w Worker) (Order, error)

	// Collect forgets builds that nothing keeps and frees their bytes. What is published, pinned, named by a run in flight, or
	// held by a reader stays.
	Collect(ctx context.Context, req Collect) (Collected, error)
	// Pin keeps a build, by its key, or all builds of a recipe, by its name; fault.NotFound where there is no build.
	Pin(ctx context.Context, keyOrRecipe string) error
	// Unpin is fault.NotFound for what is not pinned.
	Unpin(ctx context.Context, keyOrRecipe string) error
	Pins(ctx context.Context) ([]Pin, error)

	// Quarantine puts a recipe into quarantine, or changes the one that it is in.
	Quarantine(ctx context.Context, q Quarantine) error
	// LiftQuarantine is fault.NotFound for what is not in quarantine.
	LiftQuarantine(ctx context.Context, recipe string) error
	// Quarantines lists what is in quarantine, by recipe.
	Quarantines(ctx context.Context) ([]Quarantine, error)

	// Toolchains lists what the farm can build with.
	Toolchains(ctx context.Context) ([]Toolchain, error)
	// Workers lists the workers that were seen, by name.
	Workers(ctx context.Context) ([]Worker, error)
	// OrderWorker wants a worker to take nothing new (Rest), until it is wanted to work again. It returns before the worker has
	// heard of it, and after the last task was given to it; it stays in force when the worker is started anew. Wanting what is so already changes nothing.
	OrderWorker(ctx context.Context, name string, order Order) (Worker, error)

	// Top is what goes on now, at one look.
	Top(ctx context.Context) (Top, error)

	// AddSchedule makes or replaces a schedule.
	AddSchedule(ctx context.Context, s Schedule) error
	Schedules(ctx context.Context) ([]Schedule, error)
	// CheckSchedule says what AddSchedule would find wrong.
	CheckSchedule(ctx context.Context, s Schedule) error
	// Releases are those that a schedule has tried, the newest first.
	Releases(ctx context.Context, schedule string) ([]Release, error)
	// ChangeSchedule triggers, pauses, resumes or removes a schedule. To trigger one of which a run goes on is fault.Conflict.
	ChangeSchedule(ctx context.Context, name string, change ScheduleChange) (ChangedSchedule, error)

	// CreateToken makes a token. Its secret is in the answer and nowhere else.
	CreateToken(ctx context.Context, req TokenRequest) (NewToken, error)
	// Tokens lists all tokens that were ever made, the oldest first.
	Tokens(ctx context.Context) ([]Token, error)
	// RevokeToken makes a token useless, by its ID or by a name that only one token has that is of use.
	RevokeToken(ctx context.Context, idOrName string) (Token, error)
	// Journal lists who has done what, the newest first. A limit of 0 is no limit.
	Journal(ctx context.Context, limit int) ([]Entry, error)
}

// Join is what a worker needs to know. Addresses are as the orchestrator was told to announce them.
type Join struct {
	Namespace string `json:"namespace"` // in Temporal, which is behind the farm's own address
	Registry  string `json:"registry"`  // host:port
	// RegistryTokens: the registry is the farm's own, and takes the token with which was joined.
	RegistryTokens bool   `json:"registry_tokens,omitempty"`
	Version        string `json:"version"` // of the orchestrator
	// Index is the simple index for sources and build requirements, empty for PyPI; Mirrors are tried where an address
	// and the index have failed (fetch.Fetcher).
	Index string `json:"index,omitempty"`
	// Crates is the base address of the files of crates.io, empty for its own.
	Crates  string   `json:"crates,omitempty"`
	Mirrors []string `json:"mirrors,omitempty"`
}

// RemovedSource is what a removal has come to.
type RemovedSource struct {
	SHA256 string `json:"sha256"`
	// Shared: the bytes stay, because an artifact of the farm is the same file.
	Shared bool `json:"shared,omitempty"`
}

// Source is a file in the farm's source store. Its bytes are those of the blob sha256:SHA256.
type Source struct {
	SHA256 string `json:"sha256"`
	Name   string `json:"name"`
	Size   int64  `json:"size_bytes"`
	URL    string `json:"url,omitempty"` // where it came from; none for one that was given
}

// RunRequest asks for a run.
type RunRequest struct {
	Recipes   record.Digest `json:"recipes"` // of a recipe set as recipe.Pack writes it
	Select    []string      `json:"select"`  // names, "*", "tag:X"; what these need is added
	Toolchain string        `json:"toolchain"`
	Lane      string        `json:"lane"` // interactive, submission, nightly, migration
	NoCache   bool          `json:"no_cache,omitempty"`
	// RetryFailed builds again what failed before with the same inputs. The lane interactive does so by itself.
	RetryFailed bool `json:"retry_failed,omitempty"`
	Publish     bool `json:"publish"` // put what passed on the index
	// Runtimes are where all is tested, beside those that the recipes name.
	Runtimes []string `json:"runtimes,omitempty"`
	// Reproduce says which builds are made twice (reproduce.Form); empty: as the farm does in this lane.
	Reproduce string `json:"reproduce,omitempty"`
	// Refresh locks the build requirements anew, as of the day of the run. Where it publishes, later runs build with them, too.
	Refresh bool `json:"refresh,omitempty"`
	// AsOf is the day as of which build requirements are locked, for recipes that name none; nil is the toolchain's. The farm
	// sets it when it makes the run.
	AsOf *time.Time `json:"as_of,omitempty"`
	// Upstream makes a run of newer releases of the recipes, each of which is tried once; it is the name of the schedule under
	// which they are remembered. Dependents adds the recipes that need those that are updated.
	Upstream   string `json:"upstream,omitempty"`
	Dependents bool   `json:"dependents,omitempty"`
	// Updates are the releases that such a run tries, as the index said at Looked; the farm sets both.
	Updates []Update   `json:"updates,omitempty"`
	Looked  *time.Time `json:"looked_at,omitempty"`
}

// Update is a recipe with a newer release.
type Update struct {
	Recipe string        `json:"recipe"`
	From   string        `json:"from"` // versions
	To     string        `json:"to"`
	Meta   record.Digest `json:"meta,omitempty"` // the new meta.yaml, as a blob
}

// Release is what has become of a newer release.
type Release struct {
	Update
	Run     string    `json:"run,omitempty"` // in which it was tried
	Found   time.Time `json:"found"`
	Outcome string    `json:"outcome"` // one of the constants below
	Reason  string    `json:"reason,omitempty"`
}

// What becomes of a newer release.
const (
	AsItIs   = "updates"   // the recipe builds it as it is: only version, address and hash change
	NoPatch  = "patch"     // a patch does not apply to it
	Breaks   = "fails"     // it fails to build, or its tests do, or a recipe that needs it keeps it from being built
	GoingOn  = "going on"  // its run goes on
	NotTried = "not tried" // the index did not tell enough, or its run ended before
)

// Run is a plan being carried out.
type Run struct {
	ID       string     `json:"id,omitempty"` // none where there was nothing to do
	Lane     string     `json:"lane"`
	State    string     `json:"state"` // running, passed, failed, canceled
	Select   []string   `json:"select"`
	Created  time.Time  `json:"created"`
	Finished *time.Time `json:"finished,omitempty"`
	Error    string     `json:"error,omitempty"` // why the run itself, not one of its builds, failed
	Fault    string     `json:"fault,omitempty"` // the fault.Kind of Error
	// Paused is nil for a run that is not; Limit is how many of its builds are asked for at a time, 0 for no limit.
	Paused  *Paused  `json:"paused,omitempty"`
	Limit   int      `json:"limit,omitempty"`
	Actions []Action `json:"actions,omitempty"`
}

// Paused is why nothing new of a run starts.
type Paused struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// Steering is what is wanted of a run. What is nil stays as it is.
type Steering struct {
	Pause  *bool  `json:"pause,omitempty"` // true: start nothing new; false: go on
	Limit  *int   `json:"limit,omitempty"` // builds at a time; 0 lifts the limit
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"` // of a pause
}

// Action is one recipe of a run.
type Action struct {
	Recipe   string   `json:"recipe"`
	Version  string   `json:"version"`
	Kind     string   `json:"kind"` // build, reuse, skip
	Reason   string   `json:"reason"`
	Needs    []string `json:"needs,omitempty"`
	Key      string   `json:"key,omitempty"`
	Wants    *Wants   `json:"wants,omitempty"` // in a plan: what must be known before Key can be
	Status   string   `json:"status"`          // planned, queued, running, passed, failed, skipped, cached, canceled
	Cause    string   `json:"cause,omitempty"` // why failed or skipped
	Fault    string   `json:"fault,omitempty"` // the fault.Kind, where the machinery failed and not the recipe
	Phase    string   `json:"phase,omitempty"`
	Worker   string   `json:"worker,omitempty"`
	Attempt  int      `json:"attempt,omitempty"`
	Seconds  float64  `json:"seconds,omitempty"` // wall of the build and its test
	Class    string   `json:"class,omitempty"`   // of a build: where it is, or was, built
	Outgrew  []string `json:"outgrew,omitempty"` // the classes in which it ran out of memory before
	Joined   string   `json:"joined,omitempty"`  // the run whose build of the same key it waits for, or has waited for
	Turn     *Turn    `json:"turn,omitempty"`    // in a plan: what decides when a build is tried
	Artifact string   `json:"artifact,omitempty"`
	Digest   string   `json:"digest,omitempty"`
	Size     int64    `json:"size_bytes,omitempty"`
	Warnings int      `json:"audit_warnings,omitempty"`
	Tests    *Tests   `json:"tests,omitempty"`
	// Reproduced is what a second build gave: "same" or "different"; empty for what was built once.
	Reproduced string `json:"reproduced,omitempty"`
}

// Turn is what decides when a build is tried among those that are ready: the one with the longest critical path first, then
// the one for which most others wait.
type Turn struct {
	Seconds     float64 `json:"seconds"`           // that it should take
	Guessed     bool    `json:"guessed,omitempty"` // it was never built: as long as others of its kind
	Critical    float64 `json:"critical_seconds"`  // with the longest chain of builds that wait for it
	Dependents  int     `json:"dependents"`        // builds that wait for it, by whatever way
	ClassReason string  `json:"class_reason,omitempty"`
}

// Wants is what a key depends on and that only the run finds out.
type Wants struct {
	Lock  bool     `json:"lock,omitempty"`  // the build requirements are to be locked
	Hosts []string `json:"hosts,omitempty"` // recipes that are built before, whose output enters the key
}

// Tests counts what a runtime said.
type Tests struct {
	Imports int `json:"imports"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	// Expected failures are those that the recipe announces; Notes, how much of a test is no failure, and should be looked at.
	Expected int `json:"expected_failures,omitempty"`
	Notes    int `json:"notes,omitempty"`
	// Runtimes are where was tested; the numbers are those of all together.
	Runtimes []string `json:"runtimes,omitempty"`
	// NativeOnly is how many tests pass under the machine's own CPython and not in the runtime.
	NativeOnly int `json:"native_only,omitempty"`
}

// Attempt is one try of a build or of its test by a worker.
type Attempt struct {
	ID      string       `json:"id"` // unique; its containers carry it as a label
	Run     string       `json:"run"`
	Recipe  string       `json:"recipe"`
	Key     string       `json:"key,omitempty"` // empty before it is known
	Worker  string       `json:"worker"`
	Number  int          `json:"number"`          // counts from 1
	Log     string       `json:"log"`             // where it prints to, see AppendLog
	Grant   string       `json:"grant,omitempty"` // of the task
	Phase   record.Phase `json:"phase,omitempty"`
	Outcome string       `json:"outcome,omitempty"` // "" while it goes on
}

// Log is a part of a log.
type Log struct {
	Text   []byte `json:"text"`
	Offset int64  `json:"offset"` // where to read on
	Ended  bool   `json:"ended"`  // nothing will follow
}

// Toolchain is a toolchain that the farm knows.
type Toolchain struct {
	Name     string `json:"name"`
	Digest   string `json:"digest"`
	Platform string `json:"platform"`
	Target   string `json:"target"` // what the compiler calls what it compiles for
	Python   string `json:"python"` // 3.15: it decides, with the target, what packages require
	// Interpreter is the recipe that makes the target's Python; empty where the image has it.
	Interpreter string `json:"interpreter,omitempty"`
	Compiler    string `json:"compiler"`
	Size        int64  `json:"compressed_bytes"`
	Baked       bool   `json:"baked"` // the image is in the registry
	// Extensions are the toolchain's further images, each for the recipes that name one of its executables.
	Extensions []Extension `json:"extensions,omitempty"`
}

// Extension is a toolchain's image with more in it.
type Extension struct {
	Name        string   `json:"name"`
	Executables []string `json:"executables,omitempty"` // for recipes that need one of them
	Runtime     string   `json:"runtime,omitempty"`     // for tests in it
	Digest      string   `json:"digest"`                // empty: nobody has baked it yet
	Size        int64    `json:"compressed_bytes"`
	Baked       bool     `json:"baked"` // the image is in the registry
}

// Schedule is a run that starts by itself.
type Schedule struct {
	Name   string     `json:"name"`
	Cron   string     `json:"cron"` // five fields, UTC
	Run    RunRequest `json:"run,omitzero"`
	Paused bool       `json:"paused"`
	Next   *time.Time `json:"next,omitempty"`
	Last   *time.Time `json:"last,omitempty"`
}

// ChangedSchedule is what a change has come to.
type ChangedSchedule struct {
	Run string `json:"run,omitempty"` // that was started; it is known as soon as it is being planned
}

// ScheduleChange is one of the constants below.
type ScheduleChange string

// What can be done with a schedule.
const (
	Trigger ScheduleChange = "trigger"
	Pause   ScheduleChange = "pause"
	Resume  ScheduleChange = "resume"
	Remove  ScheduleChange = "remove"
)
