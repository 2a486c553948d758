// Package runtimes is where artifacts are tested: it loads a wheel and what the wheel declares to need, and nothing
// else, into a fresh WebAssembly runtime, imports its modules, runs the recipe's tests, and the package's own. Runtime is
// the contract; Pyodide (Pyodide under node, in a container), Chromium (in a page of it) and Wazero (an interpreter for WASI that the package is
// linked into, in a container) implement it, Fake is a steerable one for the tests of those who call it. The package builds and publishes nothing. Client, beside it, is one of the served index.
package runtimes

import (
	"context"
	"io"
	"time"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/static"
)

// Runtime tests artifacts. It is safe for concurrent use.
type Runtime interface {
	// Test says what the runtime made of the job's artifact. Whatever the package did (a failed import, a trap, an
	// endless loop) is a record whose Failure explains it; an error means trouble with the engine, the machine or
	// the job (fault.Invalid), and says nothing about the package. When ctx ends, the container is killed before
	// Test returns ctx's error.
	Test(ctx context.Context, job Job) (*record.Test, error)
}

// Job is one artifact to test.
type Job struct {
	Image    string  // the toolchain's Runtime image, "host:port/repository@sha256:…"
	Host     string  // its Build image, which has a Python and a node of its own
	Browser  string  // the image of its extension with a browser, for the runtime that needs one
	Artifact Wheel   // what is tested
	Deps     []Wheel // the closure of its declared run dependencies
	// SplitOff is the archive of tests that were split off the artifact (a .tar.gz); nil for none. All tests find them where
	// the wheel would have them, the imports do without.
	SplitOff *Wheel
	Imports  []string // modules that must import, in this order, each in a process of its own

	// Tests are pytest files, by their names in TestDir; none means that only imports are tested. All that lies in
	// TestDir is beside them but the recipe and its patches. They run in one more interpreter, except those that are
	// written for pytest-pyodide: they run natively in Host, and what they test runs in node.
	TestDir string
	Tests   []string

	Suite *Suite // nil: the recipe has no wasmill.test

	Interpreter *Interpreter // what the packages are linked into, for the runtime that loads nothing

	Limits Limits
	Log    io.Writer         // gets what the runtime prints, while it runs; nil discards it
	Labels map[string]string // of the container, so that it can be found and reaped
}

// Interpreter is the Python that packages are linked into where nothing is loaded.
type Interpreter struct {
	Archive Wheel  // what its recipe yielded: a library's .tar.gz
	Version string // 3.13.5
	Linker  static.Linker
	Runner  string // the program that runs it in the container: cmd/wasirun
}

// Suite is what a recipe's section wasmill.test asks for.
type Suite struct {
	Dir      string            // what the commands see as their working folder: the package's own tests; empty for none
	Commands [][]string        // each as the arguments of `python -m`, in a process of its own
	Wheels   []Wheel           // what the tests need and the package does not; the imports do without
	Env      map[string]string // for the commands
	Expected map[string]string // names of tests, files or classes that fail, with the reason
	Time     time.Duration     // for all commands together; 0 means Limits.Time
	Native   *Native           // nil: there is no comparison
}

// Native is the environment in which a suite runs natively for comparison.
type Native struct {
	Site   string // a folder of installed packages: the package's own wheel for this machine, pytest, and what both need
	Wheel  string // the name of the package's wheel in it
	Reason string // why there is no such environment, and no comparison; the rest is empty then
}

// Wheel is a wheel file that the runtime is given; or a package's archive, for the runtime that packages are linked for.
type Wheel struct {
	Path    string // the file of a wheel is named as PEP 427 says
	Digest  record.Digest
	Project string   // of a package's archive, whose name does not tell
	Depends []string // what it needs, of the job's other wheels; in any spelling
}

// Limits bound what a package can do to the machine. 0 means no limit.
type Limits struct {
	Memory int64         // bytes, those of node included: about 150 MiB before the package is loaded
	Time   time.Duration // for start, imports and tests together
	Log    int64         // bytes
}
