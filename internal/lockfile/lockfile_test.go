package lockfile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/lockfile"
)

// Many want the same, one at a time has it, and all get it.
func TestOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var inside, most atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			unlock, err := lockfile.Lock(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			if n := inside.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(5 * time.Millisecond)
			inside.Add(-1)
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d had it at the same time", most.Load())
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file: %v", err)
	}
}

// Who is canceled does not wait for it, and leaves it to the one who has it.
func TestWaitingEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockfile.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lockfile.Lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("somebody else has it: %v", err)
	}
	unlock()
	if unlock, err = lockfile.Lock(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	unlock()
	if _, err := lockfile.Lock(t.Context(), filepath.Join(path, "nowhere")); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is a file: %v", err)
	}
}
