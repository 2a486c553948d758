package store

import (
	"context"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// Garbage decides which builds are forgotten.
type Garbage interface {
	// Pin keeps a build, by its key, or all builds of a recipe, by its name, until Unpin. What is pinned stays pinned.
	Pin(ctx context.Context, name string, at time.Time) error
	// Unpin is fault.NotFound for what is not pinned.
	Unpin(ctx context.Context, name string) error
	// Pins lists what is pinned, by name.
	Pins(ctx context.Context) ([]Pin, error)
	// Collect forgets all builds that nothing keeps, and says what keeps the others.
	Collect(ctx context.Context, p Policy) (Collected, error)
}

// Pin is a name that keeps builds.
type Pin struct {
	Name    string // a key or a recipe
	Created time.Time
}

// Policy says which builds stay although nothing points at them.
type Policy struct {
	Keep   int       // how many good builds of each recipe on each toolchain
	Before time.Time // what was built or reused later stays
	Runs   []string  // runs in flight: what they name stays, and all that was built or reused since the first of them began
	Dry    bool      // forget nothing
	// Runs that ended before RunsBefore are forgotten, with the attempts of before, but for what tells where a build was made that is
	// remembered. What was written into the journal before JournalBefore goes. A zero time forgets none.
	RunsBefore, JournalBefore time.Time
}

// Root is what keeps a build.
type Root string

// The roots. A build that several keep is said to be kept by the first of them.
const (
	Published Root = "published"
	Pinned    Root = "pinned"
	InFlight  Root = "in-flight"
	Unseen    Root = "unseen" // two builds differ, and nobody has looked; the newest of its recipe and toolchain
	Newest    Root = "newest" // of its recipe on its toolchain, good or not: it answers why a recipe is built, and lets failures stand
	LastGood  Root = "last-good"
	Recent    Root = "recent"
)

// Collected is what a collection came to.
type Collected struct {
	Forgotten []Forgotten     // the last used first
	Kept      map[string]Root // by key
	// How many rows went: runs, their actions, attempts, entries of the journal.
	Runs, Actions, Attempts, Entries int
}

// Forgotten is a build that is no longer remembered.
type Forgotten struct {
	Key, Recipe, Version, Toolchain string
	Outcome                         record.Outcome
	Used                            time.Time
}
