// Package build makes wheels and libraries out of recipes on a worker: it fetches what a build needs, prepares the native environment
// of its build requirements, runs one container without network, and checks, packs and audits what came out. A package
// that does not build is a result, not an error: the record tells why. It does not test wheels, publish them or store
// records, and it knows nothing of plans and queues.
package build

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/toolchain"
)

// AttemptLabel is on every container of a build, with Job.Attempt as its value: who finds an attempt abandoned removes
// its containers by it.
const AttemptLabel = "wasmill.attempt"

// Resolver locks build requirements; *fetch.Resolver does.
type Resolver interface {
	Resolve(ctx context.Context, requirements, constraints []string, target fetch.Target) (*fetch.Lock, error)
}

// Builder builds. It is safe for concurrent use, and so are several on the same folders.
type Builder struct {
	Engine   engine.Engine
	Fetcher  *fetch.Fetcher
	Resolver Resolver
	Registry string // "host:port" that serves the toolchain's images to Engine
	Envs     string // folder of ready environments; what is in it may be deleted while no build runs
	Work     string // folder for the work folders of builds, on a disk that containers can be given folders of
	Wasmcc   string // path of the static program that runs in the containers
	// Keep leaves work folders behind, for looking into a build by hand.
	Keep bool
	// Now is time.Now unless a test sets it.
	Now func() time.Time
}

// Job is one build.
type Job struct {
	Recipe    *recipe.Recipe
	Toolchain toolchain.Image
	// Hosts are the recipes of which the build uses what came out, each after those that it was built with
	// (recipe.Set.Hosts).
	Hosts []Host
	// Lock is the build environment of an earlier build of this recipe; nil means to resolve.
	Lock *fetch.Lock
	// Before is the build environment of an earlier build from which this one differs in nothing but the day as of which its
	// requirements are locked: if the same wheels come out, nothing is built. Nil: there is none.
	Before *fetch.Lock
	Limits Limits
	// Jobs is how many commands the build is told to run at a time; 0 is one for each of Limits.CPUs.
	Jobs int
	// Reversed writes the source's files in the reverse of their order, so that folders list them otherwise where a file
	// system lists in the order of writing.
	Reversed bool
	Attempt  string            // unique; names the work folder and labels the containers
	Labels   map[string]string // further labels of the containers
	Out      string            // folder that gets the artifacts; it exists
	// Log gets all that is said, up to Limits.Log bytes; nil discards it.
	Log io.Writer
	// OnPhase, if set, is called when a phase begins, from another goroutine while a container runs.
	OnPhase func(record.Phase)
}

// Output is what a build leaves.
type Output struct {
	// Record lacks what only the caller knows or makes: Key, Attempt, Worker, Test, Log and Provenance.
	Record *record.Build
	// Path is where the record's first artifact, the wheel or library, lies in Job.Out; empty for a build that failed. The
	// others lie beside it.
	Path string
	// Lock is what the environment was made of; store it, so that the next build does not resolve again. Nil where
	// nothing was locked: a wheel that is only re-hosted, or a build that failed before.
	Lock *fetch.Lock
	// Unchanged: Lock has the wheels of Job.Before, and there is nothing else.
	Unchanged bool
}

// Build builds. Errors are trouble of this machine, its engine or the network (package fault); all that is the recipe's
// or the package's is in the record's Failure. When ctx ends, the container is killed and ctx's error returned.
func (b *Builder) Build(ctx context.Context, job Job) (*Output, error) {
	a, err := b.begin(job)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", job.Recipe.Name, err)
	}
	defer a.end()
	err = a.run(ctx)
	if err = a.finish(err); err != nil {
		return nil, fmt.Errorf("building %s: %w", job.Recipe.Name, err)
	}
	return a.out, nil
}

// attempt is one build on its way.
type attempt struct {
	*Builder
	job  Job
	out  *Output
	rec  *record.Build
	dir  string // the work folder
	libs string // the folder with what the host dependencies have installed
	// crates are those of a recipe in Rust, from its Cargo.lock.
	crates []fetch.Crate
	log    *output
	clock  phases
}

func (b *Builder) begin(job Job) (*attempt, error) {
	if job.Log == nil {
		job.Log = io.Discard
	}
	if job.OnPhase == nil {
		job.OnPhase = func(record.Phase) {}
	}
	if job.Jobs == 0 {
		job.Jobs = max(1, int(math.Ceil(job.Limits.CPUs)))
	}
	if b.Now == nil {
		c := *b
		c.Now = time.Now
		b = &c
	}
	dir := filepath.Join(b.Work, job.Attempt)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, diskError(err)
	}
	rec := &record.Build{
		Schema: record.Schema, Recipe: job.Recipe.Name, Version: job.Recipe.Version, Outcome: record.Passed,
		Toolchain: record.Toolchain{
			Name: job.Toolchain.Name, Digest: record.Digest(digestOf(job.Toolchain.Build)), Compiler: job.Toolchain.Facts.Compiler,
		},
		Started: b.Now().UTC(), Jobs: job.Jobs,
	}
	a := &attempt{Builder: b, job: job, rec: rec, dir: dir, out: &Output{Record: rec}}
	a.clock = phases{now: b.Now, on: job.OnPhase}
	a.log = newOutput(job.Log, job.Limits.Log, a.clock.enter)
	return a, nil
}

func (a *attempt) end() {
	if !a.Keep {
		removeAll(a.dir)
	}
}

// run goes through the phases. Its error is a *failed where the build is what failed.
func (a *attempt) run(ctx context.Context) error {
	if err := a.inputs(); err != nil {
		return err
	}
	if err := a.lockAnew(ctx); err != nil || a.out.Unchanged {
		return err
	}
	if err := a.Engine.Pull(ctx, a.image()); err != nil {
		return err
	}
	a.clock.enter(record.PhaseFetch)
	src, err := a.fetch(ctx)
	if err != nil {
		return err
	}
	if err := a.unpackLibraries(); err != nil {
		return err
	}
	switch r := a.job.Recipe; {
	case r.Library() || r.Build.Type == recipe.CPythonModule:
		return a.install(ctx, src)
	case r.Build.Type == recipe.App:
		return a.link(ctx)
	case r.Wheel():
		return a.rehost(ctx, src)
	}
	made, err := a.compile(ctx, src)
	if err != nil {
		return err
	}
	return a.pack(made)
}

// finish turns a failed build into its record.
func (a *attempt) finish(err error) error {
	a.clock.enter("")
	a.rec.Phases = a.clock.times
	f, ok := asFailed(err)
	if !ok {
		return err
	}
	a.rec.Outcome, a.rec.Failure = record.Failed, f
	a.rec.Artifacts = nil
	a.out.Path = ""
	return nil
}

func (a *attempt) image() string { return a.Registry + "/" + a.job.Toolchain.Build }
