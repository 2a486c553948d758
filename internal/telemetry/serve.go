package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// Healthy answers whoever looks whether the process lives.
func Healthy(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }

// Ready answers 200 where the process can do its work, and 503 with the reason where it can't.
func Ready(can func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		if err := can(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	}
}

// Mux has /metrics, /healthz and /readyz.
func (r *Registry) Mux(can func(context.Context) error) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", r.Handler())
	mux.HandleFunc("GET /healthz", Healthy)
	mux.HandleFunc("GET /readyz", Ready(can))
	return mux
}

// Server is a listener for an operator's tools.
type Server struct {
	server *http.Server
	addr   string
}

// Serve answers at an address until it is closed.
func Serve(address string, handler http.Handler) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "listening for metrics (choose another address with --metrics-listen): %w", err)
	}
	s := &Server{server: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}, addr: listener.Addr().String()}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// Addr is "host:port".
func (s *Server) Addr() string { return s.addr }

// Close ends it. A nil Server is closed already.
func (s *Server) Close() error {
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		return fmt.Errorf("ending the listener for metrics: %w", errors.Join(err, s.server.Close()))
	}
	return nil
}
