package access_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
)

// What is said about a token, and to whom: only who has the secret hears what has become of it.
func TestASecretIsHeldAgainstItsToken(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	mine, secret := access.NewToken("builder-1", access.Worker, now.Add(-time.Hour), now.Add(time.Hour))
	_, another := access.NewToken("builder-1", access.Worker, now, time.Time{})
	revoked, expired := mine, mine
	revoked.Revoked, expired.Expires = now, now
	for name, c := range map[string]struct {
		token  access.Token
		secret string
		say    string // empty: it is good
	}{
		"the right one":                      {mine, secret, ""},
		"that of another token":              {mine, another, "does not know"},
		"with a digit changed":               {mine, flip(secret), "does not know"},
		"nothing":                            {mine, "", "does not know"},
		"the right one, revoked":             {revoked, secret, "was revoked on 2030-01-02"},
		"the right one, expired":             {expired, secret, "expired on 2030-01-02"},
		"a wrong one hears of no revocation": {revoked, another, "does not know"},
	} {
		t.Run(name, func(t *testing.T) {
			who, err := c.token.Check(c.secret, now)
			if c.say == "" {
				if err != nil || who != (access.Identity{ID: mine.ID, Name: "builder-1", Role: access.Worker}) {
					t.Errorf("%+v, %v", who, err)
				}
				return
			}
			if fault.KindOf(err) != fault.Unauthenticated || !strings.Contains(err.Error(), c.say) || who != (access.Identity{}) {
				t.Errorf("%+v, %v, want %q", who, err, c.say)
			}
		})
	}
}

func flip(s string) string {
	last := byte('0')
	if s[len(s)-1] == last {
		last = '1'
	}
	return s[:len(s)-1] + string(last)
}

// The ID leads to the token, and nothing of the secret is in what the farm keeps.
func TestASecretNamesItsToken(t *testing.T) {
	token, secret := access.NewToken("n", access.Reader, time.Unix(1, 0), time.Time{})
	if got := access.IDOf(secret); got != token.ID || got == "" {
		t.Errorf("%q, want %q", got, token.ID)
	}
	random := secret[strings.LastIndex(secret, "_")+1:]
	if len(random) != 64 || strings.Contains(token.Hash, random) {
		t.Errorf("%d digits, hash %s", len(random), token.Hash)
	}
	for _, other := range []string{"", "wasmill", "wasmill_", "wasmill_abc", "ghp_abc_def"} {
		if id := access.IDOf(other); id != "" {
			t.Errorf("%q names %q", other, id)
		}
	}
}

// Nobody may nothing; who has the machine may all.
func TestRoles(t *testing.T) {
	if (access.Identity{}).Is(access.Roles...) {
		t.Error("nobody has a role")
	}
	if !access.Of(t.Context()).Is(access.Worker) || !access.Of(t.Context()).Is(access.Operator) {
		t.Error("what runs in the orchestrator's process lacks a role")
	}
	ctx := access.With(t.Context(), access.Identity{Role: access.Reader})
	if access.Of(ctx).Is(access.Operator, access.Submitter) || !access.Of(ctx).Is(access.Submitter, access.Reader) {
		t.Error("a reader's role is lost")
	}
	if _, err := access.ParseRole("root"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}
