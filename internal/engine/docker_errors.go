package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/wasmill/wasmill/internal/fault"
)

// explain gives an error of the client its kind, and a person something to do about it. When ctx has ended, that is
// the error: what the client says then is only its echo.
func (d *Docker) explain(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text := strings.ToLower(err.Error())
	netErr := (*net.OpError)(nil)
	switch {
	case strings.Contains(text, "no space left on device"):
		return fault.Errorf(fault.Exhausted, "%s: the disk is full (docker system df shows what images and containers take): %w", doing, err)
	case strings.Contains(text, "cannot allocate memory"):
		return fault.Errorf(fault.Exhausted, "%s: the machine has no memory left: %w", doing, err)
	case strings.Contains(text, "permission denied") && strings.Contains(text, "socket"):
		return fault.Errorf(fault.Unavailable, "%s: this user may not talk to the Docker engine at %s "+
			"(add it to the group docker and log in again, or run as root): %w", doing, d.client.DaemonHost(), err)
	case client.IsErrConnectionFailed(err):
		return fault.Errorf(fault.Unavailable, "%s: no Docker engine answers at %s (on Debian and Ubuntu: "+
			"apt-get install docker.io, then as root: dockerd; for an engine elsewhere set DOCKER_HOST): %w", doing, d.client.DaemonHost(), err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.As(err, &netErr):
		return fault.Errorf(fault.Unavailable, "%s: the Docker engine at %s went away: %w", doing, d.client.DaemonHost(), err)
	case errdefs.IsNotFound(err):
		return fault.Errorf(fault.NotFound, "%s: %w", doing, err)
	case errdefs.IsInvalidArgument(err):
		return fault.Errorf(fault.Invalid, "%s: %w", doing, err)
	case errdefs.IsUnavailable(err), errdefs.IsDeadlineExceeded(err), errors.Is(err, context.DeadlineExceeded):
		return fault.Errorf(fault.Unavailable, "%s: %w", doing, err)
	}
	return fault.Errorf(fault.Internal, "%s: %w", doing, err)
}
