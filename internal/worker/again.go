package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/diff"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// Reproduce implements workflows.WorkerActivities.
func (a activities) Reproduce(ctx context.Context, task workflows.Task, attempt workflows.Attempt) (out workflows.BuildResult, err error) {
	a.w.busy.RLock()
	defer a.w.busy.RUnlock()
	attempt, ended := a.w.stand.take(task, attempt)
	defer ended()
	res, err := jobs.Get[jobs.Result](ctx, a.w.blobs, task.Record)
	if err != nil {
		return out, err
	}
	same := res.Record.Worker == a.w.cfg.Name
	if same {
		others, err := a.w.others(ctx, attempt.Class)
		if err != nil {
			return out, err
		}
		if len(others) > 0 {
			attempt.Report(workflows.Progress{Phase: record.PhaseAgain, Detail: "waits for another worker than the first: " + strings.Join(others, ", ")})
			return workflows.BuildResult{Declined: true}, nil
		}
	}
	task.Key = res.Record.Key
	s, err := a.w.begin(ctx, task, attempt, res.Record.Log.Size)
	if err != nil {
		return out, err
	}
	defer func() { s.end(ctx, err, out.Outcome) }()
	s.phase(ctx, record.PhaseAgain)
	dir, err := os.MkdirTemp(s.cfg.Dir.Work(), "again-*")
	if err != nil {
		return out, fmt.Errorf("making a folder for the artifacts: %w", err)
	}
	defer os.RemoveAll(dir)
	r := &record.Reproduction{Why: task.Reproduce.Why, Blocks: task.Reproduce.Blocks, Known: s.recipe.Wasmill.NotReproducible, Worker: s.cfg.Name, SameWorker: same}
	if err := s.again(ctx, res, r, dir); err != nil {
		return out, err
	}
	res.Record.Reproduction = r
	return s.finish(ctx, res)
}

// others are the workers that take builds of a class, beside this one.
func (w *Worker) others(ctx context.Context, class workflows.Class) (names []string, err error) {
	list, err := w.cfg.Farm.Workers(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking which other workers there are: %w", err)
	}
	for _, other := range list {
		if other.Name != w.cfg.Name && other.State == api.Active && slices.Contains(other.Classes, string(class)) {
			names = append(names, other.Name)
		}
	}
	return names, nil
}

// again builds once more, and holds what comes out against the first build.
func (s *step) again(ctx context.Context, res *jobs.Result, r *record.Reproduction, dir string) error {
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	for _, d := range []string{first, second} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return fmt.Errorf("making a folder for the artifacts: %w", err)
		}
	}
	job := build.Job{Lock: s.job.Lock, Out: second}
	if res.Lock != nil {
		job.Lock = res.Lock // what the first build has found out
	}
	r.Varied = build.Again(&job, res.Record.Jobs)
	where := "here again, as no other worker serves its class"
	if !r.SameWorker {
		where = "on " + s.cfg.Name + ", first on " + res.Record.Worker
	}
	fmt.Fprintf(s.log, "==> building a second time %s: %s\n", where, r.Why)
	begun := time.Now()
	built, err := s.make(ctx, job)
	if err != nil {
		return err
	}
	r.Started, r.Seconds = begun.UTC(), time.Since(begun).Seconds()
	switch now := built.Record; {
	case now.Outcome != record.Passed:
		r.Failure = now.Failure
		r.Summary = fmt.Sprintf("the second build failed (%s: %s)", now.Failure.Kind, now.Failure.Message)
		s.blame(res, r, now.Failure.Detail)
	case sameArtifacts(res.Record.Artifacts, now.Artifacts):
		r.Same = true
		fmt.Fprintln(s.log, "==> the second build gave the same bytes")
	default:
		if err := s.differ(ctx, res, r, now.Artifacts, first, second); err != nil {
			return err
		}
	}
	log, err := s.blobs.Put(ctx, store.MediaTypeLog, bytes.NewReader(s.log.Bytes()))
	r.Log = &log
	return err
}

func sameArtifacts(a, b []record.Artifact) bool {
	return slices.EqualFunc(a, b, func(a, b record.Artifact) bool { return a.Filename == b.Filename && a.Digest == b.Digest })
}

// differ keeps the second build's artifacts too, and says how they differ.
func (s *step) differ(ctx context.Context, res *jobs.Result, r *record.Reproduction, now []record.Artifact, first, second string) error {
	var was, is []diff.File
	for _, a := range res.Record.Artifacts {
		if _, err := s.fetch(ctx, first, a); err != nil {
			return err
		}
		was = append(was, diff.File{Name: a.Filename, Path: filepath.Join(first, a.Filename)})
	}
	r.Artifacts = slices.Clone(now)
	for i := range r.Artifacts {
		if err := s.keep(ctx, &r.Artifacts[i], second); err != nil {
			return err
		}
		is = append(is, diff.File{Name: r.Artifacts[i].Filename, Path: filepath.Join(second, r.Artifacts[i].Filename)})
	}
	report, err := diff.Files(was, is)
	if err != nil {
		return err
	}
	text, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("writing how two builds differ: %w", err)
	}
	blob, err := s.blobs.Put(ctx, store.MediaTypeDifference, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Difference, r.Summary = &blob, report.Summary()
	var words strings.Builder
	if err := report.Text(&words); err != nil {
		return err
	}
	fmt.Fprintf(s.log, "==> the second build gave other bytes:\n%s", words.String())
	s.blame(res, r, words.String())
	return nil
}

// maxDetail is the most that record.Failure.Detail may hold.
const maxDetail = 4 << 10

// blame makes a failure of the difference where the policy says so.
func (s *step) blame(res *jobs.Result, r *record.Reproduction, detail string) {
	if !r.Blocks {
		return
	}
	if len(detail) > maxDetail {
		detail = detail[:maxDetail]
		detail = strings.ToValidUTF8(detail[:strings.LastIndexByte(detail, '\n')+1], "")
	}
	res.Record.Outcome = record.Failed
	res.Record.Failure = &record.Failure{
		Phase: record.PhaseAgain, Kind: record.NotReproducible, Detail: detail,
		Message: fmt.Sprintf("two builds of the same inputs differ: %s; `wasmill diff %s` shows how", r.Summary, res.Record.Recipe),
	}
}
