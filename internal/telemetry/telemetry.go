// Package telemetry is what a farm tells about itself to an operator's tools: metrics that Prometheus scrapes, and traces
// that go to an OpenTelemetry collector. It knows the names and labels of all metrics, so that documentation, dashboards
// and alerts can be held against them; what happens is told to it by the orchestrator and the workers. A recipe is never a
// label: a farm has thousands.
package telemetry

import (
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.temporal.io/sdk/client"

	"github.com/wasmill/wasmill/internal/version"
)

// Spec says what a metric is.
type Spec struct {
	Name, Type, Help string
	Labels           []string
}

// Registry holds the metrics of one process: an orchestrator's, a worker's, or both. It is safe for concurrent use.
type Registry struct {
	*prometheus.Registry
	specs    []Spec
	requests *prometheus.CounterVec

	mu       sync.Mutex
	disks    map[string]string // folders by what is in them
	temporal client.MetricsHandler
}

// NewRegistry has what every process tells: its version, Go's runtime, the process, its disks, and what it asks of the
// registry.
func NewRegistry() *Registry {
	r := &Registry{Registry: prometheus.NewRegistry(), disks: map[string]string{}}
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.gauge("wasmill_build_info", "1, with the version of the program.", "version").WithLabelValues(version.Version).Set(1)
	r.requests = r.counter("wasmill_registry_requests_total",
		"Requests to the OCI registry, by method and status; the code is error where none came.", "method", "code")
	r.MustRegister(&diskCollector{
		registry: r,
		free:     r.scraped("wasmill_disk_free_bytes", "Free space of the disk that holds a folder.", "folder"),
		size:     r.scraped("wasmill_disk_size_bytes", "Size of the disk that holds a folder.", "folder"),
	})
	return r
}

// Specs are all of Wasmill's own metrics in the registry, in the order in which they were made.
func (r *Registry) Specs() []Spec { return r.specs }

// Handler serves the metrics.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{Registry: r, ErrorHandling: promhttp.ContinueOnError})
}

func (r *Registry) spec(kind, name, help string, labels []string) {
	r.specs = append(r.specs, Spec{Name: name, Type: kind, Help: help, Labels: labels})
}

func (r *Registry) counter(name, help string, labels ...string) *prometheus.CounterVec {
	r.spec("counter", name, help, labels)
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.MustRegister(c)
	return c
}

func (r *Registry) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	r.spec("gauge", name, help, labels)
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	r.MustRegister(g)
	return g
}

func (r *Registry) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	r.spec("histogram", name, help, labels)
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(h)
	return h
}

// scraped is a gauge that a collector reads when it is asked for.
func (r *Registry) scraped(name, help string, labels ...string) *prometheus.Desc {
	r.spec("gauge", name, help, labels)
	return prometheus.NewDesc(name, help, labels, nil)
}

// The buckets of histograms: requests take milliseconds, builds from a second to hours, and waits as long as builds.
var (
	requestBuckets = []float64{.001, .005, .025, .1, .5, 2.5, 10, 60}
	buildBuckets   = []float64{.1, .5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600}
	memoryBuckets  = prometheus.ExponentialBuckets(64<<20, 2, 10) // 64 MiB to 32 GiB
)

// Transport counts requests to the registry on their way.
func (r *Registry) Transport(next http.RoundTripper) http.RoundTripper {
	return countingTransport{r.requests, next}
}

type countingTransport struct {
	requests *prometheus.CounterVec
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t countingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if errors.Is(err, http.ErrSchemeMismatch) {
		return resp, err // so a client finds out that a registry speaks plain HTTP
	}
	code := "error"
	if err == nil {
		code = strconv.Itoa(resp.StatusCode)
	}
	t.requests.WithLabelValues(req.Method, code).Inc()
	return resp, err
}
