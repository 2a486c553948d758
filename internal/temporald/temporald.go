// Package temporald runs a Temporal server inside this process, on a SQLite file or in memory, on loopback only. It is
// what `wasmill up`, `orchestrator` and a lone `wasmill build` use when no address of a real cluster is given; tests use
// it too. It knows nothing of builds: workflows and activities are in package workflows. No other package imports the
// server's module, because whoever does waits minutes for a cold compile.
package temporald

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"go.temporal.io/server/common/log"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"

	"github.com/wasmill/wasmill/internal/fault"
)

// Namespace is the Temporal namespace that Start registers and everything of the farm lives in.
const Namespace = "wasmill"

// Retention is how long the histories of finished workflows are kept. They serve only for looking into a run that went
// wrong: what the farm must remember is in its own database.
const Retention = 30 * 24 * time.Hour

// Options says where the server keeps its state and where it listens.
type Options struct {
	// File is the SQLite file; it is created when absent. Empty keeps everything in memory, until Stop.
	File string
	// Address is where clients connect; the host must be a loopback address. Port 0 picks a free one. Empty means
	// 127.0.0.1:0. Workers that should survive a restart of the server need a fixed port.
	Address string
	// Log receives the server's errors; nil drops them.
	Log *zap.Logger
}

// Server is a running server. Its methods are safe for concurrent use.
type Server struct {
	server  temporal.Server
	address string
	level   zap.AtomicLevel // of what is logged
	lock    *fileLock
	stop    sync.Once
	stopErr error
}

// Start starts the server and returns when its frontend answers. The error is fault.Invalid for an address that is not
// loopback, fault.Conflict for a file that another process holds or another version of the server wrote, and
// fault.Unavailable when the server can't start, e.g. because the port is taken.
func Start(ctx context.Context, opts Options) (*Server, error) {
	host, port, err := listenAddress(opts.Address)
	if err != nil {
		return nil, err
	}
	lock, err := claimFile(opts.File)
	if err != nil {
		return nil, err
	}
	// A port that was free a moment ago may be taken by somebody else before the server binds it. With ports of our
	// own choice another try helps.
	for try := 1; ; try++ {
		s, err := startOn(ctx, opts, host, port)
		if err == nil {
			s.lock = lock
			return s, nil
		}
		if try == 3 || port != 0 || ctx.Err() != nil {
			lock.release()
			return nil, fault.Errorf(fault.Unavailable, "starting the embedded Temporal server: %w", err)
		}
	}
}

func startOn(ctx context.Context, opts Options, host netip.Addr, port uint16) (_ *Server, err error) {
	// The server's constructors know no other answer to a port in use than ending the process; fatalLog makes it a
	// panic, which ends here.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	ports, err := choosePorts(host, port)
	if err != nil {
		return nil, err
	}
	level := zap.NewAtomicLevelAt(zap.ErrorLevel)
	cfg := serverConfig(opts.File, host, ports)
	if err := prepareNamespace(cfg.Persistence.DataStores[sqliteplugin.PluginName].SQL); err != nil {
		return nil, err
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(staticHosts(host, ports)),
		temporal.WithLogger(newLogger(opts.Log, level)),
		temporal.WithNamespaceLogger(log.NewNoopLogger()),
		temporal.WithDynamicConfigClient(settings),
		temporal.WithAuthorizer(allowLoopback{}),
		temporal.WithClaimMapper(noClaims),
	)
	if err != nil {
		return nil, fmt.Errorf("assembling the services: %w", err)
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("starting the services: %w", err)
	}
	s := &Server{server: server, address: ports.address(host, frontend), level: level}
	if err := s.awaitFrontend(ctx); err != nil {
		_ = s.Stop()
		return nil, err
	}
	return s, nil
}

func prepareNamespace(db *sqlConfig) error {
	ns, err := sqlite.NewNamespaceConfig(clusterName, Namespace, false, nil)
	if err != nil {
		return fmt.Errorf("describing namespace %s: %w", Namespace, err)
	}
	ns.Detail.Config.Retention = retention()
	if err := sqlite.CreateNamespaces(db, ns); err != nil {
		return fmt.Errorf("creating namespace %s: %w", Namespace, err)
	}
	return nil
}

// Address is the host:port that a client dials.
func (s *Server) Address() string { return s.address }

// Namespace is the namespace that a client uses.
func (s *Server) Namespace() string { return Namespace }

// Stop ends the server. Clients and workers should be closed before; workflows go on when a server is started again on
// the same file. Calling it again has no effect.
func (s *Server) Stop() error {
	s.stop.Do(func() {
		s.level.SetLevel(zap.FatalLevel) // the services lose each other one by one, and complain
		if err := s.server.Stop(); err != nil {
			s.stopErr = fmt.Errorf("stopping the embedded Temporal server: %w", err)
		}
		s.lock.release()
	})
	return s.stopErr
}

func listenAddress(address string) (netip.Addr, uint16, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.Addr{}, 0, fault.Errorf(fault.Invalid, "reading the Temporal address %q: %w", address, err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ap, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	if err != nil {
		return netip.Addr{}, 0, fault.Errorf(fault.Invalid, "reading the Temporal address %q: %w", address, err)
	}
	if !ap.Addr().IsLoopback() {
		return netip.Addr{}, 0, fault.Errorf(fault.Invalid,
			"the embedded Temporal server has no authorization and listens on loopback only, not on %s: "+
				"workers on other machines are given their tasks by the orchestrator", address)
	}
	return ap.Addr(), ap.Port(), nil
}
