package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/telemetry"
)

var now = time.Unix(1e9, 0)

func look(context.Context) (telemetry.State, error) {
	return telemetry.State{
		Now: now, Runs: map[string]int{"nightly": 1}, Slots: map[string]int{"small": 2, "large": 0}, Busy: map[string]int{"small": 2, "large": 0}, Generations: map[string]int64{"tc": 7},
		Automatic: 2, ByHand: 1, QuarantineEnds: now.Add(time.Hour),
		Waiting: []telemetry.Waiting{
			{Lane: "nightly", Class: "small", Status: "queued", Recipes: 3, Oldest: now.Add(-time.Minute)},
			{Lane: "nightly", Class: "small", Status: "running", Recipes: 2, Oldest: now},
			{Lane: "nightly", Class: "large", Status: "planned", Recipes: 9},
		},
		Workers: []telemetry.Crew{{Name: "w1", LastSeen: now, State: "active"}, {Name: "w2", LastSeen: now.Add(-time.Hour), State: "lost"}},
	}, nil
}

// everything is a registry in which each metric has a value.
func everything(t *testing.T) *telemetry.Registry {
	t.Helper()
	r := telemetry.NewRegistry()
	f, w := telemetry.NewFarm(r, look), telemetry.NewWorker(r)
	f.RunEnded("nightly", "passed")
	f.LookedUp(telemetry.Cutoff)
	f.Built(&record.Build{
		Toolchain: record.Toolchain{Name: "tc"}, Outcome: record.Failed, Failure: &record.Failure{Kind: record.CompileFailed}, PeakMemory: 1 << 30,
		Phases: []record.PhaseTime{{Phase: record.PhaseCompile, Seconds: 7}},
	})
	f.Published("tc", record.KindWheel)
	f.Activity("Plan", time.Second, fault.Errorf(fault.Unavailable, "no registry"))
	f.DatabaseFault(fault.Errorf(fault.Exhausted, "full"))
	f.DatabaseFault(fault.Errorf(fault.NotFound, "an answer"))
	f.Served(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/whatever/"+strings.Repeat("x", 9), nil))
	w.Slots("small", 2)
	w.Begin(telemetry.Attempt{Lane: "nightly", Class: "small", Step: "build", Number: 1, Waited: time.Minute})("passed", nil)
	w.Begin(telemetry.Attempt{Lane: "nightly", Class: "small", Step: "build", Number: 2})("", fault.Errorf(fault.Exhausted, "disk"))
	w.Begin(telemetry.Attempt{Lane: "nightly", Class: "small", Step: "test", Number: 1})
	r.Disk("data", t.TempDir())
	r.Disk("gone", "/does/not/exist")
	_, err := r.Transport(failing{http.ErrSchemeMismatch}).RoundTrip(httptest.NewRequest("GET", "/v2/", nil))
	if err != http.ErrSchemeMismatch {
		t.Errorf("the transport has made %v of a registry without TLS", err)
	}
	_, err = r.Transport(failing{errors.New("no")}).RoundTrip(httptest.NewRequest("GET", "/v2/", nil))
	if err == nil {
		t.Error("the transport has swallowed an error")
	}
	return r
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestMetricsFollowPrometheusRules(t *testing.T) {
	problems, err := testutil.GatherAndLint(everything(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// What is documented is what is told, with these labels, and nothing else.
func TestEveryMetricIsToldAsSpecified(t *testing.T) {
	r := everything(t)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]telemetry.Spec{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "wasmill_") {
			continue
		}
		s := telemetry.Spec{Name: f.GetName(), Type: strings.ToLower(f.GetType().String()), Help: f.GetHelp()}
		for _, l := range f.GetMetric()[0].GetLabel() {
			s.Labels = append(s.Labels, l.GetName())
		}
		told[s.Name] = s
	}
	for _, want := range r.Specs() {
		want.Labels = slices.Sorted(slices.Values(want.Labels))
		if diff := cmp.Diff(want, told[want.Name]); diff != "" {
			t.Errorf("%s (-specified +told):\n%s", want.Name, diff)
		}
		delete(told, want.Name)
	}
	for name := range told {
		t.Errorf("%s is told and not specified", name)
	}
}

func TestValues(t *testing.T) {
	r := everything(t)
	const want = `
# HELP wasmill_database_faults_total Transactions that the database did not carry out, by kind of fault.
# TYPE wasmill_database_faults_total counter
wasmill_database_faults_total{kind="exhausted"} 1
# HELP wasmill_http_requests_total Requests to API and index, by route and status.
# TYPE wasmill_http_requests_total counter
wasmill_http_requests_total{code="404",method="other",route="none"} 1
# HELP wasmill_queue_oldest_age_seconds How long the recipe that waits longest for a slot has waited.
# TYPE wasmill_queue_oldest_age_seconds gauge
wasmill_queue_oldest_age_seconds{class="small",lane="nightly"} 60
# HELP wasmill_registry_requests_total Requests to the OCI registry, by method and status; the code is error where none came.
# TYPE wasmill_registry_requests_total counter
wasmill_registry_requests_total{code="error",method="GET"} 1
# HELP wasmill_slots_busy Attempts that workers carry out.
# TYPE wasmill_slots_busy gauge
wasmill_slots_busy{class="large"} 0
wasmill_slots_busy{class="small"} 2
# HELP wasmill_worker_attempts_total Attempts that have ended: outcome is passed, failed, or the kind of fault of the machinery.
# TYPE wasmill_worker_attempts_total counter
wasmill_worker_attempts_total{class="small",outcome="exhausted",step="build"} 1
wasmill_worker_attempts_total{class="small",outcome="passed",step="build"} 1
# HELP wasmill_worker_slots_busy Attempts that this worker is carrying out.
# TYPE wasmill_worker_slots_busy gauge
wasmill_worker_slots_busy{class="small"} 1
# HELP wasmill_workers Workers by state: active, draining, drained, out (took itself out because of trouble), lost (gave no sign for 10 s, in the last day, and had not been told to stop).
# TYPE wasmill_workers gauge
wasmill_workers{state="active"} 1
wasmill_workers{state="drained"} 0
wasmill_workers{state="draining"} 0
wasmill_workers{state="lost"} 1
wasmill_workers{state="out"} 0
`
	err := testutil.GatherAndCompare(r, strings.NewReader(want), "wasmill_database_faults_total", "wasmill_http_requests_total",
		"wasmill_queue_oldest_age_seconds", "wasmill_registry_requests_total", "wasmill_slots_busy", "wasmill_worker_attempts_total", "wasmill_worker_slots_busy", "wasmill_workers")
	if err != nil {
		t.Error(err)
	}
}

// A database that does not answer takes its own metrics away, and nothing else.
func TestAnUnreadableFarm(t *testing.T) {
	r := telemetry.NewRegistry()
	telemetry.NewFarm(r, func(context.Context) (telemetry.State, error) { return telemetry.State{}, errors.New("gone") }).RunEnded("nightly", "failed")
	text := get(t, r.Mux(nil), "/metrics", http.StatusOK)
	for _, want := range []string{"wasmill_farm_readable 0\n", `wasmill_runs_total{lane="nightly",outcome="failed"} 1`, "go_goroutines ", "process_cpu_seconds_total ", "wasmill_build_info{"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "wasmill_workers") {
		t.Errorf("workers of a farm that could not be read:\n%s", text)
	}
}

func TestProbes(t *testing.T) {
	var trouble error
	mux := telemetry.NewRegistry().Mux(func(context.Context) error { return trouble })
	get(t, mux, "/healthz", http.StatusOK)
	get(t, mux, "/readyz", http.StatusOK)
	trouble = errors.New("the engine does not answer")
	get(t, mux, "/healthz", http.StatusOK)
	if text := get(t, mux, "/readyz", http.StatusServiceUnavailable); text != "the engine does not answer\n" {
		t.Errorf("not ready because %q", text)
	}
}

func TestTheAddressOfMetrics(t *testing.T) {
	s, err := telemetry.Serve(telemetry.Listen{Address: "127.0.0.1:0"}, telemetry.NewRegistry().Mux(nil))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + s.Addr() + "/healthz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v %v", resp, err)
	}
	if _, err := telemetry.Serve(telemetry.Listen{Address: s.Addr()}, nil); err == nil || fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "--metrics-listen") {
		t.Errorf("a second listener: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Others than this machine are told nothing unless somebody has said so, or they show the token; probes are open.
func TestWhoIsToldTheMetrics(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	token := strings.Repeat("x", 32)
	for story, at := range map[string]telemetry.Listen{
		"all addresses":           {Address: "0.0.0.0:0"},
		"no address":              {Address: ":0"},
		"IPv6, all addresses":     {Address: "[::]:0"},
		"a token and everybody":   {Address: "127.0.0.1:0", Public: true, TokenFile: file(token)},
		"a token that is guessed": {Address: "127.0.0.1:0", TokenFile: file("secret\n")},
		"a token that is missing": {Address: "127.0.0.1:0", TokenFile: "/nowhere"},
	} {
		if s, err := telemetry.Serve(at, telemetry.NewRegistry().Mux(nil)); fault.KindOf(err) != fault.Invalid || err == nil {
			_ = s.Close()
			t.Errorf("%s: %v", story, err)
		}
	}
	for story, c := range map[string]struct {
		at    telemetry.Listen
		shown string
		want  int
	}{
		"everybody":     {telemetry.Listen{Address: "0.0.0.0:0", Public: true}, "", http.StatusOK},
		"no token":      {telemetry.Listen{Address: "0.0.0.0:0", TokenFile: file(token + "\n")}, "", http.StatusUnauthorized},
		"another token": {telemetry.Listen{Address: "0.0.0.0:0", TokenFile: file(token)}, token + "x", http.StatusUnauthorized},
		"the token":     {telemetry.Listen{Address: "0.0.0.0:0", TokenFile: file(token)}, token, http.StatusOK},
		"on loopback":   {telemetry.Listen{Address: "localhost:0"}, "", http.StatusOK},
	} {
		s, err := telemetry.Serve(c.at, telemetry.NewRegistry().Mux(func(context.Context) error { return nil }))
		if err != nil {
			t.Fatal(story, err)
		}
		_, port, _ := net.SplitHostPort(s.Addr())
		for path, want := range map[string]int{"/metrics": c.want, "/healthz": http.StatusOK, "/readyz": http.StatusOK} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.shown != "" {
				req.Header.Set("Authorization", "Bearer "+c.shown)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(story, err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s, %s: %s", story, path, resp.Status)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func get(t *testing.T, h http.Handler, path string, status int) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	text, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != status {
		t.Fatalf("%s: %d, want %d, %v\n%s", path, w.Code, status, err, text)
	}
	return string(text)
}
