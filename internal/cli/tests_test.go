package cli

import (
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/record"
)

// All that a test can have to say, as a maintainer reads it.
func TestTestReport(t *testing.T) {
	b := &record.Build{Recipe: "tiny", Version: "1.0", Tests: []record.Test{{
		Outcome: record.Failed, Runtime: "pyodide 1, node 2", Seconds: 3.25, Passed: 80, Failed: 1, Expected: 1, Skipped: 1,
		Failure: &record.Failure{Kind: record.TestFailed, Message: "tests/test_a.py::test_b: test_a.py:3: assert 0"},
		Imports: []record.Case{{Name: "tiny", Outcome: record.Passed}},
		Cases: []record.Case{
			{Name: "tests/test_a.py::test_a", From: "pytest tests", Outcome: record.Passed},
			{Name: "tests/test_a.py::test_b", From: "pytest tests", Outcome: record.Failed, Message: "test_a.py:3: assert 0\n +  where 0 = f()"},
			{Name: "tests/test_t.py::test_t", From: "pytest tests", Outcome: record.Expected, Message: "expected to fail, needs threads: can't start new thread"},
			{Name: "tests/test_a.py::test_s", From: "pytest tests", Outcome: record.Skipped, Message: "Skipped: not here"},
		},
		Needs: &record.Needs{Memory: 45350912, Stack: 24548, StackLimit: 10485760},
		Native: &record.Native{
			Runtime: "CPython 3.15.0, Linux x86_64", Wheel: "tiny-1.0-cp315-cp315-manylinux_2_28_x86_64.whl", Passed: 82, Skipped: 1,
			Differences: []record.Difference{
				{Name: "tests/test_a.py::test_b", From: "pytest tests", Native: record.Passed, Runtime: record.Failed, Message: "test_a.py:3: assert 0"},
				{Name: "tests/test_e.py::test_e", From: "pytest tests", Runtime: record.Passed},
			},
		},
		Notes: []string{"wasmill.test.expected-failures: there is no test `tests/test_gone.py`"},
	}, {Outcome: record.Passed, Runtime: "pyodide 1, Chromium 3", Passed: 81, Imports: []record.Case{{Name: "tiny", Outcome: record.Passed}}}}}
	var out strings.Builder
	if err := testReport(&out, b); err != nil {
		t.Fatal(err)
	}
	b.Audit = []record.Finding{
		{Rule: "undefined-function", Severity: record.Warning, File: "tiny.abi3.so", Symbol: "pthread_kill", Reason: "nothing provides this function; the first call of it fails"},
		{Rule: "debug-sections", Severity: record.Warning, File: "tiny.abi3.so", Reason: "1 of them"},
	}
	b.Tests = []record.Test{{
		Outcome: record.Passed, Runtime: "pyodide 1, node 2", Passed: 3, Imports: []record.Case{{Name: "tiny", Outcome: record.Passed}},
		Native: &record.Native{Reason: "the index has no wheels of tiny 1.0 and what it needs for CPython 3.15 on this machine: No solution found"},
	}}
	out.WriteString("----\n")
	if err := testReport(&out, b); err != nil {
		t.Fatal(err)
	}
	golden(t, "tests.txt", out.String())
}
