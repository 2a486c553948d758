package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// State is what is read from a farm at each scrape.
type State struct {
	Now     time.Time
	Runs    map[string]int // open ones by lane
	Waiting []Waiting
	Workers []Crew
	Slots   map[string]int // of the workers that take builds, by class
	Busy    map[string]int // attempts that workers carry out, by class
	// Quarantined are the recipes in quarantine: how many the farm put there, and how many a person.
	Automatic, ByHand int
	QuarantineEnds    time.Time // when the first of them comes out by itself; zero where none is in
	// Generations are those of the index, by toolchain.
	Generations map[string]int64
}

// Waiting is a number of recipes of open runs.
type Waiting struct {
	Lane, Class, Status string
	Recipes             int
	Oldest              time.Time // since when the first of them waits; zero where it is not known
}

// Crew is a worker as the farm sees it.
type Crew struct {
	Name     string
	LastSeen time.Time
	State    string
}

// scrapeTime bounds what a scrape may take of the database; Prometheus gives up after ten seconds.
const scrapeTime = 8 * time.Second

type stateCollector struct {
	look                                                                                          func(context.Context) (State, error)
	readable, runs, waiting, oldest, workers, seen, slots, busy, generation, quarantined, release *prometheus.Desc
}

func newStateCollector(r *Registry, look func(context.Context) (State, error)) *stateCollector {
	return &stateCollector{
		look:        look,
		readable:    r.scraped("wasmill_farm_readable", "1 where the database has answered this scrape; where it is 0, the metrics below that are read from it are missing."),
		runs:        r.scraped("wasmill_runs_open", "Runs that go on.", "lane"),
		waiting:     r.scraped("wasmill_queue_recipes", "Recipes of open runs that have not ended: planned (wait for what they need), queued (wait for a slot), joined (wait for another run's build of the same key), running.", "lane", "class", "status"),
		oldest:      r.scraped("wasmill_queue_oldest_age_seconds", "How long the recipe that waits longest for a slot has waited.", "lane", "class"),
		workers:     r.scraped("wasmill_workers", "Workers by state: active, draining, drained, out (took itself out because of trouble), lost (gave no sign for 10 s, in the last day, and had not been told to stop).", "state"),
		seen:        r.scraped("wasmill_worker_last_seen_timestamp_seconds", "When a worker that is there, or is lost, last gave a sign.", "worker"),
		slots:       r.scraped("wasmill_slots", "Slots of the workers that take builds.", "class"),
		busy:        r.scraped("wasmill_slots_busy", "Attempts that workers carry out.", "class"),
		quarantined: r.scraped("wasmill_quarantined_recipes", "Recipes in quarantine, which nightlies leave alone, by who put them there: farm (they failed and passed in turns), person.", "by"),
		release:     r.scraped("wasmill_quarantine_next_end_timestamp_seconds", "When the first recipe comes out of quarantine by itself, to be built again; missing where none is in."),
		generation:  r.scraped("wasmill_index_generation", "How often what the index shows has changed.", "toolchain"),
	}
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.readable, c.runs, c.waiting, c.oldest, c.workers, c.seen, c.slots, c.busy, c.generation, c.quarantined, c.release} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s, err := c.look(ctx)
	if err != nil {
		gauge(c.readable, 0)
		return
	}
	gauge(c.readable, 1)
	for lane, n := range s.Runs {
		gauge(c.runs, float64(n), lane)
	}
	for _, w := range s.Waiting {
		gauge(c.waiting, float64(w.Recipes), w.Lane, w.Class, w.Status)
		if w.Status == "queued" && !w.Oldest.IsZero() {
			gauge(c.oldest, max(0, s.Now.Sub(w.Oldest).Seconds()), w.Lane, w.Class)
		}
	}
	for class, n := range s.Slots {
		gauge(c.slots, float64(n), class)
	}
	for class, n := range s.Busy {
		gauge(c.busy, float64(n), class)
	}
	states := map[string]int{"active": 0, "draining": 0, "drained": 0, "out": 0, "lost": 0}
	for _, w := range s.Workers {
		states[w.State]++
		gauge(c.seen, float64(w.LastSeen.UnixMilli())/1000, w.Name)
	}
	for state, n := range states {
		gauge(c.workers, float64(n), state)
	}
	gauge(c.quarantined, float64(s.Automatic), "farm")
	gauge(c.quarantined, float64(s.ByHand), "person")
	if !s.QuarantineEnds.IsZero() {
		gauge(c.release, float64(s.QuarantineEnds.Unix()))
	}
	for toolchain, n := range s.Generations {
		gauge(c.generation, float64(n), toolchain)
	}
}
