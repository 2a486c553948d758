// Package compare holds two runs against each other: what fails now and did not before, what passes now, what has become
// slower or larger, and what has other bytes. It is pure; `wasmill compare` is its user.
package compare

import (
	"github.com/wasmill/wasmill/internal/api"
)

// What counts as a change and not as noise: a build's time varies with what else the machine does, a wheel's size hardly.
const (
	slowerBy, slowerSeconds = 1.25, 5.0
	largerBy, largerBytes   = 1.01, 1 << 10
)

// Comparison is what has changed from one run to another.
type Comparison struct {
	Before string `json:"before"` // the runs
	After  string `json:"after"`
	// Compared is how many recipes both runs have come to an end with.
	Compared int      `json:"compared"`
	Failing  []Change `json:"newly_failing"`
	Passing  []Change `json:"newly_passing"`
	Slower   []Change `json:"slower"`
	Larger   []Change `json:"larger"`
	Bytes    []Change `json:"changed_bytes"`
	// OnlyBefore and OnlyAfter are recipes that the other run does not have.
	OnlyBefore []Side `json:"only_before"`
	OnlyAfter  []Side `json:"only_after"`
	// Unknown are those about which one of the runs says nothing: it was canceled, has not come to them, or the farm failed.
	Unknown []Change `json:"unknown"`
}

// Change is a recipe as it is in both runs.
type Change struct {
	Recipe string `json:"recipe"`
	Before Side   `json:"before"`
	After  Side   `json:"after"`
	// Why is the reason for which the second run has built it, or the cause of its failure.
	Why string `json:"why,omitempty"`
}

// Side is a recipe in one of the runs.
type Side struct {
	Recipe  string  `json:"recipe,omitempty"` // where there is only one side
	Version string  `json:"version"`
	Status  string  `json:"status"`
	Cause   string  `json:"cause,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Size    int64   `json:"size_bytes,omitempty"`
	Digest  string  `json:"digest,omitempty"`
	Key     string  `json:"key,omitempty"`
}

// Worse says whether something fails that did not fail before.
func (c *Comparison) Worse() bool { return len(c.Failing) > 0 }

// Runs compares two runs, in the order of the second one's plan.
func Runs(before, after api.Run) Comparison {
	c := Comparison{
		Before: before.ID, After: after.ID,
		Failing: []Change{}, Passing: []Change{}, Slower: []Change{}, Larger: []Change{}, Bytes: []Change{},
		OnlyBefore: []Side{}, OnlyAfter: []Side{}, Unknown: []Change{},
	}
	old := map[string]*api.Action{}
	for i := range before.Actions {
		old[before.Actions[i].Recipe] = &before.Actions[i]
	}
	for i := range after.Actions {
		now := &after.Actions[i]
		was := old[now.Recipe]
		if was == nil {
			s := side(now)
			s.Recipe = now.Recipe
			c.OnlyAfter = append(c.OnlyAfter, s)
			continue
		}
		delete(old, now.Recipe)
		c.add(was, now)
	}
	for i := range before.Actions {
		if was := &before.Actions[i]; old[was.Recipe] != nil {
			s := side(was)
			s.Recipe = was.Recipe
			c.OnlyBefore = append(c.OnlyBefore, s)
		}
	}
	return c
}

func (c *Comparison) add(was, now *api.Action) {
	ch := Change{Recipe: now.Recipe, Before: side(was), After: side(now), Why: now.Reason}
	passed, known := verdict(was)
	passes, knows := verdict(now)
	if !known || !knows {
		if ch.Why = ""; !knows {
			ch.Why = now.Cause
		}
		c.Unknown = append(c.Unknown, ch)
		return
	}
	c.Compared++
	switch {
	case passed && !passes:
		ch.Why = now.Cause
		c.Failing = append(c.Failing, ch)
	case !passed && passes:
		c.Passing = append(c.Passing, ch)
	}
	if !passed || !passes {
		return
	}
	if was.Seconds > 0 && now.Seconds > max(was.Seconds*slowerBy, was.Seconds+slowerSeconds) {
		c.Slower = append(c.Slower, ch)
	}
	if was.Size > 0 && now.Size >= was.Size+largerBytes && float64(now.Size) > float64(was.Size)*largerBy {
		c.Larger = append(c.Larger, ch)
	}
	if was.Digest != "" && now.Digest != "" && was.Digest != now.Digest {
		c.Bytes = append(c.Bytes, ch)
	}
}

// verdict is what a run says about a recipe. A recipe that is skipped does not pass, whatever is the reason.
func verdict(a *api.Action) (passes, known bool) {
	switch a.Status {
	case "passed", "cached":
		return true, true
	case "failed":
		return false, a.Fault == ""
	case "skipped":
		return false, true
	}
	return false, false
}

func side(a *api.Action) Side {
	return Side{Version: a.Version, Status: a.Status, Cause: a.Cause, Seconds: a.Seconds, Size: a.Size, Digest: a.Digest, Key: a.Key}
}
