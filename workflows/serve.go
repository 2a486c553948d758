package workflows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/wasmill/wasmill/internal/fault"
)

// RegisterFarm registers the workflows and the farm's activities. The client is for those that wait for a build of
// another run.
func RegisterFarm(r worker.Registry, c client.Client, farm FarmActivities) {
	r.RegisterWorkflowWithOptions(Run, workflow.RegisterOptions{Name: runWorkflow})
	r.RegisterWorkflowWithOptions(Build, workflow.RegisterOptions{Name: buildWorkflow})
	register(r, planActivity, answering(farm.Plan))
	register(r, resolveActivity, answering(farm.Resolve))
	register(r, recordActivity, done(farm.Record))
	register(r, storeActivity, done(farm.Store))
	register(r, finishActivity, done(farm.FinishRun))
	register(r, builtActivity, answering(farm.Built))
	register(r, outgrewActivity, done(farm.Outgrew))
	register(r, joinActivity, answering(joiner{c}.await))
}

// RegisterWorker registers the worker's activities.
func RegisterWorker(r worker.Registry, w WorkerActivities) {
	register(r, buildActivity, attempting(w.Build, Lane.buildPriority))
	register(r, testActivity, attempting(w.Test, Lane.testPriority))
	register(r, againActivity, attempting(w.Reproduce, Lane.testPriority))
}

func register(r worker.Registry, name string, f any) {
	r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
}

func answering[I, O any](f func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	return func(ctx context.Context, in I) (O, error) {
		defer heartbeat(ctx, func() []any { return nil })()
		out, err := f(ctx, in)
		return out, toTemporal(ctx, err)
	}
}

func done[I any](f func(context.Context, I) error) func(context.Context, I) error {
	return func(ctx context.Context, in I) error {
		defer heartbeat(ctx, func() []any { return nil })()
		return toTemporal(ctx, f(ctx, in))
	}
}

func attempting(f func(context.Context, Task, Attempt) (BuildResult, error), priority func(Lane) temporal.Priority) func(context.Context, Task) (BuildResult, error) {
	return func(ctx context.Context, task Task) (BuildResult, error) {
		var mu sync.Mutex
		var now Progress
		defer heartbeat(ctx, func() []any {
			mu.Lock()
			defer mu.Unlock()
			return []any{now}
		})()
		info := activity.GetInfo(ctx)
		result, err := f(ctx, task, Attempt{
			Number: task.Tries + int(info.Attempt),
			Class:  classOf(info.TaskQueue),
			ID:     fmt.Sprintf("%s-%s-%d", info.WorkflowExecution.RunID, strings.ToLower(info.ActivityType.Name), task.Tries+int(info.Attempt)),
			Lane:   laneOf(info.Priority, priority),
			Waited: waited(info),
			Report: func(p Progress) {
				mu.Lock()
				defer mu.Unlock()
				now = p
			},
		})
		if result.Failure != nil {
			short := *result.Failure
			short.Detail = ""
			result.Failure = &short
		}
		return result, toTemporal(ctx, err)
	}
}

// waited is how long an activity was in its queue. Of a later attempt it can't be told: the server says only when the first
// was scheduled.
func waited(info activity.Info) time.Duration {
	if info.Attempt > 1 {
		return 0
	}
	return max(0, info.StartedTime.Sub(info.ScheduledTime))
}

// An activity shows every beat that it is alive, or more often where its heartbeat timeout is short. Cancellation arrives only in
// the answer to a heartbeat. The relay gives up a worker that has left out two; Temporal's own timeout is for a time when nobody
// listens, because the orchestrator is away.
const (
	beat    = 4 * time.Second
	beats   = 5 // at least, within a timeout
	Silence = 10 * time.Second
)

// heartbeat beats until the returned function is called. Local activities, which have no timeout, don't.
func heartbeat(ctx context.Context, details func() []any) (stop func()) {
	timeout := activity.GetInfo(ctx).HeartbeatTimeout
	if timeout == 0 {
		return func() {}
	}
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(min(timeout/beats, beat))
		defer tick.Stop()
		for {
			activity.RecordHeartbeat(ctx, details()...)
			select {
			case <-ended:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() { close(ended); wg.Wait() }
}

// joiner waits for builds that another run, or an earlier execution of this one, has started.
type joiner struct{ client client.Client }

func (j joiner) await(ctx context.Context, f Flight) (joined, error) {
	var result BuildResult
	err := j.client.GetWorkflow(ctx, f.Build, f.RunID).Get(ctx, &result)
	if err == nil {
		return joined{Result: result}, nil
	}
	if ctx.Err() != nil {
		return joined{}, ctx.Err()
	}
	var ended *temporal.WorkflowExecutionError
	if !errors.As(err, &ended) {
		return joined{}, fromTemporal(err)
	}
	if temporal.IsCanceledError(err) {
		return joined{Canceled: true}, nil
	}
	err = fromTemporal(err)
	return joined{Kind: fault.KindOf(err).String(), Error: err.Error()}, nil
}
