package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   samples
		want float64
	}{
		{samples{3}, 3},
		{samples{9, 1, 2}, 2}, // one slow outlier does not count
		{samples{4, 1, 3, 2}, 2.5},
	} {
		before := append(samples{}, c.of...)
		if got := c.of.median(); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.of, got, c.want)
		}
		if diff := cmp.Diff(before, c.of); diff != "" {
			t.Errorf("the order of the samples has changed: %s", diff)
		}
	}
	if got := (samples{}).median(); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
}

// sample is a build whose phases add up.
func sample(prepare, compile, test, raw, run float64) buildSample {
	s := buildSample{Run: run, Command: run + 0.1}
	s.fill(record.Build{
		Phases: []record.PhaseTime{
			{Phase: record.PhasePrepare, Seconds: prepare}, {Phase: record.PhaseCompile, Seconds: compile}, {Phase: record.PhaseTest, Seconds: test},
		},
		Compilers: &record.Compilers{Commands: 2, Seconds: raw},
	})
	return s
}

func TestSummary(t *testing.T) {
	yes, no := true, false
	ready := []buildSample{sample(0.1, 1, 1, 0.5, 2.5), sample(0.1, 1.2, 1, 0.7, 2.7), sample(0.4, 5, 3, 4, 9)}
	want := summary{
		Ready: 1.3, Raw: 0.7, Over: 0.6, OverOK: true, Test: 1, Run: 2.7, Command: 2.8, Peer: 2.6, Ratio: 0.5, RatioOK: &yes, Between: 0.4,
		Phases: []record.PhaseTime{
			{Phase: record.PhasePrepare, Seconds: 0.1}, {Phase: record.PhaseCompile, Seconds: 1.2}, {Phase: record.PhaseTest, Seconds: 1},
		},
	}
	near := cmpopts.EquateApprox(0, 1e-9)
	if diff := cmp.Diff(want, summarize(ready, samples{2.6, 2.5, 7}), near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	slow := summarize([]buildSample{sample(0.3, 1, 1, 0.5, 3)}, samples{2})
	if slow.OverOK || cmp.Diff(slow.RatioOK, &no) != "" {
		t.Errorf("0.8 s over raw, 0.65 of the peer: %+v", slow)
	}
	if alone := summarize(ready, nil); alone.RatioOK != nil || alone.Peer != 0 {
		t.Errorf("without a peer: %+v", alone)
	}
}

// figures is a result with everything in it that a table shows.
func figures() *result {
	first := sample(2, 3, 4, 0.5, 10)
	recipes := []*recipeResult{
		{Name: "markupsafe", Version: "3.0.4", First: &first, Ready: []buildSample{sample(0.2, 0.7, 1, 0.5, 2)}, Peer: samples{3.1, 3.3}},
		{Name: "a-long-name", Version: "1.0", First: &first, Ready: []buildSample{sample(0.4, 12, 1, 11, 14)}, Peer: samples{20}},
		{Name: "flags", Version: "2", First: &first, Ready: []buildSample{sample(0.1, 0.2, 1, 0.1, 2)}, NoPeer: "the recipe has flags"},
	}
	for _, r := range recipes {
		r.Summary = summarize(r.Ready, r.Peer)
	}
	old := newMeasure("bake of the toolchain", "s", 0, samples{312})
	old.Note = "not now: the last one here"
	return &result{
		Machine: machine{Cores: 2, Processor: "Processor X", Memory: 8 << 30, Load: 0.25}, Versions: map[string]string{"pyodide-build": "0.39.2"},
		Recipes: recipes, Unmeasured: []string{"slow", "slower"},
		Farm: []measure{
			newMeasure("a build of nothing", "s", noOpLimit, samples{0.2, 0.3, 5}), newMeasure("memory", "bytes", upLimit, samples{600 << 20}), old,
		},
	}
}

// Who interrupts a long benchmark sees what it has measured so far, a recipe with some of its samples included.
func TestAnInterruptedBenchmarkSaysSo(t *testing.T) {
	first := sample(2, 3, 4, 0.5, 10)
	b := &bench{result: &result{}}
	b.keep(&recipeResult{Name: "begun", First: &first, Ready: []buildSample{sample(0.2, 0.7, 1, 0.5, 2)}})
	b.keep(&recipeResult{Name: "hardly-begun", First: &first})
	b.result.Partial, b.result.Seconds = true, 41.7
	if diff := cmp.Diff([]string{"begun"}, b.measured()); diff != "" {
		t.Error(diff)
	}
	var got bytes.Buffer
	if err := b.result.print(&got); err != nil {
		t.Fatal(err)
	}
	if text := got.String(); !strings.HasPrefix(text, "PARTIAL: interrupted after 42 seconds") || !strings.Contains(text, "begun") {
		t.Errorf("it says\n%s", text)
	}
}

func TestTable(t *testing.T) {
	var got bytes.Buffer
	if err := figures().print(&got); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "table.txt")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCoverageTellsWhatBuildsAndWhatDoesNot(t *testing.T) {
	r := figures()
	r.Recipes[0].Size, r.Recipes[0].Imports, r.Recipes[0].Passed = 10240, 1, 3
	r.Failed = []failure{{"Broken", "1.0", "failed: a | b"}}
	got := r.coverage()
	for _, line := range []string{
		"| Broken | 1.0 | failed: a \\| b | | | | | | |\n| flags | 2 | passed | 5.00 | 0.30 | 0.10 | the recipe has flags | 0 B | none: a library |\n",
		"| markupsafe | 3.0.4 | passed | 5.00 | 0.90 | 0.50 | 3.20 | 10.0 KiB | 1 imports, 3 passed |\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("%q is not in\n%s", line, got)
		}
	}
}

func TestTheSamplesAreInTheJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "result.json")
	want := figures()
	if err := want.write(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got result
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatThePeerIsNotComparedOn(t *testing.T) {
	source := recipe.Source{URL: "https://example.org/x-1.tar.gz"}
	for _, c := range []struct {
		recipe recipe.Recipe
		want   string
	}{
		{recipe.Recipe{Source: source}, ""},
		{recipe.Recipe{Source: source, Build: recipe.Build{Script: "export X=1"}}, ""},
		{recipe.Recipe{Source: source, Build: recipe.Build{CFlags: "-DX"}}, "the recipe has flags"},
		{recipe.Recipe{Source: source, Build: recipe.Build{Post: "rm x"}}, "the recipe has a post script"},
		{recipe.Recipe{Source: recipe.Source{URL: "https://example.org/x-1-py3-none-any.whl"}}, "the recipe has a wheel as source"},
	} {
		if got := notComparable(&c.recipe); got != c.want {
			t.Errorf("%+v: %q, want %q", c.recipe, got, c.want)
		}
	}
}
