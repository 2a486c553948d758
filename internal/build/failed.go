package build

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"syscall"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/record"
)

// failed is an error that is the build's result.
type failed struct{ record.Failure }

func (f *failed) Error() string { return f.Message }

func fail(phase record.Phase, kind record.FailureKind, format string, args ...any) error {
	return &failed{record.Failure{Phase: phase, Kind: kind, Message: fmt.Sprintf(format, args...)}}
}

func asFailed(err error) (*record.Failure, bool) {
	if err == nil {
		return nil, false
	}
	f := (*failed)(nil)
	if !errors.As(err, &f) {
		return nil, false
	}
	return &f.Failure, true
}

// fetchFailure makes a result of what is wrong with a source or with requirements, whoever fetches them. What may pass,
// such as a host that is away, stays an error.
func fetchFailure(phase record.Phase, err error) error {
	var (
		hash       *fetch.HashMismatchError
		unsafe     *fetch.UnsafeArchiveError
		damaged    *fetch.DamagedArchiveError
		resolution *fetch.UnresolvableError
	)
	switch {
	case err == nil || fault.KindOf(err) != fault.Invalid:
		return err
	case errors.As(err, &hash):
		return fail(phase, record.HashMismatch, "%s", hash)
	case errors.As(err, &unsafe), errors.As(err, &damaged):
		return fail(phase, record.BadArchive, "%s", err)
	case errors.As(err, &resolution):
		first, _, _ := strings.Cut(resolution.Error(), "\n")
		f := fail(phase, record.Requirements, "%s", first).(*failed)
		f.Detail = clip(resolution.Reason, maxDetail)
		return f
	}
	return err
}

// diskError gives a full disk its kind.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Errorf(fault.Exhausted, "the disk is full: %w", err)
	}
	return err
}

// scarce is how little room there is on a disk that a build has filled. Compilers remove what they could not finish, so
// that it is not nothing. Where there is more, the build has filled its own /tmp, and will again.
const scarce = 128 * mib

// diskFull says whether a build that has failed met a full disk.
func (a *attempt) diskFull() error {
	line := a.log.diagnosis().full
	if line == "" || freeBytes(a.Work) >= scarce {
		return nil
	}
	return fault.Errorf(fault.Exhausted, "the disk of %s is full: %s", a.Work, clip(line, 200))
}

// freeBytes is how much room a disk has; one that does not tell has enough.
func freeBytes(dir string) int64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return math.MaxInt64
	}
	return int64(s.Bavail) * s.Bsize //nolint:gosec // far below 2^63
}

// maxDetail is the most that record.Failure.Detail may hold.
const maxDetail = 4 << 10

// clip shortens s to n bytes at most, at a line's end where there is one.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = strings.ToValidUTF8(s[:n], "")
	if i := strings.LastIndexByte(s, '\n'); i > 0 {
		s = s[:i]
	}
	return s
}
