package runtimes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/static"
	"github.com/wasmill/wasmill/internal/wasi"
)

// Wazero tests packages for WASI: it links them, and what they need, into an interpreter, in a container of the toolchain's Build image, and
// runs that in wazero, in one of its Runtime image. Both have no network (docs/decisions/0036-tests-under-wasi.md).
type Wazero struct {
	Engine engine.Engine
	Work   string // a folder for the files of running jobs
}

var _ Runtime = (*Wazero)(nil)

// compiling is what wasirun may need of a container's memory beside the interpreter's own: for the most part, to compile it.
const compiling = 1 << 30

// interpreterMemory is what an interpreter may have where the job bounds nothing.
const interpreterMemory = 2 << 30

// Test implements Runtime.
func (r *Wazero) Test(ctx context.Context, job Job) (*record.Test, error) {
	if job.Interpreter == nil {
		return nil, fault.Errorf(fault.Invalid, "testing %s in wazero: the job names no interpreter to link it into", job.Artifact.Path)
	}
	for _, image := range []string{job.Host, job.Image} {
		if err := r.Engine.Pull(ctx, image); err != nil {
			return nil, err
		}
	}
	stage, err := newStage(r.Work)
	if err != nil {
		return nil, err
	}
	defer stage.remove()
	t := &tester{Pyodide: &Pyodide{Engine: r.Engine, Work: r.Work}, job: job, stage: stage, log: newLog(job.Log, job.Limits.Log), verdict: newVerdict(job.Suite)}
	if err := t.linked(ctx); err != nil {
		return nil, fmt.Errorf("testing %s: %w", job.Artifact.Path, err)
	}
	return t.verdict.record(), nil
}

// linked lays the job out, links, and runs.
func (t *tester) linked(ctx context.Context) error {
	d, err := t.stage.tests(t.job)
	if err != nil {
		return err
	}
	if len(d.PyodideTests) > 0 {
		t.verdict.test.Notes = append(t.verdict.test.Notes, "left out, as they are for pytest-pyodide: "+strings.Join(d.PyodideTests, ", "))
	}
	modules, hidden, err := t.stage.install(t.job)
	if err != nil {
		return err
	}
	d.Hidden, d.Memory = hidden, interpreterMemory
	if max := t.job.Limits.Memory; max > 0 {
		d.Memory = max - min(compiling, max/2)
	}
	if err := t.stage.describe(d); err != nil {
		return err
	}
	t.verdict.test.Runtime = "CPython " + t.job.Interpreter.Version + " for WASI, wazero " + wasi.Version
	if failure, err := t.link(ctx, modules); err != nil || failure != nil {
		t.verdict.test.Failure = failure
		return err
	}
	if _, err := t.container(ctx, part{name: "test", command: "test", linked: true}); err != nil || len(d.Commands) == 0 || !t.verdict.imported() {
		return err
	}
	_, err = t.container(ctx, part{name: "suite", command: "suite", linked: true, time: t.job.Suite.Time})
	return err
}

// install lays out the job's packages for an interpreter that finds them as files: site for the imports, full for the tests. modules are
// those to be linked, and hidden the names of those that only the tests need.
func (s *stage) install(job Job) (modules []static.Module, hidden []string, err error) {
	if err := os.MkdirAll(s.path("in/modules"), 0o755); err != nil {
		return nil, nil, staging(err)
	}
	for _, site := range []string{"in/site", "in/full"} {
		if err := os.MkdirAll(s.path(site), 0o755); err != nil {
			return nil, nil, staging(err)
		}
	}
	for i, p := range job.packages() {
		sites := []string{"in/site", "in/full"}
		if i > len(job.Deps) {
			sites = sites[1:]
		}
		if _, err := s.verified(p); err != nil {
			return nil, nil, err
		}
		file := s.path("in/wheels/" + filepath.Base(p.Path))
		if strings.HasSuffix(file, ".whl") {
			for _, site := range sites {
				if err := InstallWheel(file, s.path(site)); err != nil {
					return nil, nil, err
				}
			}
			continue
		}
		of, err := s.unpacked(file, fmt.Sprint("in/modules/", i), sites)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the package %s: %w", filepath.Base(p.Path), err)
		}
		for _, m := range of {
			m.Archive = fmt.Sprintf("/job/modules/%d/%s", i, m.Archive)
			modules = append(modules, m)
			if len(sites) == 1 {
				hidden = append(hidden, m.Name)
			}
		}
	}
	if split := job.SplitOff; split != nil {
		if _, err := s.verified(*split); err != nil {
			return nil, nil, err
		}
		if err := s.unpackOver(s.path("in/wheels/"+filepath.Base(split.Path)), "", "in/full"); err != nil {
			return nil, nil, err
		}
	}
	if _, err := s.verified(job.Interpreter.Archive); err != nil {
		return nil, nil, err
	}
	archive := s.path("in/wheels/" + filepath.Base(job.Interpreter.Archive.Path))
	return modules, hidden, errors.Join(fetch.Unpack(archive, s.path("in/python"), fetch.Unpacking{Folder: "."}), os.RemoveAll(s.path("in/wheels")))
}

// unpacked unpacks a package into a folder, and what Python imports of it into sites as well. What it returns is how it is linked.
func (s *stage) unpacked(file, folder string, sites []string) ([]static.Module, error) {
	if err := fetch.Unpack(file, s.path(folder), fetch.Unpacking{Folder: "."}); err != nil {
		return nil, err
	}
	about, err := static.ReadFolder(s.path(folder))
	if fault.KindOf(err) == fault.Invalid {
		return nil, err
	}
	if err != nil {
		return nil, staging(err)
	}
	for _, site := range sites {
		if err := s.over(s.path(folder+"/"+static.Site), site); err != nil {
			return nil, err
		}
	}
	return about.Modules, nil
}

// unpackOver unpacks a folder of an archive over another.
func (s *stage) unpackOver(file, folder, to string) error {
	aside := s.path("unpacked")
	if err := fetch.Unpack(file, aside, fetch.Unpacking{Folder: "."}); err != nil {
		return err
	}
	return errors.Join(s.over(filepath.Join(aside, folder), to), os.RemoveAll(aside))
}

// over copies a folder's files into one of the stage, where there may be others.
func (s *stage) over(from, to string) error {
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.copyTree(from, strings.TrimPrefix(to, "in/"), func(name string) bool {
		_ = os.Remove(s.path(to + "/" + name)) // where two packages have a file, the later one's is there, as with installers
		return false
	})
}

// link makes in/python.wasm. The failure is the packages' own.
func (t *tester) link(ctx context.Context, modules []static.Module) (*record.Failure, error) {
	to := t.stage.path("in/python.wasm")
	if len(modules) == 0 { // nothing is to be added
		if err := os.Link(t.stage.path("in/python/bin/python.wasm"), to); err != nil {
			return nil, staging(err)
		}
		return nil, nil
	}
	table, err := static.Table(modules)
	if fault.KindOf(err) == fault.Invalid {
		return unlinkable(err.Error(), ""), nil
	}
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"main.c": static.Main, "table.c": table} {
		if err := os.WriteFile(t.stage.path("in/"+name), []byte(text), 0o644); err != nil {
			return nil, staging(err)
		}
	}
	script := t.job.Interpreter.Linker.Script(static.Program{
		Python: "/job/python", Modules: modules, Sources: []string{"/job/main.c", "/job/table.c"}, Out: "/out/python.wasm",
	})
	spec, err := t.stage.spec(t.job, "link", "bash", "-euc", script)
	if err != nil {
		return nil, err
	}
	spec.Image, spec.Memory, spec.Time = t.job.Host, t.job.Limits.Memory, t.job.Limits.Time
	said := newLog(t.log, 0)
	result, err := t.Engine.Run(ctx, spec, said)
	if errors.Is(err, errLogLimit) {
		return unlinkable("the linker printed more than the log may hold", said.tail()), nil
	}
	if err != nil {
		return nil, err
	}
	t.verdict.test.Seconds += result.Wall.Seconds()
	end := ending{Result: result, limits: t.job.Limits, tail: said.tail()}
	if failure := end.killed(); failure != nil {
		failure.Message = "linking: " + failure.Message
		return failure, nil
	}
	if result.ExitStatus != 0 {
		t.verdict.test.ExitStatus = result.ExitStatus
		return unlinkable(firstError(said.tail()), said.tail()), nil
	}
	for line := range strings.Lines(said.tail()) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "wasm-ld: warning: function signature mismatch: "); ok {
			t.verdict.test.Notes = append(t.verdict.test.Notes, fmt.Sprintf("%s is declared otherwise than it is defined: each call of it is a trap", clip(name)))
		}
	}
	// The container wrote it: a link is not followed.
	info, err := os.Lstat(t.stage.path("out/link/python.wasm"))
	if err != nil || !info.Mode().IsRegular() {
		return nil, fault.Errorf(fault.Internal, "the linker left no program")
	}
	program, err := os.ReadFile(t.stage.path("out/link/python.wasm"))
	if err != nil {
		return nil, staging(err)
	}
	if err := static.Fit(program); err != nil {
		return nil, err
	}
	if err := os.WriteFile(to, program, 0o644); err != nil {
		return nil, staging(err)
	}
	return nil, nil
}

func unlinkable(message, detail string) *record.Failure {
	return &record.Failure{Kind: record.ImportFailed, Message: "linking it into an interpreter: " + message, Detail: detail}
}

// firstError is the first line of a linker's words that says what is wrong.
func firstError(text string) string {
	for line := range strings.Lines(text) {
		if _, message, ok := strings.Cut(line, "error: "); ok {
			return clip(strings.TrimSpace(message))
		}
	}
	return firstLine(text)
}
