package command

import (
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
)

// Tasks are asked for where the API is; a token goes to other machines under TLS alone.
func TestWhereAWorkerIsGivenItsTasks(t *testing.T) {
	for server, c := range map[string]struct{ token, address, fails string }{
		"http://127.0.0.1:7470":         {"", "127.0.0.1:7470", ""},
		"127.0.0.1:7470":                {"secret", "127.0.0.1:7470", ""},
		"http://farm":                   {"", "farm:80", ""},
		"https://farm.example.org":      {"secret", "farm.example.org:443", ""},
		"https://[2001:db8::1]:7470/":   {"secret", "[2001:db8::1]:7470", ""},
		"http://farm:7470":              {"secret", "", "https://"},
		"https://farm.example.org/farm": {"secret", "", "at the root of an address"},
		"https://farm example":          {"", "", "reading the orchestrator's address"},
	} {
		t.Run(server, func(t *testing.T) {
			t.Setenv("WASMILL_TOKEN", c.token)
			var let Access
			if _, err := let.Client(server); err != nil {
				t.Fatal(err)
			}
			relay, err := let.Relay(server)
			if c.fails != "" {
				if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, want %q", err, c.fails)
				}
				return
			}
			if err != nil || relay.Address != c.address || relay.Token != c.token || (relay.TLS != nil) != strings.HasPrefix(server, "https") {
				t.Errorf("%+v, %v", relay, err)
			}
		})
	}
}
