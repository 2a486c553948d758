package orchestrator

import (
	"context"
	"fmt"

	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// A run that publishes, and that a difference between two builds would stop, does not publish what another run has built with
// less care: such a build is made a second time first, and held against what is there. A sample is one of what is built, so what is
// cached is in none.

// verification is how a build that is there is to be verified; the zero value is none.
type verification struct {
	asks   *workflows.Reproduce
	record record.Digest
	log    *record.Blob
}

// secondOnly asks for the second build of one that is there.
func (o *Orchestrator) secondOnly(ctx context.Context, b *store.Build, why string) (verification, error) {
	digest, err := jobs.Put(ctx, o.blobs, jobs.Result{Record: b.Record, Inputs: b.Inputs})
	return verification{asks: &workflows.Reproduce{Why: why, Blocks: true}, record: digest, log: b.Record.Log}, err
}

// goOnWithLog begins the log of a second build with that of the first, as if one had just followed the other.
func (o *Orchestrator) goOnWithLog(ctx context.Context, name string, first *record.Blob) error {
	if first == nil {
		return nil
	}
	log, err := o.blobs.Open(ctx, first.Digest)
	if err != nil {
		return fmt.Errorf("reading the log of the first build: %w", err)
	}
	defer log.Close()
	return o.logs.append(name, 0, log)
}

// unverified says why a build that is there may not be published by the run as it is; empty where it may.
func (o *Orchestrator) unverified(ctx context.Context, req *requested, b *store.Build) (string, error) {
	if !req.verifies() || b.Record.Outcome != record.Passed {
		return "", nil
	}
	known, err := o.twiceBuilt(ctx, []string{b.Record.Recipe})
	if err != nil {
		return "", err
	}
	return req.lacks(known, b.Record.Recipe, b.Record.Key, b.Inputs.Toolchain), nil
}

// verifies says whether the run holds anything against builds that were made once.
func (req *requested) verifies() bool {
	return req.Publish && !req.policy.Warn && (req.policy.New || req.policy.All)
}

// twiceBuilt is what is known of builds that were made twice, by key and by recipe and image.
type twiceBuilt struct {
	same    map[string]bool // by key
	recipes map[string]bool // recipe and image of builds that stand
}

func (o *Orchestrator) twiceBuilt(ctx context.Context, recipes []string) (twiceBuilt, error) {
	list, err := o.db.Twice(ctx, recipes)
	known := twiceBuilt{map[string]bool{}, map[string]bool{}}
	for _, t := range list {
		known.same[t.Key] = t.Same
		if t.Stands {
			known.recipes[t.Recipe+"@"+string(t.Toolchain)] = true
		}
	}
	return known, err
}

// lacks says what a passed build lacks for the run to publish it.
func (req *requested) lacks(known twiceBuilt, recipe, key string, image record.Digest) string {
	r := req.set.Get(recipe)
	if r == nil || copied(r) || req.tolerates(r) {
		return ""
	}
	same, twice := known.same[key]
	switch {
	case same:
		return ""
	case twice:
		return "two builds of it differed, and it was taken all the same by a run that this does not stop"
	case req.policy.All:
		return "it was built once, by a run that asked for no more, and this one publishes only what two builds give"
	case !known.recipes[recipe+"@"+string(image)]:
		return "it was built once, by a run that asked for no more, and no build of " + recipe + " on this toolchain was reproduced yet"
	}
	return ""
}

// verifying turns what is cached, and may not be published as it is, into builds.
func (o *Orchestrator) verifying(ctx context.Context, req *requested, p *plan.Plan) error {
	if !req.verifies() {
		return nil
	}
	var names []string
	for _, a := range p.Actions {
		if a.Kind == plan.KindReuse {
			names = append(names, a.Recipe)
		}
	}
	known, err := o.twiceBuilt(ctx, names)
	if err != nil {
		return err
	}
	for i := range p.Actions {
		a := &p.Actions[i]
		if a.Kind != plan.KindReuse || a.Reused == nil || a.Reused.Outcome != record.Passed || a.Quarantined {
			continue
		}
		if why := req.lacks(known, a.Recipe, a.Key, a.Inputs.Toolchain); why != "" {
			a.Kind, a.Reused, a.Reason = plan.KindBuild, nil, "cached, and to be verified by a second build: "+why
		}
	}
	return nil
}
