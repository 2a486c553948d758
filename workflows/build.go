package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Build is the workflow of one build. A build that fails is its result; its error is fault.Canceled, or the machinery's
// after all attempts. When the run that has started it is canceled, it goes on as long as another run waits for it.
func Build(ctx workflow.Context, in BuildInput) (BuildResult, error) {
	ctx = whileWanted(ctx)
	if workflow.GetVersion(ctx, lookingFirst, workflow.DefaultVersion, 1) > workflow.DefaultVersion {
		// Another run's build of this key may have ended after this run had decided and before it started this one.
		if built, err := callBuilt(ctx, in); err != nil || built.Outcome != "" { // never of one that is only made a second time
			return built, err
		}
	}
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

// wait is what a run tells a build of another run that it has joined.
type wait struct {
	RunID string `json:"run_id"`
	Over  bool   `json:"over,omitempty"` // it no longer waits
}

// whileWanted gives a build the context that ends when nobody wants it any more: the run that has started it is canceled, and
// no other waits. A canceled run is told when the build goes on without it.
func whileWanted(ctx workflow.Context) workflow.Context {
	inner, end := workflow.NewDisconnectedContext(ctx)
	waiting := map[string]bool{}
	workflow.Go(inner, func(inner workflow.Context) {
		for {
			var w wait
			workflow.GetSignalChannel(inner, waitSignal).Receive(inner, &w)
			if !w.Over {
				waiting[w.RunID] = true
				continue
			}
			delete(waiting, w.RunID)
			if ctx.Err() == nil || len(waiting) > 0 {
				goesOn(inner, RunWorkflowID(w.RunID))
			}
		}
	})
	workflow.Go(inner, func(inner workflow.Context) {
		if workflow.Await(inner, func() bool { return ctx.Err() != nil }) != nil {
			return
		}
		if run := workflow.GetInfo(inner).ParentWorkflowExecution; len(waiting) > 0 && run != nil {
			goesOn(inner, run.ID)
		}
		if workflow.Await(inner, func() bool { return len(waiting) == 0 }) == nil {
			end()
		}
	})
	return inner
}

// goesOn tells a run that was canceled that it need not wait for this build, which others want.
func goesOn(ctx workflow.Context, run string) {
	// Not by the ID of an execution: the run may have continued as new.
	_ = workflow.SignalExternalWorkflow(ctx, run, "", keptSignal, workflow.GetInfo(ctx).WorkflowExecution.ID).Get(ctx, nil)
}

// buildAndTest builds, in the next larger class as often as there is too little memory, and tests what came out.
func buildAndTest(ctx workflow.Context, in BuildInput) (result BuildResult, err error) {
	task := in.Task
	if task.Record != "" && task.Reproduce != nil { // it is built and tested
		result, err = buildAgain(ctx, in, &task)
		result.Class, result.Verified = task.Class, task.Reproduce.Blocks && result.Outcome == record.Passed
		return result, err
	}
	for {
		err := callWorker(ctx, in, buildActivity, &task, &result)
		result.Class = task.Class
		if err != nil {
			return result, err
		}
		larger, ok := task.Class.next()
		if result.Failure == nil || result.Failure.Kind != record.OutOfMemory || !ok {
			break
		}
		task.Outgrew, task.Class = append(task.Outgrew, task.Class), larger
		task.Tries++
		result = BuildResult{}
		if err := callOutgrew(ctx, in, task); err != nil {
			return result, err
		}
	}
	if result.Outcome != record.Passed || result.Reused {
		return result, nil
	}
	task.Key, task.Record = result.Key, result.Record
	if task.Reproduce != nil {
		again, err := buildAgain(ctx, in, &task)
		again.Class = task.Class
		if err != nil || again.Outcome != record.Passed {
			return again, err
		}
		task.Record = again.Record
	}
	var tested BuildResult
	err = callWorker(ctx, in, testActivity, &task, &tested)
	tested.Class, tested.Verified = task.Class, task.Reproduce != nil && task.Reproduce.Blocks && tested.Outcome == record.Passed
	return tested, err
}

// buildAgain has the build made a second time. Only who takes a task can tell whether it is the one that made the first, so
// a worker may decline; another gets the task then, or the same later, when no other is left. It goes before first builds, as
// a test does: else, behind a full queue, the first one's worker would be as likely as any to come up again.
func buildAgain(ctx workflow.Context, in BuildInput, task *Task) (BuildResult, error) {
	for wait := in.Tunables.FirstRetry; ; wait = min(2*wait, in.Tunables.MaxDecline) {
		var again BuildResult
		err := callWorker(ctx, in, againActivity, task, &again)
		if err != nil || !again.Declined {
			return again, err
		}
		if err := workflow.Sleep(ctx, wait); err != nil {
			return BuildResult{}, err
		}
	}
}

// callWorker lets a worker carry out an activity, and tries again where that can help. Between two tries the build wants no
// slot, so that its run lets others go first (see docs/decisions/0017-order.md); the server's own retries would not tell.
func callWorker(ctx workflow.Context, in BuildInput, activity string, task *Task, result *BuildResult) error {
	timeout, priority := in.Timeout, in.Lane.buildPriority()
	switch activity {
	case testActivity:
		timeout, priority = in.Tunables.TestTimeout, in.Lane.testPriority()
	case againActivity:
		priority = in.Lane.testPriority()
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           task.Class.Queue(),
		StartToCloseTimeout: timeout + in.Tunables.BuildMargin,
		HeartbeatTimeout:    in.Tunables.WorkerHeartbeat,
		WaitForCancellation: true, // until the container is gone
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
		Priority:            priority,
		Summary:             task.Recipe,
	})
	for try := 1; ; try++ {
		err := workflow.ExecuteActivity(ctx, activity, *task).Get(ctx, result)
		if err == nil || temporal.IsCanceledError(err) || !fault.KindOf(fromTemporal(err)).Retryable() || try >= in.Tunables.Attempts {
			return err
		}
		tellRun(ctx, rest{task.Build, true})
		if err := workflow.Sleep(ctx, in.Tunables.pause(task.Build, try)); err != nil {
			return err
		}
		tellRun(ctx, rest{task.Build, false})
		task.Tries++
	}
}

// rest is what a build tells the run that has started it: it waits before another try, or no longer does.
type rest struct {
	Build string `json:"build"`
	Rests bool   `json:"rests"`
}

// tellRun tells the run that has started this build, if it goes on.
func tellRun(ctx workflow.Context, r rest) {
	if run := workflow.GetInfo(ctx).ParentWorkflowExecution; run != nil {
		// Not by the ID of an execution: the run may have continued as new.
		_ = workflow.SignalExternalWorkflow(ctx, run.ID, "", restingSignal, r).Get(ctx, nil)
	}
}
