package workflows

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/wasmill/wasmill/internal/fault"
)

// toTemporal gives an activity's error the form that Temporal carries: the kind becomes its type, on which the retry
// policy decides. An activity that ends because it was asked to is canceled; one that ends because its worker stops, or
// because it was given up, is tried elsewhere.
func toTemporal(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		if temporal.IsCanceledError(context.Cause(ctx)) {
			return temporal.NewCanceledError()
		}
		return temporal.NewApplicationErrorWithCause("the worker stopped before the end: "+err.Error(), fault.Unavailable.String(), nil)
	}
	kind := fault.KindOf(err)
	return temporal.NewApplicationErrorWithOptions(err.Error(), kind.String(), temporal.ApplicationErrorOptions{
		NonRetryable: !kind.Retryable(),
	})
}

// fromTemporal is the inverse: it finds the kind in what Temporal's client or a workflow's future returns.
func fromTemporal(err error) error {
	if err == nil {
		return nil
	}
	kind, text := fault.Unavailable, err.Error()
	var (
		app      *temporal.ApplicationError
		panicked *temporal.PanicError
		notFound *serviceerror.NotFound
		exists   *serviceerror.AlreadyExists
		started  *serviceerror.WorkflowExecutionAlreadyStarted
		invalid  *serviceerror.InvalidArgument
		own      *fault.Error
	)
	switch {
	case errors.As(err, &own):
		return err
	case temporal.IsCanceledError(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = fault.Canceled
	case errors.As(err, &app):
		kind, text = fault.Parse(app.Type()), app.Message()
	case errors.As(err, &panicked):
		kind, text = fault.Internal, "panic: "+panicked.Error()
	case errors.As(err, &notFound):
		kind = fault.NotFound
	case errors.As(err, &exists), errors.As(err, &started), errors.Is(err, temporal.ErrScheduleAlreadyRunning):
		kind = fault.Conflict
	case errors.As(err, &invalid):
		kind = fault.Invalid
	}
	return fault.Errorf(kind, "%s", text)
}
