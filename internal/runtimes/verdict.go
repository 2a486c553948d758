package runtimes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/record"
)

// verdict is a record in the making: what each container of a test told is added to it.
type verdict struct {
	test     *record.Test
	expected map[string]string // Suite.Expected
	met      map[string]bool   // those of expected that name a test
	failed   []event
	suite    bool // the suite has been run
	dead     bool // a container did not come to its end
}

func newVerdict(suite *Suite) *verdict {
	v := &verdict{test: &record.Test{Outcome: record.Passed, Imports: []record.Case{}, Cases: []record.Case{}}, met: map[string]bool{}}
	if suite != nil {
		v.expected = suite.Expected
	}
	return v
}

// add folds the events of one container. The first container that did not come to its end is the failure.
func (v *verdict) add(all events, end ending) {
	v.test.Seconds += end.Wall.Seconds()
	if v.test.ExitStatus == 0 {
		v.test.ExitStatus = end.ExitStatus
	}
	var running *event
	for _, e := range all {
		switch e.Event {
		case "runtime":
			if v.test.Runtime == "" {
				v.test.Runtime = clip(e.Name)
			}
		case "start":
			running = &e
		case "end":
			running = nil
			v.suite = v.suite || e.From != ""
			v.end(e)
		case "needs":
			v.needs(e)
		case "note":
			if note := clip(e.Message); !slices.Contains(v.test.Notes, note) {
				v.test.Notes = append(v.test.Notes, note)
			}
		}
	}
	if all.done() || v.test.Failure != nil {
		return
	}
	failure := all.died(end)
	if running != nil {
		running.Outcome, running.Message = record.Failed, failure.Message
		v.end(*running)
		failure.Message = during(*running) + ": " + failure.Message
	}
	v.test.Failure, v.dead = failure, true
}

func (v *verdict) end(e event) {
	c := record.Case{Name: clip(e.Name), From: clip(e.From), Outcome: e.Outcome, Seconds: e.Seconds, Message: clip(e.Message), Detail: clip(e.Detail)}
	if e.Phase == "import" {
		v.test.Imports = append(v.test.Imports, c)
		if e.Outcome == record.Failed {
			v.failed = append(v.failed, e)
		}
		return
	}
	if key, ok := v.expects(e); ok {
		v.met[key] = true
		switch e.Outcome {
		case record.Failed:
			c.Outcome, c.Message = record.Expected, "expected to fail, "+v.expected[key]+": "+c.Message
		case record.Passed:
			v.test.Notes = append(v.test.Notes, fmt.Sprintf("%s passes, though wasmill.test.expected-failures says: %s", c.Name, v.expected[key]))
		}
	}
	v.test.Cases = append(v.test.Cases, c)
	switch c.Outcome {
	case record.Passed:
		v.test.Passed++
	case record.Failed:
		v.test.Failed++
		v.failed = append(v.failed, e)
	case record.Skipped:
		v.test.Skipped++
	case record.Expected:
		v.test.Expected++
	}
}

// expects finds the entry of wasmill.test.expected-failures that speaks of a test: its own name, or that of the file,
// the class or the parametrized function that it belongs to. The longest is the one that is meant.
func (v *verdict) expects(e event) (key string, found bool) {
	if e.From == "" {
		return "", false
	}
	for name := range v.expected {
		rest, ok := strings.CutPrefix(e.Name, name)
		if ok && len(name) > len(key) && (rest == "" || rest[0] == '[' || rest[0] == '/' || strings.HasPrefix(rest, "::")) {
			key, found = name, true
		}
	}
	return key, found
}

func (v *verdict) needs(e event) {
	if e.Memory <= 0 {
		return
	}
	if v.test.Needs == nil {
		v.test.Needs = &record.Needs{}
	}
	n := v.test.Needs
	n.Memory, n.Stack, n.StackLimit = max(n.Memory, e.Memory), max(n.Stack, e.Stack), max(n.StackLimit, e.StackLimit)
}

// imported says that there is sense in testing on.
func (v *verdict) imported() bool {
	return v.test.Failure == nil && !slices.ContainsFunc(v.failed, isImport)
}

func isImport(e event) bool { return e.Phase == "import" }

// record closes the verdict.
func (v *verdict) record() *record.Test {
	t := v.test
	if len(v.failed) > 0 && t.Failure == nil {
		t.Failure = explain(v.failed[0])
		if total := len(v.failed); total > 1 {
			t.Failure.Message = fmt.Sprintf("%d failed, the first: %s", total, t.Failure.Message)
		}
	}
	if t.Failure != nil {
		t.Failure.Phase = record.PhaseTest
		t.Outcome = record.Failed
	}
	if v.dead || !v.suite {
		return t
	}
	for name := range v.expected {
		if !v.met[name] {
			t.Notes = append(t.Notes, fmt.Sprintf("wasmill.test.expected-failures: there is no test `%s`", name))
		}
	}
	slices.Sort(t.Notes)
	return t
}
