package workflows

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wasmill/wasmill/internal/fault"
)

// EnsureNamespace makes the namespace of a cluster that a farm lives in, where it is missing, and waits until the cluster
// knows it. retention is how long histories of what has ended are kept; that of a namespace which is there stays.
// fault.Invalid says that it is missing and may not be made by this client.
func EnsureNamespace(ctx context.Context, c client.Client, namespace string, retention time.Duration) error {
	service := c.WorkflowService()
	_, err := service.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if !errors.As(err, new(*serviceerror.NamespaceNotFound)) && !errors.As(err, new(*serviceerror.NotFound)) {
		// A client that may use the namespace may not always look at it: what comes next tells.
		if errors.As(err, new(*serviceerror.PermissionDenied)) {
			return nil
		}
		return fromTemporal(err)
	}
	_, err = service.RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, Description: "builds of a Wasmill farm", WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	switch {
	case errors.As(err, new(*serviceerror.PermissionDenied)):
		return fault.Errorf(fault.Invalid, "the Temporal cluster has no namespace %s, and this client may not make it: `temporal operator namespace create --retention %dd --namespace %s`",
			namespace, retention/(24*time.Hour), namespace)
	case err != nil && !errors.As(err, new(*serviceerror.NamespaceAlreadyExists)):
		return fromTemporal(err)
	}
	// The services look for new namespaces every few seconds.
	for deadline := time.Now().Add(time.Minute); ; {
		_, err := c.DescribeWorkflowExecution(ctx, RunWorkflowID("none"), "")
		if err = fromTemporal(err); fault.KindOf(err) == fault.NotFound {
			return nil
		}
		if time.Now().After(deadline) {
			return fault.Errorf(fault.Unavailable, "the Temporal cluster does not know its new namespace %s: %w", namespace, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
