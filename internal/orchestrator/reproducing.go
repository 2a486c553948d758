package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/diff"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/reproduce"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// twice says whether a build is made a second time; nil where it is not.
func (o *Orchestrator) twice(ctx context.Context, run string, req *requested, act *plan.Action) (*workflows.Reproduce, error) {
	r := req.set.Get(act.Recipe)
	if copied(r) {
		return nil, nil // the same bytes went in
	}
	done := true
	if req.policy.New {
		var err error
		if done, err = o.db.Reproduced(ctx, act.Recipe, act.Inputs.Toolchain); err != nil {
			return nil, err
		}
	}
	why, twice := req.policy.Twice(reproduce.Build{Recipe: act.Recipe, Run: run, New: !done})
	if !twice {
		return nil, nil
	}
	return &workflows.Reproduce{Why: why, Blocks: !req.tolerates(r)}, nil
}

// copied says whether a recipe's source is a ready wheel that no script changes.
func copied(r *recipe.Recipe) bool {
	return r.Wheel() && r.Build.Script == "" && r.Build.Post == ""
}

// tolerates says whether two builds of a recipe may differ.
func (req *requested) tolerates(r *recipe.Recipe) bool {
	return req.policy.Warn || r.Wasmill.NotReproducible != ""
}

// stands says whether an earlier build of a key is used, and not made again.
func (req *requested) stands(b *record.Build) bool {
	switch {
	case b.Outcome == record.Passed:
		return true
	case b.Failure != nil && b.Failure.Kind == record.NotReproducible && req.tolerates(req.set.Get(b.Recipe)):
		return false
	}
	return !retries(req.RunRequest)
}

// Difference implements api.Farm.
func (o *Orchestrator) Difference(ctx context.Context, keyOrRecipe string) (api.Difference, error) {
	var out api.Difference
	b, err := o.differing(ctx, keyOrRecipe)
	if err != nil {
		return out, err
	}
	r := b.Record.Reproduction
	out = api.Difference{
		Recipe: b.Record.Recipe, Version: b.Record.Version, Key: b.Record.Key, Worker: b.Record.Worker,
		First: b.Record.Artifacts, Second: r.Artifacts, Reproduction: *r,
	}
	if r.Difference != nil {
		text, err := o.blobs.Open(ctx, r.Difference.Digest)
		if err != nil {
			return out, err
		}
		defer text.Close()
		out.Report = &diff.Report{}
		if err := json.NewDecoder(text).Decode(out.Report); err != nil {
			return out, fmt.Errorf("reading how two builds of %s differ: %w", out.Recipe, err)
		}
	}
	return out, o.db.Look(ctx, out.Key, time.Now())
}

// differing finds a build that was made twice and came out otherwise; its error says why there is none.
func (o *Orchestrator) differing(ctx context.Context, keyOrRecipe string) (store.Build, error) {
	if !keyForm.MatchString(keyOrRecipe) {
		b, err := o.db.Differing(ctx, keyOrRecipe)
		if err != nil && fault.KindOf(err) == fault.NotFound {
			if _, latest := o.db.LatestBuild(ctx, keyOrRecipe, "", ""); latest != nil {
				return b, latest
			}
			return b, fault.Errorf(fault.NotFound, "no two builds of %s are known to differ", keyOrRecipe)
		}
		return b, err
	}
	b, err := o.db.Build(ctx, keyOrRecipe)
	switch r := b.Record.Reproduction; {
	case err != nil:
		return b, err
	case r == nil:
		return b, fault.Errorf(fault.NotFound, "build %s of %s was made once only: --reproduce=all makes all builds of a run twice", plan.Short("sha256:"+keyOrRecipe), b.Record.Recipe)
	case r.Same:
		return b, fault.Errorf(fault.NotFound, "build %s of %s gave the same bytes twice, on %s and on %s", plan.Short("sha256:"+keyOrRecipe), b.Record.Recipe, b.Record.Worker, r.Worker)
	}
	return b, nil
}

// reproduced is what a second build gave, in a word; empty where there was none.
func reproduced(b *record.Build) string {
	switch {
	case b.Reproduction == nil:
		return ""
	case b.Reproduction.Same:
		return "same"
	}
	return "different"
}
