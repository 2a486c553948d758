package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// activities are the farm's part of its workflows. It is a type of its own because api.Farm has methods of the same
// names.
type activities struct{ o *Orchestrator }

// Plan implements workflows.FarmActivities.
func (a activities) Plan(ctx context.Context, in workflows.RunInput) (workflows.Plan, error) {
	var out workflows.Plan
	run, request, err := a.o.made(ctx, in)
	if err != nil {
		return out, err
	}
	if request.Upstream != "" && request.Looked == nil {
		if err := a.o.upstream(ctx, run, &request); err != nil {
			return out, fmt.Errorf("looking for newer releases: %w", err)
		}
	}
	a.o.garbage.RLock()
	defer a.o.garbage.RUnlock()
	if err := a.o.tries(ctx, in.RunID, &request); err != nil {
		return out, err
	}
	if err := a.o.refreshed(ctx, &request); err != nil {
		return out, err
	}
	if request.Upstream != "" && len(request.Updates) == 0 { // no release is new
		return out, a.o.db.PlanRun(ctx, in.RunID, &plan.Plan{}, time.Now())
	}
	req, err := a.o.read(ctx, request)
	if err != nil {
		return out, err
	}
	run, _, err = a.o.db.Run(ctx, in.RunID)
	if err != nil {
		return out, err
	}
	if run.Plan == nil { // otherwise it was planned when it came in, or by an earlier try
		p, err := a.o.plan(ctx, req)
		if err != nil {
			return out, err
		}
		if err := a.o.db.PlanRun(ctx, in.RunID, p, time.Now()); err != nil {
			return out, err
		}
		if run, _, err = a.o.db.Run(ctx, in.RunID); err != nil { // a try that was taken for lost may have planned meanwhile
			return out, err
		}
	}
	if err := a.o.stand(ctx, req, run); err != nil {
		return out, err
	}
	for i := range run.Plan.Actions {
		out.Actions = append(out.Actions, step(req, &run.Plan.Actions[i]))
	}
	out.Slots, err = a.o.slots(ctx)
	return out, err
}

// made makes a run known, if it is not: one that a schedule has started is new here. The request that comes back is what the
// run is about, with what only its time tells; that of the first try stands.
func (o *Orchestrator) made(ctx context.Context, in workflows.RunInput) (run store.Run, req api.RunRequest, err error) {
	o.garbage.RLock()
	defer o.garbage.RUnlock()
	run, err = o.db.Head(ctx, in.RunID)
	switch {
	case err == nil:
		req, err = requestOfRun(run)
		return run, req, err
	case fault.KindOf(err) != fault.NotFound:
		return run, req, err
	}
	if req, err = o.request(ctx, in.Request); err != nil {
		return run, req, err
	}
	if err := o.date(ctx, &req, time.Now()); err != nil {
		return run, req, err
	}
	raw, err := json.Marshal(req)
	if err != nil {
		return run, req, fmt.Errorf("planning run %s: %w", in.RunID, err)
	}
	run = store.Run{ID: in.RunID, Lane: req.Lane, Workflow: o.workflowID(in.RunID), Request: raw, Created: time.Now()}
	return run, req, o.db.CreateRun(ctx, run)
}

// stand notes that earlier builds are used again, and publishes them where the run publishes: they may be from a run
// that did not.
func (o *Orchestrator) stand(ctx context.Context, req *requested, run store.Run) error {
	var keys []string
	for _, act := range run.Plan.Actions {
		if act.Kind == plan.KindReuse {
			keys = append(keys, act.Key)
		}
	}
	if err := o.db.UseBuilds(ctx, keys, time.Now()); err != nil {
		return err
	}
	if !req.Publish {
		return nil
	}
	return o.publish(ctx, req.toolchain.Name, run.ID, keys)
}

// step is an action as the workflow sees it.
func step(req *requested, act *plan.Action) workflows.Action {
	out := workflows.Action{
		Recipe: act.Recipe, Kind: workflows.Kind(act.Kind), Needs: act.Needs, Key: act.Key, Reason: act.Reason, Cause: act.Cause,
		Class: workflows.Class(act.Class),
	}
	if r := req.set.Get(act.Recipe); r != nil { // disabled ones are not in the set
		out.Timeout = r.Wasmill.Timeout
	}
	if act.Reused != nil {
		out.Outcome = act.Reused.Outcome
	}
	return out
}

// Resolve implements workflows.FarmActivities.
func (a activities) Resolve(ctx context.Context, in workflows.ResolveInput) (workflows.Action, error) {
	a.o.garbage.RLock()
	defer a.o.garbage.RUnlock()
	run, err := a.o.db.Head(ctx, in.RunID)
	if err != nil {
		return workflows.Action{}, err
	}
	request, err := requestOfRun(run)
	if err != nil {
		return workflows.Action{}, err
	}
	req, err := a.o.read(ctx, request)
	if err != nil {
		return workflows.Action{}, err
	}
	act, err := a.o.plans.action(ctx, a.o.db, in.RunID, in.Recipe)
	if err != nil {
		return workflows.Action{}, err
	}
	keys, err := a.o.keysFor(ctx, req, in)
	if err != nil {
		return workflows.Action{}, err
	}
	if err := a.o.complete(ctx, &act, keys); err != nil {
		return workflows.Action{}, err
	}
	var built verification
	if act.Key != "" && !req.NoCache {
		b, err := a.o.db.Build(ctx, act.Key)
		switch {
		case err == nil && req.stands(&b.Record):
			why, err := a.o.unverified(ctx, req, &b)
			if err != nil {
				return workflows.Action{}, err
			}
			if why != "" {
				if built, err = a.o.secondOnly(ctx, &b, why); err != nil {
					return workflows.Action{}, err
				}
				break
			}
			act.Kind, act.Reason = plan.KindReuse, "what it needs came out unchanged"
			act.Reused = &plan.Build{Key: act.Key, Outcome: b.Record.Outcome}
			if err := a.o.db.UseBuilds(ctx, []string{act.Key}, time.Now()); err != nil { // so that it stays as long as the run goes on
				return workflows.Action{}, err
			}
			if req.Publish {
				if err := a.o.publish(ctx, req.toolchain.Name, in.RunID, []string{act.Key}); err != nil {
					return workflows.Action{}, err
				}
			}
		case err != nil && fault.KindOf(err) != fault.NotFound:
			return workflows.Action{}, err
		}
	}
	out := step(req, &act)
	if act.Kind == plan.KindBuild {
		if act.Key == "" {
			out.Shared = act.Shared()
		}
		if out.Job, err = a.o.job(ctx, req, &act, keys); err != nil {
			return out, err
		}
		if out.Reproduce, out.Built = built.asks, built.record; out.Built != "" {
			if err := a.o.goOnWithLog(ctx, jobs.LogName(in.Recipe, out.Job, in.RunID), built.log); err != nil {
				return out, err
			}
		} else if out.Reproduce, err = a.o.twice(ctx, run.ID, req, &act); err != nil {
			return out, err
		}
		out.Grant, err = a.o.key.Sign(access.Grant{Run: in.RunID, Recipe: in.Recipe, Job: out.Job, Expires: time.Now().Add(granted)})
	}
	return out, err
}

// Built implements workflows.FarmActivities. A failure is none: a retry of it may be what the run wants.
func (a activities) Built(ctx context.Context, task workflows.Task) (workflows.BuildResult, error) {
	a.o.garbage.RLock()
	defer a.o.garbage.RUnlock()
	b, err := a.o.db.Build(ctx, task.Key)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return workflows.BuildResult{}, nil
	case err != nil:
		return workflows.BuildResult{}, err
	case b.Record.Outcome != record.Passed:
		return workflows.BuildResult{}, nil
	}
	run, err := a.o.db.Head(ctx, task.RunID)
	if err != nil {
		return workflows.BuildResult{}, err
	}
	if publishes(run) && task.Reproduce != nil && task.Reproduce.Blocks && (b.Record.Reproduction == nil || !b.Record.Reproduction.Same) {
		return workflows.BuildResult{}, nil // made by a run that wanted less of it
	}
	if err := a.o.db.UseBuilds(ctx, []string{task.Key}, time.Now()); err != nil {
		return workflows.BuildResult{}, err
	}
	if publishes(run) {
		err = a.o.publish(ctx, b.Record.Toolchain.Name, task.RunID, []string{task.Key})
	}
	return workflows.BuildResult{Outcome: record.Passed, Key: task.Key}, err
}

// complete puts into the action what has become known since it was planned. Its key stays empty where the build
// requirements are still to be locked.
func (o *Orchestrator) complete(ctx context.Context, act *plan.Action, keys map[string]string) error {
	hosts, err := o.outputs(ctx, keys, act.Wants.Hosts)
	if err != nil {
		return err
	}
	var lock record.Digest
	if act.Wants.Lock {
		kept, err := o.db.Lock(ctx, act.LockKey)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		lock = kept.Digest
	}
	return act.Complete(lock, hosts)
}

// Outgrew implements workflows.FarmActivities.
func (a activities) Outgrew(ctx context.Context, task workflows.Task) error {
	list, err := a.o.db.Actions(ctx, task.RunID, task.Recipe)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fault.Errorf(fault.Internal, "run %s has no recipe %s", task.RunID, task.Recipe)
	}
	now := list[0]
	now.Status, now.Phase, now.Worker, now.Started = store.Queued, "", "", time.Now()
	now.Class, now.Cause = string(task.Class), outgrew(task.Outgrew, task.Class)
	return a.o.db.UpdateAction(ctx, task.RunID, now)
}

// outgrew says in words that a build needs a larger class than it was given.
func outgrew[C ~string](classes []C, now C) string {
	var names []string
	for _, c := range classes {
		names = append(names, string(c))
	}
	return fmt.Sprintf("ran out of memory in the class %s, tried again in %s", strings.Join(names, " and "), string(now))
}

// Record implements workflows.FarmActivities.
func (a activities) Record(ctx context.Context, in workflows.RecordInput) error {
	if in.Control != nil {
		if err := a.o.db.ControlRun(ctx, in.RunID, store.RunControl(*in.Control)); err != nil {
			return err
		}
	}
	if len(in.Changes) == 0 {
		return nil
	}
	run, err := a.o.db.Head(ctx, in.RunID)
	if err != nil {
		return err
	}
	var names []string
	for _, c := range in.Changes {
		names = append(names, c.Recipe)
	}
	list, err := a.o.db.Actions(ctx, in.RunID, names...)
	if err != nil {
		return err
	}
	actions := make(map[string]store.RunAction, len(list))
	for _, act := range list {
		actions[act.Recipe] = act
	}
	for _, c := range in.Changes {
		if c.Joined && (c.State == workflows.Passed || c.State == workflows.Reused) && publishes(run) { // the run that has built it may not publish
			b, err := a.o.db.Build(ctx, c.Key)
			if err != nil {
				return err
			}
			if err := a.o.publish(ctx, b.Record.Toolchain.Name, in.RunID, []string{c.Key}); err != nil {
				return err
			}
		}
		act, found := actions[c.Recipe]
		if !found {
			return fault.Errorf(fault.Internal, "run %s has no recipe %s", in.RunID, c.Recipe)
		}
		now := changed(act, c)
		// Not from the database: under a key that was built before, it keeps the first build's record.
		if c.Record != "" && c.State != workflows.Reused {
			if res, err := jobs.Get[jobs.Result](ctx, a.o.blobs, c.Record); err == nil {
				now.Seconds = res.Record.Seconds()
			}
		}
		if err := a.o.db.UpdateAction(ctx, in.RunID, now); err != nil {
			return err
		}
		if !c.Joined && (c.State == workflows.Passed || c.State == workflows.Failed) {
			if err := a.o.watch(ctx, run, c.Recipe); err != nil {
				return err
			}
		}
	}
	return nil
}

// changed is what a change makes of an action.
func changed(s store.RunAction, c workflows.Change) store.RunAction {
	status, ok := map[workflows.State]store.Status{
		workflows.Planned: store.Planned, workflows.Queued: store.Queued, workflows.Passed: store.Passed, workflows.Failed: store.Failed, workflows.Reused: store.Cached,
		workflows.Skipped: store.Skipped, workflows.Canceled: store.Canceled, workflows.Errored: store.Failed,
	}[c.State]
	if !ok {
		status = store.Failed
	}
	s.Status, s.Phase, s.Fault, s.Class = status, "", c.Fault, string(c.Class)
	if c.Key != "" {
		s.Key = c.Key
	}
	if c.Build != "" {
		s.Build, s.Joined = c.Build, c.Joined
	}
	if status == store.Planned { // the build that was asked for is withdrawn
		return store.RunAction{Recipe: s.Recipe, Status: status}
	}
	if status != store.Queued && status != store.Cached {
		s.Cause = c.Reason
	}
	if c.Cause != "" {
		s.Cause = c.Reason
	}
	if status == store.Queued {
		s.Started = c.At
	}
	if status.Ended() {
		s.Ended = c.At
	}
	return s
}

// FinishRun implements workflows.FarmActivities.
func (a activities) FinishRun(ctx context.Context, r workflows.RunResult) error {
	outcome := string(r.Outcome)
	if r.Outcome == workflows.Errored {
		outcome = string(workflows.Failed)
	}
	err := a.o.db.FinishRun(ctx, r.RunID, store.RunEnd{Outcome: outcome, Error: r.Error, Fault: r.Fault}, time.Now())
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return nil // it ended before it was known
	}
	return err
}

// Store implements workflows.FarmActivities.
func (a activities) Store(ctx context.Context, task workflows.Task) error {
	a.o.garbage.RLock()
	defer a.o.garbage.RUnlock()
	return a.o.store(ctx, task)
}

// requestOfRun is what a run was asked.
func requestOfRun(run store.Run) (req api.RunRequest, err error) {
	if err := json.Unmarshal(run.Request, &req); err != nil {
		return req, fmt.Errorf("reading the request of run %s: %w", run.ID, err)
	}
	return req, nil
}

// request reads the blob that a run was started with.
func (o *Orchestrator) request(ctx context.Context, digest record.Digest) (req api.RunRequest, err error) {
	r, err := o.blobs.Open(ctx, digest)
	if err != nil {
		return req, fmt.Errorf("reading the request of a run: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := json.NewDecoder(r).Decode(&req); err != nil {
		return req, fault.Errorf(fault.Invalid, "reading the request of a run: %w", err)
	}
	return req, nil
}
