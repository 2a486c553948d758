//go:build integration

package workflows

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
)

// authority signs certificates, each into a file of its own.
type authority struct {
	*testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{T: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) sign(name string, cert *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.Helper()
	cert.SerialNumber, cert.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	cert.NotBefore, cert.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	parent, signer := cert, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		a.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(a.path(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.Fatal(err)
		}
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.Fatal(err)
	}
	return signed, key
}

func (a *authority) load(name string) *access.Certificate {
	a.Helper()
	c, err := access.LoadCertificate(a.path(name+".pem"), a.path(name+".key"), nil)
	if err != nil {
		a.Fatal(err)
	}
	return c
}

func (a *authority) roots() *x509.CertPool {
	a.Helper()
	roots, err := access.Roots(a.path("ca.pem"))
	if err != nil {
		a.Fatal(err)
	}
	return roots
}

// behindTLS puts a server behind one that wants certificates of the authority, as a cluster with mutual TLS does.
func (a *authority) behindTLS(server string) string {
	a.Helper()
	a.sign("cluster", &x509.Certificate{DNSNames: []string{"temporal.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	config := a.load("cluster").Server()
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

// A cluster with mutual TLS lets in who has a certificate of its authority and trusts its own, and nobody else.
func TestAClusterWithTLS(t *testing.T) {
	s := newStage(t, &fakeFarm{})
	ours, others := newAuthority(t), newAuthority(t)
	address := ours.behindTLS(s.address)
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	ours.sign("worker", &x509.Certificate{ExtKeyUsage: client})
	others.sign("stranger", &x509.Certificate{ExtKeyUsage: client})
	for name, story := range map[string]struct {
		config *tls.Config
		in     bool
	}{
		"a certificate of the authority":  {access.ClientTLS(ours.roots(), ours.load("worker"), "temporal.example"), true},
		"no TLS":                          {nil, false},
		"no certificate":                  {access.ClientTLS(ours.roots(), nil, "temporal.example"), false},
		"a certificate of another":        {access.ClientTLS(ours.roots(), others.load("stranger"), "temporal.example"), false},
		"a cluster that is not trusted":   {access.ClientTLS(others.roots(), ours.load("worker"), "temporal.example"), false},
		"a cluster that has another name": {access.ClientTLS(ours.roots(), ours.load("worker"), ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Dial(t.Context(), address, s.namespace, nil, Secured(story.config))
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
