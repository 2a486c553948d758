package workflows

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/fault"
)

// Dial connects to the embedded server or to a cluster. The error is fault.Unavailable when nothing answers at the
// address. Log receives what Temporal's SDK has to say; nil drops it.
func Dial(ctx context.Context, address, namespace string, log *zap.Logger) (client.Client, error) {
	c, err := client.DialContext(ctx, client.Options{HostPort: address, Namespace: namespace, Logger: newLogger(log)})
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "connecting to Temporal at %s: %w", address, err)
	}
	return c, nil
}

// StartRun starts a run; if it has been started before with this RunID and goes on, nothing happens. The error is
// fault.Conflict when a run of this ID has ended.
func StartRun(ctx context.Context, c client.Client, in RunInput) error {
	if in.RunID == "" {
		return fault.Errorf(fault.Internal, "starting a run: it has no ID")
	}
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       RunWorkflowID(in.RunID),
		TaskQueue:                                FarmQueue,
		WorkflowTaskTimeout:                      workflowTaskTimeout,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Priority:                                 in.Lane.buildPriority(),
	}, runWorkflow, in)
	return fromTemporal(err)
}

// CancelRun asks a run to stop. It has stopped when AwaitRun returns: by then its containers are gone.
func CancelRun(ctx context.Context, c client.Client, runID string) error {
	return fromTemporal(c.CancelWorkflow(ctx, RunWorkflowID(runID), ""))
}

// AwaitRun waits for the end of a run. A canceled run gives its result, too. The error is fault.NotFound for an unknown
// run, and otherwise why the run could not be carried out. While Temporal is away it goes on waiting, until ctx ends.
func AwaitRun(ctx context.Context, c client.Client, runID string) (RunResult, error) {
	for {
		var result RunResult
		err := c.GetWorkflow(ctx, RunWorkflowID(runID), "").Get(ctx, &result)
		var canceled *temporal.CanceledError
		var ended *temporal.WorkflowExecutionError
		switch {
		case err == nil:
			return result, nil
		case errors.As(err, &canceled) && canceled.HasDetails() && canceled.Details(&result) == nil:
			return result, nil
		case errors.As(err, &ended) || ctx.Err() != nil || fault.KindOf(fromTemporal(err)) != fault.Unavailable:
			return result, fromTemporal(err)
		}
		select {
		case <-ctx.Done():
			return result, fromTemporal(ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

// BuildStatus is how far a Queued build is.
type BuildStatus struct {
	Step     string    `json:"step,omitempty"` // Build, Test or Store; empty between two
	Running  bool      `json:"running"`        // else it waits for a slot, or for the next attempt
	Worker   string    `json:"worker,omitempty"`
	Since    time.Time `json:"since,omitzero"` // of the running attempt, or when it began to wait
	Attempt  int       `json:"attempt,omitempty"`
	Progress Progress  `json:"progress,omitzero"`
	// LastError is why the attempt before this one failed.
	LastError string `json:"last_error,omitempty"`
}

// Describe asks Temporal about a build (Change.Build). The error is fault.NotFound for an unknown one.
func Describe(ctx context.Context, c client.Client, build string) (BuildStatus, error) {
	var s BuildStatus
	reply, err := c.DescribeWorkflowExecution(ctx, build, "")
	if err != nil {
		return s, fromTemporal(err)
	}
	for _, a := range reply.GetPendingActivities() {
		s.Step = a.GetActivityType().GetName()
		s.Running = a.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED
		s.Worker, s.Attempt = a.GetLastWorkerIdentity(), int(a.GetAttempt())
		s.LastError = a.GetLastFailure().GetMessage()
		if s.Running {
			s.Since = a.GetLastStartedTime().AsTime()
		} else if a.GetScheduledTime() != nil {
			s.Since = a.GetScheduledTime().AsTime()
		}
		// An activity of the farm has no progress, and one that has just started none yet.
		_ = converter.GetDefaultDataConverter().FromPayloads(a.GetHeartbeatDetails(), &s.Progress)
	}
	return s, nil
}
