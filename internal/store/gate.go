package store

import (
	"crypto/tls"
	"encoding/json"
	"net/http"

	"github.com/wasmill/wasmill/internal/fault"
)

// RegistryOption changes how a Registry is served.
type RegistryOption func(*Registry)

// WithTLS serves over TLS only.
func WithTLS(config *tls.Config) RegistryOption { return func(r *Registry) { r.tls = config } }

// Gate decides about each request before the registry sees it. An error of fault.Unauthenticated asks for credentials, any
// other refuses.
type Gate func(*http.Request) error

// WithGate asks gate about each request.
func WithGate(gate Gate) RegistryOption { return func(r *Registry) { r.gate = gate } }

func (r *Registry) guarded(next http.Handler) http.Handler {
	if r.gate == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		err := r.gate(req)
		if err == nil {
			next.ServeHTTP(w, req)
			return
		}
		kind := fault.KindOf(err)
		code := "DENIED"
		if kind == fault.Unauthenticated {
			code = "UNAUTHORIZED"
			w.Header().Set("WWW-Authenticate", `Basic realm="wasmill"`)
		}
		// The form of errors is that of the OCI distribution specification; clients show the message.
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(kind.HTTPStatus())
		json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": code, "message": err.Error()}}}) //nolint:errcheck // the client is gone
	})
}
