package command

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
)

// Temporal is how an orchestrator reaches a Temporal cluster that speaks TLS.
type Temporal struct {
	speaksTLS       bool
	name, cert, key string
}

// Flags adds the flags.
func (t *Temporal) Flags(flags *pflag.FlagSet) {
	flags.BoolVar(&t.speaksTLS, "temporal-tls", false, "the Temporal cluster speaks TLS; given with --temporal-cert it need not be said")
	flags.StringVar(&t.name, "temporal-server-name", "", "name in the Temporal cluster's certificate, where that is not its address")
	flags.StringVar(&t.cert, "temporal-cert", "", "file with the certificate (PEM) to show to the Temporal cluster; a renewed one is taken without a restart")
	flags.StringVar(&t.key, "temporal-key", "", "file with the key of --temporal-cert")
}

// Config is nil for a cluster that does not speak TLS. The server's certificate must come from one of the roots.
func (t *Temporal) Config(cluster string, roots *x509.CertPool, log *zap.Logger) (*tls.Config, error) {
	cert, err := access.LoadCertificate(t.cert, t.key, func(err error) { log.Error("taking the renewed certificate for Temporal", zap.Error(err)) })
	if err != nil {
		return nil, err
	}
	if !t.speaksTLS && cert == nil {
		if t.name != "" {
			return nil, fault.Errorf(fault.Invalid, "--temporal-server-name is for TLS: say --temporal-tls, too")
		}
		return nil, nil
	}
	if cluster == "" {
		return nil, fault.Errorf(fault.Invalid, "the embedded Temporal server listens on loopback only and speaks no TLS: name a cluster with --temporal")
	}
	return access.ClientTLS(roots, cert, t.name), nil
}
