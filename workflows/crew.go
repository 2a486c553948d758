package workflows

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/wasmill/wasmill/internal/fault"
)

// Crew is a set of running Temporal workers, one for each task queue that this process serves.
type Crew struct {
	workers  []worker.Worker
	failed   chan error
	attempts sync.WaitGroup // running ones of a worker
}

// StartFarm serves workflows and the farm's activities.
func StartFarm(c client.Client, farm FarmActivities) (*Crew, error) {
	crew := &Crew{failed: make(chan error, 1)}
	w := worker.New(c, FarmQueue, worker.Options{
		WorkerStopTimeout:            10 * time.Second,
		StickyScheduleToStartTimeout: time.Second, // else, after a restart, each workflow waits 5 s for the process that is gone
		MaxHeartbeatThrottleInterval: time.Second,
		OnFatalError:                 crew.fatal,
	})
	RegisterFarm(w, c, farm)
	return crew.start(w)
}

// WorkerOptions says what a worker takes on.
type WorkerOptions struct {
	Name  string        // unique in the farm; shown in Describe. Empty: process and host
	Slots map[Class]int // how many builds at a time of each class; a class without slots is not served
	Drain time.Duration // how long Stop lets running builds go on
}

// StartWorker serves the classes that have slots.
func StartWorker(c client.Client, impl WorkerActivities, opts WorkerOptions) (*Crew, error) {
	crew := &Crew{failed: make(chan error, 1)}
	var workers []worker.Worker
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
			MaxHeartbeatThrottleInterval:       3 * time.Second,
			WorkerStopTimeout:                  opts.Drain,
			OnFatalError:                       crew.fatal,
		})
		RegisterWorker(w, counted{impl, &crew.attempts})
		workers = append(workers, w)
	}
	if len(workers) == 0 {
		return nil, fault.Errorf(fault.Invalid, "starting a worker: it has no slots")
	}
	return crew.start(workers...)
}

func (c *Crew) start(workers ...worker.Worker) (*Crew, error) {
	for _, w := range workers {
		if err := w.Start(); err != nil {
			c.Stop()
			return nil, fault.Errorf(fault.Unavailable, "connecting to Temporal: %w", err)
		}
		c.workers = append(c.workers, w)
	}
	return c, nil
}

// Failed gives the error after which the crew can't go on, e.g. a namespace that is gone.
func (c *Crew) Failed() <-chan error { return c.failed }

func (c *Crew) fatal(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// Stop takes nothing new, lets what runs go on for the drain time, then cancels it, for another worker to try again, and
// waits until it has ended.
func (c *Crew) Stop() {
	var wg sync.WaitGroup
	for _, w := range c.workers {
		wg.Go(w.Stop)
	}
	wg.Wait()
	c.attempts.Wait() // the SDK cancels what runs, but does not wait: containers would outlive the process
}

// counted counts running attempts.
type counted struct {
	WorkerActivities
	running *sync.WaitGroup
}

func (c counted) Build(ctx context.Context, task Task, attempt Attempt) (BuildResult, error) {
	c.running.Add(1)
	defer c.running.Done()
	return c.WorkerActivities.Build(ctx, task, attempt)
}

func (c counted) Test(ctx context.Context, task Task, attempt Attempt) (BuildResult, error) {
	c.running.Add(1)
	defer c.running.Done()
	return c.WorkerActivities.Test(ctx, task, attempt)
}
