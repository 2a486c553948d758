package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// Roots are the certificates of file, in PEM, beside those that the machine trusts. Without a file it is nil: the machine's
// own.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading the certificates to trust: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a machine without any
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fault.Errorf(fault.Invalid, "reading the certificates to trust: there is none in %s (PEM is wanted: -----BEGIN CERTIFICATE-----)", file)
	}
	return roots, nil
}

// Loopback says whether a host, or "host:port", is this machine itself.
func Loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// InTheClear refuses to send a secret over plain HTTP to another machine.
func InTheClear(u *url.URL) error {
	if u.Scheme == "https" || Loopback(u.Host) {
		return nil
	}
	return fault.Errorf(fault.Invalid, "the token is not sent in the clear to %s: name it with https://", u.Host)
}

// Distrust explains an error of TLS, nil for any other: to try again helps as little as with a wrong token.
func Distrust(server string, err error) error {
	var invalid *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &invalid):
		return fault.Errorf(fault.Unauthenticated, "%s is not trusted (%w): name the certificate of its authority with --ca FILE or $WASMILL_CA", server, invalid)
	case errors.As(err, &record):
		return fault.Errorf(fault.Invalid, "%s does not speak TLS: is it http:// that is meant?", server)
	}
	return nil
}

// Certificate is a certificate with its key in two files. When they are renewed, the next connection gets the new one; as long
// as what lies there can't be used, the old one.
type Certificate struct {
	cert, key string
	failed    func(error)

	mu     sync.Mutex
	loaded *tls.Certificate
	looked time.Time
	files  [2]stamp
}

type stamp struct {
	changed time.Time
	size    int64
}

// LoadCertificate reads both files; without either it is nil. failed is told why a renewed one can't be used; nil is nobody.
func LoadCertificate(cert, key string, failed func(error)) (*Certificate, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, fault.Errorf(fault.Invalid, "a certificate needs its key, and a key its certificate: give both")
	}
	var err error
	if cert, err = filepath.Abs(cert); err != nil { // it is noted for commands that run elsewhere
		return nil, fault.Errorf(fault.Invalid, "reading the certificate: %w", err)
	}
	c := &Certificate{cert: cert, key: key, failed: failed}
	if err := c.load(); err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading the certificate: %w", err)
	}
	return c, nil
}

// File is where the certificate is; empty for none.
func (c *Certificate) File() string {
	if c == nil {
		return ""
	}
	return c.cert
}

func (c *Certificate) stamps() (now [2]stamp, err error) {
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return now, err
		}
		now[i] = stamp{info.ModTime(), info.Size()}
	}
	return now, nil
}

func (c *Certificate) load() error {
	now, err := c.stamps()
	if err != nil || now == c.files {
		return err
	}
	loaded, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", c.cert, c.key, err)
	}
	c.loaded, c.files = &loaded, now
	return nil
}

// renewed is how often it is looked whether the files have changed.
const renewed = time.Second

// Get is the certificate as it is now.
func (c *Certificate) Get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= renewed {
		c.looked = now
		if err := c.load(); err != nil && c.failed != nil {
			c.failed(err)
		}
	}
	return c.loaded
}

// Server is how a server shows the certificate.
func (c *Certificate) Server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.Get(), nil }}
}

// ClientTLS is how a client speaks to a server: roots are whom it trusts, nil for those of the machine; cert is what it shows, nil
// for nothing; name is the one in the server's certificate, where that is not its address.
func ClientTLS(roots *x509.CertPool, cert *Certificate, name string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: name}
	if cert != nil {
		config.GetClientCertificate = cert.Client()
	}
	return config
}

// Client is how a client shows it.
func (c *Certificate) Client() func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.Get(), nil }
}
