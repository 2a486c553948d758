package runtimes

import (
	"cmp"
	"context"
	"slices"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/record"
)

// native runs the suite natively, and compares.
func (t *tester) native(ctx context.Context, inside events) error {
	n := t.job.Suite.Native
	if n.Reason != "" {
		t.verdict.test.Native = &record.Native{Reason: n.Reason}
		return nil
	}
	told, err := t.container(ctx, part{
		name: "native", command: "native", host: true, apart: true, time: t.job.Suite.Time,
		mounts: []engine.Mount{{Source: n.Site, Target: "/site"}},
	})
	if err != nil {
		return err
	}
	t.verdict.test.Native = compare(inside, told)
	t.verdict.test.Native.Wheel = n.Wheel
	return nil
}

type testID struct{ from, name string }

// compare says what a suite came to natively, and which tests ended otherwise than inside the runtime.
func compare(inside, native events) *record.Native {
	n := &record.Native{}
	if !native.done() {
		n.Reason = "the native run did not come to its end; the log says why"
	}
	here, there := native.ends(), inside.ends()
	for _, e := range native {
		if e.Event == "runtime" && n.Runtime == "" {
			n.Runtime = clip(e.Name)
		}
	}
	for id, e := range here {
		switch e.Outcome {
		case record.Passed:
			n.Passed++
		case record.Failed:
			n.Failed++
		case record.Skipped:
			n.Skipped++
		}
		if other := there[id]; other.Outcome != e.Outcome {
			n.Differences = append(n.Differences, difference(id, e, other))
		}
	}
	for id, e := range there {
		if _, ok := here[id]; !ok {
			n.Differences = append(n.Differences, difference(id, event{}, e))
		}
	}
	slices.SortFunc(n.Differences, func(a, b record.Difference) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.From, b.From), cmp.Compare(a.Name, b.Name))
	})
	return n
}

func difference(id testID, native, inside event) record.Difference {
	d := record.Difference{Name: clip(id.name), From: clip(id.from), Native: native.Outcome, Runtime: inside.Outcome}
	d.Message = clip(inside.Message)
	if inside.Outcome == record.Passed {
		d.Message = clip(native.Message)
	}
	return d
}

// rank puts first what a maintainer wants to know.
func rank(d record.Difference) int {
	if d.Native == record.Passed {
		return 0
	}
	return 1
}

// ends are the ends of a suite's tests, the last of each.
func (all events) ends() map[testID]event {
	ends := map[testID]event{}
	for _, e := range all {
		if e.Event == "end" && e.From != "" {
			ends[testID{e.From, e.Name}] = e
		}
	}
	return ends
}
