// Package jobs is what an orchestrator and a worker say to each other about one build: the Job that goes out and the
// Result that comes back. Both travel as blobs in the registry; a workflow carries only their digests.
package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// MediaType of both documents.
const MediaType = "application/vnd.wasmill.job.v1+json"

// Job is all that a worker needs to know to build and test one recipe.
type Job struct {
	Recipes   record.Digest `json:"recipes"` // of a pack (recipe.Pack)
	Recipe    string        `json:"recipe"`
	Toolchain string        `json:"toolchain"` // "repository@sha256:…" of the image that builds, without the registry
	Builder   record.Digest `json:"builder"`   // of the program that drives the build in the container
	// Runner is the program that runs tests under WASI; empty where the farm has none, or the toolchain needs none.
	Runner record.Digest `json:"runner,omitempty"`
	UV     fetch.Source  `json:"uv"` // the wheel with the program that locks build requirements
	// Inputs are what the key is made of; Lock is missing in them where LockKey is set and Lock is not.
	Inputs  plan.Inputs `json:"inputs"`
	LockKey string      `json:"lock_key,omitempty"`
	Lock    *fetch.Lock `json:"lock,omitempty"` // nil: the worker resolves one
	// Before is an earlier build with the same inputs but for the lock, which is not known yet; nil: there is none.
	Before *Before `json:"before,omitempty"`
	// ExcludeNewer is the day as of which the worker resolves, where the recipe names none.
	ExcludeNewer time.Time `json:"exclude_newer"`
	// Hosts are the recipes of which the build uses what came out, each after those that it was built with.
	Hosts []Host `json:"hosts,omitempty"`
	// Runtimes are where the package is tested, by the names that recipe has for them; Browser is "repository@sha256:…" of the
	// image with Chromium, where that is one of them.
	Runtimes []string `json:"runtimes"`
	Browser  string   `json:"browser,omitempty"`
	// Deps are the artifacts of the run dependencies and of theirs, for the test.
	Deps []record.Artifact `json:"deps,omitempty"`
	// TestDeps are those of the recipes that only the tests need, and of what these need.
	TestDeps []record.Artifact `json:"test_deps,omitempty"`
	// TestLock is what of wasmill.test.requires comes from the package index; nil where the worker is to resolve it.
	TestLockKey string      `json:"test_lock_key,omitempty"`
	TestLock    *fetch.Lock `json:"test_lock,omitempty"`
}

// Before is a build that stands where the worker locks the same wheels as it had.
type Before struct {
	Lock   *fetch.Lock   `json:"lock"`
	Result record.Digest `json:"result"` // blob of a Result
}

// Host is one recipe's part in the builds of others.
type Host struct {
	Recipe    string            `json:"recipe"`
	Artifacts []record.Artifact `json:"artifacts"`
}

// Result is what a worker's activities came to. Each activity hands on the document of the one before, with its own
// part added.
type Result struct {
	Record record.Build `json:"record"`
	Inputs plan.Inputs  `json:"inputs"` // complete
	// LockKey and Lock are set where the worker resolved the build requirements.
	LockKey string      `json:"lock_key,omitempty"`
	Lock    *fetch.Lock `json:"lock,omitempty"`
	// TestLockKey and TestLock are set where it resolved what the tests require.
	TestLockKey string      `json:"test_lock_key,omitempty"`
	TestLock    *fetch.Lock `json:"test_lock,omitempty"`
}

// LogName is where the attempts at a job print to (api.Farm.AppendLog), its test after its build. run is the one that has started
// it.
func LogName(recipe string, job record.Digest, run string) string {
	sum := sha256.Sum256([]byte(string(job) + "\n" + run))
	return recipe + "-" + hex.EncodeToString(sum[:8])
}

// Blobs is the part of the registry that documents go through.
type Blobs interface {
	Put(ctx context.Context, mediaType string, r io.Reader) (record.Blob, error)
	Open(ctx context.Context, digest record.Digest) (io.ReadSeekCloser, error)
}

// Put stores a document.
func Put(ctx context.Context, blobs Blobs, document any) (record.Digest, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("encoding a job: %w", err)
	}
	blob, err := blobs.Put(ctx, MediaType, bytes.NewReader(text))
	return blob.Digest, err
}

// Recipes unpacks a pack of recipes below dir, once, and loads it.
func Recipes(ctx context.Context, blobs Blobs, digest record.Digest, dir string) (*recipe.Set, error) {
	place := filepath.Join(dir, strings.TrimPrefix(string(digest), "sha256:"))
	if _, err := os.Stat(place); err == nil {
		return recipe.LoadSet(place)
	}
	r, err := blobs.Open(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	pack, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading a pack of recipes: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("unpacking recipes: %w", err)
	}
	aside, err := os.MkdirTemp(dir, "new-*")
	if err != nil {
		return nil, fmt.Errorf("unpacking recipes: %w", err)
	}
	defer os.RemoveAll(aside)
	if _, err := recipe.Unpack(pack, aside); err != nil {
		return nil, err
	}
	if err := os.Chmod(aside, 0o755); err != nil {
		return nil, fmt.Errorf("unpacking recipes: %w", err)
	}
	// Another may have been faster; the same digest is the same recipes.
	if err := os.Rename(aside, place); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return nil, fmt.Errorf("unpacking recipes: %w", err)
	}
	return recipe.LoadSet(place)
}

// Get reads a document.
func Get[T Job | Result](ctx context.Context, blobs Blobs, digest record.Digest) (*T, error) {
	r, err := blobs.Open(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	document := new(T)
	if err := json.NewDecoder(r).Decode(document); err != nil {
		return nil, fault.Errorf(fault.Internal, "reading the job %s: %w", digest, err)
	}
	return document, nil
}
