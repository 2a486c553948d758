package junit_test

import (
	"encoding/xml"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/junit"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

var update = flag.Bool("update", false, "write what the code says now into the golden files")

func TestReport(t *testing.T) {
	for _, c := range []struct {
		file string
		test []record.Test
	}{
		{"all-kinds", []record.Test{{
			In: recipe.Node, Runtime: "pyodide 1, node 2", Seconds: 3.25,
			Imports: []record.Case{{Name: "tiny", Outcome: record.Passed, Seconds: 0.5}},
			Cases: []record.Case{
				{Name: "test_tiny.py::test", Outcome: record.Passed, Seconds: 0.125},
				{Name: "tests/test_a.py::TestA::test_b[x::y]", From: "pytest tests", Outcome: record.Failed, Message: "test_a.py:3: assert 1 < \"2\"", Detail: "the \x1b[31mlines\n & more"},
				{Name: "tests/test_a.py", From: "pytest tests", Outcome: record.Expected, Message: "expected to fail, needs threads: E"},
				{Name: "tests/test_a.py::c", From: "pytest tests", Outcome: record.Skipped, Message: "Skipped: not here"},
				{Name: "unittest discover", From: "unittest discover", Outcome: record.Passed},
			},
			Failure: &record.Failure{Message: "tests/test_a.py::TestA::test_b[x::y]: test_a.py:3: assert 1 < \"2\""},
		}}},
		{"a-dead-runtime", []record.Test{{
			In: recipe.Node, Runtime: "pyodide 1, node 2", Imports: []record.Case{{Name: "tiny", Outcome: record.Passed}},
			Failure: &record.Failure{Message: "the runtime died: RuntimeError: unreachable", Detail: "the log's end"},
		}}},
		{"two-runtimes", []record.Test{
			{In: recipe.Node, Runtime: "pyodide 1, node 2", Seconds: 1, Imports: []record.Case{{Name: "tiny", Outcome: record.Passed}}},
			{
				In: recipe.Chromium, Runtime: "pyodide 1, Chromium 3", Seconds: 2, Imports: []record.Case{{Name: "tiny", Outcome: record.Failed, Message: "too large"}},
				Failure: &record.Failure{Message: "importing tiny: too large"},
			},
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			got, err := junit.Write("tiny 1.0", c.test)
			if err != nil {
				t.Fatal(err)
			}
			if err := xml.Unmarshal(got, new(struct{})); err != nil {
				t.Error(err)
			}
			file := "testdata/" + c.file + ".golden.xml"
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
