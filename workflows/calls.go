package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/wasmill/wasmill/internal/fault"
)

// workflowTaskTimeout is after how long a task of a workflow is given to another process, when the one that had it was
// killed; 10 s unless told.
const workflowTaskTimeout = 3 * time.Second

// maxJoin bounds the wait for another run's build, which has bounds of its own but for the time in the queue.
const maxJoin = 7 * 24 * time.Hour

func farmOptions(ctx workflow.Context, t Tunables) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           FarmQueue,
		StartToCloseTimeout: t.FarmTimeout,
		HeartbeatTimeout:    t.FarmHeartbeat,
		RetryPolicy:         t.retry(),
	})
}

func callPlan(ctx workflow.Context, in RunInput) (Plan, error) {
	var plan Plan
	ctx = workflow.WithStartToCloseTimeout(farmOptions(ctx, in.Tunables), in.Tunables.PlanTimeout)
	err := workflow.ExecuteActivity(ctx, planActivity, in).Get(ctx, &plan)
	return plan, err
}

func callResolve(ctx workflow.Context, in RunInput, recipe string) (Action, error) {
	var a Action
	err := workflow.ExecuteActivity(farmOptions(ctx, in.Tunables), resolveActivity, ResolveInput{in.RunID, recipe}).Get(ctx, &a)
	return a, err
}

func callRecord(ctx workflow.Context, in RunInput, changes []Change) error {
	return writeDown(ctx, in, RecordInput{RunID: in.RunID, Changes: changes})
}

func callControl(ctx workflow.Context, in RunInput, control Control) error {
	return writeDown(ctx, in, RecordInput{RunID: in.RunID, Control: &control})
}

// writeDown is a local activity: it costs one event instead of six, and what must be told is told even by a canceled run.
func writeDown(ctx workflow.Context, in RunInput, input RecordInput) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	retry := in.Tunables.retry()
	retry.MaximumAttempts = 0 // losing a state would be worse than waiting for the database
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: in.Tunables.FarmTimeout,
		RetryPolicy:            retry,
	})
	return workflow.ExecuteLocalActivity(ctx, recordActivity, input).Get(ctx, nil)
}

// callBuilt is a local activity: most often the answer is no, and it comes at once.
func callBuilt(ctx workflow.Context, in BuildInput) (BuildResult, error) {
	if in.Key == "" || in.NoCache || in.Record != "" {
		return BuildResult{}, nil
	}
	retry := in.Tunables.retry()
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: in.Tunables.FarmTimeout, RetryPolicy: retry})
	var built BuildResult
	err := workflow.ExecuteLocalActivity(ctx, builtActivity, in.Task).Get(ctx, &built)
	switch {
	case err == nil:
		return built, nil
	case temporal.IsCanceledError(err):
		return BuildResult{}, temporal.NewCanceledError()
	}
	return BuildResult{}, asFailure(err)
}

// callOutgrew is a local activity: it is one note in the database.
func callOutgrew(ctx workflow.Context, in BuildInput, task Task) error {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: in.Tunables.FarmTimeout, RetryPolicy: in.Tunables.retry()})
	return workflow.ExecuteLocalActivity(ctx, outgrewActivity, task).Get(ctx, nil)
}

func callFinish(ctx workflow.Context, in RunInput, result RunResult) error {
	return workflow.ExecuteActivity(farmOptions(ctx, in.Tunables), finishActivity, result).Get(ctx, nil)
}

// joined is the end of a build as an activity can tell it: an activity can't end canceled unless it was itself.
type joined struct {
	Result   BuildResult `json:"result,omitzero"`
	Canceled bool        `json:"canceled,omitempty"`
	Kind     string      `json:"kind,omitempty"` // of the error with which the build ended
	Error    string      `json:"error,omitempty"`
}

type joinCall struct{ future workflow.Future }

func callJoin(ctx workflow.Context, in RunInput, f Flight) joinCall {
	retry := in.Tunables.retry()
	retry.MaximumAttempts = 0 // each restart of the farm costs one
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           FarmQueue,
		StartToCloseTimeout: maxJoin,
		HeartbeatTimeout:    in.Tunables.FarmHeartbeat,
		RetryPolicy:         retry,
	})
	return joinCall{workflow.ExecuteActivity(ctx, joinActivity, f)}
}

func (c joinCall) get(ctx workflow.Context) (BuildResult, error) {
	var j joined
	err := c.future.Get(ctx, &j)
	switch {
	case err != nil:
		return BuildResult{}, err
	case j.Canceled:
		return BuildResult{}, temporal.NewCanceledError()
	case j.Error != "":
		return BuildResult{}, fault.Errorf(fault.Parse(j.Kind), "%s", j.Error)
	}
	return j.Result, nil
}
