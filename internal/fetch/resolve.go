package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// Target is the machine whose environment is locked: the one inside the toolchain's image, not the worker's.
type Target struct {
	Python string // "3.15"; the machine's own, not that of the WebAssembly runtime
	Glibc  int    // 40 stands for 2.40
	Arch   string // "x86_64"
	// Pure locks for the WebAssembly runtime instead: only wheels for any platform are taken.
	Pure bool
	// ExcludeNewer is the day as of which is resolved. The zero time is refused: a lock that depends on when it was
	// made can't be made again.
	ExcludeNewer time.Time
}

// Resolver turns requirements into locks with uv. It uses the network and runs no code of any package: only wheels are
// looked at. It is safe for concurrent use.
type Resolver struct {
	UV    string // path of the program; see Fetcher.Tool
	Cache string // folder, for metadata; may be lost
	Index string // base address of a simple index (PEP 691); empty means DefaultIndex
}

// UnresolvableError says why there is no environment that satisfies the requirements, or why one of them can't be
// read. Its kind is fault.Invalid: it is the requirements that must change.
type UnresolvableError struct {
	Requirements []string
	Reason       string // uv's explanation, usually of several lines
}

func (e *UnresolvableError) Error() string {
	return fmt.Sprintf("resolving %s: %s", strings.Join(e.Requirements, ", "), e.Reason)
}

// Resolve locks the newest wheels that satisfy requirements and constraints (PEP 508) on the target as of its day.
//
// Errors: *UnresolvableError; fault.Unavailable when the index doesn't answer; fault.Exhausted when the disk is full.
func (r *Resolver) Resolve(ctx context.Context, requirements, constraints []string, target Target) (*Lock, error) {
	if target.ExcludeNewer.IsZero() {
		return nil, fault.Errorf(fault.Invalid, "resolving build requirements: no day is given as of which")
	}
	lock := &Lock{
		Requirements: canonical(requirements),
		Constraints:  canonical(constraints),
		ExcludeNewer: target.ExcludeNewer.UTC().Truncate(time.Second),
		Packages:     []LockedWheel{},
	}
	if len(lock.Requirements) == 0 {
		return lock, nil
	}
	python, err := r.interpreter(target)
	if err != nil {
		return nil, fmt.Errorf("preparing uv: %w", diskError(err))
	}
	work, err := os.MkdirTemp("", "wasmill-resolve-")
	if err != nil {
		return nil, fmt.Errorf("preparing uv: %w", diskError(err))
	}
	defer os.RemoveAll(work)
	constraintsFile := filepath.Join(work, "constraints.txt")
	if err := os.WriteFile(constraintsFile, []byte(strings.Join(lock.Constraints, "\n")+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("preparing uv: %w", diskError(err))
	}
	output := filepath.Join(work, "pylock.toml")
	if err := r.run(ctx, lock.Requirements, "pip", "compile", "-",
		"--output-file", output, "--format", "pylock.toml",
		"--constraints", constraintsFile,
		"--python", python, "--python-version", target.Python,
		"--python-platform", target.platform(),
		"--exclude-newer", lock.ExcludeNewer.Format(time.RFC3339),
		"--only-binary", ":all:", "--generate-hashes", "--no-header", "--no-annotate",
		"--default-index", r.index(),
		"--no-config", "--no-sources", "--no-python-downloads", "--system-certs",
		"--directory", work, "--cache-dir", filepath.Join(r.Cache, "uv"),
		"--quiet", "--no-progress", "--color", "never",
	); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(output)
	if err != nil {
		return nil, fmt.Errorf("reading uv's answer: %w", err)
	}
	lock.Packages, err = parsePylock(data, target)
	return lock, err
}

// platform is the target's name in uv's words. Of WebAssembly uv knows the newest ABI but one; what a marker can ask for is
// the same in all of them, and wheels that aren't for any platform are passed over.
func (t Target) platform() string {
	if t.Pure {
		return "wasm32-pyodide2024"
	}
	return fmt.Sprintf("%s-manylinux_2_%d", t.Arch, t.Glibc)
}

func (r *Resolver) index() string {
	f := Fetcher{Index: r.Index}
	return f.index()
}

// run feeds the requirements to uv and makes sense of how it fails.
func (r *Resolver) run(ctx context.Context, requirements []string, args ...string) error {
	cmd := exec.CommandContext(ctx, r.UV, args...)
	cmd.Stdin = strings.NewReader(strings.Join(requirements, "\n") + "\n")
	cmd.Env = environment()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e := (*exec.ExitError)(nil); !errors.As(err, &e) || !e.Exited() {
		return fault.Errorf(fault.Unavailable, "running uv: %w", err)
	}
	reason := strings.TrimPrefix(strings.TrimSpace(stderr.String()), "error: ")
	return uvError(requirements, reason)
}

// uvError gives a failure of uv its kind. uv ends with 1 or 2 for nearly everything, so its words must do.
func uvError(requirements []string, reason string) error {
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(reason, w) })
	}
	switch {
	case says("No space left on device"):
		return fault.Errorf(fault.Exhausted, "resolving %s: the disk is full: %s", strings.Join(requirements, ", "), reason)
	case says("No solution found", "Couldn't parse requirement", "404 Not Found"):
	case says("Failed to fetch", "error sending request", "Request failed", "server error", "timed out", "connection", "dns error"):
		return fault.Errorf(fault.Unavailable, "resolving %s: %s", strings.Join(requirements, ", "), reason)
	}
	return &fault.Error{Kind: fault.Invalid, Err: &UnresolvableError{Requirements: requirements, Reason: reason}}
}

// environment is what uv may see of ours: the way to the network, and nothing that changes the answer.
func environment() []string {
	env := []string{"PATH=/usr/bin:/bin"}
	for _, name := range []string{
		"HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
	} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// canonical sorts requirements and drops repetitions and what is empty.
func canonical(requirements []string) []string {
	out := []string{}
	for _, r := range requirements {
		if r = strings.TrimSpace(r); r != "" {
			out = append(out, r)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
