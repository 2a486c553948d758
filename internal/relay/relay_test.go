//go:build integration

package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/errordetails/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/relay"
	"github.com/wasmill/wasmill/internal/relay/relaytest"
	"github.com/wasmill/wasmill/internal/temporald"
	"github.com/wasmill/wasmill/workflows"
)

const (
	queue   = "build-small"
	name    = "test" // of the worker
	silence = 3 * time.Second
)

// farm is a Temporal server with a relay before it, and a workflow that has one activity for workers.
type farm struct {
	testing.TB
	file   string
	server *temporald.Server
	guard  *relaytest.Guard
	key    access.Key
	relay  *relaytest.Server
	client client.Client // to the server itself
	crew   worker.Worker
	runs   atomic.Int32
}

func newFarm(t testing.TB, file string) *farm {
	t.Helper()
	key, err := access.ParseKey(access.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	f := &farm{TB: t, file: file, key: key, guard: relaytest.NewGuard(map[string]access.Identity{
		"first": {ID: "1", Role: access.Worker}, "second": {ID: "2", Role: access.Worker}, "reader": {ID: "3", Role: access.Reader},
		"operator": {ID: "4", Role: access.Operator}, "submitter": {ID: "5", Role: access.Submitter},
	})}
	f.start("", "")
	t.Cleanup(func() { f.stop() })
	return f
}

func (f *farm) start(temporal, relayAt string) {
	f.Helper()
	var err error
	if f.server, err = temporald.Start(context.Background(), temporald.Options{File: f.file, Address: temporal}); err != nil {
		f.Fatal(err)
	}
	if f.client, err = workflows.Dial(context.Background(), f.server.Address(), f.server.Namespace(), nil); err != nil {
		f.Fatal(err)
	}
	f.crew = worker.New(f.client, "farm", worker.Options{})
	f.crew.RegisterWorkflowWithOptions(one, workflow.RegisterOptions{Name: "one"})
	if err := f.crew.Start(); err != nil {
		f.Fatal(err)
	}
	f.serve(relayAt)
}

func (f *farm) serve(at string) {
	f.Helper()
	f.relay = relaytest.Serve(f, at, f.server.Address(), nil, relay.Config{Guard: f.guard, Key: f.key, Namespace: f.server.Namespace(), Queues: workflows.WorkerQueues(), Silence: silence})
}

// stop ends all of it as if it were killed, but for what the server has promised to keep.
func (f *farm) stop() {
	f.relay.Kill()
	f.crew.Stop()
	f.client.Close()
	if err := f.server.Stop(); err != nil {
		f.Error(err)
	}
}

// one has one activity for a worker, whose heartbeats are missed after some seconds.
func one(ctx workflow.Context, beat time.Duration) (result string, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: queue, StartToCloseTimeout: time.Minute, HeartbeatTimeout: beat, RetryPolicy: &temporal.RetryPolicy{InitialInterval: 50 * time.Millisecond},
	})
	return result, workflow.ExecuteActivity(ctx, "work").Get(ctx, &result)
}

// begin starts the workflow.
func (f *farm) begin(beat time.Duration) client.WorkflowRun {
	f.Helper()
	run, err := f.client.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{ID: fmt.Sprint("w", f.runs.Add(1)), TaskQueue: "farm"}, "one", beat)
	if err != nil {
		f.Fatal(err)
	}
	return run
}

// result waits for the end of a workflow.
func (f *farm) result(run client.WorkflowRun) string {
	f.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var result string
	if err := f.client.GetWorkflow(ctx, run.GetID(), "").Get(ctx, &result); err != nil {
		f.Error(err)
	}
	return result
}

// caller is who speaks to the relay without the SDK.
type caller struct {
	*farm
	workflowservice.WorkflowServiceClient
	conn   *grpc.ClientConn
	secret string
}

func (f *farm) caller(secret string) *caller {
	f.Helper()
	conn, err := grpc.NewClient(f.relay.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { conn.Close() })
	return &caller{f, workflowservice.NewWorkflowServiceClient(conn), conn, secret}
}

// ctx is that of one call, with the token.
func (c *caller) ctx() context.Context { return c.within(context.Background()) }

func (c *caller) within(ctx context.Context) context.Context {
	if c.secret == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.secret)
}

func polling(queue string) *workflowservice.PollActivityTaskQueueRequest {
	return &workflowservice.PollActivityTaskQueueRequest{Namespace: temporald.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, Identity: name}
}

// poll waits for a task.
func (c *caller) poll() *workflowservice.PollActivityTaskQueueResponse {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx(), 20*time.Second)
	defer cancel()
	task, err := c.PollActivityTaskQueue(ctx, polling(queue))
	if err != nil {
		c.Fatal(err)
	}
	if len(task.GetTaskToken()) == 0 {
		c.Fatal("there was no task")
	}
	return task
}

func payload(value any) *commonpb.Payloads {
	p, err := converter.GetDefaultDataConverter().ToPayloads(value)
	if err != nil {
		panic(err)
	}
	return p
}

func completed(token []byte, value any) *workflowservice.RespondActivityTaskCompletedRequest {
	return &workflowservice.RespondActivityTaskCompletedRequest{Namespace: temporald.Namespace, Identity: name, TaskToken: token, Result: payload(value)}
}

// answers are all that can be said of a task.
func (c *caller) answers(token []byte) map[string]error {
	_, beat := c.RecordActivityTaskHeartbeat(c.ctx(), &workflowservice.RecordActivityTaskHeartbeatRequest{Namespace: temporald.Namespace, Identity: name, TaskToken: token})
	_, failed := c.RespondActivityTaskFailed(c.ctx(), &workflowservice.RespondActivityTaskFailedRequest{Namespace: temporald.Namespace, Identity: name, TaskToken: token})
	_, canceled := c.RespondActivityTaskCanceled(c.ctx(), &workflowservice.RespondActivityTaskCanceledRequest{Namespace: temporald.Namespace, Identity: name, TaskToken: token})
	_, completed := c.RespondActivityTaskCompleted(c.ctx(), completed(token, "by "+c.secret))
	return map[string]error{"beat": beat, "fail": failed, "cancel": canceled, "complete": completed}
}

// A task is beaten for and answered by the worker that it was given to, also after a restart of that, and by nobody else.
func TestATaskIsOfTheWorkerThatHasIt(t *testing.T) {
	f := newFarm(t, "")
	run := f.begin(20 * time.Second)
	first := f.caller("first")
	task := first.poll()
	if task.GetActivityType().GetName() != "work" || task.GetAttempt() != 1 {
		t.Errorf("%v", task)
	}
	opened, err := f.key.Open("1 "+name, task.GetTaskToken())
	if err != nil {
		t.Fatal(err)
	}
	for who, token := range map[string][]byte{"second": task.GetTaskToken(), "first": opened} {
		for what, err := range f.caller(who).answers(token) {
			if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "not given") {
				t.Errorf("%s, by %s: %v", what, who, err)
			}
		}
	}
	if _, err := first.RecordActivityTaskHeartbeat(first.ctx(), &workflowservice.RecordActivityTaskHeartbeatRequest{Namespace: temporald.Namespace, Identity: name, TaskToken: task.GetTaskToken()}); err != nil {
		t.Error(err)
	}
	again := f.caller("first")
	if _, err := again.RespondActivityTaskCompleted(again.ctx(), completed(task.GetTaskToken(), "done")); err != nil {
		t.Error(err)
	}
	if got := f.result(run); got != "done" {
		t.Errorf("the workflow got %q", got)
	}
	// Errors of Temporal are what they are without a relay, with their details.
	_, err = again.RespondActivityTaskCompleted(again.ctx(), completed(task.GetTaskToken(), "done"))
	s := status.Convert(err)
	if s.Code() != codes.NotFound || len(s.Details()) != 1 {
		t.Fatalf("%v, %v", err, s.Details())
	}
	if _, ok := s.Details()[0].(*errordetails.NotFoundFailure); !ok {
		t.Errorf("%T", s.Details()[0])
	}
}

// Who has no worker's token gets no task, and nothing else.
func TestWhoGetsNothing(t *testing.T) {
	f := newFarm(t, "")
	f.begin(20 * time.Second)
	f.guard.Revoke("second")
	for secret, c := range map[string]struct {
		code codes.Code
		say  string
	}{
		"":          {codes.Unauthenticated, "asks for a token"},
		"unknown":   {codes.Unauthenticated, "does not know this token"},
		"second":    {codes.Unauthenticated, "does not know this token"}, // revoked
		"reader":    {codes.PermissionDenied, "role worker"},
		"submitter": {codes.PermissionDenied, "role worker"},
		"operator":  {codes.PermissionDenied, "role worker"},
	} {
		caller := f.caller(secret)
		all := caller.answers([]byte("a token"))
		_, all["poll"] = caller.PollActivityTaskQueue(caller.ctx(), polling(queue))
		_, all["info"] = caller.GetSystemInfo(caller.ctx(), &workflowservice.GetSystemInfoRequest{})
		_, all["namespace"] = caller.DescribeNamespace(caller.ctx(), &workflowservice.DescribeNamespaceRequest{Namespace: temporald.Namespace})
		_, all["shutdown"] = caller.ShutdownWorker(caller.ctx(), &workflowservice.ShutdownWorkerRequest{Namespace: temporald.Namespace, TaskQueue: queue})
		_, all["health"] = healthpb.NewHealthClient(caller.conn).Check(caller.ctx(), &healthpb.HealthCheckRequest{})
		for what, err := range all {
			if status.Code(err) != c.code || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%q, %s: %v", secret, what, err)
			}
		}
	}
	if task := f.caller("first").poll(); task.GetAttempt() != 1 {
		t.Errorf("somebody had the task before: attempt %d", task.GetAttempt())
	}
}

// A worker may do what a worker does, in the farm's namespace and with its own queues.
func TestWhatIsNoneOfAWorkersBusiness(t *testing.T) {
	f := newFarm(t, "")
	first := f.caller("first")
	denied := func(what string, err error) {
		t.Helper()
		if status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: %v", what, err)
		}
	}
	may := map[string]bool{
		"GetSystemInfo": true, "DescribeNamespace": true, "PollActivityTaskQueue": true, "RecordActivityTaskHeartbeat": true, "RespondActivityTaskCompleted": true,
		"RespondActivityTaskFailed": true, "RespondActivityTaskCanceled": true, "ShutdownWorker": true,
	}
	service, n := workflowservice.WorkflowService_ServiceDesc, 0
	for _, m := range service.Methods {
		if !may[m.MethodName] {
			n++
			denied(m.MethodName, first.conn.Invoke(first.ctx(), "/"+service.ServiceName+"/"+m.MethodName, &emptypb.Empty{}, &emptypb.Empty{}))
		}
	}
	if n < 80 {
		t.Errorf("only %d methods were tried", n)
	}
	denied("another service", first.conn.Invoke(first.ctx(), "/temporal.api.operatorservice.v1.OperatorService/DeleteNamespace", &emptypb.Empty{}, &emptypb.Empty{}))
	denied("no service", first.conn.Invoke(first.ctx(), "/x", &emptypb.Empty{}, &emptypb.Empty{}))

	for _, other := range []string{"", "farm", "build-huge", "/_sys/build-small/1", "temporal-sys-worker"} {
		_, err := first.PollActivityTaskQueue(first.ctx(), polling(other))
		denied("the queue "+other, err)
		_, err = first.ShutdownWorker(first.ctx(), &workflowservice.ShutdownWorkerRequest{Namespace: temporald.Namespace, TaskQueue: other})
		denied("ending to wait in the queue "+other, err)
	}
	for _, other := range []string{"", "temporal-system", "Wasmill"} {
		in := polling(queue)
		in.Namespace = other
		_, err := first.PollActivityTaskQueue(first.ctx(), in)
		denied("polling in "+other, err)
		_, err = first.DescribeNamespace(first.ctx(), &workflowservice.DescribeNamespaceRequest{Namespace: other})
		denied("describing "+other, err)
		_, err = first.RecordActivityTaskHeartbeat(first.ctx(), &workflowservice.RecordActivityTaskHeartbeatRequest{Namespace: other, TaskToken: f.key.Seal("1 "+name, []byte("t"))})
		denied("beating in "+other, err)
		_, err = first.ShutdownWorker(first.ctx(), &workflowservice.ShutdownWorkerRequest{Namespace: other, TaskQueue: queue})
		denied("ending in "+other, err)
	}

	described, err := first.DescribeNamespace(first.ctx(), &workflowservice.DescribeNamespaceRequest{Namespace: temporald.Namespace})
	if err != nil || described.GetNamespaceInfo().GetName() != temporald.Namespace || described.GetNamespaceInfo().GetLimits() == nil ||
		described.GetNamespaceInfo().GetCapabilities().GetWorkerHeartbeats() || described.GetConfig() != nil {
		t.Errorf("%v, %v", described, err)
	}
	// A worker that slows a queue down slows it down for nobody.
	in := polling(queue)
	in.TaskQueueMetadata = &taskqueuepb.TaskQueueMetadata{}
	ctx, cancel := context.WithTimeout(first.ctx(), 20*time.Second)
	defer cancel()
	run := f.begin(20 * time.Second)
	task, err := first.PollActivityTaskQueue(ctx, in)
	if err != nil || len(task.GetTaskToken()) == 0 {
		t.Fatalf("%v, %v", task, err)
	}
	// What a worker sends is bounded.
	_, err = first.RespondActivityTaskCompleted(first.ctx(), completed(task.GetTaskToken(), bytes.Repeat([]byte{1}, relay.Largest)))
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message that is too large: %v", err)
	}
	if _, err := first.RespondActivityTaskCompleted(first.ctx(), completed(task.GetTaskToken(), "small")); err != nil || f.result(run) != "small" {
		t.Error(err)
	}
}

// Waiting ends at the server with the one who waits: no task goes to who is gone, or was revoked meanwhile.
func TestWaitingEndsWithWhoWaits(t *testing.T) {
	f := newFarm(t, "")
	first, second := f.caller("first"), f.caller("second")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	gone, leave := context.WithCancel(ctx)
	ended := make(chan error, 10)
	for range 5 {
		go func() { _, err := first.PollActivityTaskQueue(first.within(gone), polling(queue)); ended <- err }()
		go func() { _, err := second.PollActivityTaskQueue(second.within(ctx), polling(queue)); ended <- err }()
	}
	f.waiting(10)
	leave()
	for range 5 {
		if err := <-ended; status.Code(err) != codes.Canceled {
			t.Error(err)
		}
	}
	f.guard.Revoke("second")
	for range 5 {
		if err := <-ended; status.Code(err) != codes.Unauthenticated {
			t.Error(err)
		}
	}
	for range 10 {
		run := f.begin(20 * time.Second)
		task := first.poll()
		if task.GetAttempt() != 1 {
			t.Errorf("attempt %d", task.GetAttempt())
		}
		if _, err := first.RespondActivityTaskCompleted(first.ctx(), completed(task.GetTaskToken(), "done")); err != nil || f.result(run) != "done" {
			t.Error(err)
		}
	}
}

// waiting is when so many wait for tasks at the server.
func (f *farm) waiting(n int) {
	f.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		reply, err := f.client.DescribeTaskQueue(context.Background(), queue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		if err == nil && len(reply.GetPollers()) > 0 {
			break
		}
		if time.Now().After(deadline) {
			f.Fatalf("%v, %v", reply, err)
		}
	}
	time.Sleep(time.Duration(n) * 100 * time.Millisecond) // the server says who has polled, not who polls
}

// A worker whose token is revoked while it waits is not given the task that comes before anybody has looked again.
func TestATaskIsNotGivenToWhoWasRevoked(t *testing.T) {
	f := newFarm(t, "")
	second := f.caller("second")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { _, err := second.PollActivityTaskQueue(second.within(ctx), polling(queue)); ended <- err }()
	f.waiting(1)
	f.guard.Revoke("second")
	run := f.begin(time.Minute)
	if err := <-ended; status.Code(err) != codes.Unauthenticated {
		t.Errorf("%v", err)
	}
	first := f.caller("first")
	task := first.poll()
	if _, err := first.RespondActivityTaskCompleted(first.ctx(), completed(task.GetTaskToken(), "by another")); err != nil || f.result(run) != "by another" {
		t.Error(err)
	}
}

// A worker that falls silent is noticed long before its heartbeats time out, also by a relay that was not there when it was given
// its task; one that beats keeps it.
func TestALostWorkerIsNoticed(t *testing.T) {
	f := newFarm(t, "")
	first := f.caller("first")
	lost, kept := f.begin(time.Minute), f.begin(time.Minute)
	tasks := []*workflowservice.PollActivityTaskQueueResponse{first.poll(), first.poll()}
	beat := func(task *workflowservice.PollActivityTaskQueueResponse) error {
		_, err := first.RecordActivityTaskHeartbeat(first.ctx(), &workflowservice.RecordActivityTaskHeartbeatRequest{Namespace: temporald.Namespace, Identity: name, TaskToken: task.GetTaskToken()})
		return err
	}
	at := f.relay.Address
	f.relay.Kill()
	time.Sleep(2 * silence) // who is not there does not count
	f.serve(at)
	for range 2 { // the connection comes back
		_ = beat(tasks[0])
		time.Sleep(time.Second)
	}
	if err := beat(tasks[0]); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	beating, stop := context.WithCancel(context.Background())
	beaten := make(chan struct{})
	go func() {
		defer close(beaten)
		for beating.Err() == nil {
			if err := beat(tasks[1]); err != nil {
				t.Error(err)
			}
			time.Sleep(silence / 5)
		}
	}()
	second := f.caller("second")
	task := second.poll()
	if task.GetAttempt() != 2 || time.Since(began) < silence-time.Second/2 || time.Since(began) > 2*silence {
		t.Errorf("attempt %d after %s", task.GetAttempt(), time.Since(began))
	}
	if err := beat(tasks[0]); status.Code(err) != codes.NotFound {
		t.Errorf("the lost one comes back: %v", err)
	}
	stop()
	<-beaten
	for _, err := range []error{
		errOf(second.RespondActivityTaskCompleted(second.ctx(), completed(task.GetTaskToken(), "again"))),
		errOf(first.RespondActivityTaskCompleted(first.ctx(), completed(tasks[1].GetTaskToken(), "at once"))),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if got := map[string]bool{f.result(lost): true, f.result(kept): true}; !got["again"] || !got["at once"] {
		t.Error(got)
	}
}

func errOf(_ *workflowservice.RespondActivityTaskCompletedResponse, err error) error { return err }

// polled waits for a task as a worker of some name, and says what has come: nothing is an empty answer.
func (c *caller) polled(ctx context.Context, worker string) []byte {
	c.Helper()
	in := polling(queue)
	in.Identity = worker
	task, err := c.PollActivityTaskQueue(c.within(ctx), in)
	if err != nil && ctx.Err() == nil {
		c.Error(err)
	}
	return task.GetTaskToken()
}

// A worker that is to rest is given nothing from that moment on, also if it waited before, or asks again and again because it has not
// heard of it; another worker with the same token is. When it is to work again, it is given what comes next.
func TestAWorkerThatIsToRestIsGivenNothing(t *testing.T) {
	f := newFarm(t, "")
	first := f.caller("first")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tasks := make(chan []byte, 100)
	asking, leave := context.WithCancel(ctx)
	var asked sync.WaitGroup
	for range 3 { // as the SDK does
		asked.Go(func() {
			for asking.Err() == nil {
				if token := first.polled(asking, "rests"); token != nil {
					tasks <- token
				}
			}
		})
	}
	f.waiting(3)
	for range 5 {
		f.relay.Rest(ctx, "rests")
		run := f.begin(20 * time.Second)
		began := time.Now()
		token := first.polled(ctx, "works")
		if token == nil || time.Since(began) > 5*time.Second { // else it was lost on its way to who rests, or given back
			t.Fatalf("another worker was given %q after %s", token, time.Since(began))
		}
		in := completed(token, "by another")
		in.Identity = "works"
		if _, err := first.RespondActivityTaskCompleted(first.ctx(), in); err != nil || f.result(run) != "by another" {
			t.Error(err)
		}
		waits := f.begin(20 * time.Second)  // for the one that rests
		time.Sleep(1200 * time.Millisecond) // longer than it is held up
		if len(tasks) > 0 {
			t.Fatalf("%q was given to a worker that is to rest", <-tasks)
		}
		f.relay.Work("rests")
		in = completed(<-tasks, "again")
		in.Identity = "rests"
		if _, err := first.RespondActivityTaskCompleted(first.ctx(), in); err != nil || f.result(waits) != "again" {
			t.Error(err)
		}
	}
	leave()
	asked.Wait()
}

// Workers that share a token are not one: what the one was given the other can't answer, and its silence is its own.
func TestWorkersThatShareATokenAreTwo(t *testing.T) {
	f := newFarm(t, "")
	shared := f.caller("first")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	runs := map[string]client.WorkflowRun{"silent": f.begin(time.Minute)}
	tokens := map[string][]byte{"silent": shared.polled(ctx, "silent")}
	runs["beats"] = f.begin(time.Minute)
	tokens["beats"] = shared.polled(ctx, "beats")
	answer := func(worker string, token []byte) error {
		in := completed(token, "by "+worker)
		in.Identity = worker
		_, err := shared.RespondActivityTaskCompleted(shared.ctx(), in)
		return err
	}
	if err := answer("beats", tokens["silent"]); status.Code(err) != codes.PermissionDenied {
		t.Errorf("one answers for the other: %v", err)
	}
	again := make(chan []byte)
	go func() { again <- shared.polled(ctx, "beats") }()
	for token := []byte(nil); token == nil; {
		_, err := shared.RecordActivityTaskHeartbeat(shared.ctx(), &workflowservice.RecordActivityTaskHeartbeatRequest{
			Namespace: temporald.Namespace, Identity: "beats", TaskToken: tokens["beats"],
		})
		if err != nil {
			t.Fatalf("one falls silent, and the other loses its task: %v", err)
		}
		select {
		case token = <-again:
			tokens["silent"] = token
		case <-time.After(silence / 5):
		}
	}
	for task, token := range tokens {
		if err := answer("beats", token); err != nil || f.result(runs[task]) != "by beats" {
			t.Errorf("the task of who %s: %v", task, err)
		}
	}
}

// An orchestrator that is told to stop does not wait for those who wait for tasks.
func TestStoppingEndsTheWaiting(t *testing.T) {
	f := newFarm(t, "")
	first := f.caller("first")
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	go func() { _, err := first.PollActivityTaskQueue(first.within(ctx), polling(queue)); ended <- err }()
	f.waiting(1)
	began := time.Now()
	if err := f.relay.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := <-ended; status.Code(err) != codes.Unavailable || time.Since(began) > 3*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

// The SDK's worker lives through a restart of all that it speaks to, and what it finished meanwhile is not lost.
func TestAWorkerLivesThroughARestart(t *testing.T) {
	f := newFarm(t, t.TempDir()+"/temporal.db")
	c, err := workflows.DialRelay(t.Context(), workflows.Relay{Address: f.relay.Address, Token: "first"}, f.server.Namespace(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := workflows.Answers(t.Context(), c); err != nil {
		t.Error(err)
	}
	begun, finish := make(chan int32, 10), make(chan struct{})
	w := worker.New(c, queue, worker.Options{DisableWorkflowWorker: true, MaxHeartbeatThrottleInterval: time.Second})
	w.RegisterActivityWithOptions(func(ctx context.Context) (string, error) {
		begun <- activity.GetInfo(ctx).Attempt
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-ctx.Done():
				t.Error("it was canceled:", context.Cause(ctx))
				return "", ctx.Err()
			case <-finish:
				return fmt.Sprint("attempt ", activity.GetInfo(ctx).Attempt), nil
			case <-tick.C:
			}
		}
	}, activity.RegisterOptions{Name: "work"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	run := f.begin(time.Minute)
	if got := <-begun; got != 1 {
		t.Fatalf("attempt %d", got)
	}
	temporal, relayAt := f.server.Address(), f.relay.Address
	f.stop()
	close(finish) // while nobody is there to be told
	time.Sleep(2 * silence)
	f.start(temporal, relayAt)
	if got := f.result(run); got != "attempt 1" {
		t.Errorf("the result is of %s", got)
	}
	if got := f.result(f.begin(20 * time.Second)); got != "attempt 1" { // it polls again
		t.Errorf("a task after the restart: %s", got)
	}
}

// The SDK's worker is told why it is refused.
func TestARefusedWorkerIsToldWhy(t *testing.T) {
	f := newFarm(t, "")
	for secret, c := range map[string]struct {
		kind fault.Kind
		say  string
	}{
		"": {fault.Unauthenticated, "asks for a token"}, "unknown": {fault.Unauthenticated, "does not know this token"}, "reader": {fault.Forbidden, "role worker"},
	} {
		_, err := workflows.DialRelay(t.Context(), workflows.Relay{Address: f.relay.Address, Token: secret}, f.server.Namespace(), nil)
		if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%q: %v, %v", secret, fault.KindOf(err), err)
		}
	}
}

// What the relay costs a call, and an activity that does nothing from its start to its result.
func BenchmarkRelay(b *testing.B) {
	f := newFarm(b, "")
	for _, way := range []string{"direct", "relay"} {
		c, err := workflows.Dial(b.Context(), f.server.Address(), f.server.Namespace(), nil)
		if way == "relay" {
			c, err = workflows.DialRelay(b.Context(), workflows.Relay{Address: f.relay.Address, Token: "first"}, f.server.Namespace(), nil)
		}
		if err != nil {
			b.Fatal(err)
		}
		b.Run("beat/"+way, func(b *testing.B) {
			f.begin(time.Minute)
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			defer cancel()
			task, err := c.WorkflowService().PollActivityTaskQueue(ctx, polling(queue))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := c.WorkflowService().RecordActivityTaskHeartbeat(b.Context(), &workflowservice.RecordActivityTaskHeartbeatRequest{Namespace: temporald.Namespace, Identity: name, TaskToken: task.GetTaskToken()}); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := c.WorkflowService().RespondActivityTaskCompleted(b.Context(), completed(task.GetTaskToken(), "done")); err != nil {
				b.Fatal(err)
			}
		})
		b.Run("activity/"+way, func(b *testing.B) {
			w := worker.New(c, queue, worker.Options{DisableWorkflowWorker: true})
			w.RegisterActivityWithOptions(func(context.Context) (string, error) { return "", nil }, activity.RegisterOptions{Name: "work"})
			if err := w.Start(); err != nil {
				b.Fatal(err)
			}
			defer w.Stop()
			for b.Loop() {
				f.result(f.begin(time.Minute))
			}
		})
		c.Close()
	}
}
