package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/internal/wheel"
)

// suite is the preparation of a recipe's wasmill.test.
type suite struct {
	*step
	image   *toolchain.Image
	builder *build.Builder
	dir     string // for what is prepared
	job     *runtimes.Job
	res     *jobs.Result
	recipes []runtimes.Wheel // of the recipes that the tests require
	lock    *fetch.Lock      // of what the tests require from the index; nil for nothing
}

// test prepares what the recipe's wasmill.test asks for, and tests in each of the job's runtimes. What can't be prepared for
// the recipe's sake is a failed test.
func (s *step) test(ctx context.Context, image *toolchain.Image, dir string, job runtimes.Job, res *jobs.Result) ([]record.Test, error) {
	t := &s.recipe.Wasmill.Test
	p := &suite{step: s, image: image, dir: dir, job: &job, res: res}
	if len(t.Run) > 0 || len(t.Requires) > 0 {
		var err error
		if p.builder, err = s.builder(ctx, s.job.Builder, s.job.UV); err != nil {
			return nil, err
		}
		failure, err := p.prepare(ctx, t)
		if err != nil {
			return nil, err
		}
		if failure != nil {
			return []record.Test{refused(s.job.Runtimes[0], failure)}, nil
		}
	}
	var all []record.Test
	for _, name := range s.job.Runtimes {
		test, err := p.in(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, *test)
	}
	return all, nil
}

// in tests in one runtime.
func (p *suite) in(ctx context.Context, name string) (*record.Test, error) {
	runtime := p.tests[name]
	if runtime == nil {
		return nil, fault.Errorf(fault.Unavailable, "this worker has no runtime %s: it is older than the farm", name)
	}
	job := *p.job
	if name == recipe.Chromium {
		job.Browser = p.address + "/" + p.step.job.Browser
	}
	test, err := runtime.Test(ctx, job)
	if err != nil {
		return nil, err
	}
	test.In = name
	if p.lock != nil {
		for _, w := range p.lock.Packages {
			test.Requires = append(test.Requires, record.Requirement{Name: w.Name, Version: w.Version, File: w.File, Digest: record.Digest("sha256:" + w.SHA256)})
		}
	}
	return test, nil
}

// refused is a test that did not begin.
func refused(in string, f *record.Failure) record.Test {
	return record.Test{Outcome: record.Failed, In: in, Imports: []record.Case{}, Cases: []record.Case{}, Failure: f}
}

func (p *suite) prepare(ctx context.Context, t *recipe.TestSuite) (*record.Failure, error) {
	p.job.Suite = &runtimes.Suite{Commands: t.Commands(), Env: t.Environment, Expected: t.ExpectedFailures, Time: t.Timeout}
	if t.Timeout == 0 {
		p.job.Suite.Time = recipe.DefaultTestTimeout
	}
	if len(t.Suite) > 0 {
		p.job.Suite.Dir = filepath.Join(p.dir, "suite")
		failure, err := p.builder.Suite(ctx, build.Job{
			Recipe: p.recipe, Toolchain: *p.image, Limits: build.LimitsOf(p.recipe, recipe.Class(p.task.Class)), Attempt: p.told.ID + "-suite", Labels: p.labels(), Log: p.log,
		}, t.SuiteFiles(), p.job.Suite.Dir)
		if err != nil || failure != nil {
			return failure, err
		}
	}
	for _, dep := range p.step.job.TestDeps {
		w, err := p.fetch(ctx, p.dir, dep)
		if err != nil {
			return nil, err
		}
		p.recipes = append(p.recipes, w)
	}
	p.job.Suite.Wheels = slices.Clone(p.recipes)
	if failure, err := p.requirements(ctx, t); err != nil || failure != nil {
		return failure, err
	}
	if !t.Native || p.image.Facts.Target.Static() { // there is no wheel to compare with
		return nil, nil
	}
	var err error
	p.job.Suite.Native, err = p.native(ctx, t)
	return nil, err
}

// target is where requirements are locked for.
func (p *suite) target(pure bool) fetch.Target {
	target := build.Target(p.recipe, p.image.Facts)
	target.Pure = pure
	return target
}

// requirements brings what the tests require from the package index, pure wheels.
func (p *suite) requirements(ctx context.Context, t *recipe.TestSuite) (*record.Failure, error) {
	_, others := t.RequiredRecipes(p.set)
	if len(others) == 0 {
		return nil, nil
	}
	p.lock = p.step.job.TestLock
	if p.lock == nil {
		lock, err := p.builder.Resolver.Resolve(ctx, others, nil, p.target(true))
		if e := (*fetch.UnresolvableError)(nil); errors.As(err, &e) {
			return &record.Failure{
				Phase: record.PhaseTest, Kind: record.Requirements,
				Message: "wasmill.test.requires can't be resolved from pure wheels: " + firstLine(e.Reason), Detail: e.Reason,
			}, nil
		}
		if err != nil {
			return nil, err
		}
		p.lock, p.res.TestLockKey, p.res.TestLock = lock, p.step.job.TestLockKey, lock
	}
	for _, w := range p.lock.Packages {
		if p.brought(w.Name) {
			continue // the farm's own wheel is what is tested
		}
		file, err := p.fetcher.Get(ctx, fetch.Source{URL: w.URL, SHA256: w.SHA256, Package: w.Name})
		if err != nil {
			return nil, err
		}
		to := filepath.Join(p.dir, w.File)
		if err := copyFile(file, to); err != nil {
			return nil, fmt.Errorf("fetching %s: %w", w.File, err)
		}
		p.job.Suite.Wheels = append(p.job.Suite.Wheels, runtimes.Wheel{Path: to, Digest: record.Digest("sha256:" + w.SHA256)})
	}
	return nil, nil
}

// brought says whether the job has a wheel of this name already.
func (p *suite) brought(name string) bool {
	return slices.ContainsFunc(slices.Concat([]runtimes.Wheel{p.job.Artifact}, p.job.Deps, p.job.Suite.Wheels), func(w runtimes.Wheel) bool {
		if w.Project != "" {
			return wheel.Normalize(w.Project) == wheel.Normalize(name)
		}
		f, err := wheel.ParseFilename(filepath.Base(w.Path))
		return err == nil && wheel.Normalize(f.Name) == wheel.Normalize(name)
	})
}

// native makes the environment for the comparison, with the farm's very wheels where they are for any platform, or else
// the index's wheels of the same versions for this machine.
func (p *suite) native(ctx context.Context, t *recipe.TestSuite) (*runtimes.Native, error) {
	about := p.res.Record.Wheel().Wheel
	ours, wanted, err := p.natively()
	for _, w := range ours {
		defer w.Close()
	}
	if err != nil {
		return nil, err
	}
	_, others := t.RequiredRecipes(p.set)
	wanted = slices.Concat([]string{"pytest"}, others, wanted)
	lock, err := p.builder.Resolver.Resolve(ctx, wanted, nil, p.target(false))
	if e := (*fetch.UnresolvableError)(nil); errors.As(err, &e) {
		reason := fmt.Sprintf("the index has no wheels of %s %s and what it needs for CPython %s on this machine: %s",
			about.Project, about.Version, p.image.Facts.Python, firstLine(e.Reason))
		return &runtimes.Native{Reason: reason}, nil
	}
	if err != nil {
		return nil, err
	}
	n := &runtimes.Native{Site: filepath.Join(p.dir, "native"), Wheel: filepath.Base(p.job.Artifact.Path)}
	if err := os.Mkdir(n.Site, 0o755); err != nil {
		return nil, fmt.Errorf("making the native environment: %w", err)
	}
	wheels, err := p.fetcher.Wheels(ctx, lock)
	if err != nil {
		return nil, err
	}
	for _, w := range lock.Packages {
		if named(ours, w.Name) {
			continue // a requirement of the tests brings it along
		}
		if wheel.Normalize(w.Name) == wheel.Normalize(about.Project) {
			n.Wheel = w.File
		}
		if err := runtimes.InstallWheel(filepath.Join(wheels, w.File), n.Site); err != nil {
			return nil, err
		}
	}
	for _, w := range ours {
		if err := w.Install(n.Site); err != nil {
			return nil, err
		}
	}
	return n, p.installSplitOff(ours, n.Site)
}

// natively opens those of the farm's wheels that a native environment can hold, as they are for any platform: the one that
// is tested, and those of the recipes that the tests require. wanted is what these need, and the releases of the others.
func (p *suite) natively() (ours []*wheel.Wheel, wanted []string, err error) {
	var needed []string
	for _, file := range slices.Concat([]runtimes.Wheel{p.job.Artifact}, p.recipes) {
		w, err := wheel.Open(file.Path)
		if err != nil {
			return ours, nil, err
		}
		if w.Pure() {
			ours = append(ours, w)
			needed = append(needed, w.Metadata.Headers.All("Requires-Dist")...)
			continue
		}
		wanted = append(wanted, w.Metadata.Name+"=="+w.Metadata.Version)
		w.Close()
	}
	for _, text := range needed {
		if r, err := wheel.ParseRequirement(text); err != nil || !named(ours, r.Name) {
			wanted = append(wanted, text)
		}
	}
	return ours, wanted, nil
}

func named(wheels []*wheel.Wheel, project string) bool {
	return slices.ContainsFunc(wheels, func(w *wheel.Wheel) bool { return wheel.Normalize(w.Metadata.Name) == wheel.Normalize(project) })
}

// installSplitOff installs the tests that were split off the wheel that is tested, if that was installed.
func (p *suite) installSplitOff(ours []*wheel.Wheel, site string) error {
	if p.job.SplitOff == nil || !named(ours, p.res.Record.Wheel().Wheel.Project) {
		return nil
	}
	aside := filepath.Join(p.dir, "split-off")
	// The archive's paths are those in site-packages: a folder that stands alone at the top is no wrapping.
	if err := fetch.Unpack(p.job.SplitOff.Path, aside, fetch.Unpacking{Folder: "."}); err != nil {
		return err
	}
	if err := os.CopyFS(site, os.DirFS(aside)); err != nil {
		return fmt.Errorf("making the native environment: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
