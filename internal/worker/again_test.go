package worker

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
	"github.com/wasmill/wasmill/workflows"
)

// again is one attempt of the Reproduce activity, after a build.
func (s *stage) again(after record.Digest, r workflows.Reproduce) (workflows.BuildResult, error) {
	s.Helper()
	s.send()
	s.task.Record, s.task.Reproduce = after, &r
	attempt := s.attempt("again", 1)
	attempt.Class = workflows.Small
	return activities{s.Worker}.Reproduce(s.Context(), s.task, attempt)
}

func (s *stage) mustAgain(after record.Digest, blocks bool) (workflows.BuildResult, *record.Build) {
	s.Helper()
	out, err := s.again(after, workflows.Reproduce{Why: "it is new", Blocks: blocks})
	if err != nil {
		s.Fatal(err)
	}
	return out, &s.result(out).Record
}

// seen is what a container saw of one build.
type seen struct {
	jobs int
	work string
}

// watched compiles a module whose text is what a function says of the number of the build, from 0.
func watched(t *testing.T, text func(build int) string) (play, *[]seen) {
	var builds []seen
	return func(_ context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
		fmt.Fprintf(out, "%scompile\nbuild %d\n", job.PhaseMarker, len(builds))
		file := wheeltest.Write(t, filepath.Join(work, "dist"), wheeltest.Spec{Name: "story", Version: "1.0", Files: map[string]string{"story.py": text(len(builds))}})
		builds = append(builds, seen{j.Jobs, work})
		return job.Result{Wheel: filepath.Base(file)}, engine.Result{}
	}, &builds
}

func TestASecondBuildThatGivesTheSame(t *testing.T) {
	p, builds := watched(t, func(int) string { return "x = 1\n" })
	s := newStage(t, p)
	first, res := s.mustBuild()
	out, b := s.mustAgain(first.Record, true)
	if out.Outcome != record.Passed || out.Key != first.Key {
		t.Fatalf("%+v", out)
	}
	r := b.Reproduction
	if !r.Same || r.Why != "it is new" || !r.Blocks || r.Worker != "w1" || !r.SameWorker || r.Difference != nil || len(r.Artifacts) != 0 {
		t.Errorf("%+v", r)
	}
	if b.Worker != "w1" || r.Started.IsZero() || r.Seconds <= 0 {
		t.Errorf("first on %s, the second %+v", b.Worker, r)
	}
	// Nothing that two builds may differ in was shared, and the lock was, though the first build has found it out.
	if len(*builds) != 2 || (*builds)[0].work == (*builds)[1].work || (*builds)[0].jobs == (*builds)[1].jobs {
		t.Errorf("the containers saw %+v", *builds)
	}
	if want := fmt.Sprintf("%d commands at a time instead of %d", (*builds)[1].jobs, b.Jobs); !slices.Contains(r.Varied, want) {
		t.Errorf("varied: %q, not %q", r.Varied, want)
	}
	if diff := cmp.Diff(res.Lock, s.result(out).Lock); diff != "" {
		t.Error(diff)
	}
	if text := s.read(r.Log.Digest); !strings.Contains(text, "build 1\n") || !strings.Contains(text, "here again, as no other worker") || strings.Contains(text, "build 0") {
		t.Errorf("the second log:\n%s", text)
	}
	if text := s.read(b.Provenance.Digest); !strings.Contains(text, `"reproduced": true`) {
		t.Errorf("the provenance says nothing of it:\n%s", text)
	}
	if !strings.HasSuffix(s.liveLog(), s.read(r.Log.Digest)) || !strings.HasPrefix(s.liveLog(), s.read(b.Log.Digest)) {
		t.Errorf("the live log:\n%s", s.liveLog())
	}
	if !slices.Equal(s.phases[len(s.phases)-1:], []record.Phase{record.PhaseAgain}) {
		t.Errorf("phases %v", s.phases)
	}
	tested, err := s.test(out.Record, 1)
	if err != nil || tested.Outcome != record.Passed || s.result(tested).Record.Reproduction == nil {
		t.Errorf("the test: %+v, %v", tested, err)
	}
	if log := s.result(tested).Record.TestLog; !strings.HasSuffix(s.liveLog(), s.read(log.Digest)) {
		t.Errorf("the live log with the test's:\n%s", s.liveLog())
	}
	left, err := os.ReadDir(s.cfg.Dir.Work())
	if err != nil || len(left) > 0 {
		t.Errorf("left in the work folder: %v, %v", left, err)
	}
}

func TestASecondBuildThatDiffers(t *testing.T) {
	for _, blocks := range []bool{true, false} {
		t.Run(fmt.Sprintf("blocks %t", blocks), func(t *testing.T) {
			p, _ := watched(t, func(build int) string { return fmt.Sprintf("built = %d\n", build) })
			s := newStage(t, p)
			first, res := s.mustBuild()
			out, b := s.mustAgain(first.Record, blocks)
			r := b.Reproduction
			if r.Same || r.Summary != "story.py" || len(r.Artifacts) != 1 || r.Artifacts[0].Digest == res.Record.Artifacts[0].Digest {
				t.Fatalf("%+v", r)
			}
			if diff := cmp.Diff(res.Record.Artifacts, b.Artifacts); diff != "" {
				t.Errorf("the record's artifacts are the first build's:\n%s", diff)
			}
			if text := s.read(r.Artifacts[0].Digest); int64(len(text)) != r.Artifacts[0].Size {
				t.Errorf("the second wheel in the registry has %d bytes", len(text))
			}
			if text := s.read(r.Difference.Digest); !strings.Contains(text, `"name":"story.py"`) || !strings.Contains(text, "-built = 0") {
				t.Errorf("the report: %s", text)
			}
			if text := s.read(r.Log.Digest); !strings.Contains(text, "other bytes:\nstory-1.0-py3-none-any.whl: ") || !strings.Contains(text, "+built = 1\n") {
				t.Errorf("the log:\n%s", text)
			}
			if !blocks {
				if out.Outcome != record.Passed || b.Failure != nil {
					t.Errorf("%+v, %+v", out, b.Failure)
				}
				return
			}
			want := "two builds of the same inputs differ: story.py; `wasmill diff story` shows how"
			f := b.Failure
			if out.Outcome != record.Failed || f.Kind != record.NotReproducible || f.Phase != record.PhaseAgain || f.Message != want || !strings.Contains(f.Detail, "-built = 0") {
				t.Errorf("%+v, %+v", out, f)
			}
		})
	}
}

// What built once and fails the second time is not reproducible either.
func TestASecondBuildThatFails(t *testing.T) {
	n := 0
	compile := compiles(t)
	s := newStage(t, func(ctx context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
		if n++; n == 1 {
			return compile(ctx, j, work, out)
		}
		return job.Result{Failure: &record.Failure{Phase: record.PhaseCompile, Kind: record.CompileFailed, Message: "a header is missing"}}, engine.Result{}
	})
	first, _ := s.mustBuild()
	out, b := s.mustAgain(first.Record, true)
	if out.Outcome != record.Failed || b.Failure.Kind != record.NotReproducible || !strings.Contains(b.Failure.Message, "the second build failed (compile-failed: a header is missing)") {
		t.Errorf("%+v, %+v", out, b.Failure)
	}
	if r := b.Reproduction; r.Same || r.Failure == nil || r.Difference != nil || r.Log == nil {
		t.Errorf("%+v", r)
	}
}

// The engine's trouble says nothing about the recipe.
func TestASecondBuildThatTheEngineFails(t *testing.T) {
	s := newStage(t, compiles(t))
	first, _ := s.mustBuild()
	s.engine.Container = func(context.Context, engine.Spec, io.Writer) engine.Result {
		s.engine.Stop()
		return engine.Result{}
	}
	if out, err := s.again(first.Record, workflows.Reproduce{Blocks: true}); err == nil {
		t.Errorf("%+v", out)
	}
}

func TestAWorkerLeavesTheSecondBuildToAnother(t *testing.T) {
	other := func(state api.WorkerState, classes ...string) []api.Worker {
		return []api.Worker{{Name: "w1", State: api.Active, Classes: []string{"small"}}, {Name: "w2", State: state, Classes: classes}}
	}
	for story, c := range map[string]struct {
		workers  []api.Worker
		firstOn  string
		declines bool
	}{
		"another serves the class":           {other(api.Active, "small"), "w1", true},
		"the other is gone":                  {other(api.Gone, "small"), "w1", false},
		"the other drains":                   {other(api.Draining, "small"), "w1", false},
		"the other serves another class":     {other(api.Active, "medium", "large"), "w1", false},
		"there is no other":                  {other(api.Active)[:1], "w1", false},
		"the first build was made elsewhere": {other(api.Active, "small"), "w2", false},
	} {
		t.Run(story, func(t *testing.T) {
			s := newStage(t, compiles(t))
			first, res := s.mustBuild()
			s.farm.Seen = c.workers
			res.Record.Worker = c.firstOn
			digest, err := jobs.Put(t.Context(), s.blobs, res)
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.again(digest, workflows.Reproduce{Why: "new"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(workflows.BuildResult{Declined: true}, out); (diff == "") != c.declines {
				t.Fatal(diff)
			}
			if !c.declines {
				r := s.result(out).Record.Reproduction
				if r.SameWorker != (c.firstOn == "w1") || r.Worker != "w1" || out.Key != first.Key {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}
