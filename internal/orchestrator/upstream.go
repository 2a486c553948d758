package orchestrator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// upstream makes of a request for newer releases one that builds those that were not tried yet. Where there is none, it
// has no Updates. What it could not find out is noted for the report, and asked again the next time. Nobody holds back the
// collection of garbage while the index is asked: the request of a run that is known keeps the recipes.
func (o *Orchestrator) upstream(ctx context.Context, run store.Run, req *api.RunRequest) error {
	tc, err := o.known(req.Toolchain)
	if err != nil {
		return err
	}
	set, err := jobs.Recipes(ctx, o.blobs, req.Recipes, o.cfg.Dir.Packs())
	if err != nil {
		return fmt.Errorf("reading the recipes of the request: %w", err)
	}
	set = set.On(tc.platform())
	chosen, err := set.Select(req.Select...)
	if err != nil {
		return err
	}
	tried, err := o.db.Releases(ctx, req.Upstream)
	if err != nil {
		return err
	}
	known := map[[2]string]bool{}
	for _, r := range tried {
		known[[2]string{r.Recipe, r.Version}] = true
	}
	answers, err := o.newer(ctx, req.Upstream, run.Created, chosen, tc.Spec.Facts.Python)
	if err != nil {
		return err
	}
	o.garbage.RLock() // what is put now is named by the request only at the end
	defer o.garbage.RUnlock()
	var found []*recipe.Update
	var problems []store.Release
	for _, r := range chosen {
		switch a, asked := answers[r.Name]; {
		case !asked:
		case a.Problem != "":
			problems = append(problems, store.Release{Schedule: req.Upstream, Recipe: r.Name, Replaced: r.Version, Problem: a.Problem, Found: a.Asked})
		case a.Version != "" && !known[[2]string{r.Name, a.Version}]:
			found = append(found, &recipe.Update{Recipe: r, From: r.Version, To: a.Version, Meta: []byte(a.Meta)})
		}
	}
	slices.SortFunc(found, func(a, b *recipe.Update) int { return cmp.Compare(a.Recipe.Name, b.Recipe.Name) })
	if err := o.db.PutReleases(ctx, problems); err != nil {
		return err
	}
	req.Updates = nil
	for _, u := range found {
		meta, err := o.blobs.Put(ctx, "application/yaml", bytes.NewReader(u.Meta))
		if err != nil {
			return err
		}
		req.Updates = append(req.Updates, api.Update{Recipe: u.Recipe.Name, From: u.From, To: u.To, Meta: meta.Digest})
	}
	if len(found) > 0 {
		if err := o.updated(ctx, set, found, req); err != nil {
			return err
		}
	}
	now := time.Now()
	req.Looked = &now
	raw, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("noting the releases that run %s tries: %w", run.ID, err)
	}
	return o.db.AskRun(ctx, run.ID, raw)
}

// updated puts the recipes as they are after their updates in the place of the request's.
func (o *Orchestrator) updated(ctx context.Context, set *recipe.Set, found []*recipe.Update, req *api.RunRequest) error {
	names := map[string]bool{}
	for _, u := range found {
		names[u.Recipe.Name] = true
	}
	if req.Dependents {
		dependents(set, names)
	}
	var wanted []*recipe.Recipe
	req.Select = nil
	for _, r := range set.Recipes() {
		if names[r.Name] {
			wanted, req.Select = append(wanted, r), append(req.Select, r.Name)
		}
	}
	all, err := set.Closure(wanted)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.cfg.Dir.Packs(), "updated-*")
	if err != nil {
		return fault.Errorf(fault.Unavailable, "writing updated recipes: %w", err)
	}
	defer os.RemoveAll(dir)
	for _, r := range all {
		if err := os.CopyFS(filepath.Join(dir, r.Name), os.DirFS(r.Dir)); err != nil {
			return fault.Errorf(fault.Unavailable, "writing updated recipes: %w", err)
		}
	}
	for _, u := range found {
		if err := os.WriteFile(filepath.Join(dir, u.Recipe.Name, recipe.MetaFile), u.Meta, 0o644); err != nil {
			return fault.Errorf(fault.Unavailable, "writing updated recipes: %w", err)
		}
	}
	after, err := recipe.LoadSet(dir)
	if err != nil {
		return err
	}
	var pack bytes.Buffer
	if err := recipe.Pack(&pack, after.Recipes()); err != nil {
		return err
	}
	blob, err := o.blobs.Put(ctx, "application/x-tar", &pack)
	req.Recipes = blob.Digest
	return err
}

// dependents adds to names all recipes that need one of them, to be built or to run.
func dependents(set *recipe.Set, names map[string]bool) {
	for more := true; more; {
		more = false
		for _, r := range set.Recipes() {
			if names[r.Name] {
				continue
			}
			for _, need := range slices.Concat(r.Requirements.Host, r.Requirements.Run) {
				if dep := set.Get(need); dep != nil && names[dep.Name] {
					names[r.Name], more = true, true
				}
			}
		}
	}
}

// tries notes that a run tries releases.
func (o *Orchestrator) tries(ctx context.Context, runID string, req *api.RunRequest) error {
	var list []store.Release
	for _, u := range req.Updates {
		list = append(list, store.Release{
			Schedule: req.Upstream, Recipe: u.Recipe, Version: u.To, Replaced: u.From, Run: runID, Meta: u.Meta, Found: time.Now(),
		})
	}
	return o.db.PutReleases(ctx, list)
}

// Releases implements api.Farm.
func (o *Orchestrator) Releases(ctx context.Context, schedule string) ([]api.Release, error) {
	list, err := o.db.Releases(ctx, schedule)
	if err != nil {
		return nil, err
	}
	out, runs := []api.Release{}, map[string][]store.RunAction{}
	for _, r := range list {
		shown := api.Release{
			Update: api.Update{Recipe: r.Recipe, From: r.Replaced, To: r.Version, Meta: r.Meta}, Run: r.Run, Found: r.Found,
			Outcome: api.NotTried, Reason: r.Problem,
		}
		if r.Run != "" {
			actions, known := runs[r.Run]
			if !known {
				if _, actions, err = o.db.Run(ctx, r.Run); err != nil {
					return nil, err
				}
				runs[r.Run] = actions
			}
			if i := slices.IndexFunc(actions, func(a store.RunAction) bool { return a.Recipe == r.Recipe }); i >= 0 {
				if shown.Outcome, shown.Reason, err = o.became(ctx, &actions[i]); err != nil {
					return nil, err
				}
			}
		}
		out = append(out, shown)
	}
	return out, nil
}

// became is what the try of a release came to.
func (o *Orchestrator) became(ctx context.Context, a *store.RunAction) (outcome, reason string, err error) {
	switch a.Status {
	case store.Passed:
		return api.AsItIs, "", nil
	case store.Cached, store.Failed:
	case store.Skipped:
		return api.Breaks, a.Cause, nil
	case store.Canceled:
		return api.NotTried, "its run was canceled", nil
	default:
		return api.GoingOn, string(a.Status), nil
	}
	if a.Fault != "" {
		return api.NotTried, "the farm failed, not the recipe: " + a.Cause, nil
	}
	b, err := o.remembered(ctx, a.Key)
	switch {
	case err != nil:
		return "", "", err
	case b == nil:
		return api.Breaks, a.Cause, nil
	case b.Record.Outcome == record.Passed:
		return api.AsItIs, "", nil
	case b.Record.Failure != nil && b.Record.Failure.Kind == record.PatchFailed:
		return api.NoPatch, b.Record.Failure.Message, nil
	}
	return api.Breaks, a.Cause, nil
}
