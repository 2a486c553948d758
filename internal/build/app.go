package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/app"
	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/static"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// Places in the container in which an app is linked.
const (
	linkerDir   = job.Work + "/linker"
	packagesDir = job.Work + "/packages"
	linkFile    = linkerDir + "/app.json"
)

// link makes an app of what the recipes that it runs with have built.
func (a *attempt) link(ctx context.Context) error {
	facts, r := a.job.Toolchain.Facts, a.job.Recipe
	if !facts.Target.Static() || facts.Interpreter == "" {
		return fail(record.PhasePrepare, record.Unsupported,
			"an app is linked for a target on which nothing is loaded, and %s is none: build it with --toolchain wasip1_cp313", a.job.Toolchain.Name)
	}
	a.clock.enter(record.PhasePrepare)
	work, err := a.workFolder("")
	if err != nil {
		return err
	}
	spec := r.Wasmill.App
	if spec == nil {
		spec = &recipe.AppSpec{}
	}
	contents := app.Contents{
		Schema: app.Schema, Name: r.Name, Root: app.Root, Entry: spec.Entry, Script: spec.Script, Packages: []app.Part{}, Excluded: spec.ExcludeModules,
		NoSources: spec.StripSources, Compiler: facts.Compiler, Toolchain: record.Digest(digestOf(a.job.Toolchain.Build)),
	}
	l := app.Link{
		Root: app.Root, Python: facts.Python, Target: string(facts.Target),
		Stdlib:  job.Libs + "/lib/python" + strings.ReplaceAll(facts.Python, ".", "") + ".zip",
		Library: job.Libs + "/lib/libpython" + facts.Python + ".a", Include: job.Libs + "/include/python" + facts.Python,
		Packages: []app.LinkedPackage{}, Entry: spec.Entry, Exclude: append([]string{}, spec.ExcludeModules...), Strip: spec.StripSources,
		LLVM: facts.LLVM, Epoch: epoch.Unix(), Out: job.Dist,
	}
	if spec.Script != "" {
		if _, err := os.Stat(filepath.Join(inside(work, job.Recipe), spec.Script)); err != nil {
			return fail(record.PhasePrepare, record.CompileFailed, "wasmill.app.script names %s, which is not in the recipe's folder", spec.Script)
		}
		l.Script = job.Recipe + "/" + spec.Script
	}
	if err := a.linkedParts(work, &l, &contents); err != nil {
		return err
	}
	if err := app.WriteLinker(inside(work, linkerDir)); err != nil {
		return diskError(err)
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(inside(work, linkerDir), filepath.Base(linkFile)), text, 0o644); err != nil {
		return diskError(err)
	}
	j := a.prepareJob(job.Install)
	if j.Script, err = l.Commands(facts.Linker(), linkerDir, linkFile, job.Libs); err != nil {
		return err
	}
	if _, err := a.carryOut(ctx, work, j); err != nil {
		return err
	}
	if err := problems(inside(work, job.Dist)); err != nil {
		return err
	}
	a.clock.enter(record.PhasePack)
	return a.keepApp(inside(work, job.Dist), contents)
}

// linkedParts unpacks what is linked.
func (a *attempt) linkedParts(work string, l *app.Link, contents *app.Contents) error {
	if err := os.MkdirAll(inside(work, packagesDir), 0o755); err != nil {
		return diskError(err)
	}
	for _, h := range a.job.Hosts {
		if recipe.Canonical(h.Recipe.Name) == recipe.Canonical(a.job.Toolchain.Facts.Interpreter) {
			f, _ := h.file(record.KindLibrary) // unpackLibraries has laid it out
			contents.Interpreter = app.Part{Name: h.Recipe.Name, Version: h.Recipe.Version, Digest: f.Digest}
			continue
		}
		f, ok := h.file(record.KindStatic)
		if !ok {
			if h.Recipe.Library() {
				continue // it is linked into the modules that use it
			}
			return fail(record.PhasePrepare, record.Unsupported, "%s is no package that can be linked: its build left none", h.Recipe.Name)
		}
		name := recipe.Canonical(h.Recipe.Name)
		dir := filepath.Join(inside(work, packagesDir), name)
		if err := fetch.Unpack(f.Path, dir, fetch.Unpacking{Folder: "."}); err != nil {
			return fmt.Errorf("unpacking the package %s: %w", h.Recipe.Name, err)
		}
		about, err := static.ReadFolder(dir)
		if err != nil {
			return fmt.Errorf("reading the package %s: %w", h.Recipe.Name, err)
		}
		l.Packages = append(l.Packages, app.LinkedPackage{About: about, Folder: packagesDir + "/" + name})
		part := app.Part{Name: about.Name, Version: about.Version, Digest: f.Digest}
		for _, m := range about.Modules {
			part.Modules = append(part.Modules, m.Name)
		}
		contents.Packages = append(contents.Packages, part)
	}
	return nil
}

// problems are what the linker has found wrong with the app.
func problems(dist string) error {
	text, err := os.ReadFile(filepath.Join(dist, app.Problems))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	first, more, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if n := strings.Count(more, "\n") + 1; more != "" {
		first += fmt.Sprintf(" (and %d more)", n)
	}
	f := fail(record.PhaseScript, record.LinkFailed, "%s", first).(*failed)
	f.Detail = clip(string(text), maxDetail)
	return f
}

// keepApp keeps the program, with what is inside it.
func (a *attempt) keepApp(dist string, contents app.Contents) error {
	file := filepath.Join(dist, app.Program)
	if err := plain(dist, file); err != nil {
		return err
	}
	program, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := static.Fit(program); err != nil {
		return err
	}
	if program, err = app.Describe(program, contents); err != nil {
		return err
	}
	name := recipe.Canonical(a.job.Recipe.Name) + "-" + a.job.Recipe.Version + ".wasm"
	if err := a.keepFile(record.KindApp, name, func(w io.Writer) error {
		_, err := w.Write(program)
		return err
	}); err != nil {
		return err
	}
	a.clock.enter(record.PhaseAudit)
	requires, err := audit.Requires(a.out.Path)
	if err != nil {
		return err
	}
	a.rec.Artifacts[0].Requires = &requires
	return nil
}
