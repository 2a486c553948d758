package fetch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/wasmill/wasmill/internal/fault"
)

// HashMismatchError says that an address gave something else than what was asked for.
type HashMismatchError struct {
	Address   string
	Want, Got string // sha256, hexadecimal
	Size      int64  // bytes that came
	Hint      string // what it looks like, e.g. "a web page"; empty where it could be anything
}

func (e *HashMismatchError) Error() string {
	hint := ""
	if e.Hint != "" {
		hint = ", looks like " + e.Hint
	}
	return fmt.Sprintf("expected sha256 %s, but %s gave %s (%d bytes%s)", e.Want, e.Address, e.Got, e.Size, hint)
}

// FailedError says that no address gave the file.
type FailedError struct {
	Source Source
	Tries  []Try // in the order in which they were tried
	Store  bool  // there is a source store, into which somebody could put the file
}

// Try is an address and why it didn't give the file.
type Try struct {
	Address string
	Err     error

	fetch func(context.Context, entry) error
	final bool // another round would not help
}

func (e *FailedError) Error() string {
	reasons := make([]string, len(e.Tries))
	for i, t := range e.Tries {
		reasons[i] = fmt.Sprintf("%s: %v", t.Address, t.Err)
	}
	text := fmt.Sprintf("fetching %s (sha256 %s): no address gave it: %s", e.Source.File(), e.Source.SHA256, strings.Join(reasons, "; "))
	if e.Store {
		text += "; if you have the file, `wasmill source add FILE` gives it to the farm"
	}
	return text
}

// Unwrap gives errors.As the reasons of all addresses.
func (e *FailedError) Unwrap() []error {
	errs := make([]error, len(e.Tries))
	for i, t := range e.Tries {
		errs[i] = t.Err
	}
	return errs
}

// errAgain marks an error that may pass when the same address is asked again.
var errAgain = errors.New("may pass")

// again marks err and gives it the kind fault.Unavailable.
func again(err error) error { return &fault.Error{Kind: fault.Unavailable, Err: passing{err}} }

type passing struct{ err error }

func (p passing) Error() string        { return p.err.Error() }
func (p passing) Unwrap() error        { return p.err }
func (p passing) Is(target error) bool { return target == errAgain }

// failure sums the tries up. That something wrong came outweighs all else: somebody must look at it.
func failure(src Source, tries []Try, store bool) error {
	kind := fault.NotFound
	for _, t := range tries {
		if k := fault.KindOf(t.Err); k == fault.Invalid || kind == fault.NotFound {
			kind = k
		}
	}
	return &fault.Error{Kind: kind, Err: &FailedError{Source: src, Tries: tries, Store: store}}
}

// diskError gives an error of writing its kind.
func diskError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Errorf(fault.Exhausted, "the disk is full: %w", err)
	default:
		return err
	}
}
