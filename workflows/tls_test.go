//go:build integration

package workflows

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/access/accesstest"
	"github.com/wasmill/wasmill/internal/fault"
)

// authority is one whose certificates lie in a folder, by name.
type authority struct {
	*testing.T
	*accesstest.Authority
	dir string
}

func newAuthority(t *testing.T) *authority {
	return &authority{t, accesstest.NewAuthority(t), t.TempDir()}
}

// issue makes a certificate like the template.
func (a *authority) issue(name string, template *x509.Certificate) *access.Certificate {
	a.Helper()
	cert, key := filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	a.Sign(a, cert, key, template)
	c, err := access.LoadCertificate(cert, key, nil)
	if err != nil {
		a.Fatal(err)
	}
	return c
}

func (a *authority) client(name string) *access.Certificate {
	a.Helper()
	return a.issue(name, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

func (a *authority) roots() *x509.CertPool {
	a.Helper()
	roots, err := access.Roots(a.File)
	if err != nil {
		a.Fatal(err)
	}
	return roots
}

// behindTLS puts a server behind one that wants certificates of the authority, as a cluster with mutual TLS does.
func (a *authority) behindTLS(server string) string {
	a.Helper()
	config := a.issue("cluster", &x509.Certificate{DNSNames: []string{"temporal.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}).Server()
	config.ClientAuth, config.ClientCAs, config.NextProtos = tls.RequireAndVerifyClientCert, a.roots(), []string{"h2"}
	front, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { front.Close() })
	go func() {
		for {
			in, err := front.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", server)
				if err != nil {
					return
				}
				defer out.Close()
				go func() { _, _ = io.Copy(out, in); out.Close() }()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return front.Addr().String()
}

// guarded is a server with mutual TLS, and what it wants to see.
type guarded struct {
	address, name string
	roots         *x509.CertPool
	shown         *access.Certificate
}

// guarded is the stage's cluster, where that has it, or a server behind one that does as such a cluster.
func (s *stage) guarded() guarded {
	s.Helper()
	if keys := os.Getenv(clusterKeys); s.server == nil && keys != "" {
		roots, shown, err := clusterTLS(keys)
		if err != nil {
			s.Fatal(err)
		}
		return guarded{s.address, clusterName, roots, shown}
	}
	ours := newAuthority(s.T)
	return guarded{ours.behindTLS(s.address), "temporal.example", ours.roots(), ours.client("worker")}
}

// A cluster with mutual TLS lets in who has a certificate of its authority and trusts its own, and nobody else.
func TestAClusterWithTLS(t *testing.T) {
	s := newStage(t, &fakeFarm{})
	ours, others := s.guarded(), newAuthority(t)
	stranger := others.client("stranger")
	for name, story := range map[string]struct {
		config *tls.Config
		in     bool
	}{
		"a certificate of the authority":  {access.ClientTLS(ours.roots, ours.shown, ours.name), true},
		"no TLS":                          {nil, false},
		"no certificate":                  {access.ClientTLS(ours.roots, nil, ours.name), false},
		"a certificate of another":        {access.ClientTLS(ours.roots, stranger, ours.name), false},
		"a cluster that is not trusted":   {access.ClientTLS(others.roots(), ours.shown, ours.name), false},
		"a cluster that has another name": {access.ClientTLS(ours.roots, ours.shown, ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Dial(t.Context(), ours.address, s.namespace, nil, Secured(story.config))
			if err == nil {
				defer c.Close()
				err = Answers(t.Context(), c)
			}
			if in := err == nil; in != story.in {
				t.Errorf("let in: %v (%v)", in, err)
			}
			if err != nil && fault.KindOf(err) != fault.Unavailable {
				t.Errorf("%v (%v)", err, fault.KindOf(err))
			}
		})
	}
}
