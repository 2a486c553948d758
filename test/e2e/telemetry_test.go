//go:build engine

package e2e

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/wasmill/wasmill/internal/telemetry/otlptest"
)

// A run of three processes is one trace, from the command that asked for it to the index, and leaves its numbers where
// Prometheus finds them.
func TestWhatOperatorsToolsSee(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	f := newFarm(t, t, registry(t), collector.Env()...)
	at := freeAddress(t)
	w := f.worker(t, t, dataFolder(t, t), collector.Env()...)
	w.args = append(w.args, "--slots", "1", "--metrics-listen", at)
	w.start(t)
	t.Cleanup(func() { w.end(syscall.SIGTERM) })
	s := newRecipes(t)
	s.extension(t, "seen", "")
	wasmill(t, f.asks(), "submit", "--wait", "--recipes", s.dir, "*").expect(t, 0)
	wasmill(t, f.asks(), "submit", "--wait", "--recipes", s.dir, "*").expect(t, 0) // from the cache

	farm, crew := f.scrape(t, f.url), f.scrape(t, "http://"+at)
	demand(t, farm,
		`wasmill_runs_total{lane="submission",outcome="passed"} 2`,
		`wasmill_builds_total{failure="",outcome="passed",toolchain="pyemscripten_2026_5"} 1`,
		`wasmill_build_duration_seconds_count{outcome="passed",phase="compile",toolchain="pyemscripten_2026_5"} 1`,
		`wasmill_build_duration_seconds_count{outcome="passed",phase="test",toolchain="pyemscripten_2026_5"} 1`,
		`wasmill_cache_lookups_total{result="hit"} 1`, `wasmill_cache_lookups_total{result="miss"} 1`,
		`wasmill_index_generation{toolchain="pyemscripten_2026_5"} 1`,
		`wasmill_farm_activities_total{activity="Store",outcome="ok"} 1`,
		`wasmill_http_requests_total{code="200",method="POST",route="POST /api/v1/runs"} 2`,
		`wasmill_workers{state="active"} 1`, `wasmill_slots{class="small"} 1`, `wasmill_farm_readable 1`, `wasmill_disk_free_bytes{folder="data"} `,
		`temporal_request_total{`, `go_goroutines `, `process_open_fds `)
	demand(t, crew,
		`wasmill_worker_attempts_total{class="small",outcome="passed",step="build"} 1`,
		`wasmill_worker_attempts_total{class="small",outcome="passed",step="test"} 1`,
		`wasmill_queue_wait_seconds_count{class="small",lane="submission",step="build"} 1`,
		`wasmill_worker_slots{class="small"} 1`, `wasmill_worker_slots_busy{class="small"} 0`,
		`wasmill_registry_requests_total{`, `wasmill_disk_free_bytes{folder="worker"} `, `temporal_activity_execution_latency_seconds_bucket{`)
	for _, probe := range []string{f.url + "/healthz", f.url + "/readyz", "http://" + at + "/healthz", "http://" + at + "/readyz"} {
		if text := f.fetch(t, probe); text != "ok\n" {
			t.Errorf("%s: %q", probe, text)
		}
	}

	// What is left is sent at the end.
	w.end(syscall.SIGTERM)
	f.orchestrator.end(syscall.SIGTERM)
	spans := collector.Trace(t, "RunActivity:Build")
	paths := otlptest.Tree(t, spans)
	const asked = "POST /api/v1/runs > POST /api/v1/runs > submit > StartWorkflow:Run > RunWorkflow:Run"
	const built = asked + " > StartChildWorkflow:Build > RunWorkflow:Build"
	for _, path := range []string{
		asked + " > StartActivity:Plan > RunActivity:Plan",
		asked + " > StartActivity:Resolve > RunActivity:Resolve",
		built + " > StartActivity:Build > RunActivity:Build > fetch",
		built + " > StartActivity:Build > RunActivity:Build > compile",
		built + " > StartActivity:Build > RunActivity:Build > pack",
		built + " > StartActivity:Build > RunActivity:Build > audit",
		built + " > StartActivity:Test > RunActivity:Test > test",
		built + " > StartActivity:Store > RunActivity:Store > publish",
		asked + " > StartActivity:FinishRun > RunActivity:FinishRun",
	} {
		if paths[path] == 0 {
			t.Errorf("the trace has no %s", path)
		}
	}
	services := map[string]bool{}
	for _, span := range spans {
		services[span.Service] = true
		if span.Name == "RunActivity:Build" && (span.Attributes["wasmill.recipe"] != "seen" || span.Attributes["wasmill.lane"] != "submission") {
			t.Errorf("a build says of itself %v", span.Attributes)
		}
	}
	for _, name := range []string{"wasmill", "wasmill-orchestrator", "wasmill-worker"} {
		if !services[name] {
			t.Errorf("the trace has nothing of %s", name)
		}
	}
	if t.Failed() {
		for path := range paths {
			t.Log(path)
		}
	}
}

// scrape reads metrics, and holds ours against Prometheus' rules.
func (f *farm) scrape(t *testing.T, url string) string {
	t.Helper()
	text := f.fetch(t, url+"/metrics")
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Errorf("%s does not read as metrics: %v", url, err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "wasmill_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if label := regexp.MustCompile(`(?m)^wasmill_.*"seen".*`).FindString(text); label != "" {
		t.Errorf("a recipe is a label: %s", label)
	}
	return text
}

func demand(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, regexp.MustCompile(`(?m)^(#|go_|.*_bucket).*\n`).ReplaceAllString(text, ""))
		}
	}
}

// fetch reads a page as an operator.
func (f *farm) fetch(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.secret != "" {
		req.Header.Set("Authorization", "Bearer "+f.secret)
	}
	resp, err := f.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, resp.Status, err, text)
	}
	return string(text)
}
