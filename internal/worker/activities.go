package worker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/app"
	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/provenance"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/telemetry"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/internal/version"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/workflows"
)

// testLimits bound a test: a runtime's 4 GiB of memory are the most that wasm32 can address, and few tests need a
// quarter of it.
var testLimits = runtimes.Limits{Memory: 3 << 30, Time: 20 * time.Minute, Log: 16 << 20}

// activities are what a worker does for the workflows.
type activities struct{ w *Worker }

var _ workflows.WorkerActivities = activities{}

// step is one activity on its way: what it was asked, and how it tells the farm of itself.
type step struct {
	*Worker
	task   workflows.Task
	job    *jobs.Job
	set    *recipe.Set // the recipe and all that it needs
	recipe *recipe.Recipe
	told   api.Attempt
	report func(workflows.Progress)
	log    *logStream
	steps  telemetry.Steps
}

func (w *Worker) begin(ctx context.Context, task workflows.Task, attempt workflows.Attempt, logOffset int64) (*step, error) {
	job, err := jobs.Get[jobs.Job](ctx, w.blobs, task.Job)
	if err != nil {
		return nil, err
	}
	set, err := w.recipes(ctx, job.Recipes)
	if err != nil {
		return nil, err
	}
	s := &step{Worker: w, task: task, job: job, set: set, recipe: set.Get(job.Recipe), report: attempt.Report}
	if s.recipe == nil {
		return nil, fault.Errorf(fault.Internal, "the job's pack has no recipe %s", job.Recipe)
	}
	name := jobs.LogName(task.Recipe, task.Job, task.RunID)
	s.told = api.Attempt{ID: attempt.ID, Run: task.RunID, Recipe: task.Recipe, Key: task.Key, Worker: w.cfg.Name, Number: attempt.Number, Log: name, Grant: task.Grant}
	if err := engineAnswers(ctx, w.cfg.Engine, enginePatience); err != nil {
		return nil, err
	}
	if attempt.Number > 1 {
		// A worker that was killed, or an engine that was, has left the container of the attempt before.
		if _, err := w.cfg.Engine.Reap(ctx, map[string]string{taskLabel: s.taskID()}); err != nil {
			return nil, err
		}
	}
	s.log = newLogStream(ctx, w.cfg.Farm, name, task.Grant, logOffset)
	return s, nil
}

// enginePatience is how long an attempt waits for a container engine that does not answer, because it is being restarted, say.
// Attempts are few, and without an engine one would follow the other in vain.
const enginePatience = 3 * time.Minute

// engineAnswers waits for the engine.
func engineAnswers(ctx context.Context, e engine.Engine, patience time.Duration) error {
	pause := 50 * time.Millisecond
	for deadline := time.Now().Add(patience); ; pause = min(2*pause, 2*time.Second) {
		err := e.Ping(ctx)
		if err == nil || fault.KindOf(err) != fault.Unavailable || time.Now().Add(pause).After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// phase tells the farm what goes on now. A farm that can't be told does not stop the build.
func (s *step) phase(ctx context.Context, p record.Phase) {
	s.report(workflows.Progress{Phase: p})
	s.steps.Enter(ctx, string(p))
	s.told.Phase = p
	s.tell(ctx)
}

func (s *step) tell(ctx context.Context) {
	if err := s.cfg.Farm.ReportAttempt(ctx, s.told); err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("reporting an attempt", zap.String("attempt", s.told.ID), zap.Error(err))
	}
}

// end notes how the attempt ended.
func (s *step) end(ctx context.Context, err error, outcome record.Outcome) {
	s.log.Close()
	s.steps.Enter(ctx, "")
	s.told.Outcome = string(outcome)
	if err != nil {
		s.told.Outcome = fault.KindOf(err).String()
	}
	s.tell(context.WithoutCancel(ctx))
}

func (s *step) labels() map[string]string {
	return map[string]string{ownerLabel: s.cfg.Name, taskLabel: s.taskID(), build.AttemptLabel: s.told.ID}
}

// taskID is common to the attempts of one task: their IDs without the number at the end.
func (s *step) taskID() string { return s.told.ID[:strings.LastIndexByte(s.told.ID, '-')] }

// image is the job's toolchain, as of the job's day.
func (s *step) image(ctx context.Context) (*toolchain.Image, error) {
	image, err := s.toolchain(ctx, s.job.Toolchain)
	if err != nil || s.job.ExcludeNewer.IsZero() {
		return image, err
	}
	of := *image
	of.Facts.ExcludeNewer = s.job.ExcludeNewer
	return &of, nil
}

// Build implements workflows.WorkerActivities.
func (a activities) Build(ctx context.Context, task workflows.Task, attempt workflows.Attempt) (out workflows.BuildResult, err error) {
	a.w.busy.RLock()
	defer a.w.busy.RUnlock()
	attempt, ended := a.w.stand.take(task, attempt)
	defer ended()
	s, err := a.w.begin(ctx, task, attempt, 0)
	if err != nil {
		return out, err
	}
	defer func() { s.end(ctx, err, out.Outcome) }()
	s.phase(ctx, record.PhaseFetch)
	dir, err := os.MkdirTemp(s.cfg.Dir.Work(), "out-*")
	if err != nil {
		return out, fmt.Errorf("making a folder for the artifacts: %w", err)
	}
	defer os.RemoveAll(dir)
	job := build.Job{Lock: s.job.Lock, Out: dir, OnPhase: func(p record.Phase) { s.phase(ctx, p) }}
	if s.job.Before != nil {
		job.Before = s.job.Before.Lock
	}
	built, err := s.make(ctx, job)
	if err != nil {
		return out, err
	}
	if built.Unchanged {
		return s.stands(ctx, built.Lock)
	}
	res := jobs.Result{Record: *built.Record, Inputs: s.job.Inputs}
	if s.job.LockKey != "" && res.Inputs.Lock == "" && built.Lock != nil {
		res.LockKey, res.Lock, res.Inputs.Lock = s.job.LockKey, built.Lock, record.Digest(built.Lock.Digest())
	}
	// A build that failed before its requirements were locked has a key of its own that no plan asks for.
	res.Record.Key = plan.Key(res.Inputs)
	res.Record.Attempt, res.Record.Worker, res.Record.Class = attempt.Number, s.cfg.Name, string(task.Class)
	for _, class := range task.Outgrew {
		res.Record.Outgrew = append(res.Record.Outgrew, string(class))
	}
	s.told.Key = res.Record.Key
	if err := s.fetcher.Kept(ctx, fetched(&res.Record)...); err != nil {
		return out, err
	}
	for i := range res.Record.Artifacts {
		if err := s.keep(ctx, &res.Record.Artifacts[i], dir); err != nil {
			return out, err
		}
	}
	return s.finish(ctx, &res)
}

// stands answers with the build of before, whose requirements were locked again and came out as they were.
func (s *step) stands(ctx context.Context, lock *fetch.Lock) (workflows.BuildResult, error) {
	res, err := jobs.Get[jobs.Result](ctx, s.blobs, s.job.Before.Result)
	if err != nil {
		return workflows.BuildResult{}, err
	}
	res.LockKey, res.Lock = s.job.LockKey, lock
	digest, err := jobs.Put(ctx, s.blobs, res)
	return workflows.BuildResult{Outcome: res.Record.Outcome, Key: res.Record.Key, Record: digest, Reused: true}, err
}

// make builds: it adds to a job what the farm has said.
func (s *step) make(ctx context.Context, job build.Job) (*build.Output, error) {
	image, err := s.image(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.sameLinker(); err != nil {
		return nil, err
	}
	builder, err := s.builder(ctx, s.job.Builder, s.job.UV)
	if err != nil {
		return nil, err
	}
	if job.Hosts, err = s.fetchHosts(ctx, job.Out); err != nil {
		return nil, err
	}
	job.Recipe, job.Toolchain, job.Limits = s.recipe, *image, build.LimitsOf(s.recipe, recipe.Class(s.task.Class))
	job.Attempt, job.Labels, job.Log = s.told.ID, s.labels(), s.log
	return builder.Build(ctx, job)
}

// sameLinker refuses to link an app with another linker than the one that its key names, which a worker of another version has.
func (s *step) sameLinker() error {
	i := slices.IndexFunc(s.job.Inputs.Recipe, func(in plan.Input) bool { return in.Name == plan.LinkerPart })
	if i < 0 || s.job.Inputs.Recipe[i].Digest == app.LinkerDigest() {
		return nil
	}
	return fault.Errorf(fault.Unavailable, "the worker %s (%s) has another linker of apps than the orchestrator: run the same version of wasmill on both", s.cfg.Name, version.Version)
}

// fetchHosts brings what the build uses of other recipes' builds.
func (s *step) fetchHosts(ctx context.Context, dir string) (hosts []build.Host, err error) {
	for _, h := range s.job.Hosts {
		host := build.Host{Recipe: s.set.Get(h.Recipe)}
		if host.Recipe == nil {
			return nil, fault.Errorf(fault.Internal, "the job's pack has no recipe %s", h.Recipe)
		}
		for _, a := range h.Artifacts {
			if a.Kind == record.KindTests {
				continue
			}
			w, err := s.fetch(ctx, dir, a)
			if err != nil {
				return nil, err
			}
			host.Files = append(host.Files, build.File{Artifact: a, Path: w.Path})
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// keep puts an artifact of the build into the registry.
func (s *step) keep(ctx context.Context, a *record.Artifact, dir string) error {
	path := filepath.Join(dir, a.Filename)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading what was built: %w", err)
	}
	defer f.Close()
	if _, err := s.blobs.Put(ctx, store.MediaType(*a), f); err != nil {
		return err
	}
	switch a.Kind {
	case record.KindWheel:
		return s.describe(ctx, a, path)
	case record.KindStatic:
		s.needs(a.Wheel)
	}
	return nil
}

// describe puts the wheel's METADATA into the registry beside it, and says what an index needs to know.
func (s *step) describe(ctx context.Context, a *record.Artifact, path string) error {
	w, err := wheel.Open(path)
	if err != nil {
		return fmt.Errorf("reading the wheel: %w", err)
	}
	defer w.Close()
	text, err := w.ReadFile(w.DistInfo + "/METADATA")
	if err != nil {
		return fmt.Errorf("reading the wheel: %w", err)
	}
	metadata, err := s.blobs.Put(ctx, store.MediaTypeMetadata, bytes.NewReader(text))
	if err != nil {
		return err
	}
	a.Metadata = metadata.Digest
	a.Wheel = &record.Wheel{
		Project: w.Metadata.Name, Version: w.Metadata.Version, RequiresPython: w.Metadata.RequiresPython, Imports: w.TopLevel(), Depends: []string{},
	}
	s.needs(a.Wheel)
	return nil
}

// needs adds what the recipe says of a package: its modules, where it names them, and what they need.
func (s *step) needs(about *record.Wheel) {
	if about.Imports = topLevel(about.Imports); len(s.recipe.TopLevel) > 0 {
		about.Imports = s.recipe.TopLevel
	}
	for _, dep := range s.recipe.Requirements.Run {
		about.Depends = append(about.Depends, recipe.Canonical(dep))
	}
}

// topLevel leaves out what packages ship by mistake beside their modules.
func topLevel(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.Contains([]string{"benchmarks", "docs", "examples", "test", "tests"}, name)
	})
}

// finish puts log, provenance and the result so far into the registry.
func (s *step) finish(ctx context.Context, res *jobs.Result) (workflows.BuildResult, error) {
	b := &res.Record
	if b.Log == nil {
		log, err := s.blobs.Put(ctx, store.MediaTypeLog, bytes.NewReader(s.log.Bytes()))
		if err != nil {
			return workflows.BuildResult{}, err
		}
		b.Log = &log
	}
	if b.Outcome == record.Passed {
		statement, err := provenance.Statement(b, version.Version)
		if err != nil {
			return workflows.BuildResult{}, err
		}
		blob, err := s.blobs.Put(ctx, store.MediaTypeProvenance, bytes.NewReader(statement))
		if err != nil {
			return workflows.BuildResult{}, err
		}
		b.Provenance = &blob
	}
	digest, err := jobs.Put(ctx, s.blobs, res)
	if err != nil {
		return workflows.BuildResult{}, err
	}
	return workflows.BuildResult{Outcome: b.Outcome, Key: b.Key, Record: digest, Failure: b.Failure}, nil
}
