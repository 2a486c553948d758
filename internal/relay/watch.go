package relay

import (
	"context"
	"fmt"
	"sync"
	"time"

	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wasmill/wasmill/internal/fault"
)

// watch gives up tasks whose workers have fallen silent, so that others try them again soon. Temporal would do it too, when a
// heartbeat times out; but it counts on while the orchestrator is away and nobody can beat. So its timeout is long, and who
// hears the heartbeats counts.
type watch struct {
	mu    sync.Mutex
	tasks map[string]sign // by Temporal's tokens
}

// sign is when a task was heard of last, and from whom.
type sign struct {
	worker string
	at     time.Time
}

func (w *watch) heard(token []byte, worker string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks[string(token)] = sign{worker, time.Now()}
}

// ended forgets a task that was answered, or of which Temporal knows nothing any more.
func (w *watch) ended(token []byte, err error) {
	if err != nil && status.Code(err) != codes.NotFound {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tasks, string(token))
}

// silent are the tasks of which nothing was heard since, and forgets them.
func (w *watch) silent(since time.Time) map[string]sign {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]sign{}
	for token, last := range w.tasks {
		if last.at.Before(since) {
			found[token] = last
			delete(w.tasks, token)
		}
	}
	return found
}

// postpone begins to count anew.
func (w *watch) postpone() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for token, last := range w.tasks {
		w.tasks[token] = sign{last.worker, time.Now()}
	}
}

// listen watches until the relay is closed.
func (r *Relay) listen() {
	every := r.cfg.Silence / 10
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last := time.Now(); ; last = time.Now() {
		select {
		case <-r.closing.Done():
			return
		case <-tick.C:
		}
		if time.Since(last) > 3*every {
			r.watch.postpone() // it is this process that did not listen
		}
		for token, last := range r.watch.silent(time.Now().Add(-r.cfg.Silence)) {
			go r.giveUp([]byte(token), fmt.Sprintf("the worker %s was not heard of for %s", last.worker, r.cfg.Silence))
		}
	}
}

// giveUp ends a task as one that can be tried again.
func (r *Relay) giveUp(token []byte, why string) {
	ctx, cancel := context.WithTimeout(r.closing, 10*time.Second)
	defer cancel()
	_, err := pass[workflowservice.RespondActivityTaskFailedRequest, workflowservice.RespondActivityTaskFailedResponse](
		ctx, r, workflowservice.WorkflowService_RespondActivityTaskFailed_FullMethodName, &workflowservice.RespondActivityTaskFailedRequest{
			Namespace: r.cfg.Namespace, TaskToken: token, Identity: "relay", Failure: &failurepb.Failure{
				Message: why, Source: "wasmill",
				FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: fault.Unavailable.String()}},
			},
		})
	if status.Code(err) != codes.NotFound { // it had ended
		r.cfg.Log.Warn("a task is given up, for another worker", zap.String("reason", why), zap.Error(err))
	}
}
