package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/telemetry"
	"github.com/wasmill/wasmill/internal/world"
	"github.com/wasmill/wasmill/workflows"
)

// store takes what a worker made into the registry's list of builds and the database, and publishes it where the run
// does. Repeating it changes nothing.
func (o *Orchestrator) store(ctx context.Context, task workflows.Task) error {
	res, err := jobs.Get[jobs.Result](ctx, o.blobs, task.Record)
	if err != nil {
		return err
	}
	if err := o.accept(ctx, task, res); err != nil {
		return err
	}
	if res.Lock != nil {
		content, err := json.Marshal(res.Lock)
		if err != nil {
			return fmt.Errorf("keeping the locked requirements of %s: %w", task.Recipe, err)
		}
		if _, err := o.db.PutLock(ctx, res.LockKey, store.Lock{Digest: res.Inputs.Lock, Content: content}, time.Now()); err != nil {
			return err
		}
	}
	if res.TestLock != nil {
		content, err := json.Marshal(res.TestLock)
		if err != nil {
			return fmt.Errorf("keeping the locked requirements of %s's tests: %w", task.Recipe, err)
		}
		kept := store.Lock{Digest: record.Digest(res.TestLock.Digest()), Content: content}
		if _, err := o.db.PutLock(ctx, res.TestLockKey, kept, time.Now()); err != nil {
			return err
		}
	}
	files, err := o.files(ctx, &res.Record)
	if err != nil {
		return err
	}
	if _, err := o.blobs.PutBuild(ctx, &res.Record, files...); err != nil {
		return err
	}
	now := time.Now()
	stored, err := o.db.PutBuild(ctx, store.Build{Record: res.Record, Inputs: res.Inputs, Finished: now, Used: now})
	if err != nil {
		return err
	}
	if stored {
		o.metrics.Built(&res.Record)
	}
	run, err := o.db.Head(ctx, task.RunID)
	if err != nil {
		return err
	}
	o.logs.remove(jobs.LogName(task.Recipe, task.Job, task.RunID))
	// A build that outlives its canceled run is published by the run that waits for it.
	if publishes(run) && run.Outcome == "" && res.Record.Outcome == record.Passed {
		return o.publish(ctx, res.Record.Toolchain.Name, task.RunID, []string{res.Record.Key})
	}
	return nil
}

// files are all blobs that a record names, for the manifest that holds them together.
func (o *Orchestrator) files(ctx context.Context, b *record.Build) ([]store.File, error) {
	var files []store.File
	add := func(name, mediaType string, digest record.Digest) error {
		r, err := o.blobs.Open(ctx, digest)
		if err != nil {
			return fmt.Errorf("collecting the files of %s: %w", b.Recipe, err)
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		files = append(files, store.File{Name: name, MediaType: mediaType, Data: data})
		return err
	}
	artifacts := func(list []record.Artifact, folder string) error {
		for _, a := range list {
			if err := add(folder+a.Filename, store.MediaType(a), a.Digest); err != nil {
				return err
			}
			if a.Metadata != "" {
				if err := add(folder+a.Filename+".metadata", store.MediaTypeMetadata, a.Metadata); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := artifacts(b.Artifacts, ""); err != nil {
		return nil, err
	}
	var again record.Reproduction
	if b.Reproduction != nil {
		again = *b.Reproduction
	}
	if err := artifacts(again.Artifacts, "second/"); err != nil {
		return nil, err
	}
	type named struct {
		name, mediaType string
		blob            *record.Blob
	}
	blobs := []named{
		{"build.log", store.MediaTypeLog, b.Log}, {"provenance.json", store.MediaTypeProvenance, b.Provenance},
		{"test.log", store.MediaTypeLog, b.TestLog}, {"junit.xml", store.MediaTypeJUnit, b.JUnit},
		{"second.log", store.MediaTypeLog, again.Log}, {"difference.json", store.MediaTypeDifference, again.Difference},
	}
	for _, f := range blobs {
		if f.blob == nil {
			continue
		}
		if err := add(f.name, f.mediaType, f.blob.Digest); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func publishes(run store.Run) bool {
	var req struct{ Publish bool }
	return json.Unmarshal(run.Request, &req) == nil && req.Publish
}

// publish puts passed builds on the index, all in one moment. A file of the same name from an older recipe makes room:
// the index serves what the recipes say now, and every file under an address with its digest.
func (o *Orchestrator) publish(ctx context.Context, toolchain, run string, keys []string) (err error) {
	ctx, end := telemetry.Span(ctx, "publish")
	defer func() { end(err) }()
	var files []store.Publication
	builds, err := o.db.BuildsOf(ctx, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		b, found := builds[key]
		if !found {
			return fault.Errorf(fault.NotFound, "publishing build %s: there is none", key)
		}
		if b.Record.Outcome != record.Passed {
			continue
		}
		about := record.Wheel{Project: b.Record.Recipe, Version: b.Record.Version}
		if w := b.Record.Package(); w != nil && w.Wheel != nil {
			about = *w.Wheel
		}
		for _, a := range b.Record.Artifacts {
			f := store.Publication{
				Toolchain: toolchain, Kind: a.Kind, Project: recipe.Canonical(about.Project), Name: about.Project, Version: about.Version,
				Filename: a.Filename, Digest: a.Digest, Size: a.Size, Key: key, Run: run, Published: time.Now(),
			}
			f.Requires = compared(a.Requires)
			if a.Kind == record.KindWheel {
				f.Metadata, f.RequiresPython, f.Imports, f.Depends = a.Metadata, about.RequiresPython, about.Imports, about.Depends
			}
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil
	}
	if _, err := o.db.Publish(ctx, toolchain, files, true); err != nil {
		return err
	}
	for _, f := range files {
		o.metrics.Published(toolchain, f.Kind)
	}
	return nil
}

// compared is the part of what an artifact requires that says where it can work: imports do for programs alone, and thousands of
// wheels have them.
func compared(r *record.Requires) *record.Requires {
	if r == nil || slices.Contains(r.Loaders, world.Program) {
		return r
	}
	short := *r
	short.Imports = nil
	return &short
}
