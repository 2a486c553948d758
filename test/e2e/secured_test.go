//go:build engine

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
)

// A guarded farm speaks TLS and asks for tokens, as between machines. On the scaled form all are, and so are the servers.

// shows is what a guarded farm shows, and who has signed it: files.
type shows struct{ ca, cert, key string }

// The accounts at the registry: one writes, one only pulls.
const (
	farmAccount   = "farm"
	workerAccount = "workers"
)

// scaled says that the farms of these tests use the servers of `make test-scaled`.
func scaled() bool { return os.Getenv("WASMILL_TEST_TEMPORAL") != "" }

// key is one of the files that `make test-scaled` has for farms and workers.
func key(name string) string { return filepath.Join(os.Getenv("WASMILL_TEST_KEYS"), name) }

// account is the environment of a program that has an account at the registry, and trusts what the servers show.
func account(t testing.TB, c cleaner, name, registry string) []string {
	t.Helper()
	if !scaled() {
		return nil
	}
	// The account is the same, should the registry be behind a door.
	text, err := json.Marshal(dockerConfig{map[string]dockerAuth{registry: {shown(t, name)}}})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "wasmill-e2e-docker-")
	if err != nil {
		t.Fatal(err)
	}
	c.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"DOCKER_CONFIG=" + dir, "WASMILL_CA=" + key("ca.pem")}
}

// dockerConfig is what a Docker configuration has of registries.
type dockerConfig struct {
	Auths map[string]dockerAuth `json:"auths"`
}

type dockerAuth struct {
	Auth string `json:"auth"`
}

// shown is what an account shows to the registry.
func shown(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(key(name + ".docker/config.json"))
	var config dockerConfig
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		t.Fatal(err)
	}
	return config.Auths[os.Getenv("WASMILL_TEST_REGISTRY")].Auth
}

// token makes one that is good for some seconds; 0 is for ever.
func (f *farm) token(t testing.TB, role string, seconds int64) api.NewToken {
	t.Helper()
	made, err := f.CreateToken(context.Background(), api.TokenRequest{Role: role, Name: t.Name() + " " + role, Expires: seconds})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// with is the environment of who has a token.
func (f *farm) with(token string) []string {
	return []string{"WASMILL_TOKEN=" + token, "WASMILL_CA=" + f.shows.ca}
}

// operator lets the test in: with the token that the farm has left in its folder.
func (f *farm) operator(t testing.TB) {
	t.Helper()
	if f.shows == nil {
		f.Client, f.http = api.NewClient(f.url), http.DefaultClient
		return
	}
	dir, err := datadir.Open(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(dir.OperatorToken())
	if err != nil {
		t.Fatal(err)
	}
	f.secret = strings.TrimSpace(string(text))
	roots, err := access.Roots(f.shows.ca)
	if err != nil {
		t.Fatal(err)
	}
	f.Client = api.NewClient(f.url, api.WithToken(f.secret), api.WithRoots(roots))
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = access.ClientTLS(roots, nil, "")
	f.http = &http.Client{Transport: transport}
}

// asks is the environment of a command that asks the farm.
func (f *farm) asks() []string {
	env := append([]string{"WASMILL_SERVER=" + f.url, "WASMILL_DATA=" + f.dir}, f.env...)
	if f.shows == nil {
		return env
	}
	return append(env, f.with(f.secret)...)
}
