package store

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/wasmill/wasmill/internal/fault"
)

// kindOfIO is the kind of an error of the local file system.
func kindOfIO(err error) fault.Kind {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EMFILE):
		return fault.Exhausted
	case errors.Is(err, os.ErrNotExist):
		return fault.NotFound
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return fault.Invalid
	}
	return fault.Internal
}

// damaged is how the client says that a blob is not what its digest promises; it keeps the error's type to itself.
// Asking again would bring the same bytes.
const damaged = "error verifying sha256 checksum"

// remoteFault gives an error that a registry caused its kind: what the registry answered decides, and a registry that
// answered nothing is Unavailable.
func remoteFault(err error, format string, args ...any) error {
	return fault.Errorf(kindOfRemote(err), format+": %w", append(args, err)...)
}

func kindOfRemote(err error) fault.Kind {
	if kinded := (*fault.Error)(nil); errors.As(err, &kinded) {
		return kinded.Kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.Canceled
	}
	if kind := kindOfIO(err); kind == fault.Exhausted {
		return kind
	}
	if strings.Contains(err.Error(), damaged) {
		return fault.Internal
	}
	answer := (*transport.Error)(nil)
	if !errors.As(err, &answer) {
		return fault.Unavailable
	}
	switch answer.StatusCode {
	case http.StatusNotFound:
		return fault.NotFound
	case http.StatusInsufficientStorage, http.StatusRequestEntityTooLarge:
		return fault.Exhausted
	case http.StatusUnauthorized:
		return fault.Unauthenticated
	case http.StatusForbidden:
		return fault.Forbidden
	case http.StatusBadRequest, http.StatusMethodNotAllowed:
		return fault.Invalid
	}
	return fault.Unavailable
}
