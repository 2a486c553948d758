// Package plan decides what a run does, and says why. From the recipes, the toolchain and what is remembered of
// earlier builds, Make derives one action per recipe: build it, reuse a build that had the same inputs, or skip it.
// The package is pure: no files, no network, no clock. What `wasmill plan` prints is what a run carries out.
//
// The same inputs give the same Key. A key that depends on what the run has yet to find out (the output of a host
// dependency that is built first, build requirements that are not locked yet) stays empty in the plan; Action.Complete
// derives it when the time has come, and an output that came out unchanged then stops the rebuilding there.
package plan

import (
	"time"

	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// Request is all that a plan depends on.
type Request struct {
	// Recipes are those selected and all that they need, in any order.
	Recipes   []Recipe
	Toolchain Toolchain
	Builder   Builder
	// Env holds the variables of the worker's environment that builds are allowed to see. Nearly always empty: the
	// toolchain's own environment is part of its image.
	Env     map[string]string
	History History
	// Quarantine are the recipes that are not to be built for now.
	Quarantine map[string]Quarantine
	Options    Options
}

// Recipe is a recipe as far as a plan is concerned. Recipes name each other by Name.
type Recipe struct {
	Name     string
	Version  string
	Disabled bool
	// Parts cover everything that the recipe's own files say about the build, patches excepted, and nothing that they
	// say about scheduling.
	Parts   []Input
	Sources []Input // the archive has no name: its file's name changes with each version
	Patches []Input // in the order in which they are applied
	// Tests covers what is tested and how.
	Tests record.Digest
	// Host and Run are the names of recipes: all whose outputs the build uses (recipe.Set.Hosts), and what the wheel needs
	// when it is imported.
	Host []string
	Run  []string
	// Pins are requirements of the build environment beyond what the source and the recipe state: native copies of what is
	// compiled against, and programs.
	Pins []string
	// NoRequirements: the build has no environment to lock, as for a ready wheel that is only hosted again.
	NoRequirements bool
	// ExcludeNewer overrides the toolchain's day for locking build requirements. Zero means it does not.
	ExcludeNewer time.Time
	// Tolerated says that two builds of the recipe may differ: a build that failed for that alone does not stand.
	Tolerated bool
	// Kind is what recipes are alike in that take about as long (see FromSet), and Class the class that the recipe asks for;
	// empty: none. Neither is part of a key.
	Kind  string
	Class recipe.Class
	// Image is what builds this recipe where that is not the toolchain's own image but one of its extensions; Browser, what
	// its wheel is tested in beside the toolchain's runtime.
	Image, Browser record.Digest
}

// image is the digest of what builds a recipe.
func (t Toolchain) image(r Recipe) record.Digest {
	if r.Image != "" {
		return r.Image
	}
	return t.Digest
}

// Input is something with a name and content.
type Input struct {
	Name   string        `json:"name,omitempty"`
	Digest record.Digest `json:"digest"`
}

// Toolchain is the toolchain that the plan is for.
type Toolchain struct {
	Name         string        `json:"name"`
	Digest       record.Digest `json:"digest"` // of the image that builds
	ExcludeNewer time.Time     `json:"exclude_newer"`
}

// Builder is the program that drives a build inside the container. A new version may do the same steps otherwise.
type Builder struct {
	Version string        `json:"version"`
	Digest  record.Digest `json:"digest"`
}

// Options are what the one who asks for a run may choose.
type Options struct {
	NoCache     bool // build even what was built before
	RetryFailed bool // build what failed before with the same inputs
}

// Question is what a plan has to know of earlier builds and locks: of a farm of ten thousand recipes, a plan for one needs
// hardly anything.
type Question struct {
	Toolchain string   // by name
	Recipes   []string // by name
	Locks     []string // by LockKey
}

// Question is what the request's History must answer.
func (r *Request) Question() Question {
	q := Question{Toolchain: r.Toolchain.Name}
	for i := range r.Recipes {
		q.Recipes = append(q.Recipes, r.Recipes[i].Name)
		if key := LockKey(r.Recipes[i], r.Toolchain); key != "" {
			q.Locks = append(q.Locks, key)
		}
	}
	return q
}

// History is what is remembered of earlier builds and locks. Maps may be nil.
type History struct {
	// Builds are the builds by key. Their Inputs are not looked at.
	Builds map[string]Build
	// Last is the newest build of each recipe, by its name, on any image of the same toolchain.
	Last map[string]Build
	// Locks are the digests of locked build requirements by LockKey.
	Locks map[string]record.Digest
	// Good is the newest build that passed of each recipe whose Last did not. Its Inputs are not looked at.
	Good map[string]Build
	// Costs are what builds of a recipe have taken, by its name, on any toolchain.
	Costs map[string]Cost
	// Usual is how many seconds a build of the farm takes, the median of its newest; 0 where it has built nothing.
	Usual float64
}

// Build is an earlier build.
type Build struct {
	Key     string         `json:"key"`
	Outcome record.Outcome `json:"outcome"`
	Failure string         `json:"failure,omitempty"` // why it failed, in one line
	Output  record.Digest  `json:"output,omitempty"`  // see Output
	Inputs  Inputs         `json:"inputs,omitzero"`
}

// Kind is what an action does.
type Kind string

// The kinds of actions.
const (
	KindBuild Kind = "build"
	KindReuse Kind = "reuse" // the outcome of an earlier build with the same inputs stands, a failure too
	KindSkip  Kind = "skip"  // not tried, because the recipe or something it needs can't be had
)

// Action is what is to be done about one recipe.
type Action struct {
	Recipe  string `json:"recipe"`
	Version string `json:"version"`
	Kind    Kind   `json:"kind"`
	Reason  string `json:"reason"`
	// Cause is the recipe at the root of a skip.
	Cause string `json:"cause,omitempty"`
	// Key is empty while it depends on Wants.
	Key string `json:"key,omitempty"`
	// Needs are the recipes of the plan that must be done before: host and run dependencies, sorted.
	Needs []string `json:"needs,omitempty"`
	// Wants says what must be known before Key can be.
	Wants Wants `json:"wants,omitzero"`
	// Last is the key of the build with which the reason of a build compares; empty where there was none.
	Last string `json:"last,omitempty"`
	// Reused is the build that a reuse stands on.
	Reused *Build `json:"reused,omitempty"`
	// Inputs are what the key is made of, as far as it is known.
	Inputs Inputs `json:"inputs,omitzero"`
	// LockKey is under which the locked build requirements are, or are to be, kept. Empty: there are none.
	LockKey string `json:"lock_key,omitempty"`
	// Quarantined: it would be built, or fails as it did before, and is in quarantine.
	Quarantined bool `json:"quarantined,omitempty"`

	// What follows says when and where a build is tried. Seconds is how long it is taken to need, Guessed if the recipe was
	// never built; Critical how long it and the longest chain of builds that wait for it do; Dependents how many builds wait
	// for it, by whatever way.
	Seconds    float64 `json:"seconds,omitempty"`
	Guessed    bool    `json:"guessed,omitempty"`
	Critical   float64 `json:"critical_seconds,omitempty"`
	Dependents int     `json:"dependents,omitempty"`
	// Class is where it is built, ClassReason why there; empty where it is small because nothing says otherwise.
	Class       recipe.Class `json:"class,omitempty"`
	ClassReason string       `json:"class_reason,omitempty"`
}

// Wants is what a key still lacks.
type Wants struct {
	Lock  bool     `json:"lock,omitempty"`  // the build requirements are not locked yet
	Hosts []string `json:"hosts,omitempty"` // host dependencies whose output is not known yet, sorted
}

// Plan is what a run carries out. Actions are in the order in which they are tried as far as they are ready, which is one in
// which they can be done: see rank.
type Plan struct {
	Toolchain Toolchain `json:"toolchain"`
	Builder   Builder   `json:"builder"`
	Actions   []Action  `json:"actions"`
}

// Count says how many actions are of each kind.
func (p *Plan) Count() map[Kind]int {
	n := map[Kind]int{}
	for _, a := range p.Actions {
		n[a.Kind]++
	}
	return n
}
