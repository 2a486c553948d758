package build

import (
	"slices"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// phases measures how long the phases take. A phase that comes again adds to its time.
type phases struct {
	now func() time.Time
	on  func(record.Phase)

	mu      sync.Mutex
	current record.Phase
	since   time.Time
	times   []record.PhaseTime
}

// enter ends the current phase and begins the next; the empty one only ends.
func (p *phases) enter(next record.Phase) {
	p.mu.Lock()
	now, ended := p.now(), p.current
	if ended != "" {
		p.add(ended, now.Sub(p.since).Seconds())
	}
	p.current, p.since = next, now
	p.mu.Unlock()
	if next != "" && next != ended {
		p.on(next)
	}
}

// phase is the current one.
func (p *phases) phase() record.Phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

func (p *phases) add(phase record.Phase, seconds float64) {
	i := slices.IndexFunc(p.times, func(t record.PhaseTime) bool { return t.Phase == phase })
	if i < 0 {
		p.times = append(p.times, record.PhaseTime{Phase: phase, Seconds: seconds})
		return
	}
	p.times[i].Seconds += seconds
}
