package build

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/archive"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/static"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/world"
)

// keepStatic makes of a wheel what a package is where nothing is loaded: its files, and its modules as static libraries. The wheel
// itself goes: no installer would know what to do with it.
func (a *attempt) keepStatic(w *wheel.Wheel, packed wheel.Packed, optional []string) error {
	a.clock.enter(record.PhaseAudit)
	known, err := a.linkedWith()
	if err != nil {
		return err
	}
	modules, files, missing, err := static.Link(w, known)
	if shared := (*static.SharedLibraryError)(nil); errors.As(err, &shared) {
		return fail(record.PhaseAudit, record.Unsupported, "%s", shared)
	}
	if fault.KindOf(err) == fault.Invalid {
		return fail(record.PhaseAudit, record.AuditFailed, "%s", err)
	}
	if err != nil {
		return err
	}
	if missing = a.withoutOptional(missing, modules, optional); len(missing) > 0 {
		return a.cannotLink(missing)
	}
	if modules == nil {
		modules = []static.Module{}
	}
	requires, err := a.requiredLinked(w)
	if err != nil {
		return err
	}
	facts, r := a.job.Toolchain.Facts, a.job.Recipe
	about, err := json.MarshalIndent(static.Package{
		Schema: static.Schema, Name: w.Metadata.Name, Version: w.Metadata.Version, Target: string(facts.Target), PythonTag: facts.PythonTag,
		Compiler: facts.Compiler, Modules: modules, Requires: requires,
	}, "", "  ")
	if err != nil {
		return err
	}
	files[static.AboutFile] = append(about, '\n')
	var entries []archive.Entry
	for _, name := range slices.Sorted(maps.Keys(files)) {
		entries = append(entries, archive.Entry{Name: name, Open: opener(files[name])})
	}
	others := static.Kept(w)
	for _, name := range slices.Sorted(maps.Keys(others)) {
		data, err := w.ReadFile(others[name])
		if err != nil {
			return err
		}
		entries = append(entries, archive.Entry{Name: static.Site + name, Open: opener(data)})
	}
	if max := int64(r.Wasmill.MaxSize); max > 0 && packed.Wheel.Size > max {
		return fail(record.PhaseAudit, record.AuditFailed, "the package has %d bytes, and wasmill.max-size allows %d", packed.Wheel.Size, max)
	}
	name := recipe.Canonical(w.Metadata.Name) + "-" + w.Metadata.Version + "-" + facts.PythonTag + "-" + facts.PlatformTag + ".tar.gz"
	if err := a.keepFile(record.KindStatic, name, func(out io.Writer) error { return archive.Write(out, entries, epoch) }); err != nil {
		return err
	}
	kept := &a.rec.Artifacts[len(a.rec.Artifacts)-1]
	kept.Requires, kept.Wheel = requires, &record.Wheel{
		Project: w.Metadata.Name, Version: w.Metadata.Version, RequiresPython: w.Metadata.RequiresPython, Imports: w.TopLevel(), Depends: []string{},
	}
	for _, m := range modules {
		a.log.sayf("module: %s, to be linked from %s", m.Name, m.Archive)
	}
	if packed.Tests == nil {
		return nil
	}
	if err := move(filepath.Join(filepath.Dir(w.Path()), packed.Tests.Filename), filepath.Join(a.job.Out, packed.Tests.Filename)); err != nil {
		return diskError(err)
	}
	a.rec.Artifacts = append(a.rec.Artifacts, *packed.Tests)
	return nil
}

func opener(data []byte) func() (io.ReadCloser, int64, error) {
	return func() (io.ReadCloser, int64, error) {
		return io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
	}
}

// linkedWith are the symbols of all that an interpreter is linked with: the system's libraries, which the toolchain's image has
// written down, and Python's, which is a host dependency.
func (a *attempt) linkedWith() (static.Symbols, error) {
	system := a.job.Toolchain.Symbols
	file := filepath.Join(a.libs, "lib", "libpython"+a.job.Toolchain.Facts.Python+".a")
	python := map[string]bool{}
	data, err := os.ReadFile(file)
	if err == nil {
		python, err = static.ArchiveDefined(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // what is pure needs no Python
		return nil, err
	}
	return func(name string) bool {
		_, function := system.Functions[name]
		return function || system.Data[name] || python[name]
	}, nil
}

// requiredLinked is what a program wants of a runtime that the package is linked into: the interpreter's functions of WASI, and the parts of
// WebAssembly that either uses. Nil where there is no interpreter.
func (a *attempt) requiredLinked(w *wheel.Wheel) (*record.Requires, error) {
	f, err := os.Open(filepath.Join(a.libs, "bin", "python.wasm"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	python, err := wasm.ParseAll(f, io.Discard)
	if err != nil {
		return nil, fmt.Errorf("reading the interpreter: %w", err)
	}
	modules := []world.Module{{Module: python}}
	for _, e := range w.Extensions() {
		data, err := w.ReadFile(e.File)
		if err != nil {
			return nil, err
		}
		m, err := wasm.ParseAll(bytes.NewReader(data), io.Discard)
		if err != nil {
			return nil, fail(record.PhaseAudit, record.AuditFailed, "%s: %s", e.File, err)
		}
		m.Imports, m.Memories = nil, nil // they are of the other objects, which static.Link has looked at
		modules = append(modules, world.Module{File: e.File, Module: m})
	}
	requires := world.Requires([]string{world.Program}, modules)
	return &requires, nil
}

// cannotLink says which symbols nothing defines, and what that means.
func (a *attempt) cannotLink(missing []static.Missing) error {
	lines := static.Explain(missing)
	more := ""
	if len(lines) > 1 {
		more = " (and more, for other reasons)"
	}
	f := fail(record.PhaseAudit, record.Unsupported, "it can't be linked for %s: %s%s", a.job.Toolchain.Facts.Target, clip(lines[0], 500), more).(*failed)
	var detail []string
	detail = append(detail, lines...)
	for _, m := range missing {
		detail = append(detail, m.Module+": undefined: "+strings.Join(m.Symbols, " "))
	}
	f.Detail = clip(strings.Join(detail, "\n"), maxDetail)
	for _, line := range detail {
		a.log.sayf("%s", line)
	}
	return f
}

// withoutLacking are the modules that a wheel has to hold. Those that its build has gone on without are none of them where others are
// inside, and all that the compiler said is that the target lacks something.
func (a *attempt) withoutLacking(announced []string, w *wheel.Wheel) []string {
	inside := map[string]bool{}
	for _, e := range w.Extensions() {
		inside[e.Module] = true
	}
	d := a.log.diagnosis()
	if len(inside) == 0 || !d.onlyLacks() {
		return announced
	}
	why, line := d.lacks()
	return slices.DeleteFunc(announced, func(module string) bool {
		gone := !inside[strings.TrimSuffix(module, ".__init__")]
		if gone {
			a.leaveOut(module, clip(line, 300)+" ("+why+")")
		}
		return gone
	})
}

// withoutOptional leaves out what the package itself calls optional, where other modules of it can be linked.
func (a *attempt) withoutOptional(missing []static.Missing, linked []static.Module, optional []string) []static.Missing {
	if len(linked) == 0 || len(a.job.Recipe.Wasmill.ExtensionModules) > 0 {
		return missing
	}
	return slices.DeleteFunc(missing, func(m static.Missing) bool {
		gone := slices.Contains(optional, m.Module)
		if gone {
			a.leaveOut(m.Module, strings.Join(static.Explain([]static.Missing{m}), "; "))
		}
		return gone
	})
}

// leaveOut notes that the package comes without a module.
func (a *attempt) leaveOut(module, why string) {
	f := record.Finding{Rule: "left-out", Severity: record.Warning, File: module, Reason: why}
	a.rec.Audit = append(a.rec.Audit, f)
	a.log.sayf("audit: %s: %s", f.Severity, f)
}

// absentParts are what compilers say where a target lacks a part of the language or of the C library, and what that means.
var absentParts = []struct {
	said *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`with exceptions disabled`), "C++ exceptions: the target's C++ library is built without them, so the symbol __cxa_throw is nowhere"},
	{regexp.MustCompile(`Setjmp/longjmp support requires Exception handling support`), "setjmp and longjmp need WebAssembly's exceptions, which engines for preview 1 lack"},
	{regexp.MustCompile(`without support for threads|no (type|member|template) named '(thread|jthread|this_thread|mutex|recursive_mutex|timed_mutex|shared_mutex|condition_variable|future|async|promise|lock_guard|scoped_lock)' in namespace 'std'`),
		"threads in C++: the target's C++ library is built without std::thread and std::mutex"},
	{regexp.MustCompile(`without support for filesystem|no (type|member) named 'filesystem' in namespace 'std'`), "std::filesystem: the target's C++ library is built without it"},
	{regexp.MustCompile(`fatal error: '(linux|asm|net|netpacket|sys/(wait|shm|ipc|sem|msg|prctl|ptrace|inotify|epoll|eventfd|signalfd|timerfd|sendfile|sysinfo|mount|vfs|statfs|sysctl|syscall)|spawn|pwd|grp|shadow|termios|pty|utmpx?|ifaddrs|netdb|syslog|execinfo|ucontext|mqueue|wait)(/[\w/.-]+)?(\.h)?' file not found`),
		"WASI has nothing of what this header of the system is about"},
}

// undeclared is what compilers say where a function of the C library is missing, or a constant of it.
var undeclared = regexp.MustCompile(`(?:call to undeclared (?:library )?function|use of undeclared identifier) '(\w+)'`)

// absent says what the target lacks, by an error of a compiler; empty for any other error.
func absent(line string) string {
	for _, p := range absentParts {
		if p.said.MatchString(line) {
			return p.why
		}
	}
	if m := undeclared.FindStringSubmatch(line); m != nil {
		return static.Lacking(m[1])
	}
	return ""
}
