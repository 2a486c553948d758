// Package runtimes is where artifacts are tested: it loads a wheel and what the wheel declares to need, and nothing
// else, into a fresh WebAssembly runtime, imports its modules and runs the recipe's tests. Runtime is the contract;
// Pyodide (Pyodide under node, in a container) implements it, Fake is a steerable one for the tests of those who call
// it. The package builds and publishes nothing. Micropip, beside it, is a client of the served index.
package runtimes

import (
	"context"
	"io"
	"time"

	"github.com/wasmill/wasmill/internal/record"
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
	Image    string   // the toolchain's Runtime image, "host:port/repository@sha256:…"
	Artifact Wheel    // what is tested
	Deps     []Wheel  // the closure of its declared run dependencies
	Imports  []string // modules that must import, in this order, in one interpreter

	// Tests are pytest files, by their names in TestDir; none means that only imports are tested. They run in a
	// second interpreter, where all that lies in TestDir is beside them but the recipe and its patches.
	TestDir string
	Tests   []string

	Limits Limits
	Log    io.Writer         // gets what the runtime prints, while it runs; nil discards it
	Labels map[string]string // of the container, so that it can be found and reaped
}

// Wheel is a wheel file that the runtime is given.
type Wheel struct {
	Path   string // the file is named as PEP 427 says
	Digest record.Digest
}

// Limits bound what a package can do to the machine. 0 means no limit.
type Limits struct {
	Memory int64         // bytes, those of node included: about 150 MiB before the package is loaded
	Time   time.Duration // for start, imports and tests together
	Log    int64         // bytes
}
