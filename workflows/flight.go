package workflows

import (
	"cmp"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// do carries out a build action, from its last decision to its end.
func (r *run) do(ctx workflow.Context, a Action) Change {
	for {
		now, err := callResolve(ctx, r.in, a.Recipe)
		if err != nil {
			return failure(err)
		}
		if now.Kind != KindBuild {
			return settled(now)
		}
		// A run that continues as new takes along only what has started.
		if err := workflow.Await(ctx, func() bool { return !r.leaving }); err != nil {
			return failure(err)
		}
		if r.asked() > r.allowed() {
			return Change{State: Planned}
		}
		a.Key, a.Job, a.Grant, a.Reproduce, a.Built = now.Key, now.Job, now.Grant, now.Reproduce, now.Built
		f := &Flight{
			Recipe: a.Recipe, Key: a.Key, class: a.class(), Blocks: a.Reproduce != nil && a.Reproduce.Blocks,
			Build: BuildWorkflowID(a.Recipe, r.in.Toolchain, cmp.Or(a.Key, now.Shared), r.in.RunID, r.in.NoCache),
		}
		child, err := r.start(ctx, a, f)
		switch {
		case err == nil:
			return r.withdrawn(ctx, f, r.watch(ctx, f, child))
		case !temporal.IsWorkflowExecutionAlreadyStartedError(err):
			return failure(err)
		}
		// Another run is building this key. If that build was canceled before it heard of this run: start our own. If it was made by a run
		// that wants less of it: decide again, now that it is there.
		end := r.join(ctx, f)
		if !f.again(end) || ctx.Err() != nil {
			return end
		}
	}
}

func (r *run) start(ctx workflow.Context, a Action, f *Flight) (workflow.ChildWorkflowFuture, error) {
	timeout := a.Timeout
	if timeout == 0 {
		timeout = r.in.Tunables.BuildTimeout
	}
	ctx, f.cancel = workflow.WithCancel(ctx)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            f.Build,
		TaskQueue:             FarmQueue,
		WaitForCancellation:   true,                                // a run has ended when its containers are gone
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON, // continuing as new closes the parent, too
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowTaskTimeout:   workflowTaskTimeout,
		Priority:              r.in.Lane.buildPriority(),
	})
	child := workflow.ExecuteChildWorkflow(ctx, buildWorkflow, BuildInput{
		Task: Task{
			RunID: r.in.RunID, Build: f.Build, Recipe: a.Recipe, Toolchain: r.in.Toolchain, Key: a.Key, Job: a.Job, Grant: a.Grant, NoCache: r.in.NoCache,
			Reproduce: a.Reproduce, Record: a.Built, Class: a.class(),
		},
		Lane: r.in.Lane, Timeout: timeout, Tunables: r.in.Tunables,
	})
	var execution workflow.Execution
	r.starting++
	err := child.GetChildWorkflowExecution().Get(ctx, &execution)
	r.starting--
	if err == nil {
		r.started++
		f.RunID, f.Owned = execution.RunID, true
	}
	return child, err
}

// watch awaits a child of this execution. One that goes on for another run is no longer awaited by this one, which was canceled.
func (r *run) watch(ctx workflow.Context, f *Flight, child workflow.ChildWorkflowFuture) Change {
	defer r.takeOff(ctx, f)()
	calm, _ := workflow.NewDisconnectedContext(ctx)
	if err := workflow.Await(calm, func() bool { return child.IsReady() || r.kept[f.Build] }); err != nil {
		return failure(err)
	}
	if !child.IsReady() {
		return f.left()
	}
	var result BuildResult
	err := child.Get(ctx, &result)
	return f.end(result, err)
}

// left is the end of a build for a run that was canceled, while others go on waiting for it.
func (f *Flight) left() Change {
	return Change{State: Canceled, Reason: "canceled; the build goes on for another run", Build: f.Build, Joined: !f.Owned, Key: f.Key}
}

// join awaits a build that another run has started, and tells it so: it then goes on when its own run is canceled.
func (r *run) join(ctx workflow.Context, f *Flight) Change {
	defer r.takeOff(ctx, f)()
	if workflow.GetVersion(ctx, tellingJoined, workflow.DefaultVersion, 1) > workflow.DefaultVersion {
		r.tell(ctx, f, wait{RunID: r.in.RunID})
	}
	return r.await(ctx, f)
}

// await awaits the end of a build that another run has started. When this run is canceled before, the build is told, and the run
// ends when the build has ended or goes on for others.
func (r *run) await(ctx workflow.Context, f *Flight) Change {
	calm, _ := workflow.NewDisconnectedContext(ctx)
	calm, stop := workflow.WithCancel(calm)
	defer stop()
	call := callJoin(calm, r.in, *f)
	if workflow.Await(ctx, call.future.IsReady) != nil {
		r.tell(calm, f, wait{RunID: r.in.RunID, Over: true})
		if err := workflow.Await(calm, func() bool { return call.future.IsReady() || r.kept[f.Build] }); err != nil {
			return failure(err)
		}
		if !call.future.IsReady() {
			return f.left()
		}
	}
	result, err := call.get(calm)
	return f.end(result, err)
}

// tell sends to a build that may have just ended; then there is nobody to be told.
func (r *run) tell(ctx workflow.Context, f *Flight, w wait) {
	_ = workflow.SignalExternalWorkflow(ctx, f.Build, f.RunID, waitSignal, w).Get(ctx, nil)
}

// resume awaits a build that was asked for before the run continued as new.
func (r *run) resume(ctx workflow.Context, f *Flight, a Action) Change {
	if f.Owned {
		inner, cancel := workflow.WithCancel(ctx)
		if f.cancel = cancel; f.Withdrawn {
			cancel()
		}
		return r.withdrawn(ctx, f, r.awaitOwned(inner, f))
	}
	end := r.await(ctx, f)
	r.land(f)
	if !f.again(end) || ctx.Err() != nil {
		return end
	}
	return r.do(ctx, a)
}

// again says whether the end of another run's build is none for this run.
func (f *Flight) again(end Change) bool {
	return end.State == Canceled || (end.State == Passed || end.State == Reused) && f.Blocks && !end.Verified
}

// awaitOwned awaits what an earlier execution has started. It is no child of this one: to cancel it takes a request, and
// its end is awaited all the same.
func (r *run) awaitOwned(ctx workflow.Context, f *Flight) Change {
	defer r.land(f)
	calm, _ := workflow.NewDisconnectedContext(ctx)
	call := callJoin(calm, r.in, *f)
	if err := workflow.Await(ctx, call.future.IsReady); err != nil {
		_ = workflow.RequestCancelExternalWorkflow(calm, f.Build, f.RunID).Get(calm, nil) // fails if it has just ended
	}
	if err := workflow.Await(calm, func() bool { return call.future.IsReady() || r.kept[f.Build] }); err != nil {
		return failure(err)
	}
	if !call.future.IsReady() {
		return f.left()
	}
	result, err := call.get(calm)
	return f.end(result, err)
}

// takeOff notes that a build was asked for; the returned function, that it has ended.
func (r *run) takeOff(ctx workflow.Context, f *Flight) func() {
	r.flights = append(r.flights, f)
	r.count(f, 1)
	r.note(ctx, []Change{{Recipe: f.Recipe, State: Queued, Build: f.Build, Joined: !f.Owned, Key: f.Key}})
	return func() { r.land(f) }
}

func (r *run) land(f *Flight) {
	r.count(f, -1)
	r.flights = slices.DeleteFunc(r.flights, func(other *Flight) bool { return other == f })
}

func (f *Flight) end(result BuildResult, err error) Change {
	c := failure(err)
	if err == nil {
		c = Change{State: Passed, Record: result.Record, Verified: result.Verified}
		if result.Reused {
			c.State = Reused
		}
		if result.Outcome != record.Passed {
			c.State = Failed
			if result.Failure != nil {
				c.Reason = result.Failure.Message
			}
		}
	}
	c.Build, c.Joined, c.Key, c.Class = f.Build, !f.Owned, result.Key, result.Class
	if c.Key == "" {
		c.Key = f.Key
	}
	return c
}

// failure is the end of an action for which the machinery gave no result.
func failure(err error) Change {
	switch {
	case err == nil:
		return Change{}
	case temporal.IsCanceledError(err):
		return Change{State: Canceled, Reason: "canceled"}
	}
	err = fromTemporal(err)
	return Change{State: Errored, Reason: err.Error(), Fault: fault.KindOf(err).String()}
}
