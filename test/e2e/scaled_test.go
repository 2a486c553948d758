//go:build engine

package e2e

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/store/pgtest"
)

// onServers is a farm on the servers of `make test-scaled`.
func onServers(t *testing.T) *farm {
	t.Helper()
	if !scaled() {
		t.Skip("WASMILL_TEST_TEMPORAL names no cluster: `make test-scaled` has one")
	}
	return newFarm(t, t, registry(t))
}

// A database has one orchestrator. A second one says who it is, and takes over when that is gone, with all that it knew.
func TestADatabaseHasOneOrchestrator(t *testing.T) {
	f := onServers(t)
	f.join(t, t)
	s := newRecipes(t)
	s.extension(t, "built-before", "")
	run, _ := f.submit(t, s, "*")
	passed(t, run)

	other := &farm{dir: dataFolder(t, t), registry: f.registry, env: f.env, shows: f.shows}
	other.args = append(slices.Clone(f.args), "--data", other.dir)
	other.listens(t)
	p := start(t, other.env, program(t, "orchestrator"), other.args...)
	<-p.ended
	result{p.cmd.ProcessState.ExitCode(), "", p.String()}.expect(t, 2, "another orchestrator has it (wasmill ", "stop that one")

	f.orchestrator.end(syscall.SIGKILL)
	other.start(t)
	t.Cleanup(func() { other.orchestrator.end(syscall.SIGTERM) })
	if again, err := other.Run(t.Context(), run.ID); err != nil || again.State != "passed" {
		t.Errorf("the run of the one before: %+v, %v", again, err)
	}
	other.join(t, t)
	if again, _ := other.submit(t, s, "*"); action(t, again, "built-before").Status != "cached" {
		t.Errorf("what was built before: %+v", again.Actions)
	}
}

// Six builds go on at a time on three workers; one of these is killed, and the others finish what it had.
func TestThreeWorkers(t *testing.T) {
	f := onServers(t)
	c, s := docker(t), newRecipes(t)
	workers := []*worker{f.join(t, t), f.join(t, t), f.join(t, t)}
	for _, name := range strings.Fields("six-a six-b six-c six-d six-e six-f") {
		s.extension(t, name, "build:\n  script: "+gate+"\n")
	}
	id := f.begin(t, s, "*")
	for _, w := range workers {
		waiting(t, c, w.dir, 2)
	}
	workers[0].end(syscall.SIGKILL)
	for _, w := range workers[1:] {
		openAll(t, w.dir)
	}
	passed(t, f.ends(t, id))
	if names := f.projects(t); len(names) != 6 {
		t.Errorf("on the index: %v", names)
	}
	workers[0].start(t) // and removes the containers that the one before it has left
	noContainers(t, workers[0].dir)
}

// notLetIn is the exit status of who has shown nothing, or too little.
const notLetIn = 77

// The servers ask who is there: the registry lets the workers' account pull and nothing else, and Temporal and the database want to
// be shown something.
func TestTheServersAskWhoIsThere(t *testing.T) {
	f := onServers(t)
	for _, c := range []struct {
		account, method, path string
		status                int
	}{
		{workerAccount, http.MethodGet, "/v2/", http.StatusOK},
		{workerAccount, http.MethodGet, "/v2/toolchains/" + toolchainName + "/tags/list", http.StatusOK},
		{workerAccount, http.MethodPost, "/v2/wasmill/blobs/uploads/", http.StatusForbidden},
		{workerAccount, http.MethodPut, "/v2/wasmill/manifests/worse", http.StatusForbidden},
		{workerAccount, http.MethodDelete, "/v2/wasmill/manifests/worse", http.StatusForbidden},
		{farmAccount, http.MethodPost, "/v2/wasmill/blobs/uploads/", http.StatusAccepted},
		{"", http.MethodGet, "/v2/", http.StatusUnauthorized},
		{"", http.MethodPost, "/v2/wasmill/blobs/uploads/", http.StatusUnauthorized},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "https://"+f.registry+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.account != "" {
			req.Header.Set("Authorization", "Basic "+shown(t, c.account))
		}
		resp, err := f.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%q: %s %s: %s, want %d", c.account, c.method, c.path, resp.Status, c.status)
		}
	}
	temporal := os.Getenv("WASMILL_TEST_TEMPORAL")
	for _, c := range []struct {
		story     string
		args, env []string
		status    int
		words     string
	}{
		{"no certificate for Temporal", []string{"--temporal-tls", "--temporal-cert", "", "--temporal-key", ""}, nil, 3, temporal},
		{"no TLS with Temporal", []string{"--temporal-server-name", "", "--temporal-cert", "", "--temporal-key", ""}, nil, 3, temporal},
		{"Temporal shows another name", []string{"--temporal-server-name", "else.test"}, nil, 3, temporal},
		{"no account at the registry", nil, []string{"DOCKER_CONFIG=" + t.TempDir()}, notLetIn, f.registry},
		{"an account that only pulls", nil, account(t, t, workerAccount, f.registry), notLetIn, f.registry},
		{"an authority that nobody trusts", nil, []string{"WASMILL_CA="}, notLetIn, "--ca FILE"},
		{"no password of the database", nil, []string{"PGPASSWORD="}, 2, "password authentication failed"},
	} {
		t.Run(c.story, func(t *testing.T) {
			other := &farm{dir: dataFolder(t, t), shows: f.shows}
			_, database := pgtest.Start(t).Schema(t)
			other.args = append(slices.Clone(f.args), "--data", other.dir, "--database", database)
			other.listens(t)
			p := start(t, append(slices.Clone(f.env), c.env...), program(t, "orchestrator"), append(other.args, c.args...)...)
			select {
			case <-p.ended:
			case <-time.After(patience):
				p.end(syscall.SIGKILL)
				t.Fatalf("it goes on:\n%s", p)
			}
			result{p.cmd.ProcessState.ExitCode(), "", p.String()}.expect(t, c.status, c.words)
		})
	}
}
