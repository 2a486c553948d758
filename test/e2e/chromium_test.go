//go:build engine

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/record"
)

// A recipe opts in to a second runtime: what passes in both is published, and installs in a page of another origin; what
// leans on node fails in the page, and the record says where.
func TestARecipeIsTestedInChromium(t *testing.T) {
	f, _ := sharedFarm(t)
	s := newRecipes(t)
	tests := map[string]string{
		"everywhere": "import everywhere\n\ndef test():\n    assert everywhere.answer() == 42\n",
		"node-only":  "import node_only\n\ndef test():\n    from js import process\n    assert node_only.answer() == 42\n",
	}
	sources := newSources(t)
	for name, test := range tests {
		module := strings.ReplaceAll(name, "-", "_")
		s.add(t, name, sources.archive(t, name, project(name, nil))+"wasmill:\n  extension-modules: ["+module+"]\n  test: {runtimes: [node, chromium]}\n", map[string]string{"test_" + module + ".py": test})
	}
	run, _ := f.submit(t, s, "everywhere", "node-only")
	good, bad := action(t, run, "everywhere"), action(t, run, "node-only")
	if good.Status != "passed" || good.Tests.Passed != 2 || !slices.Equal(good.Tests.Runtimes, []string{"node", "chromium"}) {
		t.Errorf("everywhere: %+v, %+v", good, good.Tests)
	}
	if bad.Status != "failed" || !strings.Contains(bad.Cause, "in chromium: test_node_only.py::test: ") {
		t.Errorf("node-only: %+v", bad)
	}
	b := f.record(t, bad)
	if len(b.Tests) != 2 || b.Tests[0].Outcome != record.Passed || b.Tests[1].Outcome != record.Failed || !strings.Contains(b.Tests[1].Runtime, "Chromium") {
		t.Errorf("tests: %+v", b.Tests)
	}
	f.wasmill(t, "tests", "node-only").expect(t, 0, "node-only 1.0 passed in pyodide", "node-only 1.0 failed in pyodide", "Chromium")
	f.wasmill(t, "index", "check", "--recipes", s.dir, "--runtime", "chromium", "everywhere").expect(t, 0, "everywhere 1.0")
}
