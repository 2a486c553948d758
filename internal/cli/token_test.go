package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
)

// An operator lets a worker in, looks who is let in, shuts it out again, and reads who did what.
func TestTokensAreMadeListedAndRevoked(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	farm := &api.Fake{Entries: []api.Entry{
		{At: at, Token: "4kq2vn7xaj", Who: "ann", Role: "submitter", Action: "pin.add", Subject: "numpy", Outcome: "forbidden"},
		{At: at.Add(-time.Hour), Action: "gc", Outcome: "done"},
	}}
	var story strings.Builder
	for _, args := range [][]string{
		{"token", "create", "--dry-run", "--role", "worker"}, {"token", "create", "--role", "worker", "--name", "builder-1"},
		{"token", "create", "--role", "reader", "--name", "ci", "--expires", "90d"}, {"token", "revoke", "--dry-run", "builder-1"},
		{"token", "revoke", "builder-1"}, {"token", "list"}, {"journal"}, {"journal", "--limit", "1", "--json"},
	} {
		out, err := wasmill(t, farm, args...)
		if err != nil {
			t.Fatal(err)
		}
		story.WriteString("$ wasmill " + strings.Join(args, " ") + "\n" + out + "\n")
	}
	golden(t, "tokens.txt", story.String())
	for _, c := range []struct {
		args []string
		kind fault.Kind
		say  string
	}{
		{[]string{"token", "create"}, fault.Invalid, "--role"}, {[]string{"token", "create", "--role", "root"}, fault.Invalid, "no role"},
		{[]string{"token", "create", "--role", "reader", "--expires", "soon"}, fault.Invalid, "--expires"},
		{[]string{"token", "revoke", "nobody"}, fault.NotFound, "nobody"}, {[]string{"token", "revoke", "--dry-run", "nobody"}, fault.NotFound, "token list"},
		{[]string{"journal", "--limit", "-1"}, fault.Invalid, "--limit"},
		{[]string{"token", "list", "--token-file", "none.txt"}, fault.Invalid, "none.txt"},
		{[]string{"token", "list", "--ca", "token.go"}, fault.Invalid, "PEM"},
	} {
		if _, err := wasmill(t, farm, c.args...); err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%v: %v, want %v with %q", c.args, err, c.kind, c.say)
		}
	}
}
