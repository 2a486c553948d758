package orchestrator

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// What the farm does about a recipe whose outcome says nothing.
const (
	trials     = 10                     // builds that it looks at
	apartFor   = 14 * 24 * time.Hour    // for how long it puts one into quarantine
	apartOwner = "the farm's operators" // of a recipe that names no maintainers
)

// Quarantine implements api.Farm.
func (o *Orchestrator) Quarantine(ctx context.Context, q api.Quarantine) error {
	now := time.Now()
	switch {
	case q.Recipe == "" || q.Reason == "" || q.Owner == "":
		return fault.Errorf(fault.Invalid, "a quarantine has a recipe, a reason and an owner")
	case !q.Until.After(now):
		return fault.Errorf(fault.Invalid, "the quarantine of %s would end before it begins (%s)", q.Recipe, q.Until.UTC().Format(time.DateTime))
	}
	return o.db.Quarantine(ctx, store.Quarantine{Recipe: q.Recipe, Reason: q.Reason, Owner: q.Owner, Since: now, Until: q.Until})
}

// LiftQuarantine implements api.Farm.
func (o *Orchestrator) LiftQuarantine(ctx context.Context, recipe string) error {
	err := o.db.LiftQuarantine(ctx, recipe, time.Now())
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return fault.Errorf(fault.NotFound, "%s is not in quarantine: `wasmill quarantine list` shows what is", recipe)
	}
	return err
}

// Quarantines implements api.Farm.
func (o *Orchestrator) Quarantines(ctx context.Context) ([]api.Quarantine, error) {
	list, err := o.db.Quarantines(ctx, time.Now())
	out := []api.Quarantine{}
	for _, q := range list {
		out = append(out, api.Quarantine(q))
	}
	return out, err
}

// quarantine is what a run must leave alone. Whoever asks for a recipe by a submission, or sits before it, wants it built: it
// may have been mended.
func (o *Orchestrator) quarantine(ctx context.Context, lane string) (map[string]plan.Quarantine, error) {
	if lane != string(workflows.Nightly) && lane != string(workflows.Migration) {
		return nil, nil
	}
	list, err := o.db.Quarantines(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	out := map[string]plan.Quarantine{}
	for _, q := range list {
		out[q.Recipe] = plan.Quarantine{Reason: q.Reason, Owner: q.Owner, Until: q.Until}
	}
	return out, nil
}

// watch puts a recipe into quarantine that fails and passes in turns.
func (o *Orchestrator) watch(ctx context.Context, run store.Run, recipe string) error {
	newest, err := o.db.Trials(ctx, recipe, trials)
	if err != nil {
		return err
	}
	reason, flaky := plan.Flaky(newest)
	if !flaky {
		return nil
	}
	owner, err := o.ownerOf(ctx, run, recipe)
	if err != nil {
		return err
	}
	now := time.Now()
	o.cfg.Log.Warn("putting a recipe into quarantine", zap.String("recipe", recipe), zap.String("reason", reason), zap.String("owner", owner))
	return o.db.Quarantine(ctx, store.Quarantine{Recipe: recipe, Reason: reason, Owner: owner, Automatic: true, Since: now, Until: now.Add(apartFor)})
}

// ownerOf is who looks after a recipe of a run: those whom it names as its maintainers.
func (o *Orchestrator) ownerOf(ctx context.Context, run store.Run, name string) (string, error) {
	req, err := requestOfRun(run)
	if err != nil {
		return "", err
	}
	pack, err := o.recipes(ctx, req.Recipes, req.Runtimes)
	if err != nil {
		return "", err
	}
	if r := pack.set.Get(name); r != nil && len(r.Maintainers()) > 0 {
		return strings.Join(r.Maintainers(), ", "), nil
	}
	return apartOwner, nil
}
