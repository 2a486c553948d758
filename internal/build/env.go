package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/lockfile"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// env is the folder with the native environment of a lock. It is made once for all builds on this machine, aside, and
// appears whole: whoever sees the folder may use it.
func (a *attempt) env(ctx context.Context, lock *fetch.Lock) (string, error) {
	overlays, err := a.overlays(lock)
	if err != nil {
		return "", err
	}
	// The image is part of it: a venv links to the Python inside, and uv made it.
	name := a.job.Toolchain.Build + "\n" + lock.Digest()
	for _, o := range overlays {
		name += "\n" + o.id()
	}
	id := sha256.Sum256([]byte(name))
	dir := filepath.Join(a.Envs, hex.EncodeToString(id[:16]))
	if ready(dir) {
		used(dir)
		return dir, nil
	}
	a.clock.enter(record.PhaseEnv)
	if err := os.MkdirAll(a.Envs, 0o755); err != nil {
		return "", diskError(err)
	}
	unlock, err := lockfile.Lock(ctx, dir+".lock")
	if err != nil {
		return "", fmt.Errorf("waiting for the native environment: %w", diskError(err))
	}
	defer unlock()
	used(dir)
	if ready(dir) {
		return dir, nil
	}
	a.log.sayf("environment: %d packages", len(lock.Packages))
	if err := a.makeEnv(ctx, lock, overlays, dir); err != nil {
		return "", fmt.Errorf("making the native environment: %w", err)
	}
	return dir, nil
}

// used notes when an environment was last used, at its lock: the folder may be another user's. Who makes room goes by
// it; where it can't be noted, the environment only goes too early.
func used(dir string) {
	now := time.Now()
	_ = os.Chtimes(dir+".lock", now, now)
}

func ready(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

func (a *attempt) makeEnv(ctx context.Context, lock *fetch.Lock, overlays []overlay, dir string) error {
	aside, err := os.MkdirTemp(a.Envs, ".making-")
	if err != nil {
		return diskError(err)
	}
	defer removeAll(aside)
	wheels, env, work := filepath.Join(aside, "wheels"), filepath.Join(aside, "env"), filepath.Join(aside, "work")
	for _, d := range []string{wheels, env, filepath.Join(work, "home")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return diskError(err)
		}
	}
	if err := a.fetchWheels(ctx, lock, wheels); err != nil {
		return fetchFailure(record.PhaseEnv, err)
	}
	var text strings.Builder
	for _, p := range lock.Packages {
		fmt.Fprintf(&text, "%s==%s --hash=sha256:%s\n", p.Name, p.Version, p.SHA256)
	}
	if err := os.WriteFile(inside(work, job.Lock), []byte(text.String()), 0o644); err != nil {
		return diskError(err)
	}
	if err := errors.Join(own(env), os.Chmod(aside, 0o755)); err != nil {
		return err
	}
	result, err := a.container(ctx, work, job.Job{Kind: job.MakeEnv},
		engine.Mount{Source: wheels, Target: job.Wheels}, engine.Mount{Source: env, Target: job.Env, Writable: true})
	if err != nil {
		return err
	}
	if result.Failure != nil {
		f := *result.Failure
		f.Detail = a.log.diagnosis().detail()
		return &failed{f}
	}
	for _, o := range overlays {
		a.log.sayf("laying %d files of %s over its native copy", len(o.files), o.from.Filename)
		if err := o.apply(env, a.job.Toolchain.Facts.Python); err != nil {
			return err
		}
	}
	return os.Rename(env, dir)
}

// fetchWheels puts the lock's wheels into one folder, under their names.
func (a *attempt) fetchWheels(ctx context.Context, lock *fetch.Lock, dir string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, p := range lock.Packages {
		group.Go(func() error {
			path, err := a.Fetcher.Get(ctx, fetch.Source{URL: p.URL, SHA256: p.SHA256, Package: p.Name})
			if err != nil {
				return err
			}
			to := filepath.Join(dir, filepath.Base(p.File))
			if os.Link(path, to) == nil {
				return nil
			}
			return copyFile(path, to, 0o644) // another disk
		})
	}
	return group.Wait()
}
