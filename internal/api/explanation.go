package api

import (
	"time"

	"github.com/wasmill/wasmill/internal/plan"
)

// Explanation answers why a recipe of a run is built, reused or skipped, and why it is not done yet.
type Explanation struct {
	Run     string `json:"run"`
	Lane    string `json:"lane"`
	State   string `json:"state"` // of the run
	Recipe  string `json:"recipe"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	Status  string `json:"status"`
	Key     string `json:"key,omitempty"`
	// Why says why the plan wants this, and Now where it stands and what it waits for. Both are for people; the rest is what
	// they are made of.
	Why string `json:"why"`
	Now string `json:"now"`
	// Changes are the fields of the key that are not what they were in Last.
	Changes []plan.Change `json:"changes,omitempty"`
	Last    *PastBuild    `json:"last,omitempty"`
	// Built is the build that stands where nothing was built.
	Built *PastBuild `json:"built,omitempty"`
	// Root is the recipe of this run at the beginning of a skip.
	Root *Standing `json:"root,omitempty"`
	// Wait is nil for what has ended and for what is running.
	Wait *Wait `json:"wait,omitempty"`
	// Stuck says what keeps it from going on until somebody does something, and what: no worker takes it, or the run is paused.
	Stuck string `json:"stuck,omitempty"`
	// Ends is an estimate of when what is running will have ended, in seconds.
	Ends *float64 `json:"ends_in_seconds,omitempty"`
}

// PastBuild is a build that came before.
type PastBuild struct {
	Key      string    `json:"key"`
	Version  string    `json:"version"`
	Outcome  string    `json:"outcome"`
	Run      string    `json:"run,omitempty"`    // that built it; empty where no run remembers
	Reason   string    `json:"reason,omitempty"` // why it was built
	Finished time.Time `json:"finished"`
}

// What an action waits for.
const (
	WaitNeeds  = "needs"  // for recipes that it needs
	WaitTurn   = "turn"   // for the run to ask for its build
	WaitSlot   = "slot"   // for a worker's slot of its class
	WaitWorker = "worker" // for a worker that serves its class
	WaitBuild  = "build"  // for another run's build of the same key
	WaitPause  = "pause"  // for somebody to resume the run
	WaitLimit  = "limit"  // for a build of its own run to end: the run has as many as it may
)

// Wait is why a recipe is not being built yet.
type Wait struct {
	For   string     `json:"for"` // one of the constants above
	Class string     `json:"class"`
	Slots int        `json:"slots"` // of this class, on the workers that live
	Since *time.Time `json:"since,omitempty"`
	// Needs are the recipes that it needs and that have not ended.
	Needs []Standing `json:"needs,omitempty"`
	// Running are what has the slots of its class, or the other run's build.
	Running []Standing `json:"running,omitempty"`
	// Ahead is how many builds wait for a slot before it, in all runs; Before are the first of them.
	Ahead  int        `json:"ahead"`
	Before []Standing `json:"before,omitempty"`
	// Starts is an estimate in seconds; nil where nobody can tell. Guessed counts the builds on which it rests that were
	// never built before.
	Starts  *float64 `json:"starts_in_seconds,omitempty"`
	Guessed int      `json:"guessed,omitempty"`
}

// Standing is where a recipe of a run stands.
type Standing struct {
	Run     string  `json:"run"`
	Lane    string  `json:"lane"`
	Recipe  string  `json:"recipe"`
	Status  string  `json:"status"`
	Phase   string  `json:"phase,omitempty"`
	Worker  string  `json:"worker,omitempty"`
	Cause   string  `json:"cause,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`       // that it has been running
	Usual   float64 `json:"usual_seconds,omitempty"` // that it took the last time
}
