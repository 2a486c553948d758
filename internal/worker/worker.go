// Package worker is the daemon that builds and tests: it takes what the farm's task queues hold, each in a container
// of the toolchain's images, and puts what came out into the registry. It keeps only what can be made again, and all
// it needs to know at its start is where the orchestrator answers.
package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/oci"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/telemetry"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/workflows"
)

// ownerLabel is on every container of a worker, with the worker's name: what a killed one left is reaped at its next
// start.
const ownerLabel = "wasmill.worker"

// taskLabel is on every container too: the next attempt removes what the one before has left on its engine, whichever
// worker made it.
const taskLabel = "wasmill.task"

// Config says what a worker works with.
type Config struct {
	Dir    datadir.Dir
	Farm   api.Farm
	Engine engine.Engine
	Slots  map[workflows.Class]int
	Name   string        // unique in the farm; empty: of the host and the folder
	Drain  time.Duration // how long builds may go on when the worker is stopped
	Cache  int64         // bytes that environments and downloads may take together; 0 is no bound
	Log    *zap.Logger
	// Metrics is where this worker's are told; nil is a registry of its own. They are served, with probes, at MetricsListen,
	// and nowhere where that is empty.
	Metrics       *telemetry.Registry
	MetricsListen telemetry.Listen
	// Token is what lets the worker in; empty where nobody asks for one, and in the orchestrator's own process.
	Token string
	// Remote is how the registry is reached, the one that Engine pulls with; nil is as the user's Docker configuration says.
	Remote *oci.Client
	// Relay is where it is given its tasks.
	Relay workflows.Relay
}

// DefaultSlots is one build for each processor.
func DefaultSlots() int { return runtime.NumCPU() }

// Spread shares a machine's slots among the classes: all for small builds, half for medium, one in four for large
// ones. A machine that is to serve one class only says so in Config.Slots.
func Spread(slots int) map[workflows.Class]int {
	return map[workflows.Class]int{workflows.Small: slots, workflows.Medium: max(1, slots/2), workflows.Large: max(1, slots/4)}
}

// SpreadOver gives each of the classes all slots, for a machine that is kept for them; without any it is Spread.
func SpreadOver(classes []string, slots int) (map[workflows.Class]int, error) {
	if len(classes) == 0 {
		return Spread(slots), nil
	}
	all, chosen := Spread(slots), map[workflows.Class]int{}
	for _, class := range classes {
		if all[workflows.Class(class)] == 0 {
			return nil, fault.Errorf(fault.Invalid, "there is no class %q: choose small, medium or large", class)
		}
		chosen[workflows.Class(class)] = slots
	}
	return chosen, nil
}

// Worker is a running worker.
type Worker struct {
	cfg     Config
	client  client.Client
	crew    *workflows.Crew
	stand   *stand
	blobs   content
	fetcher *fetch.Fetcher
	tools   *runtimes.Tools
	tests   map[string]runtimes.Runtime // by the names of wasmill.test.runtimes
	address string                      // of the registry
	index   string                      // simple index for build requirements; empty: PyPI
	health  *health
	signs   context.CancelFunc
	ended   sync.WaitGroup
	release func()            // of the data folder
	refused chan error        // that the farm lets this worker in no more
	probes  *telemetry.Server // nil without MetricsListen

	busy sync.RWMutex // held by every activity to read, by sweep to write

	mu         sync.Mutex
	toolchains map[string]*toolchain.Image // by ref
	pack       record.Digest               // of the recipes that were read last
	set        *recipe.Set
}

// Start joins the farm and begins to work. An engine that does not answer is fault.Unavailable: a worker that can't
// build takes nothing.
func Start(ctx context.Context, cfg Config) (_ *Worker, err error) {
	if err := cfg.Engine.Ping(ctx); err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fault.Errorf(fault.Unavailable, "naming the worker: %w", err)
		}
		// Two workers may run on one machine; they have folders of their own.
		sum := sha256.Sum256([]byte(cfg.Dir.Root()))
		cfg.Name = host + "-" + hex.EncodeToString(sum[:2])
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = telemetry.NewRegistry()
	}
	join, err := cfg.Farm.Join(ctx)
	if err != nil {
		return nil, err
	}
	w := &Worker{cfg: cfg, address: join.Registry, toolchains: map[string]*toolchain.Image{}, refused: make(chan error, 1)}
	if w.release, err = cfg.Dir.ClaimWork(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.release()
		}
	}()
	if cfg.Remote != nil && join.RegistryTokens && cfg.Token != "" {
		cfg.Remote.Login(join.Registry, cfg.Token)
	}
	blobs, err := store.NewBlobs(join.Registry, store.Through(cfg.Remote), store.Around(cfg.Metrics.Transport))
	if err != nil {
		return nil, err
	}
	w.blobs = content{blobs, cfg.Farm}
	w.index = join.Index
	w.fetcher = &fetch.Fetcher{Cache: cfg.Dir.Downloads(), Index: join.Index, Mirrors: join.Mirrors, Crates: join.Crates, Store: sources{w.blobs}}
	w.tools = &runtimes.Tools{Fetcher: w.fetcher, Dir: cfg.Dir.Environments()}
	pyodide := &runtimes.Pyodide{Engine: cfg.Engine, Cache: cfg.Dir.Environments(), Work: cfg.Dir.Work(), Tools: w.tools.Folder}
	w.tests = map[string]runtimes.Runtime{recipe.Node: pyodide, recipe.Chromium: runtimes.Chromium{Pyodide: pyodide}, recipe.Wazero: &runtimes.Wazero{Engine: cfg.Engine, Work: cfg.Dir.Work()}}
	if err := w.reap(ctx); err != nil {
		return nil, err
	}
	telling, err := telemetry.Temporal(cfg.Metrics)
	if err != nil {
		return nil, err
	}
	if w.client, err = workflows.DialRelay(ctx, cfg.Relay, join.Namespace, cfg.Log, telling); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.client.Close()
		}
	}()
	metrics := telemetry.NewWorker(cfg.Metrics)
	cfg.Metrics.Disk("worker", cfg.Dir.Root())
	for class, n := range cfg.Slots {
		metrics.Slots(string(class), n)
	}
	opts := workflows.WorkerOptions{Name: cfg.Name, Slots: cfg.Slots, Drain: cfg.Drain, Rest: true}
	signs, stop := context.WithCancel(context.Background())
	w.signs = stop
	w.health = &health{check: w.selfCheck, sleep: sleep, name: cfg.Name, log: cfg.Log, ctx: signs}
	if w.crew, err = workflows.StartWorker(w.client, guarded{measured{activities{w}, metrics}, w.health}, opts); err != nil {
		return nil, err
	}
	w.stand = newStand(w.crew)
	w.health.stand = w.stand // nothing runs before the worker is enlisted
	if err := w.enlist(ctx); err != nil {
		w.crew.Stop()
		return nil, err
	}
	if cfg.MetricsListen.Address != "" {
		if w.probes, err = telemetry.Serve(cfg.MetricsListen, cfg.Metrics.Mux(w.ready)); err != nil {
			w.crew.Stop()
			return nil, err
		}
	}
	w.ended.Go(func() { w.showLife(signs) })
	w.ended.Go(func() { w.sweepOften(signs) })
	return w, nil
}

// reap removes what an earlier process of this worker left when it was killed: containers and work folders.
func (w *Worker) reap(ctx context.Context) error {
	n, err := w.cfg.Engine.Reap(ctx, map[string]string{ownerLabel: w.cfg.Name})
	if err != nil {
		return fmt.Errorf("removing containers that were left behind: %w", err)
	}
	left, err := os.ReadDir(w.cfg.Dir.Work())
	if err != nil {
		return fmt.Errorf("removing work that was left behind: %w", err)
	}
	for _, e := range left {
		if err := os.RemoveAll(filepath.Join(w.cfg.Dir.Work(), e.Name())); err != nil {
			return fmt.Errorf("removing work that was left behind: %w", err)
		}
	}
	if n > 0 {
		w.cfg.Log.Info("removed containers that were left behind", zap.Int("containers", n))
	}
	return nil
}

// Name is the worker's name in the farm.
func (w *Worker) Name() string { return w.cfg.Name }

// Wait returns when ctx ends, and earlier with the error after which the worker can't go on; fault.Unauthenticated or
// fault.Forbidden where the farm lets it in no more.
func (w *Worker) Wait(ctx context.Context) error {
	select {
	case err := <-w.crew.Failed():
		return err
	case err := <-w.refused:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Close takes nothing new and lets what runs go on for the drain time; then it is canceled, and another worker tries
// it again.
func (w *Worker) Close() {
	w.stand.leave()
	w.crew.Stop()
	w.signs()
	w.ended.Wait()
	w.health.group.Wait()
	w.sayGoodbye()
	w.sweep(time.Now()) // a worker that lives for one command never gets to it otherwise
	w.client.Close()
	if err := w.probes.Close(); err != nil {
		w.cfg.Log.Warn("stopping", zap.Error(err))
	}
	w.release()
}

// ready says why this worker can't do its work.
func (w *Worker) ready(ctx context.Context) error {
	if err := w.cfg.Engine.Ping(ctx); err != nil {
		return err
	}
	return workflows.Answers(ctx, w.client)
}

// toolchain reads what an image says of itself, once.
func (w *Worker) toolchain(ctx context.Context, ref string) (*toolchain.Image, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.toolchains[ref]; t != nil {
		return t, nil
	}
	t, err := toolchain.Open(ctx, w.address, ref, w.cfg.Remote.Options()...)
	if err != nil {
		return nil, err
	}
	w.toolchains[ref] = t
	return t, nil
}

// recipes reads a pack of recipes, unless it is the one that was read last: a run has one for all of its builds, and reading
// thousands of recipes takes longer than many a build.
func (w *Worker) recipes(ctx context.Context, pack record.Digest) (*recipe.Set, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.set != nil && w.pack == pack {
		return w.set, nil
	}
	set, err := jobs.Recipes(ctx, w.blobs, pack, w.cfg.Dir.Packs())
	if err == nil {
		w.set, w.pack = set, pack
	}
	return set, err
}

// program gives a program of the registry a path, once for each digest.
func (w *Worker) program(ctx context.Context, digest record.Digest) (string, error) {
	path := filepath.Join(w.cfg.Dir.Programs(), strings.TrimPrefix(string(digest), "sha256:"))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	r, err := w.blobs.Open(ctx, digest)
	if err != nil {
		return "", fmt.Errorf("fetching the program that drives builds: %w", err)
	}
	defer r.Close()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("keeping the program that drives builds: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return "", fmt.Errorf("keeping the program that drives builds: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.ReadFrom(r)
	if err := errors.Join(err, f.Chmod(0o755), f.Close()); err != nil {
		return "", fmt.Errorf("keeping the program that drives builds: %w", err)
	}
	return path, os.Rename(f.Name(), path)
}

// builder is the builder for a job.
func (w *Worker) builder(ctx context.Context, program record.Digest, uv fetch.Source) (*build.Builder, error) {
	wrapper, err := w.program(ctx, program)
	if err != nil {
		return nil, err
	}
	tool, err := w.fetcher.Tool(ctx, uv, "uv-*.data/scripts/uv")
	if err != nil {
		return nil, fmt.Errorf("fetching uv: %w", err)
	}
	return &build.Builder{
		Engine: w.cfg.Engine, Fetcher: w.fetcher, Registry: w.address, Wasmcc: wrapper,
		Resolver: &fetch.Resolver{UV: tool, Cache: filepath.Join(w.cfg.Dir.Downloads(), "uv"), Index: w.index},
		Envs:     w.cfg.Dir.Environments(), Work: w.cfg.Dir.Work(),
	}, nil
}
