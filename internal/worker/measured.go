package worker

import (
	"context"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wasmill/wasmill/internal/telemetry"
	"github.com/wasmill/wasmill/workflows"
)

// measured tells metrics and traces what the activities do.
type measured struct {
	workflows.WorkerActivities
	metrics *telemetry.Worker
}

// Build implements workflows.WorkerActivities.
func (m measured) Build(ctx context.Context, task workflows.Task, attempt workflows.Attempt) (out workflows.BuildResult, err error) {
	end := m.begin(ctx, "build", task, attempt)
	defer func() { end(string(out.Outcome), err) }()
	return m.WorkerActivities.Build(ctx, task, attempt)
}

// Reproduce implements workflows.WorkerActivities.
func (m measured) Reproduce(ctx context.Context, task workflows.Task, attempt workflows.Attempt) (out workflows.BuildResult, err error) {
	end := m.begin(ctx, "again", task, attempt)
	defer func() {
		if out.Declined {
			end("declined", err)
			return
		}
		end(string(out.Outcome), err)
	}()
	return m.WorkerActivities.Reproduce(ctx, task, attempt)
}

// Test implements workflows.WorkerActivities.
func (m measured) Test(ctx context.Context, task workflows.Task, attempt workflows.Attempt) (out workflows.BuildResult, err error) {
	end := m.begin(ctx, "test", task, attempt)
	defer func() { end(string(out.Outcome), err) }()
	return m.WorkerActivities.Test(ctx, task, attempt)
}

func (m measured) begin(ctx context.Context, step string, task workflows.Task, attempt workflows.Attempt) func(string, error) {
	telemetry.Describe(ctx,
		attribute.String("wasmill.run", task.RunID), attribute.String("wasmill.recipe", task.Recipe), attribute.String("wasmill.toolchain", task.Toolchain),
		attribute.String("wasmill.class", string(attempt.Class)), attribute.String("wasmill.lane", string(attempt.Lane)), attribute.Int("wasmill.attempt", attempt.Number))
	return m.metrics.Begin(telemetry.Attempt{Lane: string(attempt.Lane), Class: string(attempt.Class), Step: step, Number: attempt.Number, Waited: attempt.Waited})
}
