package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/bench/graph"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// corpusGraph is the graph of a real collection of recipes, where somebody has put it beside the project.
var corpusGraph = filepath.Join("..", "shared", "corpus", "graph.json")

// collection is a set of recipes to measure with, and its targets.
type collection struct {
	graph         graph.Graph
	planned, noOp float64 // seconds
}

// Targets of a farm that has to see that nothing is to be done.
const (
	realPlan, syntheticPlan = 0.2, 5.0
	realNoOp                = 2.0
	hitLimit                = 0.05
)

// scale measures a farm with many recipes, all of which were built before: how long it plans, how soon it has seen that there
// is nothing to do, how long an answer takes.
func (b *bench) scale(ctx context.Context) error {
	collections := []collection{{graph: graph.Synthetic(10_000, 1), planned: syntheticPlan}}
	switch g, err := graph.Read(corpusGraph); {
	case err == nil:
		collections = slices.Insert(collections, 0, collection{graph: g, planned: realPlan, noOp: realNoOp})
	case errors.Is(err, fs.ErrNotExist):
		b.say("without a real graph, which would be at %s: one of its size and shape is taken instead", corpusGraph)
		collections = slices.Insert(collections, 0, collection{graph: graph.Synthetic(332, 1), planned: realPlan, noOp: realNoOp})
	default:
		return err
	}
	for _, c := range collections {
		b.say("%d recipes, of which nothing has changed", len(c.graph))
		if err := b.unchanged(ctx, c); err != nil {
			return fmt.Errorf("measuring %d recipes: %w", len(c.graph), err)
		}
	}
	return nil
}

const (
	schedule = "bench"
	// apart is left between two measurements: a schedule starts nothing as long as the workflow of its last run goes on, which
	// is a moment longer than the run, and names its runs after the second.
	apart = 1500 * time.Millisecond
)

// settled is a farm that has built all recipes of a collection.
type settled struct {
	*farm
	request api.RunRequest // of all recipes
	one     []byte         // the pack of a recipe whose wheel there is
	name    string         // of that recipe
}

func (b *bench) unchanged(ctx context.Context, c collection) error {
	n := len(c.graph)
	folder := filepath.Join(b.scratch, fmt.Sprintf("recipes-%d", n))
	if err := c.graph.Write(folder); err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	data, err := b.fresh(fmt.Sprintf("farm-%d", n))
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	s, err := b.remembering(ctx, data, folder)
	if err != nil {
		return err
	}
	return errors.Join(b.onSettled(ctx, s, c), s.stop())
}

// remembering starts a farm whose database remembers that all recipes of a folder were built. With what image and which builder
// a farm plans it says itself: by the plan of a run that is canceled at once.
func (b *bench) remembering(ctx context.Context, data, folder string) (*settled, error) {
	set, err := recipe.LoadSet(folder)
	if err != nil {
		return nil, err
	}
	first := []*recipe.Recipe{alone(set)}
	f, err := b.orchestrator(ctx, data)
	if err != nil {
		return nil, err
	}
	request, wheel, err := b.introduce(ctx, f, first)
	if err == nil {
		var run api.Run
		if run, err = f.StartRun(ctx, request); err == nil {
			err = b.canceled(ctx, f, run.ID)
		}
		if err := errors.Join(err, f.stop()); err != nil {
			return nil, err
		}
		if err := b.seed(ctx, data, run.ID, set, map[string]record.Blob{first[0].Name: wheel}); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.stop())
	}
	s := &settled{name: first[0].Name}
	if s.farm, err = b.orchestrator(ctx, data); err != nil {
		return nil, err
	}
	var packed, one bytes.Buffer
	if err := errors.Join(recipe.Pack(&packed, set.Recipes()), recipe.Pack(&one, first)); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.one = one.Bytes()
	blob, err := s.PutBlob(ctx, &packed)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.request = api.RunRequest{Recipes: blob.Digest, Select: []string{"*"}, Toolchain: b.toolchain, Lane: "nightly", Publish: true}
	return s, nil
}

// orchestrator starts a farm without workers.
func (b *bench) orchestrator(ctx context.Context, data string) (*farm, error) {
	f, err := b.start("orchestrator", data, anywhere...)
	if err != nil {
		return nil, err
	}
	if err := f.answers(ctx, data); err != nil {
		return nil, errors.Join(err, f.stop())
	}
	return f, nil
}

// introduce sends a farm some recipes, and a file that can be their wheel.
func (b *bench) introduce(ctx context.Context, f *farm, recipes []*recipe.Recipe) (req api.RunRequest, wheel record.Blob, err error) {
	var packed bytes.Buffer
	if err := recipe.Pack(&packed, recipes); err != nil {
		return req, wheel, err
	}
	blob, err := f.PutBlob(ctx, &packed)
	if err != nil {
		return req, wheel, err
	}
	req = api.RunRequest{Recipes: blob.Digest, Toolchain: b.toolchain, Lane: "submission", Publish: true}
	for _, r := range recipes {
		req.Select = append(req.Select, r.Name)
	}
	wheel, err = f.PutBlob(ctx, strings.NewReader(strings.Repeat("0123456789abcdef", 1<<16)))
	return req, wheel, err
}

// canceled waits until a run has a plan, and cancels it.
func (b *bench) canceled(ctx context.Context, f *farm, id string) error {
	if err := f.until(ctx, "plans", func() bool {
		run, err := f.Run(ctx, id)
		return err == nil && len(run.Actions) > 0
	}); err != nil {
		return err
	}
	if err := f.CancelRun(ctx, id); err != nil {
		return err
	}
	return f.until(ctx, "ends a run that is canceled", func() bool {
		run, err := f.Run(ctx, id)
		return err == nil && run.Finished != nil
	})
}

// seed lets a farm's database remember a build of every recipe of a set, on the toolchain and by the builder of a run.
func (b *bench) seed(ctx context.Context, data, run string, set *recipe.Set, files map[string]record.Blob) (err error) {
	dir, err := datadir.Open(data)
	if err != nil {
		return err
	}
	db, err := store.OpenSQLite(ctx, dir.Database())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	of, _, err := db.Run(ctx, run)
	if err != nil {
		return err
	}
	req := plan.Request{Toolchain: of.Plan.Toolchain, Builder: of.Plan.Builder}
	if req.Recipes, err = plan.FromSet(set, []string{"*"}, (*recipe.Recipe).Digests); err != nil {
		return err
	}
	return remember(ctx, db, req, files, time.Now().Add(-24*time.Hour))
}

func (b *bench) onSettled(ctx context.Context, s *settled, c collection) error {
	n := len(c.graph)
	of := func(what string) string { return fmt.Sprintf("%d recipes: %s", n, what) }
	measured := func(what string, limit float64, do func() error) error {
		var times samples
		for i := range b.times() + 1 {
			time.Sleep(apart)
			begin := time.Now()
			if err := do(); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			if i > 0 { // the first time files come from the disk
				times = append(times, time.Since(begin).Seconds())
			}
		}
		b.add(newMeasure(of(what), "s", limit, times))
		b.say("%s: %.3f s", of(what), times.median())
		return nil
	}
	if err := measured("plan", c.planned, func() error { return s.nothing(ctx) }); err != nil {
		return err
	}
	if err := measured("submission of all, nothing to do", c.noOp, func() error { return s.submitted(ctx) }); err != nil {
		return err
	}
	if err := s.AddSchedule(ctx, api.Schedule{Name: schedule, Cron: "0 0 1 1 *", Run: s.request}); err != nil {
		return err
	}
	if err := measured("nightly, nothing to do", c.noOp, func() error { return s.nightly(ctx) }); err != nil {
		return err
	}
	if err := s.builtNothing(ctx); err != nil {
		return err
	}
	name := c.graph[n/2].Name
	if err := measured("why a recipe is cached (explain)", 0, func() error {
		_, err := s.Explain(ctx, "", name)
		return err
	}); err != nil {
		return err
	}
	if err := measured("cache hit to the wheel's bytes", hitLimit, func() error { return s.hit(ctx) }); err != nil {
		return err
	}
	peak, err := peakMemory(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	b.add(newMeasure(of("most memory of the orchestrator in all this"), "bytes", 0, samples{float64(peak)}))
	return nil
}

// nothing asks for a plan, in which there must be nothing to do.
func (s *settled) nothing(ctx context.Context) error {
	actions, err := s.Plan(ctx, s.request)
	if err != nil {
		return err
	}
	return allCached(actions)
}

func allCached(actions []api.Action) error {
	for _, act := range actions {
		if act.Status != "cached" {
			return fmt.Errorf("%s is not cached but %s: %s", act.Recipe, act.Status, act.Reason)
		}
	}
	return nil
}

func (s *settled) submitted(ctx context.Context) error {
	run, err := s.StartRun(ctx, s.request)
	if err != nil {
		return err
	}
	if run.Finished == nil {
		return fmt.Errorf("run %s has not ended at once", run.ID)
	}
	return allCached(run.Actions)
}

// passed waits for the end of a run, which must have found nothing to do.
func (s *settled) passed(ctx context.Context, id string) error {
	var last api.Run
	err := s.until(ctx, "ends run "+id, func() bool {
		list, err := s.Runs(ctx, 1)
		if err == nil && len(list) > 0 {
			last = list[0]
		}
		return last.ID == id && last.Finished != nil
	})
	if err == nil && last.State != "passed" {
		err = fmt.Errorf("run %s has %s: %s", id, last.State, last.Error)
	}
	return err
}

// nightly is a run that a schedule starts: a workflow, even where nothing is to be done.
func (s *settled) nightly(ctx context.Context) error {
	before, err := s.Runs(ctx, 1)
	if err != nil {
		return err
	}
	if _, err := s.ChangeSchedule(ctx, schedule, api.Trigger); err != nil {
		return err
	}
	now := before
	if err := s.until(ctx, "begins with the run of a schedule", func() bool {
		now, err = s.Runs(ctx, 1)
		return err == nil && now[0].ID != before[0].ID
	}); err != nil {
		return err
	}
	return s.passed(ctx, now[0].ID)
}

// builtNothing looks at the newest run, recipe by recipe.
func (s *settled) builtNothing(ctx context.Context) error {
	list, err := s.Runs(ctx, 1)
	if err != nil {
		return err
	}
	run, err := s.Run(ctx, list[0].ID)
	if err != nil {
		return err
	}
	if n := len(run.Actions); run.Lane != "nightly" || n == 0 {
		return fmt.Errorf("run %s is of the lane %s, with %d recipes", run.ID, run.Lane, n)
	}
	return allCached(run.Actions)
}

// hit asks for a recipe that was built before, and reads its wheel.
func (s *settled) hit(ctx context.Context) error {
	blob, err := s.PutBlob(ctx, bytes.NewReader(s.one))
	if err != nil {
		return err
	}
	req := s.request
	req.Recipes, req.Select, req.Lane = blob.Digest, []string{s.name}, "submission"
	run, err := s.StartRun(ctx, req)
	if err != nil {
		return err
	}
	if run.Finished == nil || allCached(run.Actions) != nil {
		return fmt.Errorf("run %s has not ended at once", run.ID)
	}
	for _, act := range run.Actions {
		if act.Recipe != s.name {
			continue
		}
		wheel, err := s.OpenBlob(ctx, record.Digest(act.Digest))
		if err != nil {
			return err
		}
		got, err := io.Copy(io.Discard, wheel)
		if err := errors.Join(err, wheel.Close()); err != nil {
			return err
		}
		if got != act.Size {
			return fmt.Errorf("%d bytes of a wheel of %d", got, act.Size)
		}
		return nil
	}
	return fmt.Errorf("there is no %s in run %s", s.name, run.ID)
}

// alone is a recipe that needs no other.
func alone(set *recipe.Set) *recipe.Recipe {
	for _, r := range set.Recipes() {
		if len(r.Requirements.Host)+len(r.Requirements.Run) == 0 {
			return r
		}
	}
	return nil // what has no circle has one
}
