package telemetry

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Farm is what an orchestrator tells.
type Farm struct {
	runs, lookups, builds, published, activities, requests, faults *prometheus.CounterVec
	phases, memory, took, answered                                 *prometheus.HistogramVec
}

// NewFarm adds an orchestrator's metrics. look is asked at each scrape for what is read rather than counted.
func NewFarm(r *Registry, look func(context.Context) (State, error)) *Farm {
	f := &Farm{
		runs:      r.counter("wasmill_runs_total", "Runs that have ended, by lane and outcome.", "lane", "outcome"),
		lookups:   r.counter("wasmill_cache_lookups_total", "Recipes of runs by what the cache had: hit (an earlier build stands), failure (an earlier failure stands), cutoff (what it needs came out unchanged), joined (another run is building it), miss (built).", "result"),
		builds:    r.counter("wasmill_builds_total", "Builds that were stored, by outcome and the kind of failure.", "toolchain", "outcome", "failure"),
		phases:    r.histogram("wasmill_build_duration_seconds", "Time of each phase of stored builds.", buildBuckets, "toolchain", "outcome", "phase"),
		memory:    r.histogram("wasmill_build_peak_memory_bytes", "Most memory that the container of a stored build took.", memoryBuckets, "toolchain"),
		published: r.counter("wasmill_index_publications_total", "Files that were given to the index, by kind.", "toolchain", "kind"),
		activities: r.counter("wasmill_farm_activities_total",
			"Attempts of the farm's own activities: outcome is ok, or the kind of fault.", "activity", "outcome"),
		took:     r.histogram("wasmill_farm_activity_duration_seconds", "Time of the farm's own activities.", requestBuckets, "activity"),
		requests: r.counter("wasmill_http_requests_total", "Requests to API and index, by route and status.", "method", "route", "code"),
		answered: r.histogram("wasmill_http_request_duration_seconds", "Time until a request was answered.", requestBuckets, "method", "route"),
		faults:   r.counter("wasmill_database_faults_total", "Transactions that the database did not carry out, by kind of fault.", "kind"),
	}
	r.MustRegister(newStateCollector(r, look))
	return f
}

// RunEnded counts a run.
func (f *Farm) RunEnded(lane, outcome string) { f.runs.WithLabelValues(lane, outcome).Inc() }

// Lookup is what the cache had for a recipe of a run.
type Lookup string

// What the cache may have. The help of wasmill_cache_lookups_total says what they mean.
const (
	Hit     Lookup = "hit"
	Failure Lookup = "failure"
	Cutoff  Lookup = "cutoff"
	Joined  Lookup = "joined"
	Miss    Lookup = "miss"
)

// LookedUp counts what the cache had.
func (f *Farm) LookedUp(l Lookup) { f.lookups.WithLabelValues(string(l)).Inc() }

// Built counts a build that was stored.
func (f *Farm) Built(b *record.Build) {
	failure := ""
	if b.Failure != nil {
		failure = string(b.Failure.Kind)
	}
	f.builds.WithLabelValues(b.Toolchain.Name, string(b.Outcome), failure).Inc()
	for _, p := range b.Phases {
		f.phases.WithLabelValues(b.Toolchain.Name, string(b.Outcome), string(p.Phase)).Observe(p.Seconds)
	}
	if b.PeakMemory > 0 {
		f.memory.WithLabelValues(b.Toolchain.Name).Observe(float64(b.PeakMemory))
	}
}

// Published counts a file that was given to the index.
func (f *Farm) Published(toolchain, kind string) { f.published.WithLabelValues(toolchain, kind).Inc() }

// Activity counts an attempt of one of the farm's activities.
func (f *Farm) Activity(name string, took time.Duration, err error) {
	f.activities.WithLabelValues(name, outcome(err)).Inc()
	f.took.WithLabelValues(name).Observe(took.Seconds())
}

// DatabaseFault counts what the database did not do. What is not there, and conflicts, are answers.
func (f *Farm) DatabaseFault(err error) {
	switch kind := fault.KindOf(err); kind {
	case fault.NotFound, fault.Conflict, fault.Canceled:
	default:
		f.faults.WithLabelValues(kind.String()).Inc()
	}
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return fault.KindOf(err).String()
}

// Served counts what a handler answers. The route is the pattern that the mux has found, never the address.
func (f *Farm) Served(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin, seen := time.Now(), &status{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			route := r.Pattern
			if route == "" {
				route = "none"
			}
			f.requests.WithLabelValues(method(r.Method), route, strconv.Itoa(seen.code)).Inc()
			f.answered.WithLabelValues(method(r.Method), route).Observe(time.Since(begin).Seconds())
		}()
		next.ServeHTTP(seen, r)
	})
}

// method is a request's method as a label: a client may send any word.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete:
		return name
	}
	return "other"
}

// status remembers what a request was answered with.
type status struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController find what the writer below can do.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }
