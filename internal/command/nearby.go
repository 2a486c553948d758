package command

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
)

// Nearby gives the index of the farm that was asked last an address on loopback: for a client in a container, which knows neither
// whom this command trusts nor its token. It only reads, and nobody else on the machine knows the path. Close ends it.
func (a *Access) Nearby(base string) (address string, closeIt func(), err error) {
	to, err := url.Parse(base)
	if err != nil {
		return "", nil, fault.Errorf(fault.Invalid, "reading the farm's address: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fault.Errorf(fault.Unavailable, "passing on the index: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = access.ClientTLS(a.roots, nil, "")
	prefix := "/" + strings.ToLower(rand.Text())
	pass := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.SetXForwarded() // links lead back here
		r.Out.Header.Set("X-Forwarded-Prefix", prefix)
		if a.token != "" {
			r.Out.Header.Set("Authorization", "Bearer "+a.token)
		}
	}}
	mux := http.NewServeMux()
	mux.Handle("GET "+prefix+"/", http.StripPrefix(prefix, pass)) // and HEAD
	mux.Handle("GET "+prefix+"/api/", http.NotFoundHandler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 30 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String() + prefix, func() { _ = server.Close(); transport.CloseIdleConnections() }, nil
}
