package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"
)

// DefaultCache is how much environments and downloads may take together.
const DefaultCache = 20 << 30

// When the caches are looked at, and how long what was used stays in any case: others may use the same downloads, a
// bake for one.
const (
	sweepEvery = 10 * time.Minute
	sweepGrace = time.Hour
)

// sweepOften keeps the caches within their bound. It only works while this worker does nothing else, so nothing that
// a build in flight uses can go; what starts meanwhile waits for it.
func (w *Worker) sweepOften(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.sweep(now)
		}
	}
}

func (w *Worker) sweep(now time.Time) {
	if w.cfg.Cache <= 0 || !w.busy.TryLock() {
		return
	}
	defer w.busy.Unlock()
	freed, err := sweep([]string{w.cfg.Dir.Environments(), filepath.Join(w.cfg.Dir.Downloads(), "sha256")}, w.cfg.Cache, now.Add(-sweepGrace))
	if err != nil {
		w.cfg.Log.Warn("removing old environments and downloads", zap.Error(err))
	}
	if freed > 0 {
		w.cfg.Log.Info("removed old environments and downloads", zap.Int64("bytes", freed))
	}
}

// cached is an environment, a snapshot or a download.
type cached struct {
	path string
	used time.Time
	size int64
}

// sweep removes what was not used for longest from folders until what is in them is no more than limit, and nothing
// that was used since keep. What can't be read or removed stands in nobody's way: the rest is removed all the same.
func sweep(folders []string, limit int64, keep time.Time) (freed int64, err error) {
	var all []cached
	sum := int64(0)
	for _, folder := range folders {
		list, listErr := os.ReadDir(folder)
		if !errors.Is(listErr, fs.ErrNotExist) {
			err = errors.Join(err, listErr)
		}
		for _, e := range list {
			c, sizeErr := measure(filepath.Join(folder, e.Name()))
			err = errors.Join(err, sizeErr)
			// A lock's time is the last use of what it locks, and the lock itself must stay.
			if filepath.Ext(c.path) != ".lock" {
				all, sum = append(all, c), sum+c.size
			}
		}
	}
	slices.SortFunc(all, func(a, b cached) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path)) })
	for _, c := range all {
		if sum-freed <= limit || c.used.After(keep) {
			break
		}
		// Aside first: half an environment under its name would pass for a whole one after a crash.
		aside := filepath.Join(filepath.Dir(c.path), ".old-"+filepath.Base(c.path))
		if goneErr := errors.Join(os.Rename(c.path, aside), os.RemoveAll(aside)); goneErr != nil {
			err = errors.Join(err, goneErr)
			continue
		}
		freed += c.size
	}
	return freed, err
}

func measure(path string) (cached, error) {
	c := cached{path: path}
	info, err := os.Lstat(path)
	if err != nil {
		return c, fmt.Errorf("measuring the caches: %w", err)
	}
	c.used = info.ModTime()
	if lock, err := os.Stat(path + ".lock"); err == nil && lock.ModTime().After(c.used) {
		c.used = lock.ModTime()
	}
	err = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() {
			c.size += info.Size()
		}
		return err
	})
	if err != nil {
		return c, fmt.Errorf("measuring the caches: %w", err)
	}
	return c, nil
}
