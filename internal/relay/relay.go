// Package relay lets workers at their tasks, and at nothing else of Temporal. A worker speaks gRPC to the orchestrator's own
// address and shows its token; what the SDK's activity worker needs is passed on over the orchestrator's connection, all else is
// refused. A task is sealed for the token and the worker that it was given to, and only who shows the one and has the name of the other can beat for
// it or answer it.
// docs/decisions/0022-access.md has the reasons.
package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // in which the SDK's clients send
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
)

// Largest is how many bytes a message of a worker may have, unpacked: twice what Temporal takes as the result of an activity.
const Largest = 4 << 20

// lookAgain is how often a worker that waits for a task is asked whether its token is still good. It is asked once more before it
// is given one.
const lookAgain = 5 * time.Second

// Config says for whom a relay stands, and before what.
type Config struct {
	Guard     api.Guard
	Key       access.Key    // seals tasks; the same after a restart
	Namespace string        // of the farm
	Queues    []string      // of activities for workers
	Silence   time.Duration // after it, a task is given up of whose worker nothing is heard
	Log       *zap.Logger
	// Server is the connection to Temporal; an error where there is none now.
	Server func(context.Context) (grpc.ClientConnInterface, error)
}

// Relay is an http.Handler for requests of gRPC.
type Relay struct {
	workflowservice.UnimplementedWorkflowServiceServer
	cfg     Config
	grpc    *grpc.Server
	watch   watch
	rests   rests
	closing context.Context
	close   context.CancelFunc
}

// served are the methods that a worker may call.
var served = []string{
	workflowservice.WorkflowService_GetSystemInfo_FullMethodName,
	workflowservice.WorkflowService_DescribeNamespace_FullMethodName,
	workflowservice.WorkflowService_PollActivityTaskQueue_FullMethodName,
	workflowservice.WorkflowService_RecordActivityTaskHeartbeat_FullMethodName,
	workflowservice.WorkflowService_RespondActivityTaskCompleted_FullMethodName,
	workflowservice.WorkflowService_RespondActivityTaskFailed_FullMethodName,
	workflowservice.WorkflowService_RespondActivityTaskCanceled_FullMethodName,
	workflowservice.WorkflowService_ShutdownWorker_FullMethodName,
	healthpb.Health_Check_FullMethodName,
}

// New makes a relay.
func New(cfg Config) *Relay {
	r := &Relay{cfg: cfg, grpc: grpc.NewServer(grpc.MaxRecvMsgSize(Largest)), watch: watch{tasks: map[string]sign{}},
		rests: rests{resting: map[string]chan struct{}{}, waiting: map[string]map[*poll]bool{}}}
	r.closing, r.close = context.WithCancel(context.Background())
	workflowservice.RegisterWorkflowServiceServer(r.grpc, r)
	healthpb.RegisterHealthServer(r.grpc, health{relay: r})
	go r.listen()
	return r
}

// Is says whether a request is one for the relay.
func Is(r *http.Request) bool {
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// Close ends the waiting of workers, who ask again elsewhere or later. What is under way is answered.
func (r *Relay) Close() { r.close() }

type admittance struct{}

// ServeHTTP implements http.Handler. Nothing of a request but its head is read before it is known who asks.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	admit := func() (access.Identity, error) {
		return api.Admit(req, r.cfg.Guard, "being given tasks", access.Worker)
	}
	who, err := admit()
	if err == nil && !slices.Contains(served, req.URL.Path) {
		err = fault.Errorf(fault.Forbidden, "a worker is given tasks and answers them: %s is not for it", req.URL.Path)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	ctx := context.WithValue(access.With(req.Context(), who), admittance{}, admit)
	r.grpc.ServeHTTP(w, req.WithContext(ctx))
}

// refuse answers as gRPC does, in the head alone.
func refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Grpc-Status", fmt.Sprint(int(codeOf(err))))
	w.Header().Set("Grpc-Message", encoded(err.Error()))
	w.WriteHeader(http.StatusOK)
}

// encoded is a text as gRPC has it in a head.
func encoded(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// codeOf is how gRPC says a kind.
func codeOf(err error) codes.Code {
	switch fault.KindOf(err) {
	case fault.Unauthenticated:
		return codes.Unauthenticated
	case fault.Forbidden:
		return codes.PermissionDenied
	case fault.Unavailable, fault.Exhausted:
		return codes.Unavailable
	case fault.Canceled:
		return codes.Canceled
	}
	return codes.Internal
}

func refused(err error) error { return status.Error(codeOf(err), err.Error()) }

// stopping is the end of what waits while the orchestrator stops: a worker asks again.
var stopping = status.Error(codes.Unavailable, "the orchestrator is stopping")

// pass asks Temporal. Its errors stay as they are, with their codes and details.
func pass[I, O any](ctx context.Context, r *Relay, method string, in *I) (*O, error) {
	server, err := r.cfg.Server(ctx)
	if err != nil {
		return nil, refused(err)
	}
	out := new(O)
	err = server.Invoke(ctx, method, in, out)
	if status.Code(err) == codes.Canceled && ctx.Err() == nil {
		return nil, stopping // it is the connection that was given up
	}
	return out, err
}

// own refuses other namespaces than the farm's.
func (r *Relay) own(namespace string) error {
	if namespace == r.cfg.Namespace {
		return nil
	}
	return refused(fault.Errorf(fault.Forbidden, "the namespace %q is not that of the farm", namespace))
}

// forWorkers refuses other queues than those of activities for workers.
func (r *Relay) forWorkers(namespace, queue string) error {
	if err := r.own(namespace); err != nil {
		return err
	}
	if slices.Contains(r.cfg.Queues, queue) {
		return nil
	}
	return refused(fault.Errorf(fault.Forbidden, "the queue %q is not one for workers", queue))
}

// holder is who has a task: of those who show one token, the worker of one name.
func holder(ctx context.Context, worker string) string { return access.Of(ctx).ID + " " + worker }

// open puts Temporal's own token into the place of the one that was sealed for who asks.
func (r *Relay) open(ctx context.Context, namespace, worker string, token *[]byte) error {
	if err := r.own(namespace); err != nil {
		return err
	}
	opened, err := r.cfg.Key.Open(holder(ctx, worker), *token)
	if err != nil {
		return refused(err)
	}
	*token = opened
	r.watch.heard(opened, worker)
	return nil
}

// GetSystemInfo says what the server can do.
func (r *Relay) GetSystemInfo(ctx context.Context, _ *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return pass[workflowservice.GetSystemInfoRequest, workflowservice.GetSystemInfoResponse](
		ctx, r, workflowservice.WorkflowService_GetSystemInfo_FullMethodName, &workflowservice.GetSystemInfoRequest{})
}

// DescribeNamespace says of the farm's namespace what a worker goes by.
func (r *Relay) DescribeNamespace(ctx context.Context, in *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	if err := r.own(in.GetNamespace()); err != nil {
		return nil, err
	}
	all, err := pass[workflowservice.DescribeNamespaceRequest, workflowservice.DescribeNamespaceResponse](
		ctx, r, workflowservice.WorkflowService_DescribeNamespace_FullMethodName, &workflowservice.DescribeNamespaceRequest{Namespace: r.cfg.Namespace})
	if err != nil {
		return nil, err
	}
	info := &namespacepb.NamespaceInfo{Name: r.cfg.Namespace, Capabilities: all.GetNamespaceInfo().GetCapabilities(), Limits: all.GetNamespaceInfo().GetLimits()}
	if info.Capabilities != nil { // these take methods that are not served
		info.Capabilities.WorkerHeartbeats, info.Capabilities.WorkerCommands = false, false
	}
	return &workflowservice.DescribeNamespaceResponse{NamespaceInfo: info, PollerGroupsInfo: all.GetPollerGroupsInfo()}, nil
}

// PollActivityTaskQueue waits for a task and seals it. What else a request may have is not passed on: a worker could slow down a
// queue, or name a version that takes tasks away from others.
func (r *Relay) PollActivityTaskQueue(ctx context.Context, in *workflowservice.PollActivityTaskQueueRequest) (*workflowservice.PollActivityTaskQueueResponse, error) {
	if err := r.forWorkers(in.GetNamespace(), in.GetTaskQueue().GetName()); err != nil {
		return nil, err
	}
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(r.closing, func() { stop(stopping) })()
	go whileAdmitted(waiting, stop)
	over, ok := r.rests.wait(waiting, in.GetIdentity(), stop)
	if !ok {
		return nothing(ctx, waiting)
	}
	defer over()
	out, err := pass[workflowservice.PollActivityTaskQueueRequest, workflowservice.PollActivityTaskQueueResponse](
		waiting, r, workflowservice.WorkflowService_PollActivityTaskQueue_FullMethodName, &workflowservice.PollActivityTaskQueueRequest{
			Namespace: r.cfg.Namespace, Identity: in.GetIdentity(), WorkerInstanceKey: in.GetWorkerInstanceKey(), PollerGroupId: in.GetPollerGroupId(),
			TaskQueue: &taskqueuepb.TaskQueue{Name: in.GetTaskQueue().GetName(), Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
		})
	if err != nil || len(out.GetTaskToken()) == 0 {
		if context.Cause(waiting) != nil {
			return nothing(ctx, waiting)
		}
		return out, err
	}
	if err := admitted(ctx); err != nil {
		r.giveUp(out.GetTaskToken(), fmt.Sprintf("the worker %s was let in no more: %s", in.GetIdentity(), err))
		return nil, err
	}
	r.watch.heard(out.GetTaskToken(), in.GetIdentity())
	out.TaskToken = r.cfg.Key.Seal(holder(ctx, in.GetIdentity()), out.GetTaskToken())
	return out, nil
}

// nothing is what comes of waiting that was ended before a task came. To who is to rest it is the answer of a queue that is empty.
func nothing(ctx, waiting context.Context) (*workflowservice.PollActivityTaskQueueResponse, error) {
	switch cause := context.Cause(waiting); {
	case cause == nil || errors.Is(cause, errResting):
		return &workflowservice.PollActivityTaskQueueResponse{}, nil
	case ctx.Err() == nil:
		return nil, cause
	}
	return nil, status.FromContextError(ctx.Err()).Err()
}

// admitted says whether who asks would still be let in.
func admitted(ctx context.Context) error {
	if _, err := ctx.Value(admittance{}).(func() (access.Identity, error))(); err != nil {
		return refused(err)
	}
	return nil
}

// whileAdmitted ends the waiting of who would not be let in any more.
func whileAdmitted(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := admitted(ctx); err != nil && ctx.Err() == nil {
			stop(err)
		}
	}
}

// reporting is what a worker says of a task that it has.
type reporting interface {
	GetNamespace() string
	GetIdentity() string
	GetTaskToken() []byte
}

// report passes on what who asks says of a task of its own. token is where in has the sealed one; over says that the report ends the task.
func report[I, O any, R interface {
	*I
	reporting
}](ctx context.Context, r *Relay, method string, in R, token *[]byte, over bool) (*O, error) {
	if err := r.open(ctx, in.GetNamespace(), in.GetIdentity(), token); err != nil {
		return nil, err
	}
	out, err := pass[I, O](ctx, r, method, in)
	if over || err != nil {
		r.watch.ended(in.GetTaskToken(), err)
	}
	return out, err
}

// RecordActivityTaskHeartbeat beats for a task of who asks.
func (r *Relay) RecordActivityTaskHeartbeat(ctx context.Context, in *workflowservice.RecordActivityTaskHeartbeatRequest) (*workflowservice.RecordActivityTaskHeartbeatResponse, error) {
	return report[workflowservice.RecordActivityTaskHeartbeatRequest, workflowservice.RecordActivityTaskHeartbeatResponse](
		ctx, r, workflowservice.WorkflowService_RecordActivityTaskHeartbeat_FullMethodName, in, &in.TaskToken, false)
}

// RespondActivityTaskCompleted ends a task of who asks with its result.
func (r *Relay) RespondActivityTaskCompleted(ctx context.Context, in *workflowservice.RespondActivityTaskCompletedRequest) (*workflowservice.RespondActivityTaskCompletedResponse, error) {
	return report[workflowservice.RespondActivityTaskCompletedRequest, workflowservice.RespondActivityTaskCompletedResponse](
		ctx, r, workflowservice.WorkflowService_RespondActivityTaskCompleted_FullMethodName, in, &in.TaskToken, true)
}

// RespondActivityTaskFailed ends a task of who asks with an error.
func (r *Relay) RespondActivityTaskFailed(ctx context.Context, in *workflowservice.RespondActivityTaskFailedRequest) (*workflowservice.RespondActivityTaskFailedResponse, error) {
	return report[workflowservice.RespondActivityTaskFailedRequest, workflowservice.RespondActivityTaskFailedResponse](
		ctx, r, workflowservice.WorkflowService_RespondActivityTaskFailed_FullMethodName, in, &in.TaskToken, true)
}

// RespondActivityTaskCanceled ends a task of who asks that was to be ended.
func (r *Relay) RespondActivityTaskCanceled(ctx context.Context, in *workflowservice.RespondActivityTaskCanceledRequest) (*workflowservice.RespondActivityTaskCanceledResponse, error) {
	return report[workflowservice.RespondActivityTaskCanceledRequest, workflowservice.RespondActivityTaskCanceledResponse](
		ctx, r, workflowservice.WorkflowService_RespondActivityTaskCanceled_FullMethodName, in, &in.TaskToken, true)
}

// ShutdownWorker ends the waiting of a worker, which is known by a random name that it has chosen.
func (r *Relay) ShutdownWorker(ctx context.Context, in *workflowservice.ShutdownWorkerRequest) (*workflowservice.ShutdownWorkerResponse, error) {
	if err := r.forWorkers(in.GetNamespace(), in.GetTaskQueue()); err != nil {
		return nil, err
	}
	return pass[workflowservice.ShutdownWorkerRequest, workflowservice.ShutdownWorkerResponse](
		ctx, r, workflowservice.WorkflowService_ShutdownWorker_FullMethodName, &workflowservice.ShutdownWorkerRequest{
			Namespace: r.cfg.Namespace, Identity: in.GetIdentity(), Reason: in.GetReason(), WorkerInstanceKey: in.GetWorkerInstanceKey(),
			TaskQueue: in.GetTaskQueue(), TaskQueueTypes: []enumspb.TaskQueueType{enumspb.TASK_QUEUE_TYPE_ACTIVITY},
		})
}

// health says whether Temporal answers.
type health struct {
	healthpb.UnimplementedHealthServer
	relay *Relay
}

func (h health) Check(ctx context.Context, in *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return pass[healthpb.HealthCheckRequest, healthpb.HealthCheckResponse](ctx, h.relay, healthpb.Health_Check_FullMethodName, in)
}
