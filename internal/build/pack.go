package build

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
	"github.com/wasmill/wasmill/internal/wheel"
)

// pack checks what the container left, packs it reproducibly into Job.Out, and audits it.
func (a *attempt) pack(m *made) error {
	a.clock.enter(record.PhasePack)
	src := filepath.Join(inside(m.work, job.Dist), m.result.Wheel)
	if a.job.Recipe.Build.Post != "" {
		src = inside(m.work, job.Wheel)
	}
	if err := plain(m.work, src); err != nil {
		return err
	}
	facts := a.job.Toolchain.Facts
	packed := filepath.Join(a.dir, "packed")
	if err := os.MkdirAll(packed, 0o755); err != nil {
		return diskError(err)
	}
	b := a.job.Recipe.Build
	opts := wheel.PackOptions{
		Epoch: epoch, PlatformTag: facts.PlatformTag, ExtSuffix: facts.ExtSuffix, SplitTests: b.UnvendorTests, RetainTests: b.RetainTestPatterns,
	}
	if b.VendorSharedLib {
		opts.Libraries = a.sharedLibraries()
	}
	result, err := wheel.Repack(src, packed, opts)
	if fault.KindOf(err) == fault.Invalid {
		return fail(record.PhasePack, record.CompileFailed, "what the build left is not a wheel: %s", err)
	}
	if err != nil {
		return diskError(err)
	}
	w, err := wheel.Open(filepath.Join(packed, result.Wheel.Filename))
	if err != nil {
		return err
	}
	defer w.Close()
	if err := a.check(w, m); err != nil {
		return err
	}
	if facts.Target.Static() {
		return a.keepStatic(w, result, m.result.Optional)
	}
	return a.keep(w, result)
}

// plain refuses links that package code may have laid on the way to what it left: the worker would follow them with its
// own rights.
func plain(work, file string) error {
	for at := file; at != work; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil {
			return fail(record.PhasePack, record.CompileFailed, "the build says that it made %s, but it is not there", filepath.Base(file))
		}
		if !info.IsDir() && !info.Mode().IsRegular() || at != file && !info.IsDir() {
			return fail(record.PhasePack, record.CompileFailed, "the build left something else than a file or folder as %s", filepath.Base(at))
		}
	}
	return nil
}

// check finds wheels of the wrong version and silent fallbacks.
func (a *attempt) check(w *wheel.Wheel, m *made) error {
	if err := a.checkVersion(w); err != nil {
		return err
	}
	r, facts, trace := a.job.Recipe, a.job.Toolchain.Facts, ""
	want := wheel.Expectation{Pure: r.Wasmill.Pure, PlatformTag: facts.PlatformTag, Extensions: r.Wasmill.ExtensionModules}
	if r.Wheel() {
		return nil // nothing was compiled here
	}
	if len(want.Extensions) == 0 && !want.Pure {
		want.Extensions = slices.DeleteFunc(slices.Clone(m.result.Modules), a.splitOff)
		if facts.Target.Static() {
			want.Extensions = a.withoutLacking(want.Extensions, w)
		}
		if w.Pure() {
			trace = somethingToCompile(m)
			want.Pure = trace == ""
		}
	}
	if f := wheel.CheckExtensions(w, want); f != nil {
		if trace != "" {
			f.Message += " (" + trace + ")"
		}
		return a.fallback(f)
	}
	if len(r.Wasmill.ExtensionModules) > 0 || want.Pure {
		return nil
	}
	// Build systems that announce nothing betray themselves by what they failed to link. What was linked and is not in the
	// wheel was left out on purpose, as modules for tests are (Meson's install tags).
	for _, l := range m.result.Links {
		if !isModule(l, facts.ExtSuffix) || slices.ContainsFunc(w.Libraries(), func(lib string) bool { return filepath.Base(lib) == l }) {
			continue
		}
		if !slices.Contains(m.result.Unlinked, l) {
			a.log.sayf("the build linked %s, and has not put it into the wheel", l)
			continue
		}
		return a.fallback(&record.Failure{
			Phase: record.PhasePack, Kind: record.SilentFallback,
			Message: fmt.Sprintf("the build failed to link %s, and the wheel lacks it; name the modules in wasmill.extension-modules if that is meant", l),
		})
	}
	return nil
}

// splitOff says whether a module is one of the tests that are not in the wheel any more.
func (a *attempt) splitOff(module string) bool {
	b := a.job.Recipe.Build
	return b.UnvendorTests && wheel.IsTest(strings.ReplaceAll(module, ".", "/")+".so", b.RetainTestPatterns)
}

// somethingToCompile says why a wheel for any platform is suspicious, in words, or nothing where it is not.
func somethingToCompile(m *made) string {
	switch r := m.result; {
	case len(r.Modules) > 0:
		return "the build announced the extension module " + r.Modules[0]
	case len(r.Links) > 0:
		return "the build tried to link " + r.Links[0]
	case r.Compilers.Commands > 0:
		return "the build called a compiler"
	}
	if file := compiledSource(inside(m.work, job.Source)); file != "" {
		return "the source holds " + file
	}
	return ""
}

var (
	compiledLanguages = []string{".c", ".cc", ".cpp", ".cxx", ".pyx", ".f", ".f90", ".rs"}
	besideThePackage  = []string{"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmark", "benchmarks", "tools", "scripts", ".git", ".github"}
)

// compiledSource finds a file that an extension could be compiled from: a package that ships one and gives a wheel for any
// platform has probably fallen back. What only accompanies a package does not count.
func compiledSource(dir string) (found string) {
	_ = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir
		}
		if d.IsDir() && slices.Contains(besideThePackage, strings.ToLower(d.Name())) {
			return fs.SkipDir
		}
		if !d.IsDir() && slices.Contains(compiledLanguages, filepath.Ext(file)) {
			found, _ = filepath.Rel(dir, file)
			return fs.SkipAll
		}
		return nil
	})
	return found
}

var stableABI = regexp.MustCompile(`\.abi3t?(-[a-z0-9_-]+)?\.so$`)

func isModule(file, suffix string) bool {
	return strings.HasSuffix(file, suffix) || stableABI.MatchString(file)
}

// fallback adds what the compiler said, which the package kept to itself.
func (a *attempt) fallback(f *record.Failure) error {
	if d := a.log.diagnosis(); d.found > 0 {
		f.Detail = clip(f.Detail+"\n"+d.detail(), maxDetail)
		if why, line := d.lacks(); why != "" && a.job.Toolchain.Facts.Target.Static() {
			f.Kind = record.Unsupported
			f.Message += ": " + clip(line, 300) + " (" + why + ")"
		}
	}
	return &failed{*f}
}

func (a *attempt) checkVersion(w *wheel.Wheel) error {
	want := a.job.Recipe.Version
	if want == "" {
		a.rec.Version = w.Metadata.Version
		return nil
	}
	// A version that is none (PEP 440) is a library's and never equals a wheel's.
	v, err := wheel.ParseVersion(want)
	got, err2 := wheel.ParseVersion(w.Metadata.Version)
	if err != nil || err2 != nil || v.Compare(got) != 0 {
		return fail(record.PhasePack, record.CompileFailed, "the recipe says version %s, the wheel is version %s", want, w.Metadata.Version)
	}
	return nil
}

// keep audits the wheel and moves what was packed to Job.Out.
func (a *attempt) keep(w *wheel.Wheel, packed wheel.Packed) error {
	a.clock.enter(record.PhaseAudit)
	facts := a.job.Toolchain.Facts
	abi, err := audit.NewABI(facts.PlatformTag, facts.Python)
	if err != nil {
		return err
	}
	var requires *record.Requires
	if a.rec.Audit, requires, err = audit.Examine(w.Path(), audit.Target{ABI: abi, Runtime: a.job.Toolchain.Symbols, MaxSize: int64(a.job.Recipe.Wasmill.MaxSize)}); err != nil {
		return err
	}
	for _, f := range a.rec.Audit {
		a.log.sayf("audit: %s: %s", f.Severity, f)
	}
	if audit.Errors(a.rec.Audit) > 0 {
		return auditFailure(a.rec.Audit)
	}
	packed.Wheel.Requires = requires
	a.rec.Artifacts = []record.Artifact{packed.Wheel}
	if packed.Tests != nil {
		a.rec.Artifacts = append(a.rec.Artifacts, *packed.Tests)
	}
	for _, artifact := range a.rec.Artifacts {
		if err := move(filepath.Join(filepath.Dir(w.Path()), artifact.Filename), filepath.Join(a.job.Out, artifact.Filename)); err != nil {
			return fmt.Errorf("keeping the wheel: %w", diskError(err))
		}
		a.log.sayf("%s: %s (%d bytes, %s)", artifact.Kind, artifact.Filename, artifact.Size, artifact.Digest)
	}
	a.out.Path = filepath.Join(a.job.Out, packed.Wheel.Filename)
	return nil
}

func auditFailure(all []record.Finding) error {
	var lines []string
	for _, f := range all {
		if f.Severity == audit.Error {
			lines = append(lines, f.String())
		}
	}
	more := ""
	if len(lines) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(lines)-1)
	}
	f := fail(record.PhaseAudit, record.AuditFailed, "the wheel does not pass the audit: %s%s", clip(lines[0], 400), more).(*failed)
	f.Detail = clip(strings.Join(lines, "\n"), maxDetail)
	return f
}

// move renames, or copies where the folders lie on different disks. The file appears whole or not at all.
func move(from, to string) error {
	if err := os.Rename(from, to); err == nil {
		return nil
	}
	if err := os.Remove(to + ".part"); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := copyFile(from, to+".part", 0o644); err != nil {
		return err
	}
	return os.Rename(to+".part", to)
}

// rehost takes a wheel that the recipe names as it is, or lets the recipe's script change it.
func (a *attempt) rehost(ctx context.Context, path string) error {
	r := a.job.Recipe
	a.clock.enter(record.PhasePack)
	name := filepath.Base(urlPath(r.Source.URL))
	if _, err := wheel.ParseFilename(name); err != nil {
		return fail(record.PhasePack, record.BadArchive, "%s", err)
	}
	if r.Build.Script != "" || r.Build.Post != "" {
		m, err := a.changeWheel(ctx, path, name)
		if err != nil {
			return err
		}
		return a.pack(m)
	}
	dir := filepath.Join(a.dir, "packed")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return diskError(err)
	}
	file := filepath.Join(dir, name)
	if err := copyFile(path, file, fs.FileMode(0o644)); err != nil {
		return diskError(err)
	}
	w, err := wheel.Open(file)
	if fault.KindOf(err) == fault.Invalid {
		return fail(record.PhasePack, record.BadArchive, "%s", err)
	}
	if err != nil {
		return err
	}
	defer w.Close()
	if err := a.checkVersion(w); err != nil {
		return err
	}
	artifact, err := describe(w)
	if err != nil {
		return err
	}
	if a.job.Toolchain.Facts.Target.Static() {
		return a.keepStatic(w, wheel.Packed{Wheel: artifact}, nil)
	}
	return a.keep(w, wheel.Packed{Wheel: artifact})
}

// changeWheel runs the recipe's scripts over a ready wheel.
func (a *attempt) changeWheel(ctx context.Context, path, name string) (*made, error) {
	a.clock.enter(record.PhasePrepare)
	work, err := a.workFolder("")
	if err != nil {
		return nil, err
	}
	if err := copyFile(path, filepath.Join(inside(work, job.Dist), name), 0o644); err != nil {
		return nil, diskError(err)
	}
	j := a.prepareJob(job.Build)
	j.Ready, j.Post = name, a.job.Recipe.Build.Post
	result, err := a.carryOut(ctx, work, j)
	if err != nil {
		return nil, err
	}
	return &made{work, result}, nil
}
