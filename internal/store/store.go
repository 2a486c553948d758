// Package store keeps what the farm must not lose: content in an OCI registry (Blobs; an embedded Registry unless an
// address of another is given) and facts in a database (DB; SQLite, or PostgreSQL at an address). Content is addressed by digest and verified when
// it is read; facts point at it and are written in transactions.
//
// It is not a cache of anything: what can be fetched or computed again (sources, environments, downloaded images) lives
// in the folders of those who made it. The orchestrator owns the database and the embedded registry; workers reach the
// registry over HTTP only.
//
// Errors carry a kind of package fault: Exhausted for a full disk, Unavailable for a registry or database that does
// not answer, Conflict for a write that contradicts what is kept.
package store

import (
	"slices"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// supersedes decides what a second record under one key means. A key stands for all inputs, so two passed builds must
// have made the same bytes; anything else is a Conflict that names both. A passed build is not given up for a
// failed one, but for its own second build that came out otherwise, while a failed build makes room for whatever a retry brought.
func supersedes(old, now *record.Build) (bool, error) {
	if old.Outcome != record.Passed {
		return true, nil
	}
	if now.Outcome != record.Passed {
		// A second build of this very one has come out otherwise, and nothing was known of that.
		return old.Reproduction == nil && now.Failure != nil && now.Failure.Kind == record.NotReproducible && slices.EqualFunc(old.Artifacts, now.Artifacts, func(a, b record.Artifact) bool {
			return a.Filename == b.Filename && a.Digest == b.Digest
		}), nil
	}
	if r := old.Reproduction; r != nil && !r.Same {
		return false, nil // that it gives now this, now that, is known and was tolerated
	}
	had := map[string]record.Digest{}
	for _, a := range old.Artifacts {
		had[a.Filename] = a.Digest
	}
	for _, a := range now.Artifacts {
		if had[a.Filename] != a.Digest {
			was := "no such file"
			if d := had[a.Filename]; d != "" {
				was = string(d)
			}
			return false, fault.Errorf(fault.Conflict, "%s %s is not reproducible: key %s gave %s before and %s as %s now",
				now.Recipe, now.Version, now.Key, was, a.Filename, a.Digest)
		}
	}
	if len(had) != len(now.Artifacts) {
		return false, fault.Errorf(fault.Conflict, "%s %s is not reproducible: key %s gave %d files before and %d now",
			now.Recipe, now.Version, now.Key, len(had), len(now.Artifacts))
	}
	// A record that says that the build was made twice says more.
	return old.Reproduction == nil && now.Reproduction != nil && now.Reproduction.Same, nil
}
