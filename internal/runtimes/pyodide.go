package runtimes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Pyodide tests in Pyodide under node, without network: the imports and the recipe's tests in a container of the
// toolchain's Runtime image, and what needs a native Python beside the runtime in one of its Build image.
type Pyodide struct {
	Engine engine.Engine
	Cache  string // a folder for snapshots of the started interpreter, about 100 MB for each Runtime image
	Work   string // a folder for the files of running jobs
	// Tools gives the folder of pytest-pyodide and what it needs, installed. It is asked for when a test wants it.
	Tools func(ctx context.Context) (string, error)

	making sync.Mutex // held while a snapshot is made: everybody waits for the first one
}

var _ Runtime = (*Pyodide)(nil)

// user owns nothing in the image.
const user = "1000:1000"

// pids is enough for node's threads (about a dozen in each of two processes); the runtime can't start processes. What
// runs natively may.
const (
	pids       = 64
	nativePids = 512
)

// Test implements Runtime.
func (p *Pyodide) Test(ctx context.Context, job Job) (*record.Test, error) {
	return p.test(ctx, job, false)
}

func (p *Pyodide) test(ctx context.Context, job Job, page bool) (*record.Test, error) {
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
	described, err := stage.job(job)
	if err != nil {
		return nil, err
	}
	t := &tester{Pyodide: p, page: page, job: job, stage: stage, snapshot: snapshot, log: newLog(job.Log, job.Limits.Log), verdict: newVerdict(job.Suite)}
	if err := t.all(ctx, described); err != nil {
		return nil, fmt.Errorf("testing %s: %w", job.Artifact.Path, err)
	}
	return t.verdict.record(), nil
}

// tester is one test on its way, container by container.
type tester struct {
	*Pyodide
	page     bool // in a page of Chromium, not under node
	job      Job
	stage    *stage
	snapshot string
	log      *log
	verdict  *verdict
}

func (t *tester) all(ctx context.Context, d described) error {
	if _, err := t.container(ctx, part{name: "test", command: "test"}); err != nil {
		return err
	}
	if len(d.PyodideTests) > 0 && t.verdict.imported() {
		if _, err := t.container(ctx, part{name: "pyodide", command: "pyodide", host: true, tools: true}); err != nil {
			return err
		}
	}
	if len(d.Commands) == 0 || !t.verdict.imported() {
		return nil
	}
	inside, err := t.container(ctx, part{name: "suite", command: "suite", time: t.job.Suite.Time})
	if err != nil || t.job.Suite.Native == nil || t.page {
		return err
	}
	return t.native(ctx, inside)
}

// part is one container of a test.
type part struct {
	name    string // of the folder for what it tells
	command string // mode of run.mjs, or of host.py on the host image; in a page all are modes of chromium.py
	host    bool
	tools   bool // it needs pytest-pyodide
	apart   bool // what it tells is not of the runtime, and not in the verdict
	linked  bool // it is wasirun's, and command one of its modes
	mounts  []engine.Mount
	time    time.Duration // instead of the job's
}

// container runs a part and adds what it told to the verdict.
func (t *tester) container(ctx context.Context, p part) (events, error) {
	spec, err := t.spec(ctx, p)
	if err != nil {
		return nil, err
	}
	var out io.Writer = t.log
	result, err := t.Engine.Run(ctx, spec, out)
	full := errors.Is(err, errLogLimit)
	if full {
		result.ExitStatus = 137 // the engine has killed it
	} else if err != nil {
		return nil, err
	}
	told, err := t.stage.events(p.name)
	if err != nil {
		return nil, err
	}
	limits := t.job.Limits
	limits.Time = spec.Time
	end := ending{Result: result, limits: limits, logFull: full, tail: t.log.tail()}
	if !told.started() && end.killed() == nil {
		return nil, fault.Errorf(fault.Internal, "starting the runtime: the process ended with status %d: %s", result.ExitStatus, end.tail)
	}
	if !p.apart {
		t.verdict.add(told, end)
	}
	return told, nil
}

func (t *tester) spec(ctx context.Context, p part) (engine.Spec, error) {
	program := []string{"/usr/bin/node", "/job/run.mjs", p.command}
	if p.linked {
		program = []string{"/wasirun", p.command}
	}
	spec, err := t.stage.spec(t.job, p.name, program...)
	if err != nil {
		return spec, err
	}
	spec.Memory, spec.Time = t.job.Limits.Memory, t.job.Limits.Time
	if p.time > 0 {
		spec.Time = p.time
	}
	if p.linked {
		spec.Mounts = append(spec.Mounts, engine.Mount{Source: t.job.Interpreter.Runner, Target: "/wasirun"})
		spec.Tmpfs = map[string]int64{"/tmp": 1 << 30}
		return spec, nil
	}
	spec.Mounts = append(spec.Mounts, engine.Mount{Source: t.snapshot, Target: "/snapshot"})
	spec.Mounts = append(spec.Mounts, p.mounts...)
	switch {
	case t.page:
		p.tools = true // they drive the browser
		natively(&spec, t.snapshot, t.job.Browser, "chromium.py", p.command)
	case p.host:
		natively(&spec, t.snapshot, t.job.Host, "host.py", p.command)
	default:
		return spec, nil
	}
	if p.tools {
		if err := t.withTools(ctx, &spec); err != nil {
			return spec, err
		}
	}
	return spec, t.Engine.Pull(ctx, spec.Image)
}

// natively makes it a container of an image that has a Python of its own, and brings the runtime into it.
func natively(spec *engine.Spec, snapshot, image, program string, arguments ...string) {
	spec.Image, spec.Command = image, append([]string{"/usr/bin/python3", "/job/" + program}, arguments...)
	spec.Pids, spec.Tmpfs, spec.Env = nativePids, map[string]int64{"/tmp": 1 << 30}, []string{"HOME=/tmp", "PYTHONDONTWRITEBYTECODE=1"}
	for _, name := range []string{"pyodide", "pytest", "micropip"} {
		spec.Mounts = append(spec.Mounts, engine.Mount{Source: filepath.Join(snapshot, name), Target: "/opt/" + name})
	}
}

// withTools puts pytest-pyodide, and what it drives a browser with, into a container.
func (p *Pyodide) withTools(ctx context.Context, spec *engine.Spec) error {
	tools, err := p.Tools(ctx)
	if err != nil {
		return fmt.Errorf("preparing pytest-pyodide: %w", err)
	}
	spec.Mounts = append(spec.Mounts, engine.Mount{Source: tools, Target: "/tools"})
	return nil
}

// snapshotTime is how long the container may take that makes snapshots; seconds are what it takes. Node may hang when all is done
// (nodejs/node#64560), and whoever waits for the first snapshot would wait with it.
var snapshotTime = 5 * time.Minute

// snapshot is the folder that holds the memory of started interpreters, and a copy of the runtime and what goes with it. It only saves time,
// 4 s of 5 for a small job, and is made by the image itself.
func (p *Pyodide) snapshot(ctx context.Context, job Job) (string, error) {
	p.making.Lock()
	defer p.making.Unlock()
	folder := p.snapshotFolder(job.Image)
	if _, err := os.Stat(folder); err == nil {
		used(folder)
		return folder, nil
	}
	stage, err := newStage(p.Cache)
	if err != nil {
		return "", err
	}
	defer stage.remove()
	spec, err := stage.spec(job, "snapshot", "/usr/bin/node", "/job/run.mjs", "snapshot")
	if err != nil {
		return "", err
	}
	spec.Time = snapshotTime
	log := newLog(nil, 0)
	result, err := p.Engine.Run(ctx, spec, log)
	if err != nil {
		return "", err
	}
	told, err := stage.events("snapshot")
	if err != nil {
		return "", err
	}
	if !told.done() {
		return "", fault.Errorf(fault.Internal, "taking a snapshot of the interpreter: node ended with status %d: %s", result.ExitStatus, log.tail())
	}
	return folder, stage.keep("snapshot", folder)
}
