package api

import "time"

// Collect asks for garbage to be collected.
type Collect struct {
	Keep      int   `json:"keep"`               // how many good builds of each recipe on each toolchain stay
	OlderThan int64 `json:"older_than_seconds"` // what was built or reused since then stays
	DryRun    bool  `json:"dry_run,omitempty"`  // only say what would go
	// What runs and attempts that ended longer ago did, and what was written into the journal before, is forgotten; 0 is nothing.
	RunsOlderThan    int64 `json:"runs_older_than_seconds,omitempty"`
	JournalOlderThan int64 `json:"journal_older_than_seconds,omitempty"`
}

// Collected is what a collection came to.
type Collected struct {
	DryRun  bool             `json:"dry_run"`
	Removed []ForgottenBuild `json:"removed"` // the last used first
	// Kept counts the builds that stay by what keeps them: published, pinned, in-flight, newest, last-good, recent.
	Kept       map[string]int `json:"kept"`
	Tags       int            `json:"removed_tags"` // names in the registry
	Blobs      int            `json:"removed_blobs"`
	FreedBytes int64          `json:"freed_bytes"`
	KeptBytes  int64          `json:"kept_bytes"` // of all that the farm keeps, without images
	// Runs, Attempts and Entries (of the journal) are how many were forgotten.
	Runs     int `json:"forgotten_runs"`
	Attempts int `json:"forgotten_attempts"`
	Entries  int `json:"forgotten_entries"`
	// Registry is the address of one that is not the farm's own. It frees the bytes itself; the numbers of blobs and bytes are 0.
	Registry string `json:"registry,omitempty"`
}

// ForgottenBuild is a build that the farm no longer has.
type ForgottenBuild struct {
	Recipe    string    `json:"recipe"`
	Version   string    `json:"version"`
	Toolchain string    `json:"toolchain"`
	Key       string    `json:"key"`
	Outcome   string    `json:"outcome"`
	Used      time.Time `json:"used"` // when it was last built or reused
}

// Pin is what keeps builds from being collected.
type Pin struct {
	Name    string    `json:"name"` // a key, or a recipe
	Created time.Time `json:"created"`
}
