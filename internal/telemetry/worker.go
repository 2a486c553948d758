package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmill/wasmill/internal/fault"
)

// Worker is what a worker tells.
type Worker struct {
	slots, busy  *prometheus.GaugeVec
	attempts     *prometheus.CounterVec
	took, waited *prometheus.HistogramVec
}

// NewWorker adds a worker's metrics.
func NewWorker(r *Registry) *Worker {
	return &Worker{
		slots:    r.gauge("wasmill_worker_slots", "How many attempts this worker carries out at a time.", "class"),
		busy:     r.gauge("wasmill_worker_slots_busy", "Attempts that this worker is carrying out.", "class"),
		attempts: r.counter("wasmill_worker_attempts_total", "Attempts that have ended: outcome is passed, failed, or the kind of fault of the machinery.", "class", "step", "outcome"),
		took:     r.histogram("wasmill_worker_attempt_duration_seconds", "Time of attempts.", buildBuckets, "class", "step", "outcome"),
		waited:   r.histogram("wasmill_queue_wait_seconds", "How long the first attempts of builds and tests have waited for a slot.", buildBuckets, "lane", "class", "step"),
	}
}

// Slots notes what the worker offers.
func (w *Worker) Slots(class string, n int) {
	w.slots.WithLabelValues(class).Set(float64(n))
	w.busy.WithLabelValues(class).Set(0)
}

// Attempt is one try of a step, build or test.
type Attempt struct {
	Lane, Class, Step string
	Number            int           // counts from 1
	Waited            time.Duration // for a slot; known of the first only
}

// Begin notes that an attempt begins; the returned function, how it ended: with an outcome, or an error of the machinery.
func (w *Worker) Begin(a Attempt) (end func(outcome string, err error)) {
	begin := time.Now()
	if a.Number == 1 {
		w.waited.WithLabelValues(a.Lane, a.Class, a.Step).Observe(a.Waited.Seconds())
	}
	w.busy.WithLabelValues(a.Class).Inc()
	return func(outcome string, err error) {
		w.busy.WithLabelValues(a.Class).Dec()
		if err != nil {
			outcome = fault.KindOf(err).String()
		}
		w.attempts.WithLabelValues(a.Class, a.Step, outcome).Inc()
		w.took.WithLabelValues(a.Class, a.Step, outcome).Observe(time.Since(begin).Seconds())
	}
}
