package orchestrator

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
)

// Security says who may ask a farm, and how it is sure of that. Zero is a farm on loopback that asks for nothing.
type Security struct {
	// Tokens are asked for. A farm that other machines hear asks for them in any case.
	Tokens bool
	// Certificate is what the API and the embedded registry show; without one they speak plain HTTP, on loopback only.
	Certificate *access.Certificate
	// PrivateIndex asks for a token from those who install, too.
	PrivateIndex bool
	// Announce is the name under which other machines reach this one; empty: that of the address it listens at.
	Announce string
}

// secure settles what a configuration means, and refuses one that would let in anybody from other machines.
func (c *Config) secure() error {
	heard := map[string]string{"--listen": c.Listen}
	if c.Registry == "" {
		heard["--registry-listen"] = c.RegistryListen
	}
	for _, flag := range []string{"--listen", "--registry-listen"} {
		host, _, err := net.SplitHostPort(heard[flag])
		if heard[flag] == "" || err == nil && access.Loopback(host) {
			continue
		}
		if err != nil {
			return fault.Errorf(fault.Invalid, "%s %q is no address: HOST:PORT is wanted", flag, heard[flag])
		}
		c.Security.Tokens = true
		if c.Security.Certificate == nil {
			return fault.Errorf(fault.Invalid, "%s %s is heard by other machines: a farm that is needs a certificate, --tls-cert FILE --tls-key FILE; "+
				"behind a proxy that ends TLS listen on loopback with --require-tokens", flag, heard[flag])
		}
		if ip := net.ParseIP(host); c.Security.Announce == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
			return fault.Errorf(fault.Invalid, "%s %s does not say how others reach this machine: name it with --announce HOST", flag, heard[flag])
		}
	}
	if host, _, err := net.SplitHostPort(c.TemporalListen); c.Temporal == "" && c.TemporalListen != "" && (err != nil || !access.Loopback(host)) {
		return fault.Errorf(fault.Invalid, "--temporal-listen %s is not on loopback: the embedded Temporal server asks nobody who he is. "+
			"workers on other machines don't need it: they are given their tasks at --listen", c.TemporalListen)
	}
	return nil
}

// announced is an address as others are told it.
func (c *Config) announced(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || c.Security.Announce == "" || access.Loopback(host) {
		return address
	}
	return net.JoinHostPort(c.Security.Announce, port)
}

// guard implements api.Guard. It is a type of its own because the farm has a method Journal, and keeps it for others.
type guard struct{ o *Orchestrator }

var _ api.Guard = guard{}

// usedEvery is how exactly the farm knows when a token was last used.
const usedEvery = time.Minute

// Identify implements api.Guard.
func (g guard) Identify(ctx context.Context, secret string) (access.Identity, error) {
	who, err := g.identify(ctx, secret)
	if !g.o.cfg.Security.Tokens {
		who.Local = true // whoever it is may all; a name is for the journal
		return who, nil
	}
	return who, err
}

func (g guard) identify(ctx context.Context, secret string) (access.Identity, error) {
	if secret == "" {
		return access.Identity{}, access.Missing()
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(g.o.secret)) == 1 {
		return access.Identity{Name: "the farm itself", Local: true}, nil
	}
	id := access.IDOf(secret)
	if id == "" {
		return access.Identity{}, access.Unknown()
	}
	token, err := g.o.db.Token(ctx, id)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return access.Identity{}, access.Unknown()
	case err != nil:
		return access.Identity{}, err
	}
	now := time.Now()
	who, err := token.Check(secret, now)
	if err == nil && now.Sub(token.Used) > usedEvery {
		if err := g.o.db.UseToken(ctx, id, now); err != nil {
			g.o.cfg.Log.Warn("noting the use of a token", zap.Error(err))
		}
	}
	return who, err
}

// Note implements api.Guard. What was done stays done where the journal can't be written; the log says so.
func (g guard) Note(ctx context.Context, e api.Entry) {
	err := g.o.db.Note(ctx, store.Entry{
		ID: rand.Text(), At: time.Now(), Token: e.Token, Who: e.Who, Role: e.Role, Action: e.Action, Subject: e.Subject, Outcome: e.Outcome,
	})
	if err != nil {
		g.o.cfg.Log.Error("writing the journal", zap.String("who", e.Who), zap.String("action", e.Action), zap.String("subject", e.Subject), zap.Error(err))
	}
}

// admitting asks for a token before pages are served, where they are private.
func (o *Orchestrator) admitting(private bool, pages http.Handler) http.Handler {
	if !private {
		return pages
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := api.Admit(r, guard{o}, "reading "+r.URL.Path, access.Reader, access.Submitter, access.Operator); err != nil {
			w.Header().Set("WWW-Authenticate", `Basic realm="wasmill"`) // what pip and uv answer with a password
			http.Error(w, err.Error(), fault.KindOf(err).HTTPStatus())
			return
		}
		w.Header().Add("Vary", "Authorization")
		pages.ServeHTTP(w, r)
	})
}

// registryOptions are those of the embedded registry. Workers read from it, and so do their Docker engines, and nothing else:
// what a worker has made goes through the API, and becomes a manifest only by the farm's own hand. Who bakes toolchains
// writes their images.
func (o *Orchestrator) registryOptions() (options []store.RegistryOption) {
	if c := o.cfg.Security.Certificate; c != nil {
		options = append(options, store.WithTLS(c.Server()))
	}
	if !o.cfg.Security.Tokens {
		return options
	}
	return append(options, store.WithGate(o.atRegistry))
}

func (o *Orchestrator) atRegistry(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		_, err := api.Admit(r, guard{o}, "reading from the registry", access.Worker, access.Operator)
		return err
	}
	who, err := api.Admit(r, guard{o}, "writing to the registry", access.Operator)
	// An image is many blobs and one manifest, which is enough to know.
	if who.ID != "" && (err != nil || strings.Contains(r.URL.Path, "/manifests/")) {
		e := api.Entry{Token: who.ID, Who: who.Name, Role: string(who.Role), Action: "registry.write", Subject: r.Method + " " + r.URL.Path, Outcome: "done"}
		if err != nil {
			e.Outcome = fault.KindOf(err).String()
		}
		guard{o}.Note(context.WithoutCancel(r.Context()), e)
	}
	return err
}

// newSecret is what the orchestrator shows to servers of its own. It dies with the process.
func newSecret() string {
	random := make([]byte, 32)
	rand.Read(random) // never fails (crypto/rand)
	return hex.EncodeToString(random)
}

// localToken is the setting with the ID of the token in the data folder.
const localToken = "local-token"

// letOperatorIn leaves an operator's token in the data folder, for whoever may read it there: commands on this machine.
func (o *Orchestrator) letOperatorIn(ctx context.Context) error {
	if !o.cfg.Security.Tokens {
		return nil
	}
	file := o.cfg.Dir.OperatorToken()
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the operator's token: %w", err)
	}
	if who, err := (guard{o}).identify(ctx, strings.TrimSpace(string(text))); err == nil && who.Is(access.Operator) {
		return nil
	} else if err != nil && fault.KindOf(err) != fault.Unauthenticated {
		return err
	}
	// The one before was lost, or somebody has taken it away.
	if last, err := o.db.Setting(ctx, localToken); err == nil {
		err = o.db.RevokeToken(ctx, last, time.Now())
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
	} else if fault.KindOf(err) != fault.NotFound {
		return err
	}
	made, err := o.CreateToken(ctx, api.TokenRequest{Name: "this machine", Role: string(access.Operator)})
	if err == nil {
		err = o.db.SetSetting(ctx, localToken, made.ID)
	}
	if err != nil {
		return err
	}
	guard{o}.Note(ctx, api.Entry{Who: "the farm itself", Action: "token.create", Subject: made.ID + " " + made.Name + " " + made.Role, Outcome: "done"})
	aside := file + ".new"
	if err := errors.Join(os.RemoveAll(aside), os.WriteFile(aside, []byte(made.Secret+"\n"), 0o600), os.Rename(aside, file)); err != nil {
		return fmt.Errorf("keeping the operator's token: %w", err)
	}
	return nil
}

// CreateToken implements api.Farm.
func (o *Orchestrator) CreateToken(ctx context.Context, req api.TokenRequest) (api.NewToken, error) {
	role, err := access.ParseRole(req.Role)
	if err != nil {
		return api.NewToken{}, err
	}
	if req.Name == "" {
		req.Name = string(role)
	}
	if len(req.Name) > 100 || strings.ContainsFunc(req.Name, func(r rune) bool { return r < ' ' }) {
		return api.NewToken{}, fault.Errorf(fault.Invalid, "%q is no name for a token: one line of at most 100 bytes is", req.Name)
	}
	if req.Expires < 0 {
		return api.NewToken{}, fault.Errorf(fault.Invalid, "a token can't have expired before it is made: expires_seconds is %d", req.Expires)
	}
	now, expires := time.Now().UTC().Truncate(time.Microsecond), time.Time{}
	if req.Expires > 0 {
		expires = now.Add(time.Duration(req.Expires) * time.Second)
	}
	t, secret := access.NewToken(req.Name, role, now, expires)
	if err := o.db.PutToken(ctx, t); err != nil {
		return api.NewToken{}, err
	}
	return api.NewToken{Token: tokenShown(t), Secret: secret}, nil
}

func tokenShown(t access.Token) api.Token {
	moment := func(at time.Time) *time.Time {
		if at.IsZero() {
			return nil
		}
		return &at
	}
	return api.Token{ID: t.ID, Name: t.Name, Role: string(t.Role), Created: t.Created, Expires: moment(t.Expires), Revoked: moment(t.Revoked), Used: moment(t.Used)}
}

// Tokens implements api.Farm.
func (o *Orchestrator) Tokens(ctx context.Context) ([]api.Token, error) {
	list, err := o.db.Tokens(ctx)
	out := []api.Token{}
	for _, t := range list {
		out = append(out, tokenShown(t))
	}
	return out, err
}

// RevokeToken implements api.Farm.
func (o *Orchestrator) RevokeToken(ctx context.Context, idOrName string) (api.Token, error) {
	list, err := o.db.Tokens(ctx)
	if err != nil {
		return api.Token{}, err
	}
	found := slices.DeleteFunc(slices.Clone(list), func(t access.Token) bool { return t.ID != idOrName })
	if len(found) == 0 {
		found = slices.DeleteFunc(list, func(t access.Token) bool { return t.Name != idOrName || !t.Revoked.IsZero() })
	}
	switch len(found) {
	case 0:
		return api.Token{}, fault.Errorf(fault.NotFound, "there is no token %q to revoke: `wasmill token list` shows what there is", idOrName)
	case 1:
	default:
		return api.Token{}, fault.Errorf(fault.Conflict, "%d tokens have the name %q: name the one to revoke by its ID, as `wasmill token list` shows it", len(found), idOrName)
	}
	if err := o.db.RevokeToken(ctx, found[0].ID, time.Now()); err != nil {
		return api.Token{}, err
	}
	t, err := o.db.Token(ctx, found[0].ID)
	return tokenShown(t), err
}

// Journal implements api.Farm.
func (o *Orchestrator) Journal(ctx context.Context, limit int) ([]api.Entry, error) {
	list, err := o.db.Journal(ctx, limit)
	out := []api.Entry{}
	for _, e := range list {
		out = append(out, api.Entry{At: e.At, Token: e.Token, Who: e.Who, Role: e.Role, Action: e.Action, Subject: e.Subject, Outcome: e.Outcome})
	}
	return out, err
}
