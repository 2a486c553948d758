package workflows

import (
	"context"
	"crypto/tls"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/fault"
)

// Dial connects to the embedded server or to a cluster. The error is fault.Unavailable when nothing answers at the
// address. Log receives what Temporal's SDK has to say; nil drops it. Each of more changes the options further.
func Dial(ctx context.Context, address, namespace string, log *zap.Logger, more ...func(*client.Options)) (client.Client, error) {
	c, err := dial(ctx, address, namespace, log, more)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "connecting to Temporal at %s: %w", address, err)
	}
	return c, nil
}

func dial(ctx context.Context, address, namespace string, log *zap.Logger, changes []func(*client.Options)) (client.Client, error) {
	options := client.Options{HostPort: address, Namespace: namespace, Logger: newLogger(log)}
	for _, change := range changes {
		change(&options)
	}
	return client.DialContext(ctx, options)
}

// Secured makes Dial speak TLS; nil is without.
func Secured(config *tls.Config) func(*client.Options) {
	return func(options *client.Options) { options.ConnectionOptions.TLS = config }
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

// Running says whether a run goes on.
func Running(ctx context.Context, c client.Client, runID string) (bool, error) {
	reply, err := c.DescribeWorkflowExecution(ctx, RunWorkflowID(runID), "")
	if err = fromTemporal(err); err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return false, nil
		}
		return false, err
	}
	return reply.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// Answers says why the server does not answer.
func Answers(ctx context.Context, c client.Client) error {
	_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
	return fromTemporal(err)
}

// TellSlots tells a run how many slots the farm has now. One that has ended need not know.
func TellSlots(ctx context.Context, c client.Client, runID string, slots map[Class]int) error {
	err := fromTemporal(c.SignalWorkflow(ctx, RunWorkflowID(runID), "", slotsSignal, slots))
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}

// CancelRun asks a run to stop. It ends when its containers are gone, and its workflow with it.
func CancelRun(ctx context.Context, c client.Client, runID string) error {
	return fromTemporal(c.CancelWorkflow(ctx, RunWorkflowID(runID), ""))
}
