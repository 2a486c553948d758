// Package record defines what a build leaves behind: one JSON document per build, written once and never changed.
// Everything that is shown, compared or served later is read from it. The schema is documented in
// docs/reference/record.md; Schema changes when a reader of the old form could be misled.
package record

import (
	"fmt"
	"time"
)

// Schema names the form of Build.
const Schema = "https://wasmill.dev/schema/build/v1"

// Digest is "sha256:" followed by 64 hexadecimal digits in lower case.
type Digest string

// Outcome says how a build or a test ended. It is a result, not an error.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // not tried, because something it needs has failed
	// Expected is the outcome of a test that failed as the recipe says it would (wasmill.test.expected-failures).
	Expected Outcome = "expected-failure"
)

// Phase is a step of a build. The order is the order in which they run.
type Phase string

// The phases, in their order.
const (
	PhaseFetch   Phase = "fetch"   // sources, verified by hash
	PhaseLock    Phase = "lock"    // build requirements resolved; absent where an earlier lock was reused
	PhaseEnv     Phase = "env"     // the native environment of the lock made; absent where it was ready
	PhasePrepare Phase = "prepare" // unpacking, patches, extras
	PhaseScript  Phase = "script"  // the recipe's script
	PhaseCompile Phase = "compile" // the build backend's hook
	PhasePack    Phase = "pack"    // post script, checks, reproducible repacking
	PhaseAudit   Phase = "audit"
	PhaseAgain   Phase = "again" // the build made a second time; it has no time in PhaseTime
	PhaseTest    Phase = "test"
)

// FailureKind says what made a build fail; reports group by it.
type FailureKind string

// The kinds of failure. docs/reference/record.md lists them for people.
const (
	HashMismatch   FailureKind = "hash-mismatch"   // what came is not what the recipe names
	BadArchive     FailureKind = "bad-archive"     // the source would write outside its folder, or is damaged
	PatchFailed    FailureKind = "patch-failed"    // a hunk does not apply
	Requirements   FailureKind = "requirements"    // build requirements can't be resolved from wheels
	ScriptFailed   FailureKind = "script-failed"   // the recipe's script ended with a status other than 0
	CompileFailed  FailureKind = "compile-failed"  // the backend's hook failed
	LinkFailed     FailureKind = "link-failed"     // an app can't be made of what it is to hold
	SilentFallback FailureKind = "silent-fallback" // a wheel came out, without the platform tag or an extension module
	AuditFailed    FailureKind = "audit-failed"    // the wheel can't load on the ABI it is tagged for
	OutOfMemory    FailureKind = "out-of-memory"
	OutOfTime      FailureKind = "out-of-time"
	OutOfPids      FailureKind = "out-of-pids"
	LogLimit       FailureKind = "log-limit" // more output than a build may print
	ImportFailed   FailureKind = "import-failed"
	TestFailed     FailureKind = "test-failed"
	Unsupported    FailureKind = "unsupported" // the recipe asks for something this version can't do
	// NotReproducible: a second build of the same inputs gave other bytes, and the policy says that this matters.
	NotReproducible FailureKind = "not-reproducible"
)

// Build is the record of one build: one recipe on one toolchain at one key.
type Build struct {
	Schema    string    `json:"schema"`
	Key       string    `json:"key"` // 64 hexadecimal digits; empty for a build that failed before its key was known
	Recipe    string    `json:"recipe"`
	Version   string    `json:"version"`
	Toolchain Toolchain `json:"toolchain"`
	Outcome   Outcome   `json:"outcome"`
	Failure   *Failure  `json:"failure,omitempty"`
	Inputs    []Input   `json:"inputs"`

	Started    time.Time     `json:"started"`
	Phases     []PhaseTime   `json:"phases"`
	Compilers  *Compilers    `json:"compilers,omitempty"`         // nil where nothing was compiled
	PeakMemory int64         `json:"peak_memory_bytes,omitempty"` // of the build's container
	ExitStatus int           `json:"exit_status"`                 // of the build's container
	Attempt    int           `json:"attempt"`                     // counts from 1
	Class      string        `json:"class,omitempty"`             // of the build's container: small, medium, large
	Outgrew    []string      `json:"outgrew,omitempty"`           // the classes in which it ran out of memory before
	Worker     string        `json:"worker"`
	Jobs       int           `json:"jobs,omitempty"` // how many commands the build was told to run at a time
	Artifacts  []Artifact    `json:"artifacts,omitempty"`
	Audit      []Finding     `json:"audit,omitempty"`
	Tests      []Test        `json:"tests,omitempty"` // one for each runtime; none for what was not tested
	Log        *Blob         `json:"log,omitempty"`
	TestLog    *Blob         `json:"test_log,omitempty"`   // what the tests printed
	JUnit      *Blob         `json:"junit,omitempty"`      // the tests as JUnit XML
	Provenance *Blob         `json:"provenance,omitempty"` // an in-toto statement, SLSA provenance v1
	Requires   []Requirement `json:"build_requirements,omitempty"`
	// Reproduction is what a second build came to; nil for what was built once.
	Reproduction *Reproduction `json:"reproduction,omitempty"`
}

// Wheel is the build's wheel, or nil if it has none: a library, or a build that failed.
func (b *Build) Wheel() *Artifact {
	for i := range b.Artifacts {
		if b.Artifacts[i].Kind == KindWheel {
			return &b.Artifacts[i]
		}
	}
	return nil
}

// Package is what of a build is tested, and what other packages need of it: its wheel or its static package; nil for a library, and for a
// build that failed.
func (b *Build) Package() *Artifact {
	for i := range b.Artifacts {
		if k := b.Artifacts[i].Kind; k == KindWheel || k == KindStatic {
			return &b.Artifacts[i]
		}
	}
	return nil
}

// Seconds is how long all phases took on the wall, the test's included.
func (b *Build) Seconds() (sum float64) {
	for _, p := range b.Phases {
		sum += p.Seconds
	}
	return sum
}

// Counts adds up what the tests of a build came to, in all runtimes.
type Counts struct{ Imports, Passed, Failed, Skipped, Expected int }

// Counts adds up the build's tests.
func (b *Build) Counts() Counts {
	var c Counts
	for _, t := range b.Tests {
		c.Imports += len(t.Imports)
		c.Passed += t.Passed
		c.Failed += t.Failed
		c.Skipped += t.Skipped
		c.Expected += t.Expected
	}
	return c
}

// Toolchain names what compiled, in words too: a distribution's compiler is not the runtime vendor's.
type Toolchain struct {
	Name     string `json:"name"`
	Digest   Digest `json:"digest"`   // of the image's manifest
	Compiler string `json:"compiler"` // e.g. "Debian emscripten 6.0.5+dfsg-2, without Pyodide's patches"
}

// Failure explains a Failed outcome to a person.
type Failure struct {
	Phase   Phase       `json:"phase"`
	Kind    FailureKind `json:"kind"`
	Message string      `json:"message"`          // one line: what is wrong and, where known, what to do
	Detail  string      `json:"detail,omitempty"` // the lines of the log that matter, at most 4 KiB
}

// Input is one thing that went into the build.
type Input struct {
	Kind   string `json:"kind"` // source, patch, extra, recipe, requirement, host, crate, toolchain, builder
	Name   string `json:"name"`
	URL    string `json:"url,omitempty"`
	Digest Digest `json:"digest"`
}

// Requirement is one locked package of the native build environment.
type Requirement struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	File    string `json:"file"`
	Digest  Digest `json:"digest"`
}

// PhaseTime is how long a phase took on the wall.
type PhaseTime struct {
	Phase   Phase   `json:"phase"`
	Seconds float64 `json:"seconds"`
}

// Compilers is the part of a build that compiling and linking took by themselves; the rest of its time is the build
// backend's and the farm's. The checks of configure, cmake and meson count, a translator like Cython doesn't.
type Compilers struct {
	Commands int     `json:"commands"` // compilers, linkers and archivers that were started
	Seconds  float64 `json:"seconds"`  // on the wall, while at least one of them ran
}

// Artifact is a file that the build yields, kept in the registry under its digest.
type Artifact struct {
	Filename string `json:"filename"`
	Kind     string `json:"kind"` // one of the kinds below
	Digest   Digest `json:"digest"`
	Size     int64  `json:"size_bytes"`
	Metadata Digest `json:"metadata,omitempty"` // of METADATA (PEP 658), kept as a blob of its own
	Wheel    *Wheel `json:"wheel,omitempty"`    // nil for what is neither a wheel nor a static package
	// Requires is what the artifact wants of a runtime; nil for what none runs, and in records from before it was read.
	Requires *Requires `json:"requires,omitempty"`
}

// The kinds of artifacts.
const (
	KindWheel   = "wheel"
	KindTests   = "tests"   // .tar.gz: tests that were split off a wheel, to be unpacked where it is installed
	KindLibrary = "library" // .tar.gz: what a library recipe installed, with include/, lib/ and lib/pkgconfig/
	KindModule  = "module"  // .tar.gz: parts of the standard library
	// KindStatic is a .tar.gz: a package for a target on which nothing is loaded, with its modules as static libraries (package static).
	KindStatic = "static-package"
	// KindApp is a .wasm: an interpreter with all that it is to run, linked (package app).
	KindApp = "app"
)

// Wheel is what an index says of a wheel, and what holds of a static package alike.
type Wheel struct {
	Project        string   `json:"project"` // as METADATA spells it
	Version        string   `json:"version"`
	RequiresPython string   `json:"requires_python,omitempty"`
	Imports        []string `json:"imports"`
	Depends        []string `json:"depends"` // projects, normalised as in PEP 503
}

// Severities of a finding: an error keeps the wheel from loading or being installed, or makes calls go wrong, and fails
// the build.
const (
	Error   = "error"
	Warning = "warning"
)

// Finding is one thing that the audit saw.
type Finding struct {
	Rule     string `json:"rule"` // e.g. "undefined-symbol"
	Severity string `json:"severity"`
	File     string `json:"file"` // path in the wheel
	Symbol   string `json:"symbol,omitempty"`
	Reason   string `json:"reason"`
}

// String is the finding without its severity.
func (f Finding) String() string {
	symbol := ""
	if f.Symbol != "" {
		symbol = " " + f.Symbol
	}
	return fmt.Sprintf("%s: %s%s: %s", f.File, f.Rule, symbol, f.Reason)
}

// Test is what fresh runtimes said of the artifact.
type Test struct {
	Outcome  Outcome `json:"outcome"`
	In       string  `json:"in"`      // the runtime, as wasmill.test.runtimes names it
	Runtime  string  `json:"runtime"` // in words, e.g. "pyodide 315.0.0-alpha.2, node v24.21.0"
	Imports  []Case  `json:"imports"`
	Cases    []Case  `json:"cases"` // the recipe's own tests, then those of its wasmill.test
	Seconds  float64 `json:"seconds"`
	Passed   int     `json:"passed"` // of Cases
	Failed   int     `json:"failed"`
	Skipped  int     `json:"skipped"`
	Expected int     `json:"expected_failures,omitempty"`

	Failure    *Failure `json:"failure,omitempty"` // set if Outcome is Failed
	ExitStatus int      `json:"exit_status"`       // of the runtime's process; 137 where it was killed

	Needs    *Needs        `json:"needs,omitempty"`        // nil where nothing could be measured
	Requires []Requirement `json:"requirements,omitempty"` // of wasmill.test.requires, as locked
	Native   *Native       `json:"native,omitempty"`       // nil where the recipe does not ask for it
	Notes    []string      `json:"notes,omitempty"`        // what is no failure, and should be looked at
}

// Case is one import or one test.
type Case struct {
	Name    string  `json:"name"`
	From    string  `json:"from,omitempty"` // the command of wasmill.test.run whose test it is
	Outcome Outcome `json:"outcome"`
	Seconds float64 `json:"seconds"`
	Message string  `json:"message,omitempty"` // why it failed or was skipped
	Detail  string  `json:"-"`                 // more lines of a failure; they are in the JUnit report
}

// Needs is the most that one runtime of a test used of what WebAssembly bounds.
type Needs struct {
	Memory int64 `json:"memory_bytes"` // the module's linear memory, which never shrinks: interpreter, heap and stack
	// Stack is how far down the stack in linear memory was written, of StackLimit; both are 0 where that was not measured. Calls of WebAssembly functions
	// are on the engine's own stack too, whose use can't be seen: it ends with "Maximum call stack size exceeded".
	Stack      int64 `json:"stack_bytes"`
	StackLimit int64 `json:"stack_limit_bytes"`
}

// Native is the recipe's wasmill.test under the machine's own CPython, beside the runtime.
type Native struct {
	Runtime string `json:"runtime,omitempty"` // e.g. "CPython 3.15.0, Linux x86_64"
	Wheel   string `json:"wheel,omitempty"`   // the file that was tested
	Reason  string `json:"reason,omitempty"`  // why there is no comparison
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Skipped int    `json:"skipped"`
	// Differences are the tests that ended otherwise here and there, those that pass natively first.
	Differences []Difference `json:"differences,omitempty"`
}

// Difference is a test that ended otherwise natively than in the runtime. An empty outcome: it did not run.
type Difference struct {
	Name    string  `json:"name"`
	From    string  `json:"from"`
	Native  Outcome `json:"native"`
	Runtime Outcome `json:"runtime"`
	Message string  `json:"message,omitempty"` // of the one that did not pass
}

// Blob points into the registry.
type Blob struct {
	Digest Digest `json:"digest"`
	Size   int64  `json:"size_bytes"`
}
