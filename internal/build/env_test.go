package build

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// Two builds on a machine want the same environment: the second waits, unless it is canceled.
func TestWaitingForAnEnvironmentEndsWithTheBuild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := lockFile(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another has it: %v", err)
	}
	unlock()
	again, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatalf("when it is free: %v", err)
	}
	again()
}
