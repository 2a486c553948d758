package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/reproduce"
	"github.com/wasmill/wasmill/workflows"
)

// builderVersion rises when the worker's own part of a build (fetching, checks, packing) would give other bytes for
// the same inputs; the part in the container enters the key by its digest.
const builderVersion = "1"

// requested is a request with all that planning it needs.
type requested struct {
	api.RunRequest
	*pack
	set       *recipe.Set // the pack's, as it is on the toolchain
	toolchain known
	policy    reproduce.Policy
}

func (o *Orchestrator) read(ctx context.Context, req api.RunRequest) (*requested, error) {
	policy, err := reproduce.Of(o.cfg.Reproduce, req.Reproduce, req.Lane)
	if err != nil {
		return nil, err
	}
	tc, err := o.known(req.Toolchain)
	if err != nil {
		return nil, err
	}
	pack, err := o.recipes(ctx, req.Recipes, req.Runtimes)
	if err != nil {
		return nil, fmt.Errorf("reading the recipes of the request: %w", err)
	}
	set := pack.set.On(tc.platform())
	chosen, err := set.Select(req.Select...)
	if err != nil {
		return nil, err
	}
	if len(chosen) == 0 {
		return nil, fault.Errorf(fault.Invalid, "nothing is selected")
	}
	return &requested{RunRequest: req, pack: pack, set: set, toolchain: tc, policy: policy}, nil
}

// retries says whether what failed before is built again. Who waits at a terminal has changed something, or wants to see the
// failure happen.
func retries(req api.RunRequest) bool {
	return req.RetryFailed || req.Lane == string(workflows.Interactive)
}

// plan decides what a request makes necessary.
func (o *Orchestrator) plan(ctx context.Context, req *requested) (*plan.Plan, error) {
	in := plan.Request{
		Toolchain: plan.Toolchain{Name: req.toolchain.Name, Digest: req.toolchain.digest(), ExcludeNewer: req.day()},
		Builder:   o.builder,
		Options:   plan.Options{NoCache: req.NoCache, RetryFailed: retries(req.RunRequest)},
	}
	var err error
	if in.Quarantine, err = o.quarantine(ctx, req.Lane); err != nil {
		return nil, err
	}
	if in.Recipes, err = plan.FromSet(req.set, req.Select, req.digest); err != nil {
		return nil, err
	}
	for i := range in.Recipes {
		if r := req.set.Get(in.Recipes[i].Name); r != nil { // disabled ones are not in the set
			if in.Recipes[i].Image, err = req.toolchain.imageOf(r); err != nil {
				return nil, err
			}
			in.Recipes[i].Tolerated = req.tolerates(r)
			if in.Recipes[i].Browser, err = req.toolchain.browserOf(r); err != nil {
				return nil, err
			}
		}
	}
	if in.History, err = o.db.History(ctx, in.Question()); err != nil {
		return nil, err
	}
	p, err := plan.Make(in)
	if err != nil {
		return nil, err
	}
	return p, o.verifying(ctx, req, p)
}

// job is what a worker is told about one action.
func (o *Orchestrator) job(ctx context.Context, req *requested, a *plan.Action, keys map[string]string) (record.Digest, error) {
	j := jobs.Job{Recipes: req.Recipes, Recipe: a.Recipe, Toolchain: req.toolchain.named(string(a.Inputs.Toolchain)), Builder: o.builder.Digest, UV: req.toolchain.uv(), Inputs: a.Inputs, LockKey: a.LockKey, ExcludeNewer: req.day()}
	var err error
	if a.Inputs.Lock != "" {
		if j.Lock, err = o.locked(ctx, a.LockKey, a.Recipe); err != nil {
			return "", err
		}
	}
	if j.Before, err = o.before(ctx, req, a); err != nil {
		return "", err
	}
	for _, h := range req.set.Hosts(req.set.Get(a.Recipe)) {
		b, err := o.db.Build(ctx, keys[h.Name])
		if err != nil {
			return "", fmt.Errorf("finding the build of %s, which the build of %s uses: %w", h.Name, a.Recipe, err)
		}
		j.Hosts = append(j.Hosts, jobs.Host{Recipe: h.Name, Artifacts: b.Record.Artifacts})
	}
	deps := map[string]bool{}
	if err := o.runDeps(ctx, req, a.Recipe, keys, deps, &j.Deps); err != nil {
		return "", err
	}
	r := req.set.Get(a.Recipe)
	j.Runtimes = req.toolchain.runtimes(r)
	if req.toolchain.Spec.Facts.Target.Static() {
		j.Runner = o.runner
	}
	if a.Inputs.Browser != "" {
		j.Browser = req.toolchain.named(string(a.Inputs.Browser))
	}
	recipes, others := r.Wasmill.Test.RequiredRecipes(req.set)
	for _, name := range recipes {
		if deps[name] {
			continue
		}
		deps[name] = true
		if err := o.built(ctx, req, name, a.Recipe, keys, deps, &j.TestDeps); err != nil {
			return "", err
		}
	}
	if len(others) > 0 {
		newest := req.day()
		if !r.Wasmill.ExcludeNewer.IsZero() {
			newest = r.Wasmill.ExcludeNewer
		}
		j.TestLockKey = plan.TestLockKey(others, req.toolchain.digest(), newest)
		if j.TestLock, err = o.locked(ctx, j.TestLockKey, a.Recipe); err != nil && fault.KindOf(err) != fault.NotFound {
			return "", err
		}
	}
	return jobs.Put(ctx, o.blobs, j)
}

// before is the last build of a recipe whose requirements are to be locked again, if it differs in nothing else. It is noted as used,
// so that it stays until the worker has found out.
func (o *Orchestrator) before(ctx context.Context, req *requested, a *plan.Action) (*jobs.Before, error) {
	if a.LockKey == "" || a.Inputs.Lock != "" || req.NoCache {
		return nil, nil
	}
	b, err := o.remembered(ctx, a.Last)
	if err != nil || b == nil || b.Record.Outcome != record.Passed {
		return nil, err
	}
	was, now := b.Inputs, a.Inputs
	was.Lock, now.Lock = "", ""
	if plan.Key(was) != plan.Key(now) {
		return nil, nil
	}
	if why, err := o.unverified(ctx, req, b); err != nil || why != "" {
		return nil, err
	}
	kept, err := o.db.LockOf(ctx, b.Inputs.Lock)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	before := &jobs.Before{}
	if err := json.Unmarshal(kept.Content, &before.Lock); err != nil {
		return nil, fmt.Errorf("reading the locked requirements of %s: %w", a.Recipe, err)
	}
	if before.Result, err = jobs.Put(ctx, o.blobs, jobs.Result{Record: b.Record, Inputs: b.Inputs}); err != nil {
		return nil, err
	}
	return before, o.db.UseBuilds(ctx, []string{a.Last}, time.Now())
}

// locked reads a lock that was kept.
func (o *Orchestrator) locked(ctx context.Context, key, recipe string) (*fetch.Lock, error) {
	kept, err := o.db.Lock(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("reading the locked requirements of %s: %w", recipe, err)
	}
	lock := &fetch.Lock{}
	if err := json.Unmarshal(kept.Content, lock); err != nil {
		return nil, fmt.Errorf("reading the locked requirements of %s: %w", recipe, err)
	}
	return lock, nil
}

// runDeps collects the artifacts of a recipe's run dependencies and of theirs, each once.
func (o *Orchestrator) runDeps(ctx context.Context, req *requested, name string, keys map[string]string, seen map[string]bool, out *[]record.Artifact) error {
	for _, dep := range req.set.Get(name).Requirements.Run {
		dep = req.set.Get(dep).Name
		if seen[dep] {
			continue
		}
		seen[dep] = true
		if err := o.built(ctx, req, dep, name, keys, seen, out); err != nil {
			return err
		}
	}
	return nil
}

// built collects what the build of a recipe yielded, and what it needs itself.
func (o *Orchestrator) built(ctx context.Context, req *requested, dep, name string, keys map[string]string, seen map[string]bool, out *[]record.Artifact) error {
	b, err := o.db.Build(ctx, keys[dep])
	if err != nil {
		return fmt.Errorf("finding the build of %s, which %s needs: %w", dep, name, err)
	}
	for _, a := range b.Record.Artifacts {
		if a.Kind == record.KindWheel || a.Kind == record.KindStatic {
			*out = append(*out, a)
		}
	}
	return o.runDeps(ctx, req, dep, keys, seen, out)
}

// outputs are the digests by which builds enter the keys of those that need them, for the recipes whose key is known.
func (o *Orchestrator) outputs(ctx context.Context, keys map[string]string, names []string) (map[string]record.Digest, error) {
	out := map[string]record.Digest{}
	for _, name := range names {
		b, err := o.db.Build(ctx, keys[name])
		if err != nil {
			return nil, fmt.Errorf("finding the build of %s: %w", name, err)
		}
		out[name] = plan.Output(&b.Record)
	}
	return out, nil
}

// keysFor are the keys of all that a recipe of a run needs, as far as they are known.
func (o *Orchestrator) keysFor(ctx context.Context, req *requested, in workflows.ResolveInput) (map[string]string, error) {
	r := req.set.Get(in.Recipe)
	if r == nil {
		return nil, fault.Errorf(fault.Internal, "the recipes of run %s have no %s", in.RunID, in.Recipe)
	}
	needed, err := req.set.Closure([]*recipe.Recipe{r})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range needed {
		names = append(names, n.Name)
	}
	actions, err := o.db.Actions(ctx, in.RunID, names...)
	if err != nil {
		return nil, err
	}
	keys := map[string]string{}
	for _, a := range actions {
		if a.Key != "" {
			keys[a.Recipe] = a.Key
		}
	}
	return keys, nil
}
