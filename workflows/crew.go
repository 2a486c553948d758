package workflows

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/wasmill/wasmill/internal/fault"
)

// Crew is a set of running Temporal workers, one for each task queue that this process serves. A crew of a worker can
// rest: it takes nothing new, while what it has goes on.
type Crew struct {
	recruit func() []worker.Worker // makes the workers; one that was stopped does not start again
	failed  chan error
	drain   time.Duration
	slots   map[Class]chan struct{} // taken by running attempts: who works again after a rest may still have some of before

	ending   context.Context // ends when the drain time is over: what still runs is given up
	giveUp   context.CancelFunc
	attempts sync.WaitGroup // running ones of a worker

	mu      sync.Mutex
	workers []worker.Worker
	rested  chan struct{} // of the last rest: closed when all that the crew had has ended; nil before the first
	stopped bool
}

func newCrew(recruit func(*Crew) []worker.Worker) *Crew {
	c := &Crew{failed: make(chan error, 1)}
	c.recruit = func() []worker.Worker { return recruit(c) }
	c.ending, c.giveUp = context.WithCancel(context.Background())
	return c
}

// StartFarm serves workflows and the farm's activities.
func StartFarm(c client.Client, farm FarmActivities) (*Crew, error) {
	crew := newCrew(func(crew *Crew) []worker.Worker {
		w := worker.New(c, FarmQueue, worker.Options{
			WorkerStopTimeout:            10 * time.Second,
			StickyScheduleToStartTimeout: time.Second, // else, after a restart, each workflow waits 5 s for the process that is gone
			MaxHeartbeatThrottleInterval: time.Second,
			OnFatalError:                 crew.fatal,
		})
		RegisterFarm(w, c, farm)
		return []worker.Worker{w}
	})
	return crew, crew.Work()
}

// WorkerOptions says what a worker takes on.
type WorkerOptions struct {
	Name  string        // unique in the farm; shown in Describe. Empty: process and host
	Slots map[Class]int // how many builds at a time of each class; a class without slots is not served
	Drain time.Duration // how long Stop lets running builds go on
	Rest  bool          // begin with a rest
}

// asLong is more than any build takes: how long what runs may go on is the crew's to say, which can rest without a limit.
const asLong = 365 * 24 * time.Hour

// StartWorker serves the classes that have slots.
func StartWorker(c client.Client, impl WorkerActivities, opts WorkerOptions) (*Crew, error) {
	crew := newCrew(func(crew *Crew) (workers []worker.Worker) {
		for _, class := range []Class{Small, Medium, Large} {
			slots := opts.Slots[class]
			if slots == 0 {
				continue
			}
			w := worker.New(c, class.Queue(), worker.Options{
				Identity:                           opts.Name,
				DisableWorkflowWorker:              true,
				DisableEagerActivities:             true,
				MaxConcurrentActivityExecutionSize: slots,
				MaxConcurrentActivityTaskPollers:   min(slots, 2),
				MaxHeartbeatThrottleInterval:       time.Second,
				WorkerStopTimeout:                  asLong,
				OnFatalError:                       crew.fatal,
			})
			RegisterWorker(w, attended{impl, crew, class})
			workers = append(workers, w)
		}
		return workers
	})
	crew.drain, crew.slots = opts.Drain, map[Class]chan struct{}{}
	for class, n := range opts.Slots {
		if n > 0 {
			crew.slots[class] = make(chan struct{}, n)
		}
	}
	if len(crew.slots) == 0 {
		return nil, fault.Errorf(fault.Invalid, "starting a worker: it has no slots")
	}
	if opts.Rest {
		crew.Rest()
		return crew, nil
	}
	return crew, crew.Work()
}

// Work takes new work, also after a rest. For a crew that works already nothing changes, and one that was stopped stays so.
func (c *Crew) Work() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || len(c.workers) > 0 {
		return nil
	}
	for _, w := range c.recruit() {
		if err := w.Start(); err != nil {
			c.dismiss()
			return fault.Errorf(fault.Unavailable, "connecting to Temporal: %w", err)
		}
		c.workers = append(c.workers, w)
	}
	return nil
}

// Rest takes nothing new and returns at once. What runs goes on without a limit; when it has ended, the channel is closed.
func (c *Crew) Rest() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rested == nil || len(c.workers) > 0 {
		c.dismiss()
	}
	return c.rested
}

// dismiss lets the workers of now end by themselves.
func (c *Crew) dismiss() {
	var leaving sync.WaitGroup
	for _, w := range c.workers {
		leaving.Go(w.Stop)
	}
	before, rested := c.rested, make(chan struct{})
	c.workers, c.rested = nil, rested
	go func() {
		leaving.Wait()
		if before != nil { // what ran then may still run
			<-before
		}
		close(rested)
	}()
}

// Failed gives the error after which the crew can't go on, e.g. a namespace that is gone.
func (c *Crew) Failed() <-chan error { return c.failed }

func (c *Crew) fatal(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// GiveUp cancels what runs, for another worker to try again.
func (c *Crew) GiveUp() { c.giveUp() }

// lastWords is how long a crew that stops tries to tell Temporal of what it has given up.
const lastWords = 10 * time.Second

// Stop takes nothing new, lets what runs go on for the drain time, then cancels it, for another worker to try again, and
// waits until it has ended.
func (c *Crew) Stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	rested := c.Rest()
	within(rested, c.drain)
	c.giveUp()
	c.attempts.Wait()
	within(rested, lastWords)
}

func within(done <-chan struct{}, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// attended are the activities of a worker, each within a slot of its class and no longer than the crew lasts.
type attended struct {
	WorkerActivities
	crew  *Crew
	class Class
}

func (a attended) Build(ctx context.Context, task Task, attempt Attempt) (BuildResult, error) {
	return a.attend(ctx, func(ctx context.Context) (BuildResult, error) { return a.WorkerActivities.Build(ctx, task, attempt) })
}

func (a attended) Reproduce(ctx context.Context, task Task, attempt Attempt) (BuildResult, error) {
	return a.attend(ctx, func(ctx context.Context) (BuildResult, error) {
		return a.WorkerActivities.Reproduce(ctx, task, attempt)
	})
}

func (a attended) Test(ctx context.Context, task Task, attempt Attempt) (BuildResult, error) {
	return a.attend(ctx, func(ctx context.Context) (BuildResult, error) { return a.WorkerActivities.Test(ctx, task, attempt) })
}

func (a attended) attend(ctx context.Context, do func(context.Context) (BuildResult, error)) (result BuildResult, err error) {
	a.crew.attempts.Add(1)
	defer a.crew.attempts.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.crew.ending, cancel)()
	defer func() {
		if err != nil && a.crew.ending.Err() != nil {
			err = fault.Errorf(fault.Unavailable, "the worker stopped before the end: %s", err)
		}
	}()
	slot := a.crew.slots[a.class]
	select {
	case slot <- struct{}{}:
		defer func() { <-slot }()
	case <-ctx.Done():
		return result, ctx.Err()
	}
	return do(ctx)
}
