// Package orchestrator is the farm's head: it plans, remembers, serves and publishes, and lets workers build. It owns
// the data folder, the database and the embedded registry and Temporal server, where no others are named. It runs no
// container and no code of any package. As api.Farm it is what the CLI and the workers speak to, in the same process
// or over HTTP.
package orchestrator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/oci"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/relay"
	"github.com/wasmill/wasmill/internal/reproduce"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/telemetry"
	"github.com/wasmill/wasmill/internal/temporald"
	"github.com/wasmill/wasmill/internal/version"
	"github.com/wasmill/wasmill/workflows"
)

// Where a farm answers unless told otherwise. Port 0 means a free one; the registry's stays the same for a data folder
// as long as it is free.
const (
	DefaultListen   = "127.0.0.1:7470" // API and index
	DefaultRegistry = "127.0.0.1:7471"
	DefaultTemporal = "127.0.0.1:7472"
)

// Config says what an orchestrator works with.
type Config struct {
	Dir        datadir.Dir
	Listen     string // address of API and index
	Toolchains string // folder of toolchains
	Wrapper    string // the program that drives builds in the container (cmd/wasmcc)
	Runner     string // the program that runs tests under WASI in the container (cmd/wasirun); empty: there is none
	Log        *zap.Logger
	// Index is the simple index that workers take sources and build requirements from, empty for PyPI; Mirrors are tried
	// where all else has failed. See fetch.Fetcher.
	Index string
	// IndexGap is the time between two questions about newer releases; 0 is a tenth of a second.
	IndexGap time.Duration
	Crates   string // base address of the files of crates.io, empty for its own
	Mirrors  []string
	// Reproduce says which builds are made twice where a run does not say it itself.
	Reproduce reproduce.Policy

	// Database is the URL of a PostgreSQL database (store.OpenPostgres), empty for SQLite's file in Dir.
	Database string
	// Registry and Temporal are addresses of external servers, "host:port". Empty means embedded ones, which listen at
	// RegistryListen and TemporalListen.
	Registry, Temporal             string
	RegistryListen, TemporalListen string
	Namespace                      string // of an external Temporal; empty is that of the embedded one
	// TemporalTLS is how an external Temporal is spoken to; nil is without TLS.
	TemporalTLS *tls.Config
	// Metrics is where this orchestrator's are told; nil is a registry of its own. MetricsListen is an address for them and
	// for probes alone; empty means that they are only beside the API.
	Metrics       *telemetry.Registry
	MetricsListen telemetry.Listen
	Security      Security
	// Roots are the authorities that an external registry's certificate may come from; nil is those of the machine.
	Roots *x509.CertPool
	// Forget keeps the embedded Temporal server's state in memory: for a command that ends with its run.
	Forget bool
}

// Orchestrator is a running one. It is an api.Farm and the workflows' FarmActivities.
type Orchestrator struct {
	cfg      Config
	db       store.DB
	blobs    *store.Blobs
	registry *store.Registry // nil where an external one is used
	address  string          // of the registry, as others are told it
	remote   *oci.Client     // how it is reached
	builder  plan.Builder
	runner   record.Digest
	logs     liveLogs
	packs    packs
	plans    plans
	crews    workforce

	began   time.Time
	url     string
	key     access.Key
	secret  string // with which the orchestrator lets itself in
	http    *http.Server
	relay   *relay.Relay
	at      string // where http listens
	release func()
	metrics *telemetry.Farm
	probes  *telemetry.Server // nil without MetricsListen
	brought brought
	orders  sync.Mutex   // so that the relay does what was ordered last
	garbage sync.RWMutex // held by a collection; those who decide which builds are used, or bring one, hold it together

	mu       sync.Mutex
	temporal *temporald.Server // nil where an external one is used, or before StartTemporal
	client   client.Client     // nil before StartTemporal
	behind   *grpc.ClientConn  // the relay's to Temporal, beside client
	crew     *workflows.Crew

	stopTelling context.CancelFunc // see tellSlots
	told        sync.WaitGroup
}

var (
	_ api.Farm                 = (*Orchestrator)(nil)
	_ workflows.FarmActivities = activities{}
)

// Start claims the data folder, opens what is in it and serves. Temporal is started by the first run, or by
// StartTemporal.
func Start(ctx context.Context, cfg Config) (o *Orchestrator, err error) {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if err := cfg.secure(); err != nil {
		return nil, err
	}
	if cfg.Temporal == "" || cfg.Namespace == "" {
		cfg.Namespace = temporald.Namespace
	}
	if cfg.Metrics == nil {
		cfg.Metrics = telemetry.NewRegistry()
	}
	o = &Orchestrator{cfg: cfg, logs: liveLogs{cfg.Dir.Logs()}, began: time.Now(), secret: newSecret()}
	o.metrics = telemetry.NewFarm(cfg.Metrics, o.state)
	cfg.Metrics.Disk("data", cfg.Dir.Root())
	if o.release, err = cfg.Dir.Claim(); err != nil {
		return nil, err
	}
	begun := o // a return without one sets o to nil
	defer func() {
		if err != nil {
			begun.Close()
		}
	}()
	if o.db, err = openDatabase(ctx, cfg, o.metrics.DatabaseFault); err != nil {
		return nil, err
	}
	if err := o.endKilled(ctx); err != nil {
		return nil, err
	}
	if err := o.readKey(ctx); err != nil {
		return nil, err
	}
	o.address, o.remote = cfg.Registry, oci.New(cfg.Roots)
	if o.address == "" {
		if o.registry, err = startRegistry(ctx, o.db, cfg.Dir.Registry(), cfg.RegistryListen, o.registryOptions()...); err != nil {
			return nil, err
		}
		o.address = cfg.announced(o.registry.Addr())
		o.remote.Own(o.address, o.registry.Addr())
		if cfg.Security.Tokens {
			o.remote.Login(o.address, o.secret)
		}
	}
	if o.blobs, err = store.NewBlobs(o.address, store.Through(o.remote), store.Around(cfg.Metrics.Transport)); err != nil {
		return nil, err
	}
	if o.builder, err = o.putBuilder(ctx); err != nil {
		return nil, err
	}
	if o.cfg.Runner != "" {
		if o.runner, err = o.putProgram(ctx, o.cfg.Runner); err != nil {
			return nil, err
		}
	}
	if err := o.letOperatorIn(ctx); err != nil {
		return nil, err
	}
	if err := o.serve(); err != nil {
		return nil, err
	}
	return o, cfg.Dir.Announce(o.url, cfg.Security.Certificate.File())
}

// openDatabase gives no DB that is not nil with an error. failed hears of transactions that are not carried out.
func openDatabase(ctx context.Context, cfg Config, failed func(error)) (store.DB, error) {
	open, at := store.OpenSQLite, cfg.Dir.Database()
	if cfg.Database != "" {
		open, at = store.OpenPostgres, cfg.Database
	}
	db, err := open(ctx, at)
	if err != nil {
		return nil, err
	}
	db.Failed = failed
	return db, nil
}

// putBuilder gives workers the program that drives builds, so that all of a farm use the same.
func (o *Orchestrator) putBuilder(ctx context.Context) (plan.Builder, error) {
	digest, err := o.putProgram(ctx, o.cfg.Wrapper)
	return plan.Builder{Version: builderVersion, Digest: digest}, err
}

// putProgram gives workers a program that runs in containers.
func (o *Orchestrator) putProgram(ctx context.Context, path string) (record.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fault.Errorf(fault.Unavailable, "reading %s: %w", filepath.Base(path), err)
	}
	defer f.Close()
	blob, err := o.blobs.Put(ctx, "application/octet-stream", f)
	return blob.Digest, err
}

func (o *Orchestrator) serve() error {
	listener, err := net.Listen("tcp", o.cfg.Listen)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "listening for the API (choose another address with --listen): %w", err)
	}
	o.at = listener.Addr().String()
	o.url = "http://" + o.cfg.announced(o.at)
	if o.cfg.Security.Certificate != nil {
		o.url = "https://" + o.cfg.announced(o.at)
	}
	pages, err := o.index()
	if err != nil {
		listener.Close()
		return err
	}
	probes := o.cfg.Metrics.Mux(o.ready)
	if o.cfg.MetricsListen.Address != "" {
		if o.probes, err = telemetry.Serve(o.cfg.MetricsListen, probes); err != nil {
			listener.Close()
			return err
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", telemetry.ServeTraces(o.metrics.Served(api.Guarded(o, guard{o}))))
	mux.Handle("/metrics", o.admitting(o.cfg.Security.Tokens, probes))
	mux.Handle("/healthz", probes)
	mux.Handle("/readyz", probes)
	mux.Handle("/", o.metrics.Served(o.admitting(o.cfg.Security.PrivateIndex, pages)))
	o.relay = relay.New(relay.Config{
		Guard: guard{o}, Key: o.key, Namespace: o.cfg.Namespace, Queues: workflows.WorkerQueues(), Silence: workflows.Silence,
		Log: o.cfg.Log, Server: o.behindRelay,
	})
	both := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if relay.Is(r) {
			o.relay.ServeHTTP(w, r)
		} else {
			mux.ServeHTTP(w, r)
		}
	})
	if err := o.restAgain(context.Background()); err != nil {
		listener.Close()
		return err
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(o.cfg.Security.Certificate == nil) // workers speak gRPC, on loopback too
	// A page in the browser of somebody whom the farm hears must not do what that somebody may.
	o.http = &http.Server{Handler: http.NewCrossOriginProtection().Handler(both), ReadHeaderTimeout: 30 * time.Second, Protocols: &protocols}
	o.http.RegisterOnShutdown(o.relay.Close)
	serve := o.http.Serve
	if certificate := o.cfg.Security.Certificate; certificate != nil {
		o.http.TLSConfig = certificate.Server()
		serve = func(l net.Listener) error { return o.http.ServeTLS(l, "", "") }
	}
	go func() {
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			o.cfg.Log.Error("serving the API", zap.Error(err))
		}
	}()
	return nil
}

// StartTemporal starts or dials the Temporal server and lets this process carry out workflows and the farm's
// activities. Calling it again has no effect.
func (o *Orchestrator) StartTemporal(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.client != nil {
		return nil
	}
	address := o.cfg.Temporal
	if address == "" && o.temporal == nil {
		file := o.cfg.Dir.Temporal()
		if o.cfg.Forget {
			file = ""
		}
		server, err := temporald.Start(ctx, temporald.Options{File: file, Address: o.cfg.TemporalListen, Log: o.cfg.Log})
		if err != nil {
			return err
		}
		o.temporal = server
	}
	if o.temporal != nil {
		address = o.temporal.Address()
	}
	telling, err := telemetry.Temporal(o.cfg.Metrics)
	if err != nil {
		return err
	}
	c, err := workflows.Dial(ctx, address, o.cfg.Namespace, o.cfg.Log, telling, workflows.Secured(o.cfg.TemporalTLS))
	if err != nil {
		return err
	}
	if o.cfg.Temporal != "" {
		if err := workflows.EnsureNamespace(ctx, c, o.cfg.Namespace, temporald.Retention); err != nil {
			c.Close()
			return fmt.Errorf("finding namespace %s at %s: %w", o.cfg.Namespace, address, err)
		}
	}
	if err := o.endLost(ctx, c); err != nil {
		c.Close()
		return err
	}
	crew, err := workflows.StartFarm(c, measured{activities{o}, o.metrics})
	if err != nil {
		c.Close()
		return err
	}
	behind, err := relay.Connect(address, o.cfg.TemporalTLS)
	if err != nil {
		crew.Stop()
		c.Close()
		return err
	}
	o.client, o.crew, o.behind = c, crew, behind
	while, stop := context.WithCancel(context.Background())
	o.told.Go(func() { o.tellSlots(while, c, tellEvery) })
	o.stopTelling = stop
	return nil
}

// URL is where the API and the index answer.
func (o *Orchestrator) URL() string { return o.url }

// Registry is the registry's address.
func (o *Orchestrator) Registry() string { return o.address }

// Remote is how this process reaches the registry.
func (o *Orchestrator) Remote() *oci.Client { return o.remote }

// Close stops serving and gives the data folder back. Runs that go on are taken up by the next orchestrator.
func (o *Orchestrator) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	errs := []error{o.probes.Close()}
	if o.http != nil {
		errs = append(errs, o.http.Shutdown(ctx))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.client != nil {
		o.stopTelling()
		o.told.Wait()
		o.crew.Stop()
		o.behind.Close()
		o.client.Close()
	}
	switch {
	case o.temporal == nil:
	case o.cfg.Forget:
		// What is in memory needs no orderly end, which takes the server a second or two.
		go o.temporal.Stop() //nolint:errcheck // nobody is left who could do something about it
	default:
		errs = append(errs, o.temporal.Stop())
	}
	if o.db != nil {
		errs = append(errs, o.db.Close())
	}
	if o.registry != nil {
		errs = append(errs, o.registry.Close())
	}
	o.release()
	if err := errors.Join(errs...); err != nil {
		o.cfg.Log.Warn("stopping", zap.Error(err))
	}
}

// temporalClient starts Temporal where that has not been done.
func (o *Orchestrator) temporalClient(ctx context.Context) (client.Client, error) {
	if err := o.StartTemporal(ctx); err != nil {
		return nil, err
	}
	return o.client, nil
}

// Join implements api.Farm.
func (o *Orchestrator) Join(ctx context.Context) (api.Join, error) {
	if err := o.StartTemporal(ctx); err != nil {
		return api.Join{}, fmt.Errorf("letting a worker join: %w", err)
	}
	return api.Join{
		Namespace: o.cfg.Namespace, Registry: o.address, Version: version.Version,
		RegistryTokens: o.registry != nil && o.cfg.Security.Tokens,
		Index:          o.cfg.Index, Mirrors: o.cfg.Mirrors, Crates: o.cfg.Crates,
	}, nil
}

// behindRelay is the relay's connection to Temporal.
func (o *Orchestrator) behindRelay(ctx context.Context) (grpc.ClientConnInterface, error) {
	if err := o.StartTemporal(ctx); err != nil {
		return nil, err
	}
	return o.behind, nil
}

// Relay is where a worker of this process is given its tasks.
func (o *Orchestrator) Relay() workflows.Relay {
	at := workflows.Relay{Address: o.at, Token: o.secret}
	if o.cfg.Security.Certificate != nil {
		at.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // a listener of this process
	}
	return at
}
