//go:build engine

package e2e

import (
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store/pgtest"
)

// farm is an orchestrator and its address.
type farm struct {
	*api.Client
	url          string
	dir          string // its data folder
	registry     string
	secret       string // of its operator
	env, args    []string
	shows        *shows       // nil where it speaks in the clear
	http         *http.Client // that trusts it
	orchestrator *process
}

// newFarm starts an orchestrator that keeps its blobs in a registry.
func newFarm(t testing.TB, c cleaner, registry string, env ...string) *farm {
	t.Helper()
	f := &farm{dir: dataFolder(t, c), registry: registry, env: append(account(t, c, farmAccount, registry), env...)}
	if scaled() {
		f.shows = &shows{ca: key("ca.pem"), cert: key("farm.pem"), key: key("farm.key")}
	}
	f.begins(t, c)
	return f
}

// begins starts it for the first time.
func (f *farm) begins(t testing.TB, c cleaner) {
	t.Helper()
	// Stories count builds and containers, and hold builds at gates: who wants a second build asks for it.
	f.args = append([]string{"--data", f.dir, "--registry", f.registry, "--reproduce", "off"}, servers(t)...)
	f.listens(t)
	f.start(t)
	c.Cleanup(func() { f.orchestrator.end(syscall.SIGTERM) })
}

// listens gives it an address, at which it answers again after a restart.
func (f *farm) listens(t testing.TB) {
	t.Helper()
	if f.shows == nil {
		listen := freeAddress(t)
		f.url = "http://" + listen
		f.args = append(f.args, "--listen", listen)
		return
	}
	listen := freeAt(t, "127.0.0.2")
	f.url = "https://" + listen
	f.args = append(f.args, "--listen", listen, "--require-tokens", "--tls-cert", f.shows.cert, "--tls-key", f.shows.key)
}

// servers are flags for what a farm keeps its facts and runs in: the data folder or, on the scaled form, a schema and a
// namespace of its own.
func servers(t testing.TB) []string {
	t.Helper()
	if !scaled() {
		return []string{"--temporal-listen", freeAddress(t)}
	}
	name, database := pgtest.Start(t).Schema(t)
	return []string{
		"--database", database, "--temporal", os.Getenv("WASMILL_TEST_TEMPORAL"), "--temporal-namespace", strings.ReplaceAll(name, "_", "-"),
		"--temporal-server-name", "temporal.test", "--temporal-cert", key("farm.pem"), "--temporal-key", key("farm.key"),
	}
}

func (f *farm) start(t testing.TB) {
	t.Helper()
	f.orchestrator = start(t, f.env, program(t, "orchestrator"), f.args...)
	f.orchestrator.says(t, "farm     "+f.url)
	if f.Client == nil {
		f.operator(t)
	}
}

func freeAddress(t testing.TB) string { return freeAt(t, "127.0.0.1") }

func freeAt(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// worker is a worker daemon.
type worker struct {
	name, dir string
	env, args []string
	*process
}

// join starts a worker with two slots and a data folder of its own.
func (f *farm) join(t testing.TB, c cleaner, env ...string) *worker {
	t.Helper()
	return f.joinAt(t, c, dataFolder(t, c), env...)
}

func (f *farm) joinAt(t testing.TB, c cleaner, dir string, env ...string) *worker {
	t.Helper()
	w := f.worker(t, c, dir, env...)
	w.start(t)
	c.Cleanup(func() { w.end(syscall.SIGTERM) })
	return w
}

// worker is one that has not been started.
func (f *farm) worker(t testing.TB, c cleaner, dir string, env ...string) *worker {
	t.Helper()
	w := &worker{name: "e2e-" + strings.ToLower(rand.Text()[:8]), dir: dir, env: append(account(t, c, workerAccount, f.registry), env...)}
	w.args = []string{"--orchestrator", f.url, "--data", w.dir, "--name", w.name, "--slots", "2", "--drain", "0s"}
	if f.shows != nil {
		w.env = append(f.with(f.token(t, "worker", 0).Secret), w.env...)
	}
	return w
}

func (w *worker) start(t testing.TB) {
	t.Helper()
	w.process = start(t, w.env, program(t, "worker"), w.args...)
	w.says(t, "has joined")
}

// wasmill runs a command against the farm.
func (f *farm) wasmill(t testing.TB, args ...string) result {
	t.Helper()
	return wasmill(t, f.asks(), args...)
}

// submit gives recipes to the farm and waits for the end of the run.
func (f *farm) submit(t testing.TB, s *recipes, names ...string) (api.Run, int) {
	t.Helper()
	r := f.wasmill(t, append([]string{"submit", "--wait", "--json", "--recipes", s.dir}, names...)...)
	return read[api.Run](t, r), r.status
}

// begin gives recipes to the farm and does not wait.
func (f *farm) begin(t testing.TB, s *recipes, names ...string) string {
	t.Helper()
	r := f.wasmill(t, append([]string{"submit", "--json", "--recipes", s.dir}, names...)...)
	r.expect(t, 0)
	return read[api.Run](t, r).ID
}

// ends waits for the end of a run.
func (f *farm) ends(t testing.TB, id string) (run api.Run) {
	t.Helper()
	eventually(t, "run "+id+" ends", func() bool {
		var err error
		run, err = f.Run(t.Context(), id)
		return err == nil && run.State != "running"
	})
	return run
}

func action(t testing.TB, run api.Run, recipe string) api.Action {
	t.Helper()
	i := slices.IndexFunc(run.Actions, func(a api.Action) bool { return a.Recipe == recipe })
	if i < 0 {
		t.Fatalf("run %s has no %s: %+v", run.ID, recipe, run)
	}
	return run.Actions[i]
}

// passed demands that a run and all in it have passed.
func passed(t testing.TB, run api.Run) {
	t.Helper()
	for _, a := range run.Actions {
		if a.Status != "passed" && a.Status != "cached" {
			t.Errorf("%s: %s: %s", a.Recipe, a.Status, a.Cause)
		}
	}
	if run.State != "passed" {
		t.Errorf("the run: %s %s", run.State, run.Error)
	}
}

// record is what a build has left.
func (f *farm) record(t testing.TB, a api.Action) record.Build {
	t.Helper()
	b, err := f.Build(t.Context(), a.Key)
	if err != nil {
		t.Fatalf("the record of %s: %v", a.Recipe, err)
	}
	return b
}

// projects are the names on the farm's index.
func (f *farm) projects(t testing.TB) (names []string) {
	t.Helper()
	var page struct{ Projects []struct{ Name string } }
	f.get(t, "/simple/", &page)
	for _, p := range page.Projects {
		names = append(names, p.Name)
	}
	return names
}

// get reads JSON that the index serves.
func (f *farm) get(t testing.TB, path string, out any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.pypi.simple.v1+json")
	resp, err := f.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// A second orchestrator says what it collides with, and leaves the first alone.
func TestSecondOrchestrator(t *testing.T) {
	f, _ := sharedFarm(t)
	for _, c := range []struct {
		dir, listen string
		status      int
		words       string
	}{
		{f.dir, "127.0.0.1:0", 2, "is in use by the farm at " + f.url},
		{dataFolder(t, t), f.url[strings.LastIndex(f.url, "/")+1:], 3, "choose another address with --listen"},
	} {
		p := start(t, f.env, program(t, "orchestrator"), "--data", c.dir, "--listen", c.listen, "--registry", registry(t))
		<-p.ended
		result{p.cmd.ProcessState.ExitCode(), "", p.String()}.expect(t, c.status, c.words)
	}
	f.wasmill(t, "runs").expect(t, 0)
}
