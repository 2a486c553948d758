package relay

import (
	"context"
	"errors"
	"sync"
	"time"
)

// held is how long a worker that is to rest is let wait for nothing. It is short: a worker that hears of its drain waits for the end of
// what it has asked.
const held = time.Second

// errResting ends the waiting of a worker that is to be given nothing.
var errResting = errors.New("the worker rests")

// rests are the workers that are to be given nothing, and who waits for tasks.
type rests struct {
	mu      sync.Mutex
	resting map[string]chan struct{} // by name; closed when it works again
	waiting map[string]map[*poll]bool
}

// poll is one waiting for a task.
type poll struct {
	stop context.CancelCauseFunc
	over chan struct{}
}

// Rest has a worker be given nothing until Work. When it returns before ctx ends, what the worker was given it has been given: none
// of its waiting can end with a task any more.
func (r *Relay) Rest(ctx context.Context, worker string) {
	for _, p := range r.rests.begin(worker) {
		p.stop(errResting)
		select {
		case <-p.over:
		case <-ctx.Done():
			return
		}
	}
}

// Work ends a rest; who was not resting goes on.
func (r *Relay) Work(worker string) {
	r.rests.mu.Lock()
	defer r.rests.mu.Unlock()
	if again, rests := r.rests.resting[worker]; rests {
		close(again)
		delete(r.rests.resting, worker)
	}
}

// begin returns what waits for the worker.
func (r *rests) begin(worker string) (polls []*poll) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.resting[worker] == nil {
		r.resting[worker] = make(chan struct{})
	}
	for p := range r.waiting[worker] {
		polls = append(polls, p)
	}
	return polls
}

// wait notes that a worker waits for a task, until over is called. For a worker that rests it is held up, and false.
func (r *rests) wait(ctx context.Context, worker string, stop context.CancelCauseFunc) (over func(), ok bool) {
	timer := time.NewTimer(held)
	defer timer.Stop()
	for {
		p, again := r.note(worker, stop)
		if p != nil {
			return func() { r.forget(worker, p) }, true
		}
		select {
		case <-again:
		case <-timer.C:
			return nil, false
		case <-ctx.Done():
			return nil, false
		}
	}
}

func (r *rests) note(worker string, stop context.CancelCauseFunc) (*poll, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if again, rests := r.resting[worker]; rests {
		return nil, again
	}
	p := &poll{stop, make(chan struct{})}
	if r.waiting[worker] == nil {
		r.waiting[worker] = map[*poll]bool{}
	}
	r.waiting[worker][p] = true
	return p, nil
}

func (r *rests) forget(worker string, p *poll) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(p.over)
	if delete(r.waiting[worker], p); len(r.waiting[worker]) == 0 {
		delete(r.waiting, worker)
	}
}
