package workflows

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wasmill/wasmill/internal/fault"
)

// Relay is where a worker is given its tasks: the orchestrator's own address (internal/relay).
type Relay struct {
	Address string
	TLS     *tls.Config // nil on loopback, without
	Token   string      // of the worker; empty where nobody asks for one
}

// DialRelay is Dial for a worker. The error is fault.Unauthenticated or fault.Forbidden where the relay does not let it in.
func DialRelay(ctx context.Context, relay Relay, namespace string, log *zap.Logger, more ...func(*client.Options)) (client.Client, error) {
	c, err := dial(ctx, relay.Address, namespace, log, append(more, func(options *client.Options) {
		options.ConnectionOptions.TLS, options.ConnectionOptions.TLSDisabled = relay.TLS, relay.TLS == nil
		options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(outlast))
		options.WorkerHeartbeatInterval = -1 // how a worker is, the farm is told; Temporal need not know
		if relay.Token != "" {
			options.Credentials = client.NewAPIKeyStaticCredentials(relay.Token)
		}
	}))
	var denied *serviceerror.PermissionDenied
	switch {
	case err == nil:
		return c, nil
	case errors.As(err, &denied):
		return nil, fault.Errorf(fault.Forbidden, "%s", denied.Message)
	case status.Code(err) == codes.Unauthenticated:
		return nil, fault.Errorf(fault.Unauthenticated, "asking for tasks: %w", err)
	}
	return nil, fault.Errorf(fault.Unavailable, "asking for tasks at %s, which is gRPC over HTTP/2, also through a proxy: %w", relay.Address, err)
}

// A worker tells an orchestrator that is away for a minute what has come of its tasks when that is back: what took half an hour to
// build is not given up because of a restart.
const (
	patience = time.Minute
	once     = 10 * time.Second // what one try may take
)

// outlast keeps the SDK from giving up a task because nobody answers: it cancels an activity whose heartbeat fails, and tries for
// ten seconds only to tell a result. Whether a heartbeat came too late is the server's to say.
func outlast(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, in, out, conn, opts...)
	switch method {
	case workflowservice.WorkflowService_RecordActivityTaskHeartbeat_FullMethodName:
		if away(err) {
			return nil
		}
	case workflowservice.WorkflowService_RespondActivityTaskCompleted_FullMethodName,
		workflowservice.WorkflowService_RespondActivityTaskFailed_FullMethodName,
		workflowservice.WorkflowService_RespondActivityTaskCanceled_FullMethodName:
		ctx = context.WithoutCancel(ctx)
		pause := 100 * time.Millisecond
		for end := time.Now().Add(patience); away(err) && time.Now().Before(end); pause = min(2*pause, 2*time.Second) {
			time.Sleep(pause)
			try, cancel := context.WithTimeout(ctx, once)
			err = invoke(try, method, in, out, conn, opts...)
			cancel()
		}
	}
	return err
}

func away(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}
