package runtimes

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Fake is a Runtime without a runtime. The zero Fake passes everything: each import, and one case for each of the
// job's test files and commands.
type Fake struct {
	// Play says what becomes of a job; nil plays what the zero Fake does. It returns when ctx ends.
	Play func(ctx context.Context, job Job) (*record.Test, error)

	mu   sync.Mutex
	jobs []Job
}

var _ Runtime = (*Fake)(nil)

// Jobs are all the jobs so far, in order.
func (f *Fake) Jobs() []Job {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Job(nil), f.jobs...)
}

// Test implements Runtime.
func (f *Fake) Test(ctx context.Context, job Job) (*record.Test, error) {
	f.mu.Lock()
	f.jobs = append(f.jobs, job)
	f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !strings.HasSuffix(job.Artifact.Path, ".whl") && job.Interpreter == nil {
		return nil, fault.Errorf(fault.Invalid, "testing %s: this is not the name of a wheel", job.Artifact.Path)
	}
	if f.Play != nil {
		test, err := f.Play(ctx, job)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return test, err
	}
	told := events{{Event: "runtime", Name: "fake"}}
	for _, name := range job.Imports {
		told = append(told, event{Event: "end", Phase: "import", Name: name, Outcome: record.Passed})
	}
	for _, name := range job.Tests {
		told = append(told, event{Event: "end", Phase: "test", Name: name + "::test", Outcome: record.Passed})
	}
	if job.Suite != nil {
		for _, words := range job.Suite.Commands {
			name := strings.Join(words, " ")
			told = append(told, event{Event: "end", Phase: "test", From: name, Name: name, Outcome: record.Passed})
		}
	}
	if job.Log != nil {
		if _, err := io.WriteString(job.Log, "fake: all passed\n"); err != nil {
			return nil, err
		}
	}
	v := newVerdict(job.Suite)
	v.add(append(told, event{Event: "done"}), ending{})
	return v.record(), nil
}
