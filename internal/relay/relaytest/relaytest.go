// Package relaytest serves relays for tests, as the orchestrator does.
package relaytest

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/relay"
)

// Guard knows tokens by their secrets. It is safe for use by many.
type Guard struct {
	mu   sync.Mutex
	good map[string]access.Identity
}

// NewGuard lets in those whom it is given, by secret. Without any, everybody is Local, as on a farm that asks for no tokens.
func NewGuard(good map[string]access.Identity) *Guard { return &Guard{good: good} }

// Revoke makes a secret useless.
func (g *Guard) Revoke(secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.good, secret)
}

// Identify implements api.Guard.
func (g *Guard) Identify(_ context.Context, secret string) (access.Identity, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.good == nil {
		return access.Identity{Local: true}, nil
	}
	if secret == "" {
		return access.Identity{}, access.Missing()
	}
	if who, ok := g.good[secret]; ok {
		return who, nil
	}
	return access.Identity{}, access.Unknown()
}

// Note implements api.Guard.
func (g *Guard) Note(context.Context, api.Entry) {}

// Server is a relay that is served on loopback.
type Server struct {
	Address string
	relay   *relay.Relay
	http    *http.Server
	behind  *grpc.ClientConn
}

// Serve stands before the Temporal server at an address; it listens at a free address where listen is empty. secure is
// how the server is spoken to, nil for one without TLS.
func Serve(t testing.TB, listen, temporal string, secure *tls.Config, cfg relay.Config) *Server {
	t.Helper()
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	conn, err := relay.Connect(temporal, secure)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Server = func(context.Context) (grpc.ClientConnInterface, error) { return conn, nil }
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log = zap.NewNop()
	r := relay.New(cfg)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	s := &Server{Address: l.Addr().String(), behind: conn, relay: r, http: &http.Server{Protocols: &protocols, Handler: r}}
	s.http.RegisterOnShutdown(r.Close)
	go func() { _ = s.http.Serve(l) }()
	t.Cleanup(s.Kill)
	return s
}

// Rest has a worker be given nothing; Work ends that.
func (s *Server) Rest(ctx context.Context, worker string) { s.relay.Rest(ctx, worker) }

// Work ends a rest.
func (s *Server) Work(worker string) { s.relay.Work(worker) }

// Stop ends as an orchestrator does that is told to.
func (s *Server) Stop(ctx context.Context) error {
	defer s.behind.Close()
	return s.http.Shutdown(ctx)
}

// Kill ends at once.
func (s *Server) Kill() {
	s.relay.Close()
	_ = s.http.Close()
	_ = s.behind.Close()
}
