package orchestrator

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/telemetry"
	"github.com/wasmill/wasmill/workflows"
)

// PutBlob implements api.Farm.
func (o *Orchestrator) PutBlob(ctx context.Context, r io.Reader) (record.Blob, error) {
	return o.put(ctx, "application/octet-stream", r)
}

// OpenBlob implements api.Farm.
func (o *Orchestrator) OpenBlob(ctx context.Context, digest record.Digest) (io.ReadCloser, error) {
	return o.blobs.Open(ctx, digest)
}

// Plan implements api.Farm.
func (o *Orchestrator) Plan(ctx context.Context, request api.RunRequest) ([]api.Action, error) {
	if err := o.date(ctx, &request, time.Now()); err != nil {
		return nil, err
	}
	req, err := o.read(ctx, request)
	if err != nil {
		return nil, err
	}
	p, err := o.plan(ctx, req)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, a := range p.Actions {
		if a.Kind == plan.KindReuse {
			keys = append(keys, a.Key)
		}
	}
	builds, err := o.db.BuildsOf(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := make([]api.Action, 0, len(p.Actions))
	for _, a := range p.Actions {
		act := store.RunAction{
			Recipe: a.Recipe, Version: a.Version, Action: a.Kind, Reason: a.Reason, Needs: a.Needs, Key: a.Key, Status: store.Planned, Class: string(a.Class),
		}
		switch {
		case a.Kind == plan.KindSkip:
			act.Status, act.Cause = store.Skipped, a.Reason
		case a.Kind == plan.KindReuse && a.Reused.Outcome == record.Passed:
			act.Status = store.Cached
		case a.Kind == plan.KindReuse:
			act.Status, act.Cause = store.Failed, a.Reason
		}
		shown := actionShown(act, builds)
		if a.Wants.Lock || len(a.Wants.Hosts) > 0 {
			shown.Wants = &api.Wants{Lock: a.Wants.Lock, Hosts: a.Wants.Hosts}
		}
		if a.Kind == plan.KindBuild {
			shown.Turn = &api.Turn{Seconds: a.Seconds, Guessed: a.Guessed, Critical: a.Critical, Dependents: a.Dependents, ClassReason: a.ClassReason}
		}
		out = append(out, shown)
	}
	return out, nil
}

// StartRun implements api.Farm.
func (o *Orchestrator) StartRun(ctx context.Context, request api.RunRequest) (_ api.Run, err error) {
	ctx, end := telemetry.Span(ctx, "submit", attribute.String("wasmill.lane", request.Lane), attribute.String("wasmill.toolchain", request.Toolchain))
	defer func() { end(err) }()
	o.garbage.RLock()
	defer o.garbage.RUnlock()
	if request.Upstream != "" || len(request.Updates) > 0 {
		return api.Run{}, fault.Errorf(fault.Invalid, "newer releases are tried by a schedule: add one, and trigger it")
	}
	if err := o.date(ctx, &request, time.Now()); err != nil {
		return api.Run{}, err
	}
	in, err := o.runInput(ctx, request)
	if err != nil {
		return api.Run{}, err
	}
	in.RunID = newRunID(time.Now())
	telemetry.Describe(ctx, attribute.String("wasmill.run", in.RunID))
	raw, err := json.Marshal(request)
	if err != nil {
		return api.Run{}, fmt.Errorf("starting a run: %w", err)
	}
	run := store.Run{ID: in.RunID, Lane: request.Lane, Workflow: o.workflowID(in.RunID), Request: raw, Created: time.Now()}
	if err := o.db.CreateRun(ctx, run); err != nil {
		return api.Run{}, err
	}
	if err := o.refreshed(ctx, &request); err != nil {
		return api.Run{}, err
	}
	if ended, err := o.endAtOnce(ctx, request, run); ended || err != nil {
		if err != nil {
			return api.Run{}, err
		}
		return o.Run(ctx, in.RunID)
	}
	c, err := o.temporalClient(ctx)
	if err != nil {
		return api.Run{}, err
	}
	if err := workflows.StartRun(ctx, c, in); err != nil {
		return api.Run{}, fmt.Errorf("starting run %s: %w", in.RunID, err)
	}
	return o.Run(ctx, in.RunID)
}

// endAtOnce plans a run, and ends one for which nothing is to be done, without a workflow: a workflow is for what must be done.
func (o *Orchestrator) endAtOnce(ctx context.Context, request api.RunRequest, run store.Run) (bool, error) {
	req, err := o.read(ctx, request)
	if err != nil {
		return false, err
	}
	p, err := o.plan(ctx, req)
	if err != nil {
		return false, err
	}
	now := time.Now()
	if err := o.db.PlanRun(ctx, run.ID, p, now); err != nil {
		return false, err
	}
	for _, act := range p.Actions {
		if act.Kind != plan.KindReuse || act.Reused.Outcome != record.Passed {
			return false, nil
		}
	}
	run.Plan = p
	if err := o.stand(ctx, req, run); err != nil {
		return false, err
	}
	if err := o.db.FinishRun(ctx, run.ID, store.RunEnd{Outcome: string(workflows.Passed)}, now); err != nil {
		return true, err
	}
	for range p.Actions {
		o.metrics.LookedUp(telemetry.Hit)
	}
	o.metrics.RunEnded(run.Lane, string(workflows.Passed))
	return true, nil
}

var lanes = []workflows.Lane{workflows.Interactive, workflows.Submission, workflows.Nightly, workflows.Migration}

// runInput checks a request as far as it can be checked before it is planned.
func (o *Orchestrator) runInput(ctx context.Context, request api.RunRequest) (workflows.RunInput, error) {
	req, err := o.read(ctx, request)
	if err != nil {
		return workflows.RunInput{}, err
	}
	lane := workflows.Lane(request.Lane)
	if !slices.Contains(lanes, lane) {
		return workflows.RunInput{}, fault.Errorf(fault.Invalid, "there is no lane %q: choose one of %v", request.Lane, lanes)
	}
	if lacking, err := o.lacking(ctx, req); err != nil {
		return workflows.RunInput{}, err
	} else if len(lacking) > 0 {
		return workflows.RunInput{}, req.toolchain.absent(lacking[0])
	}
	text, err := json.Marshal(request)
	if err != nil {
		return workflows.RunInput{}, fmt.Errorf("starting a run: %w", err)
	}
	blob, err := o.put(ctx, "application/json", bytes.NewReader(text))
	if err != nil {
		return workflows.RunInput{}, err
	}
	return workflows.RunInput{
		Request: blob.Digest, Lane: lane, Toolchain: req.toolchain.Name + "@" + req.toolchain.Lock.Build,
		NoCache: request.NoCache, RetryFailed: retries(request),
	}, nil
}

// newRunID is a time that people can read and four letters against a second run in the same second.
func newRunID(now time.Time) string {
	return now.UTC().Format("20060102-150405") + "-" + strings.ToLower(rand.Text()[:4])
}

// Runs implements api.Farm.
func (o *Orchestrator) Runs(ctx context.Context, limit int) ([]api.Run, error) {
	list, err := o.db.Runs(ctx, limit)
	if err != nil {
		return nil, err
	}
	out := []api.Run{}
	for _, r := range list {
		shown, err := runShown(r)
		if err != nil {
			return nil, err
		}
		out = append(out, shown)
	}
	return out, nil
}

// Run implements api.Farm.
func (o *Orchestrator) Run(ctx context.Context, id string) (api.Run, error) {
	r, err := o.db.Head(ctx, id)
	if err != nil {
		return api.Run{}, err
	}
	out, err := runShown(r)
	if err != nil {
		return api.Run{}, err
	}
	actions, err := o.db.Actions(ctx, id)
	if err != nil {
		return api.Run{}, err
	}
	var keys []string
	for _, a := range actions {
		if a.Key != "" && a.Status.Ended() {
			keys = append(keys, a.Key)
		}
	}
	builds, err := o.db.BuildsOf(ctx, keys)
	if err != nil {
		return api.Run{}, err
	}
	joined := map[string]string{}
	for _, a := range actions {
		if a.Joined {
			joined[a.Recipe] = a.Build
		}
	}
	starters, err := o.db.StartedBy(ctx, joined)
	if err != nil {
		return api.Run{}, err
	}
	for _, a := range actions {
		shown := actionShown(a, builds)
		shown.Joined = starters[a.Recipe]
		out.Actions = append(out.Actions, shown)
	}
	return out, nil
}

func runShown(r store.Run) (api.Run, error) {
	out := api.Run{ID: r.ID, Lane: r.Lane, State: r.Outcome, Created: r.Created, Error: r.Error, Fault: r.Fault}
	if r.Outcome == "" {
		out.State = "running"
	}
	if !r.Finished.IsZero() {
		out.Finished = &r.Finished
	} else {
		out.Limit = r.Control.Limit
		if !r.Control.Paused.IsZero() {
			out.Paused = &api.Paused{Since: r.Control.Paused, By: r.Control.By, Reason: r.Control.Reason}
		}
	}
	req, err := requestOfRun(r)
	out.Select = req.Select
	return out, err
}

// actionShown is an action with what its build says, one of builds by their keys.
func actionShown(a store.RunAction, builds map[string]store.Build) api.Action {
	out := api.Action{
		Recipe: a.Recipe, Version: a.Version, Kind: string(a.Action), Reason: a.Reason, Needs: a.Needs, Key: a.Key, Status: string(a.Status),
		Cause: a.Cause, Fault: a.Fault, Phase: string(a.Phase), Worker: a.Worker, Attempt: a.Attempt, Seconds: a.Seconds,
		Class: a.Class,
	}
	b, found := builds[a.Key]
	if !found || !a.Status.Ended() { // one that was canceled may have none
		return out
	}
	if a.Status == store.Cached && b.Record.Outcome == record.Failed {
		out.Status, out.Cause = "failed", a.Reason
	}
	if len(b.Record.Artifacts) > 0 {
		first := b.Record.Artifacts[0]
		out.Artifact, out.Digest, out.Size = first.Filename, string(first.Digest), first.Size
	}
	for _, f := range b.Record.Audit {
		if f.Severity == record.Warning {
			out.Warnings++
		}
	}
	out.Tests, out.Reproduced = tests(&b.Record), reproduced(&b.Record)
	if a.Action == plan.KindBuild && a.Status != store.Cached {
		out.Outgrew = b.Record.Outgrew
	}
	return out
}

// tests counts what the tests of a build came to; nil where nothing was tested.
func tests(b *record.Build) *api.Tests {
	if len(b.Tests) == 0 {
		return nil
	}
	c := b.Counts()
	out := &api.Tests{Imports: c.Imports, Passed: c.Passed, Failed: c.Failed, Skipped: c.Skipped, Expected: c.Expected}
	for _, t := range b.Tests {
		out.Runtimes = append(out.Runtimes, t.In)
		out.Notes += len(t.Notes)
		if t.Native == nil {
			continue
		}
		for _, d := range t.Native.Differences {
			if d.Native == record.Passed {
				out.NativeOnly++
			}
		}
	}
	return out
}
