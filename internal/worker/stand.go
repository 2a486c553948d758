package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/workflows"
)

// crew is what takes builds from the queues (workflows.Crew).
type crew interface {
	Work() error
	Rest() (rested <-chan struct{})
}

// stand is whether a worker takes builds, and what runs on it.
type stand struct {
	crew crew
	soon chan struct{} // holds one when the farm should hear of it before the next sign of life is due

	mu         sync.Mutex
	state      api.WorkerState
	reason, by string
	since      time.Time
	heard      time.Time // of the order that is followed
	builds     map[string]api.WorkerBuild
}

// newStand is that of a crew that rests, and has nothing yet.
func newStand(c crew) *stand {
	return &stand{
		crew: c, soon: make(chan struct{}, 1), builds: map[string]api.WorkerBuild{},
		state: api.Drained, reason: "it was started just now", by: "the worker itself", since: time.Now(),
	}
}

// Drain takes nothing new. What runs goes on; when it has ended, the worker is drained.
func (s *stand) Drain(reason, by string) { s.rest(api.Draining, reason, by) }

// StepOut takes nothing new because of trouble with this machine, until somebody wants the worker to work again. Who is
// told to drain stays so.
func (s *stand) StepOut(reason string) {
	s.mu.Lock()
	rests := s.state != api.Active
	s.mu.Unlock()
	if !rests {
		s.rest(api.Out, reason, "the worker itself")
	}
}

// stillOut tells more about why the worker is out, if it is.
func (s *stand) stillOut(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == api.Out && s.reason != reason {
		s.reason = reason
		s.tell()
	}
}

func (s *stand) isOut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == api.Out
}

// ComeBack takes builds again, unless the worker has been told something else since it stepped out.
func (s *stand) ComeBack() error {
	if !s.isOut() {
		return nil
	}
	return s.Resume()
}

func (s *stand) rest(state api.WorkerState, reason, by string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.reason, s.by, s.since = state, reason, by, time.Now()
	s.tell()
	rested, began := s.crew.Rest(), s.since
	if state != api.Draining {
		return
	}
	go func() {
		<-rested
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.state == api.Draining && s.since.Equal(began) {
			s.state = api.Drained
			s.tell()
		}
	}()
}

// Resume takes builds again.
func (s *stand) Resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == api.Active {
		return nil
	}
	if err := s.crew.Work(); err != nil {
		return err
	}
	s.state, s.reason, s.by, s.since = api.Active, "", "", time.Now()
	s.tell()
	return nil
}

// follow does what the farm wants, once for each order.
func (s *stand) follow(order api.Order) error {
	s.mu.Lock()
	news := order.At.After(s.heard)
	s.mu.Unlock()
	if !news {
		return nil
	}
	if order.Rest {
		s.Drain(order.Reason, order.By)
	} else if err := s.Resume(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = order.At
	s.tell()
	return nil
}

// tell lets the farm hear of it soon. It holds the lock.
func (s *stand) tell() {
	select {
	case s.soon <- struct{}{}:
	default:
	}
}

// leave is the end of a worker's process: a drain, unless there is one already.
func (s *stand) leave() {
	s.mu.Lock()
	drains := s.state == api.Draining || s.state == api.Drained
	s.mu.Unlock()
	if !drains {
		s.Drain("its process was told to stop", "the machine that it runs on")
	}
}

// take notes an attempt, which then tells its phases here, too, and is to tell its end.
func (s *stand) take(task workflows.Task, attempt workflows.Attempt) (_ workflows.Attempt, ended func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.builds[attempt.ID] = api.WorkerBuild{
		Attempt: attempt.ID, Run: task.RunID, Recipe: task.Recipe, Class: string(attempt.Class), Number: attempt.Number, Started: time.Now(),
	}
	report := attempt.Report
	attempt.Report = func(p workflows.Progress) {
		report(p)
		s.mu.Lock()
		defer s.mu.Unlock()
		b := s.builds[attempt.ID]
		b.Phase = string(p.Phase)
		s.builds[attempt.ID] = b
	}
	return attempt, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.builds, attempt.ID)
		if s.state != api.Active {
			s.tell()
		}
	}
}

// on puts the stand into what a worker says of itself.
func (s *stand) on(w api.Worker) api.Worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	since := s.since
	w.State, w.Reason, w.By, w.Since = s.state, s.reason, s.by, &since
	if !s.heard.IsZero() {
		heard := s.heard
		w.Heard = &heard
	}
	for _, b := range s.builds {
		w.Builds = append(w.Builds, b)
	}
	slices.SortFunc(w.Builds, func(a, b api.WorkerBuild) int { return a.Started.Compare(b.Started) })
	return w
}

func (w *Worker) showLife(ctx context.Context) {
	tick := time.NewTicker(api.Heartbeat)
	defer tick.Stop()
	for {
		order, err := w.report(ctx)
		if err == nil && ctx.Err() == nil {
			err = w.stand.follow(order)
		}
		if refusal(err) {
			w.refused <- fmt.Errorf("the farm lets this worker in no more: %w", err)
			w.crew.GiveUp() // nobody would take the result; another worker tries it again
			return
		}
		if err != nil && ctx.Err() == nil {
			w.cfg.Log.Warn("telling the orchestrator of this worker", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.stand.soon:
		}
	}
}

// refusal says whether the farm has refused who asked, which no later try changes. A certificate that is not trusted may be about
// to be renewed, and is none.
func refusal(err error) bool {
	kind := fault.KindOf(err)
	return (kind == fault.Unauthenticated || kind == fault.Forbidden) && !errors.As(err, new(*tls.CertificateVerificationError))
}

// enlist takes builds, unless the farm wanted an earlier process of this worker to rest.
func (w *Worker) enlist(ctx context.Context) error {
	order, err := w.report(ctx)
	if err != nil {
		return err
	}
	if !order.Rest {
		if err := w.stand.Resume(); err != nil {
			return err
		}
	}
	return w.stand.follow(order)
}

// sayGoodbye tells the farm that nothing runs here any more. A farm that can't be told finds out by itself.
func (w *Worker) sayGoodbye() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if _, err := w.report(ctx); err != nil {
		w.cfg.Log.Info("telling the orchestrator of this worker's end", zap.Error(err))
	}
}

// report says to the farm how this worker is.
func (w *Worker) report(ctx context.Context) (api.Order, error) {
	me := api.Worker{Name: w.cfg.Name, ClassSlots: map[string]int{}}
	for _, class := range workflows.Classes {
		if n := w.cfg.Slots[class]; n > 0 {
			me.Classes, me.Slots = append(me.Classes, string(class)), me.Slots+n
			me.ClassSlots[string(class)] = n
		}
	}
	return w.cfg.Farm.ReportWorker(ctx, w.stand.on(me))
}
