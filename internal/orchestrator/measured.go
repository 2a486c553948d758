package orchestrator

import (
	"context"
	"time"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/telemetry"
	"github.com/wasmill/wasmill/workflows"
)

// measured tells the metrics what the farm's activities do.
type measured struct {
	workflows.FarmActivities
	metrics *telemetry.Farm
}

// measure is to be deferred: it takes the time from now.
func measure(m *telemetry.Farm, name string) func(*error) {
	begin := time.Now()
	return func(err *error) { m.Activity(name, time.Since(begin), *err) }
}

// Plan implements workflows.FarmActivities.
func (m measured) Plan(ctx context.Context, in workflows.RunInput) (p workflows.Plan, err error) {
	defer measure(m.metrics, "Plan")(&err)
	if p, err = m.FarmActivities.Plan(ctx, in); err != nil {
		return p, err
	}
	for _, a := range p.Actions {
		switch {
		case a.Kind != workflows.KindReuse:
		case a.Outcome == record.Passed:
			m.metrics.LookedUp(telemetry.Hit)
		default:
			m.metrics.LookedUp(telemetry.Failure)
		}
	}
	return p, nil
}

// Resolve implements workflows.FarmActivities.
func (m measured) Resolve(ctx context.Context, in workflows.ResolveInput) (a workflows.Action, err error) {
	defer measure(m.metrics, "Resolve")(&err)
	if a, err = m.FarmActivities.Resolve(ctx, in); err == nil && a.Kind == workflows.KindReuse {
		m.metrics.LookedUp(telemetry.Cutoff)
	}
	return a, err
}

// Built implements workflows.FarmActivities.
func (m measured) Built(ctx context.Context, task workflows.Task) (b workflows.BuildResult, err error) {
	defer measure(m.metrics, "Built")(&err)
	return m.FarmActivities.Built(ctx, task)
}

// Record implements workflows.FarmActivities. A recipe that is queued has a build: its own run's, or that of another.
func (m measured) Record(ctx context.Context, in workflows.RecordInput) (err error) {
	defer measure(m.metrics, "Record")(&err)
	if err := m.FarmActivities.Record(ctx, in); err != nil {
		return err
	}
	for _, c := range in.Changes {
		switch {
		case c.State != workflows.Queued:
		case c.Joined:
			m.metrics.LookedUp(telemetry.Joined)
		default:
			m.metrics.LookedUp(telemetry.Miss)
		}
	}
	return nil
}

// Store implements workflows.FarmActivities.
func (m measured) Store(ctx context.Context, task workflows.Task) (err error) {
	defer measure(m.metrics, "Store")(&err)
	return m.FarmActivities.Store(ctx, task)
}

// FinishRun implements workflows.FarmActivities.
func (m measured) FinishRun(ctx context.Context, r workflows.RunResult) (err error) {
	defer measure(m.metrics, "FinishRun")(&err)
	if err = m.FarmActivities.FinishRun(ctx, r); err == nil {
		m.metrics.RunEnded(string(r.Lane), string(r.Outcome))
	}
	return err
}
