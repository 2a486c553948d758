// Package lockfile keeps processes on one machine, and goroutines of one, from doing the same at the same time. The caches of downloads and
// of environments use it; who owns a data folder, which nobody waits for, is datadir's to say.
package lockfile

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// again is how often a lock that somebody has is tried.
const again = 20 * time.Millisecond

// Lock waits for the lock of a file, which is made where it is missing, or until ctx ends: who has it may take minutes. The lock ends
// with its process. The file stays: removing it would let two hold it.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(&os.PathError{Op: "locking", Path: path, Err: err}, f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-tick.C:
		}
	}
}
