package runtimes

import (
	"context"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Chromium tests in Pyodide in pages of headless Chromium, in a container without network: a server beside it has the
// runtime, and the job's wheels with a lock, as an index serves them. What a user's page does happens: the browser verifies
// the lock's hashes, and what the main thread may not do fails. The suite's native comparison is the other runtime's
// affair. What Pyodide keeps of the runtime is shared.
type Chromium struct{ *Pyodide }

var _ Runtime = Chromium{}

// Test implements Runtime.
func (c Chromium) Test(ctx context.Context, job Job) (*record.Test, error) {
	if job.Browser == "" {
		return nil, fault.Errorf(fault.Invalid, "testing %s in Chromium: the job names no image with it", job.Artifact.Path)
	}
	return c.test(ctx, job, true)
}
