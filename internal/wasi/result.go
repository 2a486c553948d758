package wasi

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/sys"

	"github.com/wasmill/wasmill/internal/term"
)

// End is the way in which a run ended.
type End string

// The ways. A program that was refused memory or files and then ended well has Exited.
const (
	Exited      End = "exited"        // by itself, with Status
	Trapped     End = "trapped"       // an instruction failed, or the stack was full; Trap says how
	OutOfMemory End = "out-of-memory" // it failed after memory was refused
	OutOfTime   End = "out-of-time"   // it was stopped
	OutOfOutput End = "log-limit"     // it was stopped
	OutOfFiles  End = "out-of-files"  // it failed after it was refused to write, create or open
)

// Result is what a run came to.
type Result struct {
	End     End
	Status  uint32 // with which the program ended by itself; 0 where it did not
	Trap    string // what wazero says of a trap, with the functions that were running
	Seconds float64
	Memory  int64 // the most linear memory that the program had, in bytes
	Written int64 // bytes written to folders
	limits  Limits
	words   string // which limit was met
}

// OK says whether the program ended well.
func (r Result) OK() bool { return r.End == Exited && r.Status == 0 }

// The statuses of processes that end as a run did, as shells and coreutils number them.
const (
	statusTime = 124 // timeout
	statusKill = 137 // SIGKILL
	statusTrap = 134 // SIGABRT
)

// ExitStatus is the status of a process that ends like this. A status is a byte, as with processes; one that isn't 0
// doesn't become 0 by that.
func (r Result) ExitStatus() int {
	switch {
	case r.End == OutOfTime:
		return statusTime
	case r.End == OutOfOutput:
		return statusKill
	case r.Trap != "":
		return statusTrap
	case r.Status != 0 && r.Status&0xff == 0:
		return 1
	}
	return int(r.Status & 0xff)
}

// String says in one line how the run ended.
func (r Result) String() string {
	end := fmt.Sprintf("exit status %d", r.Status)
	if r.Trap != "" {
		first, _, _ := strings.Cut(r.Trap, "\n")
		end = "trap: " + strings.TrimPrefix(first, "wasm error: ")
	}
	switch r.End {
	case OutOfTime:
		return fmt.Sprintf("stopped after %s: the time was over", r.limits.Time)
	case OutOfOutput:
		return fmt.Sprintf("stopped: it printed more than %s", term.Bytes(r.limits.Output))
	case OutOfMemory, OutOfFiles:
		return end + ", after " + r.words
	}
	return end
}

// maxTrap bounds the list of functions of a trap.
const maxTrap = 4 << 10

func (r *run) result(err, cause error, took time.Duration) Result {
	out := Result{End: Exited, Seconds: took.Seconds(), Memory: int64(r.memory.peak), Written: r.quota.written, limits: r.config.Limits}
	var exit *sys.ExitError
	switch {
	case stopped(err) && errors.Is(cause, errTime):
		out.End = OutOfTime
		return out
	case stopped(err) && errors.Is(cause, errOutput):
		out.End = OutOfOutput
		return out
	case errors.As(err, &exit):
		out.Status = exit.ExitCode()
	case err != nil:
		out.End, out.Trap = Trapped, trap(err)
	}
	if !out.OK() {
		r.blame(&out)
	}
	return out
}

// blame says which limit a program met before it failed.
func (r *run) blame(out *Result) {
	switch {
	case r.memory.refused > 0:
		out.End = OutOfMemory
		out.words = fmt.Sprintf("%s of memory were refused: it may have %s", term.Bytes(int64(r.memory.refused)), term.Bytes(int64(r.memory.limit)))
	case r.quota.overWritten:
		out.End, out.words = OutOfFiles, fmt.Sprintf("it wanted to write more than %s to its folders", term.Bytes(r.config.Limits.Written))
	case r.quota.overCreated:
		out.End, out.words = OutOfFiles, fmt.Sprintf("it wanted to make more than %d files and folders", r.config.Limits.Created)
	case r.quota.overHandles:
		out.End, out.words = OutOfFiles, "it had too many files open"
	}
}

// trap is what wazero says, without the place in wazero's sources that it adds to panics of its own.
func trap(err error) string {
	text := strings.TrimSpace(err.Error())
	if i := strings.Index(text, "\n\nGo runtime stack trace:"); i >= 0 {
		text = text[:i]
	}
	text = strings.TrimPrefix(text, "module[] function[_start] failed: ")
	if len(text) > maxTrap {
		text = text[:maxTrap]
	}
	return text
}
