package telemetry

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/access"
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

// Listen is where metrics and probes are served, and to whom.
type Listen struct {
	Address string
	// TokenFile has the bearer token that is asked for /metrics. Public: whoever reaches the address is told. Without either the
	// address must be of this machine alone.
	TokenFile string
	Public    bool
}

// token is the one that is asked for; empty for none.
func (l Listen) token() (string, error) {
	if l.TokenFile == "" {
		// What is no address is complained of when it is listened to.
		if _, _, err := net.SplitHostPort(l.Address); err == nil && !l.Public && !access.Loopback(l.Address) {
			return "", fault.Errorf(fault.Invalid, "--metrics-listen %s tells others than this machine what the farm builds, and for whom: give --metrics-token-file, or --metrics-public where the "+
				"network lets nobody else in; on loopback neither is needed", l.Address)
		}
		return "", nil
	}
	if l.Public {
		return "", fault.Errorf(fault.Invalid, "--metrics-token-file and --metrics-public exclude each other")
	}
	text, err := os.ReadFile(l.TokenFile)
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "reading --metrics-token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < leastToken {
		return "", fault.Errorf(fault.Invalid, "--metrics-token-file %s has a token of %d characters: at least %d are needed, such as `openssl rand -hex 32` gives", l.TokenFile, len(token), leastToken)
	}
	return token, nil
}

// leastToken is as long as a token must be that nobody is to guess.
const leastToken = 16

// guarded asks for a token, but not of those who only want to know whether the process lives.
func guarded(token string, next http.Handler) http.Handler {
	if token == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if r.URL.Path == "/metrics" && subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="wasmill metrics"`)
			http.Error(w, "the token of --metrics-token-file is asked for", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Serve answers at an address until it is closed.
func Serve(at Listen, handler http.Handler) (*Server, error) {
	token, err := at.token()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", at.Address)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "listening for metrics (choose another address with --metrics-listen): %w", err)
	}
	s := &Server{server: &http.Server{Handler: guarded(token, handler), ReadHeaderTimeout: 10 * time.Second}, addr: listener.Addr().String()}
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
