package orchestratord

import (
	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/orchestrator"
)

// Security are the flags that say who may ask a farm.
type Security struct {
	tokens, private bool
	cert, key       string
	announce        string
}

// Flags are those of every command that runs an orchestrator for others.
func (s *Security) Flags(flags *pflag.FlagSet) {
	flags.BoolVar(&s.tokens, "require-tokens", false, "ask for a token also on loopback, where a proxy may let others in; on other addresses tokens are asked for in any case")
	flags.StringVar(&s.cert, "tls-cert", "", "file with the certificate (PEM, with those that lead to its authority) of API, index and embedded registry; read again when it is renewed")
	flags.StringVar(&s.key, "tls-key", "", "file with the key of --tls-cert")
	flags.StringVar(&s.announce, "announce", "", "name under which other machines reach this one, as in the certificate (default: the address of --listen)")
	flags.BoolVar(&s.private, "private-index", false, "ask for a token of those who install from the index, too; clients send it as the password of any user")
}

// Read settles what they say. Log is told of a renewed certificate that can't be used.
func (s *Security) Read(log *zap.Logger) (orchestrator.Security, error) {
	certificate, err := access.LoadCertificate(s.cert, s.key, func(err error) {
		log.Error("reading the renewed certificate; the old one is still shown", zap.Error(err))
	})
	return orchestrator.Security{Tokens: s.tokens, Certificate: certificate, PrivateIndex: s.private, Announce: s.announce}, err
}
