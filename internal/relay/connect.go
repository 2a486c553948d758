package relay

import (
	"crypto/tls"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/wasmill/wasmill/internal/fault"
)

// Connect is a connection to Temporal without the SDK around it: what comes is passed on as it is. secure is nil for a server
// that speaks no TLS. It connects when it is used first, and again after the server was gone.
func Connect(address string, secure *tls.Config) (*grpc.ClientConn, error) {
	trust := insecure.NewCredentials()
	if secure != nil {
		trust = credentials.NewTLS(secure)
	}
	again := backoff.DefaultConfig
	again.BaseDelay, again.MaxDelay = 200*time.Millisecond, 5*time.Second
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(trust),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: again, MinConnectTimeout: 20 * time.Second}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 15 * time.Second, PermitWithoutStream: true}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(2*Largest)), // a task has what it was given, and what was told of it last
	)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "connecting to Temporal at %s: %w", address, err)
	}
	return conn, nil
}
