// Package oci is how a process reaches registries: which authorities it trusts, and what it shows to which registry. It is
// handed to what speaks to one: store.Blobs, package toolchain, and package engine for what the Docker daemon is told.
// It holds no content.
package oci

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/access"
)

// User is the name with which a token is shown to the farm's own registry, which looks at the token only.
const User = "wasmill"

// Client shows tokens to the registries that take them, and to others what the user's Docker configuration has for them. It
// is safe for concurrent use. A nil Client is as good as a new one.
type Client struct {
	others http.RoundTripper

	mu     sync.Mutex
	tokens map[string]string            // by registry
	own    map[string]http.RoundTripper // by registry
}

var (
	_ authn.Keychain    = (*Client)(nil)
	_ http.RoundTripper = (*Client)(nil)
)

// New trusts roots; nil is what the machine trusts.
func New(roots *x509.CertPool) *Client {
	transport := remote.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return &Client{others: transport, tokens: map[string]string{}, own: map[string]http.RoundTripper{}}
}

// Login shows a token to a registry ("host:port") from now on.
func (c *Client) Login(registry, token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[registry] = token
}

// Own leads what is for a registry of this process to where it listens: under the name that it has for others it need not be
// within reach yet. Who listens there is known without a certificate.
func (c *Client) Own(registry, listener string) {
	transport := remote.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // a listener of this process
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, listener)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own[registry] = transport
}

// Options make requests of go-containerregistry those of the client.
func (c *Client) Options() []remote.Option {
	if c == nil {
		return []remote.Option{remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	}
	return []remote.Option{remote.WithAuthFromKeychain(c), remote.WithTransport(c)}
}

// Resolve implements authn.Keychain.
func (c *Client) Resolve(r authn.Resource) (authn.Authenticator, error) {
	if token := c.token(r.RegistryStr()); token != "" {
		return &authn.Basic{Username: User, Password: token}, nil
	}
	return authn.DefaultKeychain.Resolve(r)
}

func (c *Client) token(registry string) string {
	if c == nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens[registry]
}

// RoundTrip implements http.RoundTripper.
func (c *Client) RoundTrip(r *http.Request) (*http.Response, error) {
	if c == nil {
		return remote.DefaultTransport.RoundTrip(r)
	}
	c.mu.Lock()
	transport, token := c.own[r.URL.Host], c.tokens[r.URL.Host]
	c.mu.Unlock()
	if transport != nil {
		return transport.RoundTrip(r)
	}
	// go-containerregistry falls back to plain HTTP on private addresses, where anybody in between could ask for it.
	if _, password, ok := r.BasicAuth(); ok && password == token && token != "" {
		if err := access.InTheClear(r.URL); err != nil {
			return nil, err
		}
	}
	resp, err := c.others.RoundTrip(r)
	if explained := access.Distrust(r.URL.Host, err); explained != nil {
		return nil, explained
	}
	return resp, err
}
