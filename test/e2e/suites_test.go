//go:build engine

package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answerPatch changes what the extension says, and what its own tests expect of it: a suite that is taken from the source as
// it was fetched fails.
const answerPatch = `--- a/tests/test_patched.py
+++ b/tests/test_patched.py
@@ -1,4 +1,4 @@
 import patched
 
 def test_answer():
-    assert patched.answer() == 42
+    assert patched.answer() == 43
--- a/patched.c
+++ b/patched.c
@@ -1,2 +1,2 @@
 #include <Python.h>
-static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(42); }
+static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(43); }
`

// A suite is the source's with the recipe's patches, and what the tests require are recipes and wheels of the index. What
// such a recipe needs when it is imported comes along, and nothing of it is in the wheel that is tested.
func TestASuiteWithPatchesAndRecipesThatItRequires(t *testing.T) {
	f, _ := sharedFarm(t)
	s := newRecipes(t)
	s.extension(t, "judge-needs", "")
	s.extension(t, "judge", "requirements: {run: [judge-needs]}\n")
	source := newSources(t).archive(t, "patched", project("patched", map[string]string{
		"tests/test_patched.py": "import patched\n\ndef test_answer():\n    assert patched.answer() == 42\n",
		"tests/test_helpers.py": "import iniconfig, judge, judge_needs\n\ndef test_helpers():\n    assert judge.answer() == judge_needs.answer() == 42\n",
	}))
	s.add(t, "patched", source+`  patches: [answer.patch]
wasmill:
  extension-modules: [patched]
  test:
    run: [pytest tests]
    suite: [tests]
    requires: [Judge, iniconfig]
    native: true
`, map[string]string{
		"answer.patch":    answerPatch,
		"test_patched.py": "import judge, patched\n\ndef test_answer():\n    assert patched.answer() == judge.answer() + 1\n",
	})
	run, status := f.submit(t, s, "patched")
	if passed(t, run); status != 0 {
		t.Fatalf("status %d", status)
	}
	b := f.record(t, action(t, run, "patched"))
	var cases []string
	for _, c := range b.Tests[0].Cases {
		cases = append(cases, strings.TrimSpace(string(c.Outcome)+" "+c.Name+" "+c.From))
	}
	if diff := cmp.Diff([]string{
		"passed test_patched.py::test_answer",
		"passed tests/test_helpers.py::test_helpers pytest tests",
		"passed tests/test_patched.py::test_answer pytest tests",
	}, cases); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
	var required []string
	for _, r := range b.Tests[0].Requires {
		required = append(required, r.Name)
	}
	if diff := cmp.Diff([]string{"iniconfig"}, required); diff != "" {
		t.Errorf("locked from the index (-want +got):\n%s", diff)
	}
	if n := b.Tests[0].Native; n == nil || !strings.Contains(n.Reason, "patched 1.0") {
		t.Errorf("the index has no patched 1.0, and the comparison says %+v", n)
	}
	if a := b.Artifacts[0]; len(a.Wheel.Depends) > 0 {
		t.Errorf("the wheel depends on %v", a.Wheel.Depends)
	}
	// A judge that comes out the same is no reason to test again.
	s.extension(t, "judge", "requirements: {run: [judge-needs]}\nbuild: {cflags: -DOTHER}\n")
	again, _ := f.submit(t, s, "patched")
	states := map[string]string{}
	for _, a := range again.Actions {
		states[a.Recipe] = a.Status
	}
	if diff := cmp.Diff(map[string]string{"judge-needs": "cached", "judge": "passed", "patched": "cached"}, states); diff != "" {
		t.Errorf("after a change of a flag (-want +got):\n%s", diff)
	}
}
