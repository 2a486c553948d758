package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// maxStoredPart is how much of a finished build's log one answer carries. For each, the registry is asked for the whole
// blob again, because only whole blobs can be verified.
const maxStoredPart = 16 << 20

var keyForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Build implements api.Farm.
func (o *Orchestrator) Build(ctx context.Context, keyOrRecipe string) (record.Build, error) {
	return o.build(ctx, keyOrRecipe, "")
}

// Passed implements api.Farm.
func (o *Orchestrator) Passed(ctx context.Context, keyOrRecipe string) (record.Build, error) {
	b, err := o.build(ctx, keyOrRecipe, record.Passed)
	if err == nil && b.Outcome != record.Passed {
		return record.Build{}, fault.Errorf(fault.NotFound, "build %.12s of %s has not passed: `wasmill logs %.12s` says why", b.Key, b.Recipe, b.Key)
	}
	return b, err
}

func (o *Orchestrator) build(ctx context.Context, keyOrRecipe string, outcome record.Outcome) (record.Build, error) {
	name, on, _ := strings.Cut(keyOrRecipe, "@")
	find := func() (store.Build, error) { return o.db.LatestBuild(ctx, name, on, outcome) }
	if keyForm.MatchString(name) {
		find = func() (store.Build, error) { return o.db.Build(ctx, name) }
	}
	b, err := find()
	return b.Record, err
}

// Log implements api.Farm. While a build goes on it is what its worker has sent so far; then it is the build's log
// with the test's behind it, from the registry.
func (o *Orchestrator) Log(ctx context.Context, keyOrRecipe string, offset int64) (api.Log, error) {
	latest, err := o.latestAttempt(ctx, keyOrRecipe)
	if err != nil {
		return api.Log{}, err
	}
	if latest.LogPath != "" {
		text, err := o.logs.read(latest.LogPath, offset)
		if err != nil {
			return api.Log{}, err
		}
		// Between the end of the build and its storing nothing is running, and something may still come.
		if text != nil {
			return api.Log{Text: text, Offset: offset + int64(len(text))}, nil
		}
		if latest.Ended.IsZero() {
			return api.Log{Offset: offset}, nil
		}
	}
	b, err := o.Build(ctx, keyOrRecipe)
	if err != nil {
		return api.Log{}, err
	}
	return o.storedLog(ctx, &b, offset)
}

// recentAttempts are as many as are looked through for one on a toolchain: recipes are seldom built on more than two.
const recentAttempts = 20

// latestAttempt is the newest attempt at a build; an empty one where there is none.
func (o *Orchestrator) latestAttempt(ctx context.Context, keyOrRecipe string) (store.Attempt, error) {
	name, on, _ := strings.Cut(keyOrRecipe, "@")
	limit := 1
	if keyForm.MatchString(name) {
		on = ""
	}
	if on != "" {
		limit = recentAttempts
	}
	attempts, err := o.db.Attempts(ctx, name, limit)
	if err != nil {
		return store.Attempt{}, err
	}
	for _, a := range attempts {
		if on == "" {
			return a, nil
		}
		run, _, err := o.db.Run(ctx, a.Run)
		if fault.KindOf(err) == fault.NotFound && err != nil {
			continue // it is forgotten
		}
		if err != nil {
			return store.Attempt{}, err
		}
		var asked api.RunRequest
		if err := json.Unmarshal(run.Request, &asked); err != nil {
			return store.Attempt{}, fault.Errorf(fault.Internal, "reading the request of run %s: %w", a.Run, err)
		}
		if toolchain, _, _ := strings.Cut(asked.Toolchain, "@"); toolchain == on {
			return a, nil
		}
	}
	return store.Attempt{}, nil
}

// storedLog reads a part of what a build and its test have printed. Only the blobs that the part lies in are fetched,
// and no more of them is held than the answer carries.
func (o *Orchestrator) storedLog(ctx context.Context, b *record.Build, offset int64) (api.Log, error) {
	var part bytes.Buffer
	begin, end := int64(0), min(offset, math.MaxInt64-maxStoredPart)+maxStoredPart // of the blob, of the part
	logs := []*record.Blob{b.Log, nil, b.TestLog}
	if b.Reproduction != nil {
		logs[1] = b.Reproduction.Log
	}
	for _, blob := range logs {
		if blob == nil {
			continue
		}
		from, to := max(offset, begin), min(end, begin+blob.Size)
		if from < to {
			if err := o.copyPart(ctx, &part, blob.Digest, from-begin, to-from); err != nil {
				return api.Log{}, err
			}
		}
		begin += blob.Size
	}
	read := offset + int64(part.Len())
	return api.Log{Text: part.Bytes(), Offset: read, Ended: read >= begin}, nil
}

func (o *Orchestrator) copyPart(ctx context.Context, to io.Writer, digest record.Digest, offset, size int64) error {
	r, err := o.blobs.Open(ctx, digest)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := r.Seek(offset, io.SeekStart); err != nil {
		return fmt.Errorf("reading a log: %w", err)
	}
	if _, err := io.CopyN(to, r, size); err != nil {
		return fmt.Errorf("reading a log: %w", err)
	}
	return nil
}

// AppendLog implements api.Farm.
func (o *Orchestrator) AppendLog(ctx context.Context, log, grant string, offset int64, r io.Reader) error {
	if _, err := o.mayReport(ctx, grant, log); err != nil {
		return err
	}
	return o.logs.append(log, offset, r)
}

// ReportAttempt implements api.Farm.
func (o *Orchestrator) ReportAttempt(ctx context.Context, a api.Attempt) error {
	now := time.Now()
	g, err := o.mayReport(ctx, a.Grant, a.Log)
	if err != nil {
		return err
	}
	if !access.Of(ctx).Local {
		if a.Run != g.Run || a.Recipe != g.Recipe {
			return fault.Errorf(fault.Forbidden, "the attempt %s is one at %s in run %s, the task is %s in run %s", a.ID, a.Recipe, a.Run, g.Recipe, g.Run)
		}
		switch known, err := o.db.Attempt(ctx, a.ID); {
		case err == nil && (known.Run != a.Run || known.Recipe != a.Recipe):
			return fault.Errorf(fault.Forbidden, "the attempt %s is one at %s in run %s", a.ID, known.Recipe, known.Run)
		case err != nil && fault.KindOf(err) != fault.NotFound:
			return err
		}
	}
	o.crews.attempt(a, now)
	if a.Outcome != "" {
		return o.db.EndAttempt(ctx, a.ID, a.Outcome, nil, now)
	}
	attempt := store.Attempt{ID: a.ID, Key: a.Key, Recipe: a.Recipe, Run: a.Run, Worker: a.Worker, Number: a.Number, LogPath: a.Log, Started: now, Heartbeat: now}
	if err := o.db.BeginAttempt(ctx, attempt); err != nil {
		return err
	}
	if err := o.db.Heartbeat(ctx, a.ID, a.Key, now); err != nil {
		return err
	}
	running := store.RunAction{Recipe: a.Recipe, Key: a.Key, Status: store.Running, Phase: a.Phase, Attempt: a.Number, Worker: a.Worker, Started: now}
	err = o.db.UpdateAction(ctx, a.Run, running)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return nil // the run is gone; the build goes on for those that joined it
	}
	return err
}
