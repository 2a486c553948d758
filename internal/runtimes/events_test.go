package runtimes

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/record"
)

const (
	runtime     = `{"event": "runtime", "name": "pyodide 1, node 2"}` + "\n"
	importStart = `{"event": "start", "phase": "import", "name": "tiny"}` + "\n"
	importEnd   = `{"event": "end", "phase": "import", "name": "tiny", "outcome": "passed", "seconds": 0.5}` + "\n"
	testStart   = `{"event": "start", "phase": "test", "name": "t.py::a"}` + "\n"
	testEnd     = `{"event": "end", "phase": "test", "name": "t.py::a", "outcome": "passed"}` + "\n"
	testFailed  = `{"event": "end", "phase": "test", "name": "t.py::b", "outcome": "failed", "message": "t.py:1: assert 0\n more", "detail": "the lines"}` + "\n"
	fatal       = `{"event": "fatal", "message": "RuntimeError: unreachable"}` + "\n"
	done        = `{"event": "done"}` + "\n"
)

// Whatever the package did to its runtime, there is a record that says what ran, and one line that says what went
// wrong where.
func TestRecord(t *testing.T) {
	limits := Limits{Memory: 512 << 20, Time: time.Minute, Log: 1000}
	for _, c := range []struct {
		name    string
		told    string
		end     ending
		kind    record.FailureKind // empty for a pass
		message string
		cases   string // outcome letters of imports, then of tests
	}{
		{name: "all passed", told: runtime + importStart + importEnd + testStart + testEnd + done, cases: "p/p"},
		{name: "imports only", told: runtime + importStart + importEnd + done, cases: "p/"},
		{
			name: "a test fails", told: runtime + importStart + importEnd + testStart + testEnd + testFailed + done, cases: "p/pf",
			kind: record.TestFailed, message: "t.py::b: t.py:1: assert 0",
		},
		{
			name: "two tests fail", told: runtime + importEnd + testFailed + testFailed + done, cases: "p/ff",
			kind: record.TestFailed, message: "2 failed, the first: t.py::b: t.py:1: assert 0",
		},
		{
			name: "a trap in a test", told: runtime + importEnd + testStart + fatal, cases: "p/f",
			kind: record.TestFailed, message: "t.py::a: the runtime died: RuntimeError: unreachable",
		},
		{
			name: "a trap in an import", told: runtime + importStart + fatal, cases: "f/",
			kind: record.ImportFailed, message: "importing tiny: the runtime died: RuntimeError: unreachable",
		},
		{
			name: "the process exits with success in an import", told: runtime + importStart, cases: "f/",
			kind: record.ImportFailed, message: "importing tiny: the runtime's process ended with status 0",
		},
		{
			name: "an endless loop", told: runtime + importEnd + testStart, end: ending{Result: engine.Result{TimedOut: true, ExitStatus: 137}}, cases: "p/f",
			kind: record.OutOfTime, message: "t.py::a: out of time: more than 1m0s",
		},
		{
			name: "too much memory", told: runtime + importStart, end: ending{Result: engine.Result{OOMKilled: true, ExitStatus: 137}}, cases: "f/",
			kind: record.OutOfMemory, message: "importing tiny: out of memory: more than 512 MiB",
		},
		{
			name: "too much memory before anything was told", end: ending{Result: engine.Result{OOMKilled: true, ExitStatus: 137}}, cases: "/",
			kind: record.OutOfMemory, message: "out of memory: more than 512 MiB",
		},
		{
			name: "too much output", told: runtime + importStart + `{"event": "en`, end: ending{logFull: true}, cases: "f/",
			kind: record.LogLimit, message: "importing tiny: too much output: more than 1000 bytes",
		},
		{
			name: "a trap between tests", told: runtime + importEnd + testStart + testEnd + fatal, cases: "p/p",
			kind: record.TestFailed, message: "the runtime died: RuntimeError: unreachable",
		},
		{
			name: "no tests", told: runtime + importStart + importEnd + `{"event": "gave-up", "phase": "test", "message": "no tests"}`, cases: "p/",
			kind: record.TestFailed, message: "no tests",
		},
		{
			name: "a wheel that can't be loaded", told: runtime + `{"event": "gave-up", "phase": "import", "message": "loading the wheels: bad zip"}`, cases: "/",
			kind: record.ImportFailed, message: "loading the wheels: bad zip",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.end.limits, c.end.tail = limits, "the log's end"
			v := newVerdict(nil)
			v.add(readEvents(strings.NewReader(c.told)), c.end)
			got := v.record()
			letters := ""
			for _, i := range got.Imports {
				letters += string(i.Outcome[:1])
			}
			letters += "/"
			for _, i := range got.Cases {
				letters += string(i.Outcome[:1])
			}
			if letters != c.cases {
				t.Errorf("cases %q, want %q", letters, c.cases)
			}
			if c.kind == "" {
				if got.Outcome != record.Passed || got.Failure != nil {
					t.Errorf("outcome %s, failure %+v", got.Outcome, got.Failure)
				}
				return
			}
			if got.Outcome != record.Failed || got.Failure == nil {
				t.Fatalf("outcome %s, failure %+v", got.Outcome, got.Failure)
			}
			if diff := cmp.Diff([]string{string(c.kind), c.message}, []string{string(got.Failure.Kind), got.Failure.Message}); diff != "" {
				t.Error(diff)
			}
			if got.Failure.Detail == "" || got.Failure.Phase != record.PhaseTest {
				t.Errorf("detail %q, phase %q", got.Failure.Detail, got.Failure.Phase)
			}
		})
	}
}

// The package under test has the events in its hands: what it writes there must not break the farm.
func FuzzEvents(f *testing.F) {
	f.Add(runtime + importStart + importEnd + testStart + testFailed + fatal + done)
	f.Fuzz(func(t *testing.T, told string) {
		v := newVerdict(nil)
		v.add(readEvents(strings.NewReader(told)), ending{})
		test := v.record()
		if (test.Outcome == record.Failed) != (test.Failure != nil) {
			t.Errorf("outcome %s, failure %+v", test.Outcome, test.Failure)
		}
	})
}
