package orchestrator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/access/accesstest"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
)

// issue writes a certificate for 127.0.0.2 and its key.
func issue(t *testing.T, a *accesstest.Authority, cert, key string) *x509.Certificate {
	t.Helper()
	return a.Sign(t, cert, key, &x509.Certificate{
		Subject: pkix.Name{CommonName: "farm"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 2)}, DNSNames: []string{"farm.test"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// startSecured gives an orchestrator that asks for tokens.
func startSecured(t *testing.T, change func(*Config)) *Orchestrator {
	t.Helper()
	return startWith(t, t.TempDir(), func(cfg *Config) {
		cfg.Security.Tokens = true
		if change != nil {
			change(cfg)
		}
	})
}

// tokenOf makes a token.
func tokenOf(t *testing.T, o *Orchestrator, role access.Role) string {
	t.Helper()
	made, err := o.CreateToken(t.Context(), api.TokenRequest{Role: string(role)})
	if err != nil {
		t.Fatal(err)
	}
	return made.Secret
}

// The life of a token, as those see it who use it: good, of a role, revoked, expired.
func TestATokenLetsInUntilItIsRevokedOrExpires(t *testing.T) {
	o := startSecured(t, nil)
	ask := func(secret string) error {
		_, err := api.NewClient(o.URL(), api.WithToken(secret)).Runs(t.Context(), 1)
		return err
	}
	if err := ask(""); fault.KindOf(err) != fault.Unauthenticated || !strings.Contains(err.Error(), "--token-file") {
		t.Errorf("without a token: %v", err)
	}
	reader, err := o.CreateToken(t.Context(), api.TokenRequest{Role: "reader", Name: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(reader.Secret); err != nil {
		t.Error(err)
	}
	if err := ask(tokenOf(t, o, access.Worker)); fault.KindOf(err) != fault.Forbidden || !strings.Contains(err.Error(), "worker has the role worker") {
		t.Errorf("a worker reads runs: %v", err)
	}
	short, err := o.CreateToken(t.Context(), api.TokenRequest{Role: "reader", Name: "short", Expires: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(short.Secret); err != nil {
		t.Error(err)
	}
	if _, err := o.RevokeToken(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	if err := ask(reader.Secret); fault.KindOf(err) != fault.Unauthenticated || !strings.Contains(err.Error(), "was revoked") {
		t.Errorf("a revoked token: %v", err)
	}
	time.Sleep(time.Until(short.Created.Add(1100 * time.Millisecond)))
	if err := ask(short.Secret); fault.KindOf(err) != fault.Unauthenticated || !strings.Contains(err.Error(), "expired on") {
		t.Errorf("an expired token: %v", err)
	}
	if _, err := o.RevokeToken(t.Context(), "ci"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("revoking by a name that nobody has any more: %v", err)
	}
}

// Who has the data folder is an operator: the token lies there for nobody else to read, and is made anew when it was lost.
func TestTheDataFolderLetsItsOwnerIn(t *testing.T) {
	dir := t.TempDir()
	secured := func(cfg *Config) { cfg.Security.Tokens = true }
	read := func(o *Orchestrator) string {
		file := o.cfg.Dir.OperatorToken()
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v, %v", info, err)
		}
		text, _ := os.ReadFile(file)
		return strings.TrimSpace(string(text))
	}
	ask := func(o *Orchestrator, secret string) error {
		_, err := api.NewClient(o.URL(), api.WithToken(secret)).Tokens(t.Context())
		return err
	}
	o := startWith(t, dir, secured)
	first := read(o)
	if err := ask(o, first); err != nil {
		t.Error(err)
	}
	o.Close()
	o = startWith(t, dir, secured)
	if again := read(o); again != first {
		t.Error("a restart has made another token")
	}
	o.Close()
	os.Remove(o.cfg.Dir.OperatorToken())
	o = startWith(t, dir, secured)
	if second := read(o); second == first || ask(o, second) != nil {
		t.Errorf("after it was lost: %v", ask(o, second))
	}
	if err := ask(o, first); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("the one that was lost: %v", err)
	}
	entries, err := o.Journal(t.Context(), 0)
	if err != nil || len(entries) != 2 || entries[0].Action != "token.create" || entries[0].Who != "the farm itself" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// What other machines hear is never open.
func TestAFarmThatOthersHearIsSecured(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		say    string // empty: it may start
	}{
		"loopback":                           {func(*Config) {}, ""},
		"another loopback":                   {func(c *Config) { c.Listen = "127.0.0.2:0" }, ""},
		"the API on all addresses":           {func(c *Config) { c.Listen = "0.0.0.0:7470" }, "--tls-cert"},
		"the API on no address":              {func(c *Config) { c.Listen = ":7470" }, "--tls-cert"},
		"the API on a private address":       {func(c *Config) { c.Listen = "10.0.0.5:7470" }, "--tls-cert"},
		"the API under a name":               {func(c *Config) { c.Listen = "farm:7470" }, "--tls-cert"},
		"the registry on a private address":  {func(c *Config) { c.RegistryListen = "10.0.0.5:7471" }, "--registry-listen"},
		"a registry of its own elsewhere":    {func(c *Config) { c.RegistryListen, c.Registry = "10.0.0.5:7471", "r:5000" }, ""},
		"the embedded Temporal":              {func(c *Config) { c.TemporalListen = "0.0.0.0:7472" }, "--temporal-listen"},
		"all addresses, and no name":         {func(c *Config) { c.Listen, c.Security.Certificate = "0.0.0.0:1", &access.Certificate{} }, "--announce"},
		"what is no address":                 {func(c *Config) { c.Listen = "7470" }, "HOST:PORT"},
		"a private address and certificates": {func(c *Config) { c.Listen, c.Security.Certificate = "10.0.0.5:7470", &access.Certificate{} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Listen: "127.0.0.1:0", RegistryListen: "127.0.0.1:0", TemporalListen: "127.0.0.1:0"}
			c.change(&cfg)
			err := cfg.secure()
			if c.say == "" {
				if err != nil || cfg.Security.Tokens != strings.HasPrefix(cfg.Listen, "10.") {
					t.Errorf("%v, tokens %v", err, cfg.Security.Tokens)
				}
			} else if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%v, want %q", err, c.say)
			}
		})
	}
}

// The certificate is that of the files, also after they were renewed, and the one before while what lies there is broken.
func TestACertificateIsRenewedWithoutARestart(t *testing.T) {
	dir, ca := t.TempDir(), accesstest.NewAuthority(t)
	cert, key := filepath.Join(dir, "farm.pem"), filepath.Join(dir, "farm.key")
	first := issue(t, ca, cert, key)
	var complaints []error
	certificate, err := access.LoadCertificate(cert, key, func(err error) { complaints = append(complaints, err) })
	if err != nil {
		t.Fatal(err)
	}
	o := startSecured(t, func(cfg *Config) { cfg.Listen, cfg.Security.Certificate = "127.0.0.2:0", certificate })
	if !strings.HasPrefix(o.URL(), "https://127.0.0.2:") {
		t.Fatalf("it answers at %s", o.URL())
	}
	shown := func() *big.Int {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(o.URL(), "https://"), &tls.Config{RootCAs: ca.Pool})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber
	}
	if got := shown(); got.Cmp(first.SerialNumber) != 0 {
		t.Error("another certificate")
	}
	if _, err := api.NewClient(o.URL(), api.WithRoots(ca.Pool), api.WithToken(tokenOf(t, o, access.Reader))).Runs(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(cert, []byte("half a cert"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // it is looked once a second
	if got := shown(); got.Cmp(first.SerialNumber) != 0 || len(complaints) == 0 {
		t.Errorf("with a broken file; complaints %v", complaints)
	}
	second := issue(t, ca, cert, key)
	time.Sleep(1100 * time.Millisecond)
	if got := shown(); got.Cmp(second.SerialNumber) != 0 {
		t.Error("the renewed certificate is not shown")
	}
	owner, _ := o.cfg.Dir.Owner()
	if diff := cmp.Diff(datadir.Owner{API: o.URL(), PID: os.Getpid(), Certificate: cert}, owner); diff != "" {
		t.Error(diff)
	}
}

// The index is for everybody, unless it is said to be private; then a password opens it, as pip and uv send one.
func TestThePrivateIndex(t *testing.T) {
	open, private := startSecured(t, nil), startSecured(t, func(cfg *Config) { cfg.Security.PrivateIndex = true })
	get := func(o *Orchestrator, password string) int {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, o.URL()+"/simple/", nil)
		if password != "" {
			req.SetBasicAuth("__token__", password)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusUnauthorized && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic") {
			t.Error("401 without a way to answer it")
		}
		return resp.StatusCode
	}
	for what, c := range map[string]struct{ got, want int }{
		"open":                     {get(open, ""), 200},
		"private":                  {get(private, ""), 401},
		"private, a reader":        {get(private, tokenOf(t, private, access.Reader)), 200},
		"private, a worker":        {get(private, tokenOf(t, private, access.Worker)), 403},
		"private, of another farm": {get(private, tokenOf(t, open, access.Reader)), 401},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", what, c.got, c.want)
		}
	}
}

// A page that somebody looks at must not use what the farm lets that somebody do.
func TestPagesOfOthersStartNothing(t *testing.T) {
	o := start(t, t.TempDir())
	req, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, o.URL()+"/api/v1/collect", strings.NewReader("{}"))
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("%d", resp.StatusCode)
	}
}
