// Package fault gives every error that crosses a package boundary one of a closed set of kinds. The kind, and
// nothing else, decides whether an activity is retried, which HTTP status a request gets and which exit status a
// command ends with. A package whose code does not compile is not a fault: it is a result (see package record).
package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
)

// Kind classifies an error. The zero Kind is Internal.
type Kind int

// The kinds. A new one needs a line in the table below and in docs/reference/exit-status.md.
const (
	Internal        Kind = iota // a defect of ours; not retried
	Invalid                     // what the user gave is wrong; not retried
	NotFound                    // what was asked for does not exist; not retried
	Conflict                    // the state does not allow it; not retried
	Unavailable                 // engine, registry, index or database does not answer; retried
	Exhausted                   // disk, memory or another resource of the machine ran out; retried
	Canceled                    // somebody asked to stop; not retried
	Unauthenticated             // who asks did not say who it is, or said so with a token that is of no use; not retried
	Forbidden                   // who asks is known and may not; not retried
)

var kinds = [...]struct {
	name  string
	http  int
	exit  int
	retry bool
}{
	Internal:    {"internal", http.StatusInternalServerError, 70, false},
	Invalid:     {"invalid", http.StatusBadRequest, 2, false},
	NotFound:    {"not-found", http.StatusNotFound, 2, false},
	Conflict:    {"conflict", http.StatusConflict, 2, false},
	Unavailable: {"unavailable", http.StatusServiceUnavailable, 3, true},
	Exhausted:   {"exhausted", http.StatusInsufficientStorage, 3, true},
	Canceled:    {"canceled", 499, 130, false},

	Unauthenticated: {"unauthenticated", http.StatusUnauthorized, 77, false},
	Forbidden:       {"forbidden", http.StatusForbidden, 77, false},
}

func (k Kind) String() string { return kinds[k].name }

// HTTPStatus is the status with which the API answers an error of this kind.
func (k Kind) HTTPStatus() int { return kinds[k].http }

// ExitStatus is the status with which a command ends on an error of this kind (docs/reference/exit-status.md).
func (k Kind) ExitStatus() int { return kinds[k].exit }

// Retryable says whether trying again later can help without anybody changing anything.
func (k Kind) Retryable() bool { return kinds[k].retry }

// Parse is the inverse of String; an unknown name is Internal.
func Parse(name string) Kind {
	for k, v := range kinds {
		if v.name == name {
			return Kind(k)
		}
	}
	return Internal
}

// Error is an error with a kind. Message and cause read as one straight chain.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Errorf builds an error of a kind; the format works as in fmt.Errorf, %w included.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// KindOf is the kind of the outermost Error in the chain. Without one, a context's end is Canceled, a full disk
// Exhausted, and all else Internal.
func KindOf(err error) Kind {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Canceled
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return Exhausted
	}
	return Internal
}
