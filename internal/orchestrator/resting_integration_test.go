//go:build integration

package orchestrator

import (
	"context"
	"strings"
	"testing"
	"time"

	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/workflows"
)

// A worker is ordered to drain, and has not heard of it: it goes on asking for tasks, and is given none, also by an orchestrator that
// is started anew. When the order is taken back, it is given what has waited.
func TestADrainedWorkerIsGivenNothingBeforeItHasHeardOfIt(t *testing.T) {
	dir := t.TempDir()
	begin := func() *Orchestrator {
		o := startWith(t, dir, func(cfg *Config) { cfg.TemporalListen = "127.0.0.1:0" })
		if err := o.StartTemporal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := o.ReportWorker(t.Context(), api.Worker{Name: "w1", Classes: []string{"small"}, Slots: 1, State: api.Active}); err != nil {
			t.Fatal(err)
		}
		return o
	}
	// asks waits for a task as the worker does. It runs beside the test, too, and so it ends by itself and says what went wrong.
	asks := func(o *Orchestrator, limit time.Duration) (given bool) {
		conn, err := grpc.NewClient(strings.TrimPrefix(o.URL(), "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Error(err)
			return false
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		for ctx.Err() == nil && !given {
			task, err := workflowservice.NewWorkflowServiceClient(conn).PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{
				Namespace: o.cfg.Namespace, Identity: "w1", TaskQueue: &taskqueuepb.TaskQueue{Name: workflows.Small.Queue()},
			})
			// The end of the time may be told by the server a moment before the clock here has come to it.
			if err != nil && status.Code(err) != codes.DeadlineExceeded && ctx.Err() == nil {
				t.Error(err)
				return false
			}
			given = len(task.GetTaskToken()) > 0
		}
		return given
	}
	o := begin()
	waiting := make(chan bool)
	go func() { waiting <- asks(o, 8*time.Second) }()
	time.Sleep(time.Second)
	if _, err := o.OrderWorker(t.Context(), "w1", api.Order{Rest: true}); err != nil {
		t.Fatal(err)
	}
	c, err := o.temporalClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in := workflows.RunInput{
		RunID: "run", Request: asked(t, o, requestOf(t, o, map[string]string{"app": ""})), Lane: workflows.Submission, Toolchain: "pyemscripten_2026_5",
	}
	if err := workflows.StartRun(t.Context(), c, in); err != nil {
		t.Fatal(err)
	}
	if <-waiting {
		t.Error("it is given a task after it was ordered to drain")
	}
	if e := explained(t, o, "run", "app"); e.Wait == nil || e.Wait.For != api.WaitWorker || !strings.Contains(e.Now, "w1 is draining") {
		t.Errorf("%+v", e)
	}
	o.Close()
	o = begin()
	if asks(o, 4*time.Second) {
		t.Error("an orchestrator that is started anew gives it a task")
	}
	if _, err := o.OrderWorker(t.Context(), "w1", api.Order{}); err != nil {
		t.Fatal(err)
	}
	if !asks(o, 20*time.Second) {
		t.Error("it is given nothing after it was ordered to work again")
	}
}
