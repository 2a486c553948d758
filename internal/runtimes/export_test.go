package runtimes

import (
	"testing"
	"time"
)

// SetSnapshotTime is for a test that waits for it to be over.
func SetSnapshotTime(t *testing.T, d time.Duration) {
	was := snapshotTime
	snapshotTime = d
	t.Cleanup(func() { snapshotTime = was })
}
