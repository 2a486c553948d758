package temporald

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	frontendsvc "go.temporal.io/server/service/frontend"
)

// awaitFrontend returns when the frontend serves. It opens a few milliseconds after its services have started.
func (s *Server) awaitFrontend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connecting to the frontend: %w", err)
	}
	defer func() { _ = conn.Close() }()
	health := grpc_health_v1.NewHealthClient(conn)
	for {
		reply, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: frontendsvc.WorkflowServiceName}, grpc.WaitForReady(true))
		if err == nil && reply.Status == grpc_health_v1.HealthCheckResponse_SERVING {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the frontend: %w", context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
}
