package command

import (
	"cmp"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/oci"
	"github.com/wasmill/wasmill/workflows"
)

// Access is how a program is let in by a farm, and whom it trusts. A token is never an argument: other users of the machine
// see those.
type Access struct {
	tokenFile string
	ca        string

	token string         // with which the last client asks
	roots *x509.CertPool // that it trusts
}

// Flags are those of every program that asks a farm.
func (a *Access) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&a.tokenFile, "token-file", "", "file with the token that lets you in, instead of $WASMILL_TOKEN")
	CAFlag(flags, &a.ca)
}

// CAFlag is the flag of the certificates that are trusted.
func CAFlag(flags *pflag.FlagSet, to *string) {
	flags.StringVar(to, "ca", os.Getenv("WASMILL_CA"), "file with certificates (PEM) of authorities to trust beside the machine's own ($WASMILL_CA)")
}

// Token is the one that was named; empty where none was.
func (a *Access) Token() (string, error) {
	if a.tokenFile == "" {
		return strings.TrimSpace(os.Getenv("WASMILL_TOKEN")), nil
	}
	text, err := os.ReadFile(a.tokenFile)
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "reading the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fault.Errorf(fault.Invalid, "reading the token: %s is empty", a.tokenFile)
	}
	return token, nil
}

// Roots are the authorities to trust; nil is those of the machine.
func (a *Access) Roots() (*x509.CertPool, error) { return access.Roots(a.ca) }

// Client asks the farm at an address.
func (a *Access) Client(server string) (*api.Client, error) {
	token, err := a.Token()
	if err != nil {
		return nil, err
	}
	return a.client(server, token)
}

func (a *Access) client(server, token string) (*api.Client, error) {
	roots, err := a.Roots()
	if err != nil {
		return nil, err
	}
	a.token, a.roots = token, roots
	options := []api.Option{api.WithToken(token)}
	if roots != nil {
		options = append(options, api.WithRoots(roots))
	}
	return api.NewClient(server, options...), nil
}

// Relay is where a worker of the farm that was asked last is given its tasks.
func (a *Access) Relay(server string) (workflows.Relay, error) {
	server = api.Base(server)
	u, err := url.Parse(server)
	if err != nil {
		return workflows.Relay{}, fault.Errorf(fault.Invalid, "reading the orchestrator's address: %w", err)
	}
	if strings.Trim(u.Path, "/") != "" {
		return workflows.Relay{}, fault.Errorf(fault.Invalid, "a worker is given its tasks at the root of an address, which %s is not: name https://HOST[:PORT]", server)
	}
	relay, port := workflows.Relay{Token: a.token}, "80"
	if u.Scheme == "https" {
		relay.TLS, port = access.ClientTLS(a.roots, nil, ""), "443"
	}
	if a.token != "" {
		if err := access.InTheClear(u); err != nil {
			return relay, err
		}
	}
	relay.Address = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	return relay, nil
}

// Beside asks the farm that has a data folder of this machine: without a token of its own with the one that the farm has left
// there, and trusting the certificate that it says it shows.
func (a *Access) Beside(dir datadir.Dir, owner datadir.Owner) (*api.Client, error) {
	token, err := a.Token()
	if err != nil {
		return nil, err
	}
	if token == "" {
		text, err := os.ReadFile(dir.OperatorToken())
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return nil, fault.Errorf(fault.Invalid, "reading the operator's token: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	if a.ca == "" && owner.Certificate != "" {
		if _, err := os.Stat(owner.Certificate); err == nil {
			a.ca = owner.Certificate
		}
	}
	return a.client(owner.API, token)
}

// Remote is how the registry of the farm that was asked last is reached.
func (a *Access) Remote(join api.Join) *oci.Client {
	remote := oci.New(a.roots)
	if join.RegistryTokens && a.token != "" {
		remote.Login(join.Registry, a.token)
	}
	return remote
}
