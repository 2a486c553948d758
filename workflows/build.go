package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/wasmill/wasmill/internal/record"
)

// Build is the workflow of one build. A build that fails is its result; its error is fault.Canceled, or the machinery's
// after all attempts.
func Build(ctx workflow.Context, in BuildInput) (BuildResult, error) {
	result, err := buildAndTest(ctx, in)
	if err != nil {
		if temporal.IsCanceledError(err) {
			return BuildResult{}, temporal.NewCanceledError()
		}
		return BuildResult{}, asFailure(err)
	}
	task := in.Task
	task.Key, task.Record = result.Key, result.Record
	if err := workflow.ExecuteActivity(farmOptions(ctx, in.Tunables), storeActivity, task).Get(ctx, nil); err != nil {
		if temporal.IsCanceledError(err) {
			return BuildResult{}, temporal.NewCanceledError()
		}
		return BuildResult{}, asFailure(err)
	}
	return result, nil
}

func buildAndTest(ctx workflow.Context, in BuildInput) (BuildResult, error) {
	var built, tested BuildResult
	err := callWorker(ctx, in, buildActivity, in.Timeout, in.Lane.buildPriority(), in.Task).Get(ctx, &built)
	if err != nil || built.Outcome != record.Passed {
		return built, err
	}
	task := in.Task
	task.Key, task.Record = built.Key, built.Record
	err = callWorker(ctx, in, testActivity, in.Tunables.TestTimeout, in.Lane.testPriority(), task).Get(ctx, &tested)
	return tested, err
}

func callWorker(ctx workflow.Context, in BuildInput, activity string, timeout time.Duration, priority temporal.Priority, task Task) workflow.Future {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           in.Class.Queue(),
		StartToCloseTimeout: timeout + in.Tunables.BuildMargin,
		HeartbeatTimeout:    in.Tunables.WorkerHeartbeat,
		WaitForCancellation: true, // until the container is gone
		RetryPolicy:         in.Tunables.retry(),
		Priority:            priority,
		Summary:             task.Recipe,
	})
	return workflow.ExecuteActivity(ctx, activity, task)
}
