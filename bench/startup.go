package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/recipe"
)

// Targets of the farm as a whole.
const (
	noOpLimit   = 1.0       // seconds
	startLimit  = 3.0       // seconds
	upLimit     = 500 << 20 // bytes
	workerLimit = 100 << 20 // bytes
)

// settle is how long a process is left alone before its memory is looked at.
const settle = 15 * time.Second

// noOp is a build of everything that was built before. The farm may be up, or in the command's own process.
func (b *bench) noOp(ctx context.Context, data, name string) error {
	var s samples
	for range b.times() {
		begin := time.Now()
		run, err := b.wasmill(ctx, data, b.measured()...)
		if err != nil {
			return err
		}
		s = append(s, time.Since(begin).Seconds())
		for _, act := range run.Actions {
			if act.Status != "cached" {
				return fmt.Errorf("building nothing: %s is not cached but %s: %s", act.Recipe, act.Status, act.Reason)
			}
		}
	}
	b.add(newMeasure(name, "s", noOpLimit, s))
	return nil
}

// startup is the way from an empty data folder to a farm in which a worker has taken a build.
func (b *bench) startup(ctx context.Context) error {
	var answers, active samples
	for n := range b.times() {
		data, err := b.fresh(fmt.Sprintf("start-%d", n))
		if err != nil {
			return err
		}
		begin := time.Now()
		f, err := b.start("wasmill", data, append([]string{"up", "--slots", "1"}, anywhere...)...)
		if err != nil {
			return err
		}
		err = f.answers(ctx, data)
		answers = append(answers, time.Since(begin).Seconds())
		if err == nil {
			err = b.firstActivity(ctx, f)
			active = append(active, time.Since(begin).Seconds())
		}
		if err := errors.Join(err, f.stop()); err != nil {
			return err
		}
	}
	b.add(newMeasure("start of the farm to its first answer", "s", 0, answers))
	b.add(newMeasure("start of the farm to its first activity", "s", startLimit, active))
	return nil
}

// firstActivity asks for a run as soon as the farm takes it, and waits until a worker is at it.
func (b *bench) firstActivity(ctx context.Context, f *farm) error {
	var packed bytes.Buffer
	if err := recipe.Pack(&packed, b.chosen[:1]); err != nil {
		return err
	}
	blob, err := f.PutBlob(ctx, &packed)
	if err != nil {
		return err
	}
	run, err := f.StartRun(ctx, api.RunRequest{Recipes: blob.Digest, Select: []string{b.chosen[0].Name}, Toolchain: b.toolchain, Lane: "interactive"})
	if err != nil {
		return err
	}
	err = f.until(ctx, "begins with a build", func() bool {
		now, err := f.Run(ctx, run.ID)
		return err == nil && len(now.Actions) > 0 && now.Actions[0].Phase != ""
	})
	return errors.Join(err, f.CancelRun(ctx, run.ID))
}

// idle looks at the memory of a farm that does nothing, and of a worker that is a process of its own.
func (b *bench) idle(ctx context.Context) error {
	data, err := b.fresh("idle-up")
	if err != nil {
		return err
	}
	f, err := b.up(ctx, data)
	if err != nil {
		return err
	}
	err = b.resident(ctx, f, "memory of an idle `wasmill up`", upLimit)
	if err := errors.Join(err, f.stop()); err != nil {
		return err
	}
	return b.lone(ctx)
}

func (b *bench) lone(ctx context.Context) error {
	data, err := b.fresh("idle-orchestrator")
	if err != nil {
		return err
	}
	o, err := b.start("orchestrator", data, anywhere...)
	if err != nil {
		return err
	}
	if err := o.answers(ctx, data); err != nil {
		return errors.Join(err, o.stop())
	}
	err = func() error {
		empty := filepath.Join(b.scratch, "idle-worker")
		if err := os.Mkdir(empty, 0o755); err != nil {
			return err
		}
		w, err := b.start("worker", empty, "--orchestrator", o.url)
		if err != nil {
			return err
		}
		err = o.until(ctx, "has a worker", func() bool {
			workers, err := o.Workers(ctx)
			return err == nil && len(workers) > 0
		})
		if err == nil {
			err = b.resident(ctx, w, "memory of an idle worker alone", workerLimit)
		}
		return errors.Join(err, w.stop())
	}()
	return errors.Join(err, o.stop())
}

func (b *bench) resident(ctx context.Context, f *farm, name string, limit float64) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settle):
	}
	n, err := memory(f.cmd.Process.Pid)
	if err != nil {
		return err
	}
	b.add(newMeasure(name, "bytes", limit, samples{float64(n)}))
	return nil
}
