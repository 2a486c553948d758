package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// made is what a build container has left.
type made struct {
	work   string // its work folder
	result *job.Result
}

// compile locks the build requirements, makes the environment, and runs the build. Where there is no lock yet, the build
// itself asks the backend for further requirements; if there are any, it starts again with all of them.
func (a *attempt) compile(ctx context.Context, archive string) (*made, error) {
	if err := a.lockedCrates(ctx, archive); err != nil {
		return nil, err
	}
	lock, ask := a.job.Lock, false
	if lock == nil {
		a.clock.enter(record.PhaseLock)
		static, err := a.staticRequirements(ctx, archive)
		if err != nil {
			return nil, err
		}
		if lock, err = a.lock(ctx, static); err != nil {
			return nil, err
		}
		ask = true
	}
	m, err := a.attemptWith(ctx, archive, lock, ask)
	if err != nil {
		return nil, err
	}
	if further := m.result.Requires; ask && len(further) > 0 {
		a.clock.enter(record.PhaseLock)
		a.log.sayf("the build backend asks for more: %v", further)
		if lock, err = a.lock(ctx, slices.Concat(lock.Requirements, further)); err != nil {
			return nil, err
		}
		if m, err = a.attemptWith(ctx, archive, lock, false); err != nil {
			return nil, err
		}
	}
	if m.result.Wheel == "" || m.result.Wheel != filepath.Base(m.result.Wheel) {
		return nil, fail(record.PhaseCompile, record.CompileFailed, "the build left no wheel")
	}
	return m, nil
}

// lock resolves requirements, and remembers the lock for the caller: a failed build's is worth storing too.
func (a *attempt) lock(ctx context.Context, requirements []string) (*fetch.Lock, error) {
	lock, err := a.resolve(ctx, requirements, Target(a.job.Recipe, a.job.Toolchain.Facts))
	if err != nil {
		return nil, fetchFailure(record.PhaseLock, err)
	}
	return lock, nil
}

// lockAnew locks what the earlier build had locked, as of today. What the backend had asked for is among it: from the same source
// it asks for the same.
func (a *attempt) lockAnew(ctx context.Context) error {
	before := a.job.Before
	if before == nil || a.job.Lock != nil {
		return nil
	}
	a.clock.enter(record.PhaseLock)
	more, _ := a.pins()
	added := slices.Concat(more, a.job.Recipe.Tools()) // resolve adds them, as it did before
	asked := slices.DeleteFunc(slices.Clone(before.Requirements), func(r string) bool { return slices.Contains(added, r) })
	lock, err := a.resolve(ctx, asked, Target(a.job.Recipe, a.job.Toolchain.Facts))
	if errors.As(err, new(*fetch.UnresolvableError)) {
		return nil // the build tells it in full
	}
	if err != nil {
		return fetchFailure(record.PhaseLock, err)
	}
	if lock.Digest() == before.Digest() {
		a.log.sayf("the build requirements are the same wheels as before: nothing is to be built")
		a.out.Lock, a.out.Unchanged = lock, true
	}
	return nil
}

// Target is the machine inside a toolchain's image, as of the day of a recipe. glibc's version is that of the oldest
// distribution that a toolchain has been made of.
func Target(r *recipe.Recipe, facts toolchain.Facts) fetch.Target {
	target := fetch.Target{Python: facts.Python, Glibc: 40, Arch: "x86_64", ExcludeNewer: facts.ExcludeNewer}
	if !r.Wasmill.ExcludeNewer.IsZero() {
		target.ExcludeNewer = r.Wasmill.ExcludeNewer
	}
	return target
}

// attemptWith runs one build container in a work folder of its own.
func (a *attempt) attemptWith(ctx context.Context, archive string, lock *fetch.Lock, ask bool) (*made, error) {
	env, err := a.env(ctx, lock)
	if err != nil {
		return nil, err
	}
	a.out.Lock = lock
	a.requires(lock)
	a.clock.enter(record.PhasePrepare)
	work, err := a.workFolder(archive)
	if err != nil {
		return nil, err
	}
	if err := a.vendor(ctx, work, a.crates); err != nil {
		return nil, err
	}
	j, err := a.buildJob(ask, lock)
	if err != nil {
		return nil, err
	}
	result, err := a.carryOut(ctx, work, j, engine.Mount{Source: env, Target: job.Env})
	if err != nil {
		return nil, err
	}
	if err := a.nativeHeaders(env, result.Headers, lock); err != nil {
		return nil, err
	}
	return &made{work, result}, nil
}

// workFolder is a new folder for one container, with the source and the recipe's files in it.
func (a *attempt) workFolder(archive string) (string, error) {
	work := ""
	for n := 1; work == "" || ready(work); n++ {
		work = filepath.Join(a.dir, "container"+strconv.Itoa(n))
	}
	for _, dir := range []string{job.Home, job.Dist, job.Libs} {
		if err := os.MkdirAll(inside(work, dir), 0o755); err != nil {
			return "", diskError(err)
		}
	}
	if err := copyTree(a.libs, lib(work), nil); err != nil {
		return "", fmt.Errorf("copying libraries: %w", diskError(err))
	}
	if err := a.unpack(archive, inside(work, job.Source)); err != nil {
		return "", err
	}
	if err := a.copyRecipe(inside(work, job.Recipe)); err != nil {
		return "", err
	}
	if a.job.Reversed {
		return work, reverse(inside(work, job.Source))
	}
	return work, nil
}

// buildJob is the recipe in the driver's words.
func (a *attempt) buildJob(ask bool, lock *fetch.Lock) (job.Job, error) {
	r := a.job.Recipe
	settings, err := recipe.ParseBackendFlags(r.Build.BackendFlags)
	if err != nil {
		return job.Job{}, fail(record.PhasePrepare, record.CompileFailed, "build.backend-flags: %s", err)
	}
	j := a.prepareJob(job.Build)
	j.CrossScript, j.Post = r.Build.CrossScript, r.Build.Post
	j.CFlags, j.CXXFlags, j.LDFlags = r.Build.CFlags, r.Build.CXXFlags, r.Build.LDFlags
	j.Exports, j.Symbols = string(r.Build.Exports.Mode), r.Build.Exports.Symbols
	for _, s := range settings {
		j.Settings = append(j.Settings, job.Setting{Key: s.Key, Values: s.Values})
	}
	if j.Ask = ask; ask {
		j.Known = lock.Requirements
	}
	return j, nil
}

// prepareJob is the part that comes before the build backend.
func (a *attempt) prepareJob(kind job.Kind) job.Job {
	r := a.job.Recipe
	j := job.Job{
		Kind: kind, Dir: job.Source + "/" + a.sourceName(), Patches: r.Source.Patches, Script: r.Build.Script, Executables: r.Requirements.Executable,
	}
	for _, e := range r.Source.Extras {
		j.Extras = append(j.Extras, [2]string{e.From, e.To})
	}
	return j
}

// staticRequirements are build-system.requires and what the recipe adds. They are read on this machine, unless the recipe
// changes the source first in ways that only a container can tell.
func (a *attempt) staticRequirements(ctx context.Context, archive string) ([]string, error) {
	r := a.job.Recipe
	work, err := a.workFolder(archive)
	if err != nil {
		return nil, err
	}
	defer removeAll(work)
	var static []string
	if a.touches("pyproject.toml") {
		result, err := a.carryOut(ctx, work, a.prepareJob(job.Requires))
		if err != nil {
			return nil, err
		}
		static = result.Requires
	} else if static, err = buildSystem(a.source(work)); err != nil {
		return nil, err
	}
	return slices.Concat(static, r.Requirements.BuildExtras), nil
}

// epoch is SOURCE_DATE_EPOCH of every build, and the time of every file in a wheel.
var epoch = fetch.Mtime

func (a *attempt) requires(lock *fetch.Lock) {
	a.rec.Requires = nil
	for _, p := range lock.Packages {
		a.rec.Requires = append(a.rec.Requires, record.Requirement{
			Name: p.Name, Version: p.Version, File: p.File, Digest: record.Digest("sha256:" + p.SHA256),
		})
	}
}
