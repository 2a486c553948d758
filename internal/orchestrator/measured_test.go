package orchestrator

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/workflows"
)

// What the cache had, and how runs ended, is counted once for each recipe and run; a failure that stands is no hit.
func TestWhatIsCounted(t *testing.T) {
	o := start(t, t.TempDir())
	farm := measured{activities{o}, o.metrics}
	req := request(t, o)
	first := begin(t, o, "one", req)
	if len(first) != 2 {
		t.Fatalf("%d actions", len(first))
	}
	lib := buildAs(t, o, "one", "lib", record.Passed)
	queued := workflows.Change{Recipe: "lib", State: workflows.Queued}
	joined := workflows.Change{Recipe: "app", State: workflows.Queued, Joined: true}
	if err := farm.Record(t.Context(), workflows.RecordInput{RunID: "one", Changes: []workflows.Change{queued, lib, joined}}); err != nil {
		t.Fatal(err)
	}
	buildAs(t, o, "one", "app", record.Failed)
	if err := farm.FinishRun(t.Context(), workflows.RunResult{RunID: "one", Lane: workflows.Submission, Outcome: workflows.Failed}); err != nil {
		t.Fatal(err)
	}
	if _, err := farm.Plan(t.Context(), workflows.RunInput{RunID: "two", Request: asked(t, o, req)}); err != nil {
		t.Fatal(err)
	}
	if _, err := farm.Plan(t.Context(), workflows.RunInput{RunID: "three", Request: "sha256:" + record.Digest(strings.Repeat("0", 64))}); err == nil {
		t.Error("a request that is not there was planned")
	}
	const want = `
# HELP wasmill_builds_total Builds that were stored, by outcome and the kind of failure.
# TYPE wasmill_builds_total counter
wasmill_builds_total{failure="",outcome="passed",toolchain="pyemscripten_2026_5"} 1
wasmill_builds_total{failure="compile-failed",outcome="failed",toolchain="pyemscripten_2026_5"} 1
# HELP wasmill_cache_lookups_total Recipes of runs by what the cache had: hit (an earlier build stands), failure (an earlier failure stands), cutoff (what it needs came out unchanged), joined (another run is building it), miss (built).
# TYPE wasmill_cache_lookups_total counter
wasmill_cache_lookups_total{result="failure"} 1
wasmill_cache_lookups_total{result="hit"} 1
wasmill_cache_lookups_total{result="joined"} 1
wasmill_cache_lookups_total{result="miss"} 1
# HELP wasmill_farm_activities_total Attempts of the farm's own activities: outcome is ok, or the kind of fault.
# TYPE wasmill_farm_activities_total counter
wasmill_farm_activities_total{activity="FinishRun",outcome="ok"} 1
wasmill_farm_activities_total{activity="Plan",outcome="not-found"} 1
wasmill_farm_activities_total{activity="Plan",outcome="ok"} 1
wasmill_farm_activities_total{activity="Record",outcome="ok"} 1
# HELP wasmill_index_generation How often what the index shows has changed.
# TYPE wasmill_index_generation gauge
wasmill_index_generation{toolchain="pyemscripten_2026_5"} 1
# HELP wasmill_runs_total Runs that have ended, by lane and outcome.
# TYPE wasmill_runs_total counter
wasmill_runs_total{lane="submission",outcome="failed"} 1
`
	err := testutil.GatherAndCompare(o.cfg.Metrics, strings.NewReader(want),
		"wasmill_builds_total", "wasmill_cache_lookups_total", "wasmill_farm_activities_total", "wasmill_index_generation", "wasmill_runs_total")
	if err != nil {
		t.Error(err)
	}
}
