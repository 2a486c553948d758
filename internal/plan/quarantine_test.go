package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/plan"
)

// What is in quarantine is neither built nor in the way of others.
func TestQuarantine(t *testing.T) {
	q := map[string]plan.Quarantine{"toolz": {Reason: "fails and passes in turns", Owner: "ada", Until: time.Date(2030, 1, 15, 0, 0, 0, 0, time.UTC)}}
	const words = "in quarantine until 2030-01-15 (ada): fails and passes in turns"
	for _, story := range []struct {
		name   string
		change func(f *farm)
		want   []string
	}{
		{"nothing is to be done", func(*farm) {}, []string{
			"cytoolz: reuse: cached", "jinja2: reuse: cached", "markupsafe: reuse: cached", "toolz: reuse: cached"}},
		{"it would be built", func(f *farm) { f.recipe("toolz").Sources[0].Digest = digest("new") }, []string{
			"cytoolz: reuse: cached", "jinja2: reuse: cached", "markupsafe: reuse: cached", "toolz: reuse: " + words + "; its last good build stands"}},
		{"it failed, and was good before", func(f *farm) {
			good := f.History.Last["toolz"]
			f.recipe("toolz").Sources[0].Digest = digest("new")
			f.Quarantine = nil
			f.carryOut("toolz")
			f.Quarantine, f.History.Good = q, map[string]plan.Build{"toolz": good}
		}, []string{
			"cytoolz: reuse: cached", "jinja2: reuse: cached", "markupsafe: reuse: cached", "toolz: reuse: " + words + "; its last good build stands"}},
		{"it was never good", func(f *farm) { f.History = plan.History{} }, []string{
			"cytoolz: skip: needs toolz, which is " + words, "jinja2: build: no earlier build", "markupsafe: build: no earlier build", "toolz: skip: " + words}},
	} {
		t.Run(story.name, func(t *testing.T) {
			f := small(t)
			f.carryOut()
			f.Quarantine = q
			story.change(f)
			p := f.plan()
			if diff := cmp.Diff(story.want, byName(lines(p))); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			for _, a := range p.Actions {
				if a.Quarantined != strings.Contains(a.Reason, "in quarantine") && a.Cause != "toolz" {
					t.Errorf("%s: quarantined: %v", a.Recipe, a.Quarantined)
				}
			}
		})
	}
}

func TestFlaky(t *testing.T) {
	for _, story := range []struct {
		name   string
		trials string // newest first: a letter for the key, + or - for the outcome
		want   string
	}{
		{"never built", "", ""},
		{"always fails", "a- a- a- a-", ""},
		{"was mended, with another key each time", "d+ c- b- a+", ""},
		{"once may have been the machine", "a+ a- a-", ""},
		{"in turns", "a+ a- a+", "it fails and passes in turns with the same key: 2 times within 3 builds"},
		{"in turns, with others between", "a- b+ a+ c- a- d+", "it fails and passes in turns with the same key: 2 times within 6 builds"},
		{"at the second try, with each new key", "b+ b- a+ a-", "it fails and passes in turns with each of 2 keys: 2 times within 4 builds"},
	} {
		t.Run(story.name, func(t *testing.T) {
			var trials []plan.Trial
			for _, s := range strings.Fields(story.trials) {
				trials = append(trials, plan.Trial{Key: s[:1], Passed: s[1] == '+'})
			}
			if got, flaky := plan.Flaky(trials); got != story.want || flaky != (story.want != "") {
				t.Errorf("%q, flaky: %v", got, flaky)
			}
		})
	}
}
