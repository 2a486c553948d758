// Package engine runs containers. Engine is the contract; Docker (docker.go) implements it on a Docker daemon and
// Fake (fake.go) is steerable, for tests. Both run the suite in enginetest. The package knows nothing of recipes.
package engine

import (
	"context"
	"io"
	"time"
)

// Engine runs containers from images that a registry serves. All methods are safe for concurrent use. An error means
// trouble with the engine (fault.Unavailable, fault.Exhausted) or an unusable Spec (fault.Invalid); a command that
// ends with a status other than 0, or is killed for its limits, is a Result.
type Engine interface {
	// Ping says whether the engine answers. Its error tells a person what to do.
	Ping(ctx context.Context) error
	// Pull makes the image available. ref is "host:port/repository@sha256:…"; a ref without a digest is refused
	// with fault.Invalid, an unknown digest is fault.NotFound, a registry that is away fault.Unavailable.
	Pull(ctx context.Context, ref string) error
	// Run creates, starts and waits for one container, copies its output to out while it runs, and removes it,
	// whatever happens. When ctx ends, the container is killed and removed before Run returns ctx's error.
	// An error from out ends the container too and is returned as it is: this is how a log limit is enforced.
	// A container that somebody else removes while it runs (Reap, an operator) is fault.Unavailable: nobody may
	// take that for what the command itself did.
	Run(ctx context.Context, spec Spec, out io.Writer) (Result, error)
	// Reap kills and removes every container that carries all the labels, and says how many there were.
	Reap(ctx context.Context, labels map[string]string) (int, error)
	// Close frees what the client holds; containers are not touched.
	Close() error
}

// Spec is one container. Its root is read-only, it has no network, no capabilities and no way to new privileges:
// there is no field to change that.
type Spec struct {
	Image   string // with digest
	Command []string
	Env     []string // NAME=value
	WorkDir string
	User    string // "uid:gid", never root
	Mounts  []Mount
	Tmpfs   map[string]int64 // path → size in bytes; writable, executable
	Labels  map[string]string

	Memory int64         // bytes, swap included; 0 means no limit, as below
	Pids   int64         // processes and threads
	CPUs   float64       // e.g. 1.5
	Time   time.Duration // wall; the container is killed then and Result.TimedOut is set
}

// Mount makes a folder or file of the machine visible in the container.
type Mount struct {
	Source   string // absolute path on the machine
	Target   string // absolute path in the container
	Writable bool
}

// Result says how a container ended.
type Result struct {
	ExitStatus int
	OOMKilled  bool // a process in it was killed because Spec.Memory was reached, and the command failed for it
	TimedOut   bool
	Wall       time.Duration // from start to end, without creation and removal
}
