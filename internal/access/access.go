// Package access is who may ask what of a farm: roles, the tokens that stand for them, and who is asking in a context. It
// decides nothing about single requests: each server has a table of its own (api, the registry, the relay to Temporal),
// and the orchestrator knows which tokens there are. docs/decisions/0022-access.md has the reasons.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// Role is what a token is for.
type Role string

// The roles.
const (
	Reader    Role = "reader"    // sees runs, builds, logs and the index
	Submitter Role = "submitter" // a reader who starts runs that do not publish, and cancels those
	Operator  Role = "operator"  // may all that people may
	Worker    Role = "worker"    // builds and tests; sees nothing that it was not given
)

// Roles are all roles, as people choose among them.
var Roles = []Role{Worker, Submitter, Operator, Reader}

// ParseRole is fault.Invalid for what is no role.
func ParseRole(name string) (Role, error) {
	if !slices.Contains(Roles, Role(name)) {
		return "", fault.Errorf(fault.Invalid, "there is no role %q: choose one of %v", name, Roles)
	}
	return Role(name), nil
}

// Identity is who asks. The zero Identity is nobody, and may nothing.
type Identity struct {
	ID   string // of the token; empty for who needs none
	Name string // for people
	Role Role
	// Local is who has the machine: on a farm that listens on loopback and asks for no tokens, everybody that it hears; and
	// the orchestrator itself. It may what any role may.
	Local bool
}

// Is says whether one of the roles is that of the identity.
func (i Identity) Is(roles ...Role) bool { return i.Local || slices.Contains(roles, i.Role) }

type key struct{}

// With notes in a context who asks.
func With(ctx context.Context, i Identity) context.Context { return context.WithValue(ctx, key{}, i) }

// Of is who asks. What is called in the orchestrator's own process has no identity noted, and is Local.
func Of(ctx context.Context) Identity {
	if i, ok := ctx.Value(key{}).(Identity); ok {
		return i
	}
	return Identity{Name: "local", Local: true}
}

// Token is what the farm remembers of one: never the secret.
type Token struct {
	ID      string // part of the secret, and no secret itself
	Name    string
	Role    Role
	Hash    string // of the whole secret
	Created time.Time
	Expires time.Time // zero: never
	Revoked time.Time // zero: not
	Used    time.Time // about when it was last used; zero: never
}

// prefix makes a token known for what it is, to people and to programs that look for secrets where none should be.
const prefix = "wasmill_"

// NewToken makes a token and its secret, which is shown once.
func NewToken(name string, role Role, created, expires time.Time) (t Token, secret string) {
	id := strings.ToLower(rand.Text()[:10])
	random := make([]byte, 32)
	rand.Read(random) // never fails (crypto/rand)
	secret = prefix + id + "_" + hex.EncodeToString(random)
	return Token{ID: id, Name: name, Role: role, Hash: hash(secret), Created: created, Expires: expires}, secret
}

// IDOf reads the ID in a secret; empty for what is none of ours.
func IDOf(secret string) string {
	rest, ok := strings.CutPrefix(secret, prefix)
	if !ok {
		return ""
	}
	id, _, ok := strings.Cut(rest, "_")
	if !ok {
		return ""
	}
	return id
}

// hash needs no salt and no stretching: what is hashed are 256 random bits.
func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Check says who a secret is, by the token that has its ID. Only who knows the secret learns why it is of no use any more.
func (t Token) Check(secret string, now time.Time) (Identity, error) {
	switch {
	case subtle.ConstantTimeCompare([]byte(hash(secret)), []byte(t.Hash)) != 1:
		return Identity{}, Unknown()
	case !t.Revoked.IsZero():
		return Identity{}, fault.Errorf(fault.Unauthenticated, "the token %s was revoked on %s: %s", t, t.Revoked.UTC().Format(time.DateOnly), another)
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return Identity{}, fault.Errorf(fault.Unauthenticated, "the token %s expired on %s: %s", t, t.Expires.UTC().Format(time.DateOnly), another)
	}
	return Identity{ID: t.ID, Name: t.Name, Role: t.Role}, nil
}

// String names a token for people.
func (t Token) String() string {
	if t.Name == "" {
		return t.ID
	}
	return t.Name + " (" + t.ID + ")"
}

// another is what to do about a token that is of no use.
const another = "an operator of the farm makes another with `wasmill token create`"

// Unknown is the end of a request with a secret that is none of the farm's.
func Unknown() error {
	return fault.Errorf(fault.Unauthenticated, "the farm does not know this token: %s", another)
}

// Missing is the end of a request without a token.
func Missing() error {
	return fault.Errorf(fault.Unauthenticated, "this farm asks for a token: name a file that has one with --token-file, or set $WASMILL_TOKEN; %s", another)
}

// Refuse is the end of a request that takes other roles than the identity has. what is like "starting a run".
func Refuse(i Identity, what string, roles ...Role) error {
	names := make([]string, 0, len(roles))
	for _, r := range roles {
		names = append(names, string(r))
	}
	who := i.Name
	if who == "" {
		who = i.ID
	}
	return fault.Errorf(fault.Forbidden, "%s takes a token with the role %s; %s has the role %s", what, strings.Join(names, " or "), who, i.Role)
}
