package runtimes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Pyodide tests in Pyodide under node: one container of the toolchain's Runtime image for each job, without network.
type Pyodide struct {
	Engine engine.Engine
	Cache  string // a folder for snapshots of the started interpreter, about 70 MB for each Runtime image
	Work   string // a folder for the files of running jobs

	making sync.Mutex // held while a snapshot is made: everybody waits for the first one
}

var _ Runtime = (*Pyodide)(nil)

// user owns nothing in the image.
const user = "1000:1000"

// pids is enough for node's threads (about a dozen); the runtime can't start processes.
const pids = 64

// Test implements Runtime.
func (p *Pyodide) Test(ctx context.Context, job Job) (*record.Test, error) {
	if err := p.Engine.Pull(ctx, job.Image); err != nil {
		return nil, err
	}
	snapshot, err := p.snapshot(ctx, job)
	if err != nil {
		return nil, fmt.Errorf("preparing the runtime: %w", err)
	}
	stage, err := newStage(p.Work)
	if err != nil {
		return nil, err
	}
	defer stage.remove()
	if err := stage.job(job); err != nil {
		return nil, err
	}
	spec := stage.spec(job, "test")
	spec.Mounts = append(spec.Mounts, engine.Mount{Source: snapshot, Target: "/snapshot"})
	spec.Memory, spec.Time = job.Limits.Memory, job.Limits.Time
	log := newLog(job.Log, job.Limits.Log)
	result, err := p.Engine.Run(ctx, spec, log)
	full := errors.Is(err, errLogLimit)
	if full {
		result.ExitStatus = 137 // the engine has killed it
	} else if err != nil {
		return nil, fmt.Errorf("testing %s: %w", job.Artifact.Path, err)
	}
	told, err := stage.events()
	if err != nil {
		return nil, err
	}
	end := ending{Result: result, limits: job.Limits, logFull: full, tail: log.tail()}
	if !told.started() && end.killed() == nil {
		return nil, fault.Errorf(fault.Internal, "starting the runtime: node ended with status %d: %s", result.ExitStatus, end.tail)
	}
	return told.record(end), nil
}

// snapshot is the folder that holds the memory of started interpreters. It only saves time, 4 s of 5 for a small job,
// and is made by the image itself.
func (p *Pyodide) snapshot(ctx context.Context, job Job) (string, error) {
	p.making.Lock()
	defer p.making.Unlock()
	folder := p.snapshotFolder(job.Image)
	if _, err := os.Stat(folder); err == nil {
		now := time.Now()
		_ = os.Chtimes(folder, now, now) // who makes room goes by it
		return folder, nil
	}
	stage, err := newStage(p.Cache)
	if err != nil {
		return "", err
	}
	defer stage.remove()
	log := newLog(nil, 0)
	result, err := p.Engine.Run(ctx, stage.spec(job, "snapshot"), log)
	if err != nil {
		return "", err
	}
	told, err := stage.events()
	if err != nil {
		return "", err
	}
	if !told.done() {
		return "", fault.Errorf(fault.Internal, "taking a snapshot of the interpreter: node ended with status %d: %s", result.ExitStatus, log.tail())
	}
	return folder, stage.keepOut(folder)
}
