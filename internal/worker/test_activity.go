package worker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/junit"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/workflows"
)

// Test implements workflows.WorkerActivities.
func (a activities) Test(ctx context.Context, task workflows.Task, attempt workflows.Attempt) (out workflows.BuildResult, err error) {
	a.w.busy.RLock()
	defer a.w.busy.RUnlock()
	attempt, ended := a.w.stand.take(task, attempt)
	defer ended()
	res, err := jobs.Get[jobs.Result](ctx, a.w.blobs, task.Record)
	if err != nil {
		return out, err
	}
	if res.Record.Package() == nil { // a library is tested by those that use it
		return workflows.BuildResult{Outcome: res.Record.Outcome, Key: res.Record.Key, Record: task.Record}, nil
	}
	var offset int64
	if res.Record.Log != nil {
		offset = res.Record.Log.Size
	}
	if r := res.Record.Reproduction; r != nil {
		offset += r.Log.Size
	}
	task.Key = res.Record.Key
	s, err := a.w.begin(ctx, task, attempt, offset)
	if err != nil {
		return out, err
	}
	defer func() { s.end(ctx, err, out.Outcome) }()
	s.phase(ctx, record.PhaseTest)
	image, err := s.image(ctx)
	if err != nil {
		return out, err
	}
	dir, err := os.MkdirTemp(s.cfg.Dir.Work(), "test-*")
	if err != nil {
		return out, fmt.Errorf("making a folder for wheels: %w", err)
	}
	defer os.RemoveAll(dir)
	job := runtimes.Job{
		Image: s.address + "/" + image.Runtime, Host: s.address + "/" + image.Build, Imports: s.imports(res),
		TestDir: s.recipe.Dir, Tests: s.recipe.Tests, Limits: testLimits, Log: s.log, Labels: s.labels(),
	}
	if job.Artifact, err = s.fetch(ctx, dir, *res.Record.Package()); err != nil {
		return out, err
	}
	if image.Facts.Target.Static() {
		if job.Interpreter, err = s.interpreter(ctx, image.Facts, dir); err != nil {
			return out, err
		}
	}
	for _, a := range res.Record.Artifacts {
		if a.Kind == record.KindTests {
			split, err := s.fetch(ctx, dir, a)
			if err != nil {
				return out, err
			}
			job.SplitOff = &split
		}
	}
	for _, dep := range s.job.Deps {
		w, err := s.fetch(ctx, dir, dep)
		if err != nil {
			return out, err
		}
		job.Deps = append(job.Deps, w)
	}
	tests, err := s.test(ctx, image, dir, job, res)
	if err != nil {
		return out, err
	}
	log, err := s.blobs.Put(ctx, store.MediaTypeLog, bytes.NewReader(s.log.Bytes()))
	if err != nil {
		return out, err
	}
	report, err := junit.Write(res.Record.Recipe+" "+res.Record.Version, tests)
	if err != nil {
		return out, err
	}
	xml, err := s.blobs.Put(ctx, store.MediaTypeJUnit, bytes.NewReader(report))
	if err != nil {
		return out, err
	}
	res.Record.Tests, res.Record.TestLog, res.Record.JUnit = tests, &log, &xml
	var seconds float64
	for _, t := range tests {
		seconds += t.Seconds
		if t.Outcome != record.Passed && res.Record.Outcome == record.Passed {
			res.Record.Outcome, res.Record.Failure = record.Failed, t.Failure
			if t.In != s.job.Runtimes[0] && t.Failure != nil {
				in := *t.Failure
				in.Message = "in " + t.In + ": " + in.Message
				res.Record.Failure = &in
			}
		}
	}
	res.Record.Phases = append(res.Record.Phases, record.PhaseTime{Phase: record.PhaseTest, Seconds: seconds})
	return s.finish(ctx, res)
}

// imports are the modules that must import: those that the recipe names, or else those that the wheel brings.
func (s *step) imports(res *jobs.Result) []string {
	about := res.Record.Package().Wheel
	if len(s.recipe.Test.Imports) > 0 || len(s.recipe.TopLevel) > 0 || len(about.Imports) == 0 {
		return s.recipe.TestImports()
	}
	return about.Imports
}

// interpreter brings the Python that packages are linked into for the test, and what runs it.
func (s *step) interpreter(ctx context.Context, facts toolchain.Facts, dir string) (*runtimes.Interpreter, error) {
	if s.job.Runner == "" {
		return nil, fault.Errorf(fault.Unavailable, "the farm has no wasirun, which runs tests under WASI: install it beside the orchestrator's program, as `make build` does")
	}
	runner, err := s.program(ctx, s.job.Runner)
	if err != nil {
		return nil, err
	}
	for _, h := range s.job.Hosts {
		if recipe.Canonical(h.Recipe) != recipe.Canonical(facts.Interpreter) {
			continue
		}
		for _, a := range h.Artifacts {
			if a.Kind != record.KindLibrary {
				continue
			}
			archive, err := s.fetch(ctx, dir, a)
			if err != nil {
				return nil, err
			}
			return &runtimes.Interpreter{Archive: archive, Version: s.set.Get(h.Recipe).Version, Linker: facts.Linker(), Runner: runner}, nil
		}
	}
	return nil, fault.Errorf(fault.Internal, "the job of %s brings no build of %s, into which it would be linked", s.recipe.Name, facts.Interpreter)
}

func (s *step) fetch(ctx context.Context, dir string, a record.Artifact) (runtimes.Wheel, error) {
	out := runtimes.Wheel{Path: filepath.Join(dir, a.Filename), Digest: a.Digest}
	if a.Wheel != nil {
		out.Project, out.Depends = a.Wheel.Project, a.Wheel.Depends
	}
	r, err := s.blobs.Open(ctx, a.Digest)
	if err != nil {
		return out, fmt.Errorf("fetching %s: %w", a.Filename, err)
	}
	defer r.Close()
	f, err := os.Create(out.Path)
	if err != nil {
		return out, fmt.Errorf("fetching %s: %w", a.Filename, err)
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return out, fmt.Errorf("fetching %s: %w", a.Filename, err)
	}
	return out, f.Close()
}
