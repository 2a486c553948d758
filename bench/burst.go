package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/recipe"
)

// submissions is how many come at once, submitters how many of them come at the same instant.
const submissions, submitters = 1000, 50

// burst measures how a farm takes a thousand submissions, of a recipe each, and counts that none of them is lost: not on the
// way in, and not when the orchestrator is killed while all of them wait for a worker.
func (b *bench) burst(ctx context.Context) (err error) {
	recipes, err := b.trivial("burst", submissions, "true")
	if err != nil {
		return err
	}
	o, err := b.mortal(ctx, "burst")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	begin := time.Now()
	ids := make([]string, len(recipes))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(submitters)
	for i, r := range recipes {
		group.Go(func() (err error) {
			ids[i], err = b.submit(inner, o.farm, []*recipe.Recipe{r})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("submitting %d recipes: %w", submissions, err)
	}
	accepted := time.Since(begin)
	b.say("%d submissions are accepted: %.1f s", submissions, accepted.Seconds())
	if err := o.allWait(ctx, ids); err != nil {
		return err
	}
	queued := time.Since(begin)
	b.say("all of them wait for a worker: %.1f s", queued.Seconds())

	killed := time.Now()
	o.kill()
	if err := o.start(ctx); err != nil {
		return err
	}
	if err := o.allWait(ctx, ids); err != nil {
		return fmt.Errorf("after the orchestrator was killed: %w", err)
	}
	back := time.Since(killed)

	begin = time.Now()
	for _, id := range ids {
		if err := o.CancelRun(ctx, id); err != nil {
			return err
		}
	}
	if err := o.patiently(ctx, "ends all runs that are canceled", func() bool {
		top, err := o.Top(ctx)
		return err == nil && len(top.Runs) == 0
	}); err != nil {
		return err
	}
	of := func(what string, took time.Duration) {
		b.add(newMeasure(fmt.Sprintf("%d submissions at once: %s", submissions, what), "s", 0, samples{took.Seconds()}))
	}
	of("until all are accepted", accepted)
	of("until all wait for a worker", queued)
	of("from a kill of the orchestrator until all wait again", back)
	of("until all are canceled", time.Since(begin))
	return nil
}

// patiently is until for what takes more than a few seconds on a busy machine.
func (d *daemon) patiently(ctx context.Context, what string, done func() bool) (err error) {
	for range 10 {
		if err = d.until(ctx, what, func() bool { time.Sleep(50 * time.Millisecond); return done() }); err == nil {
			return nil
		}
	}
	return err
}

// allWait waits until each of these runs goes on, and has its recipe in a queue.
func (d *daemon) allWait(ctx context.Context, ids []string) error {
	var waiting int
	err := d.patiently(ctx, "has all submissions in its queues", func() bool {
		top, err := d.Top(ctx)
		if err != nil {
			return false
		}
		waits := map[string]bool{}
		for _, r := range top.Runs {
			waits[r.ID] = r.Counts["queued"] == 1
		}
		waiting = 0
		for _, id := range ids {
			if waits[id] {
				waiting++
			}
		}
		return waiting == len(ids)
	})
	if err != nil {
		return fmt.Errorf("%d of %d submissions wait for a worker: %w", waiting, len(ids), err)
	}
	return nil
}
