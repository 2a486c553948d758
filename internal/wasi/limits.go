package wasi

import (
	"errors"
	"sync/atomic"
	"time"
)

// Limits bound one run. Zero means that there is no limit of ours.
type Limits struct {
	Memory  int64         // bytes of linear memory; never more than 4 GiB
	Time    time.Duration // on the wall, without the time for compiling
	Output  int64         // bytes on standard output and error together; beyond it the program is stopped
	Written int64         // bytes written to folders, holes counted; what is deleted stays counted
	Created int           // files, folders and links made in folders
	Handles int           // files open at a time; 1024 where it is zero
}

// Untrusted are limits for a program that nobody here knows.
var Untrusted = Limits{Memory: 512 << 20, Time: time.Minute, Output: 16 << 20, Written: 256 << 20, Created: 20_000, Handles: 256}

const maxHandles = 1024

// Reasons for which a program is stopped.
var (
	errTime   = errors.New("out of time")
	errOutput = errors.New("too much output")
)

// quota counts what a run takes of its limits. The program has one thread, but what it leaves behind when it is stopped
// may be closed by another.
type quota struct {
	limits  Limits
	stop    func(error)
	output  int64
	written int64
	created int
	handles atomic.Int64

	// What was refused.
	overWritten, overCreated, overHandles bool
}

func (q *quota) write(n int64) bool {
	if q.limits.Written > 0 && (n > q.limits.Written || q.written > q.limits.Written-n) {
		q.overWritten = true
		return false
	}
	q.written += n
	return true
}

func (q *quota) create() bool {
	if q.limits.Created > 0 && q.created >= q.limits.Created {
		q.overCreated = true
		return false
	}
	q.created++
	return true
}

func (q *quota) open() bool {
	limit := int64(q.limits.Handles)
	if limit == 0 {
		limit = maxHandles
	}
	if q.handles.Add(1) > limit {
		q.handles.Add(-1)
		q.overHandles = true
		return false
	}
	return true
}

func (q *quota) close() { q.handles.Add(-1) }

// print counts output, and stops a program that prints too much.
func (q *quota) print(n int) error {
	if q.limits.Output > 0 && q.output+int64(n) > q.limits.Output {
		q.stop(errOutput)
		return errOutput
	}
	q.output += int64(n)
	return nil
}
