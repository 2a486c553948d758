package explain_test

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/explain"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2030, 1, 2, 3, 0, 0, 0, time.UTC)

// ago is a time some seconds before now.
func ago(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }

// farm is a small world in which one run goes on, and others beside it.
type farm struct{ explain.Facts }

func newFarm(actions ...store.RunAction) *farm {
	f := &farm{explain.Facts{
		Now: now, Run: store.Run{ID: "mine", Lane: "nightly", Plan: &plan.Plan{}}, Actions: actions,
		Seconds: map[string]float64{}, Slots: map[string]int{"small": 2, "medium": 1},
	}}
	for i, a := range actions {
		if a.Action == "" {
			actions[i].Action, a.Action = plan.KindBuild, plan.KindBuild
		}
		f.Run.Plan.Actions = append(f.Run.Plan.Actions, plan.Action{Recipe: a.Recipe, Kind: a.Action})
		if !a.Status.Ended() {
			f.Open = append(f.Open, store.OpenAction{Run: "mine", Lane: "nightly", RunAction: actions[i]})
		}
	}
	return f
}

func (f *farm) with(workers ...api.Worker) *farm {
	f.Workers = workers
	return f
}

// other adds an action of another run.
func (f *farm) other(run, lane string, a store.RunAction) *farm {
	f.Open = append(f.Open, store.OpenAction{Run: run, Lane: lane, RunAction: a})
	return f
}

func running(name string, seconds int) store.RunAction {
	return store.RunAction{Recipe: name, Status: store.Running, Phase: record.PhaseCompile, Worker: "w1", Started: ago(seconds), Attempt: 1, Reason: "no earlier build"}
}

func queued(name string, seconds int) store.RunAction {
	return store.RunAction{Recipe: name, Status: store.Queued, Started: ago(seconds), Reason: "no earlier build"}
}

func planned(name string, needs ...string) store.RunAction {
	return store.RunAction{Recipe: name, Status: store.Planned, Needs: needs, Reason: "no earlier build"}
}

// joined waits for a build that another run has started; the key is not known to it yet.
func joined(a store.RunAction) store.RunAction {
	a.Build, a.Joined = "build/"+a.Recipe+"/shared", true
	return a
}

func in(class string, a store.RunAction) store.RunAction {
	a.Class = class
	return a
}

func digest(letter string) record.Digest {
	return record.Digest("sha256:" + strings.Repeat(letter, 64))
}

func key(letter string) string { return strings.Repeat(letter, 64) }

// What people are told, for each thing that can be the reason. The golden file is the place to read it.
func TestWords(t *testing.T) {
	built := func(letter string, in plan.Inputs) *store.Build {
		return &store.Build{Record: record.Build{Key: key(letter), Recipe: "app", Version: "1.0", Outcome: record.Passed}, Inputs: in, Finished: ago(86400)}
	}
	old := plan.Inputs{Sources: []plan.Input{{Digest: digest("1")}}, Toolchain: digest("2"), Hosts: []plan.Input{{Name: "lib", Digest: digest("3")}}, Lock: digest("4")}
	var page strings.Builder
	for _, story := range []struct {
		name string
		farm func() *farm
	}{
		{"nothing changed", func() *farm {
			f := newFarm(store.RunAction{Recipe: "app", Action: plan.KindReuse, Status: store.Cached, Reason: "cached", Key: key("a")})
			f.Build, f.Past = built("a", old), &store.Past{Run: "first", Reason: "no earlier build", Status: store.Passed}
			return f
		}},
		{"it failed before", func() *farm {
			return newFarm(store.RunAction{Recipe: "app", Action: plan.KindReuse, Status: store.Failed, Reason: "failed before with the same inputs: compile-failed: no", Cause: "compile-failed: no"})
		}},
		{"the source changed, and a dependency is built before", func() *farm {
			f := newFarm(store.RunAction{Recipe: "app", Status: store.Passed, Seconds: 61, Worker: "w1", Key: key("b"), Reason: "source changed: 1 → 9; dependency lib will be rebuilt"})
			f.Last = built("a", old)
			in := old
			in.Sources, in.Hosts = []plan.Input{{Digest: digest("9")}}, []plan.Input{{Name: "lib", Digest: digest("8")}}
			f.Build = built("b", in)
			f.Run.Plan.Actions[0].Wants.Hosts = []string{"lib"}
			return f
		}},
		{"what it needs came out unchanged", func() *farm {
			f := newFarm(store.RunAction{Recipe: "app", Status: store.Cached, Key: key("a"), Reason: "dependency lib will be rebuilt"})
			f.Last, f.Build = built("a", old), built("a", old)
			return f
		}},
		{"a need of a need failed", func() *farm {
			return newFarm(
				store.RunAction{Recipe: "lib", Status: store.Failed, Cause: "x.c:3: error: unknown type name 'foo'"},
				store.RunAction{Recipe: "mid", Status: store.Skipped, Cause: "it needs lib, which failed", Needs: []string{"lib"}},
				store.RunAction{Recipe: "app", Status: store.Skipped, Cause: "it needs mid, which was skipped because of lib", Needs: []string{"fine", "mid"}, Reason: "no earlier build"},
			)
		}},
		{"the plan skips it", func() *farm {
			return newFarm(
				store.RunAction{Recipe: "lib", Action: plan.KindSkip, Status: store.Skipped, Cause: "disabled", Reason: "disabled"},
				store.RunAction{Recipe: "app", Action: plan.KindSkip, Status: store.Skipped, Cause: "needs lib, which is disabled", Reason: "needs lib, which is disabled", Needs: []string{"lib"}},
			)
		}},
		{"it waits for what it needs", func() *farm {
			f := newFarm(running("lib", 40), queued("mid", 10), planned("app", "done", "lib", "mid"))
			f.Seconds = map[string]float64{"lib": 100, "mid": 30}
			return f
		}},
		{"all slots are taken", func() *farm {
			f := newFarm(running("one", 40), queued("app", 12)).
				other("theirs", "submission", running("two", 5)).
				other("theirs", "submission", queued("three", 3)).
				other("theirs", "migration", queued("four", 300))
			f.Seconds = map[string]float64{"one": 100, "two": 50, "three": 20, "app": 10}
			return f
		}},
		{"it ran out of memory, and waits for a larger slot", func() *farm {
			a := in("medium", queued("app", 5))
			a.Cause = "ran out of memory in the class small, tried again in medium"
			return newFarm(in("medium", running("b", 10)), a)
		}},
		{"it passed in a larger class", func() *farm {
			f := newFarm(in("medium", store.RunAction{Recipe: "app", Status: store.Passed, Seconds: 61, Worker: "w1", Key: key("b"), Reason: "no earlier build"}))
			f.Build = built("b", old)
			f.Build.Record.Class, f.Build.Record.Outgrew = "medium", []string{"small"}
			return f
		}},
		{"it is in quarantine", func() *farm {
			f := newFarm(store.RunAction{Recipe: "app", Action: plan.KindReuse, Status: store.Cached, Reason: "in quarantine until 2030-01-15 (ada): flaky; its last good build stands", Key: key("a")})
			f.Run.Plan.Actions[0].Quarantined = true
			f.Build = built("a", old)
			return f
		}},
		{"others of its run go first", func() *farm {
			f := newFarm(running("a", 10), running("b", 10), planned("c"), planned("d"), planned("app"))
			f.Seconds = map[string]float64{"a": 20, "b": 60, "c": 30, "d": 40, "app": 10}
			return f
		}},
		{"no worker has ever joined", func() *farm {
			return newFarm(in("large", queued("app", 4000)))
		}},
		{"no worker serves its class", func() *farm {
			return newFarm(in("large", queued("app", 4000))).with(api.Worker{Name: "w1", State: api.Active, Classes: []string{"small"}})
		}},
		{"those that serve its class take nothing", func() *farm {
			all := []string{"small", "medium", "large"}
			return newFarm(in("large", queued("app", 4000))).with(
				api.Worker{Name: "w1", State: api.Gone, Classes: all, LastSeen: ago(600)},
				api.Worker{Name: "w2", State: api.Active, Classes: []string{"small"}},
				api.Worker{Name: "w3", State: api.Out, Classes: all, Reason: "the disk is full"},
				api.Worker{Name: "w4", State: api.Drained, Classes: all, Reason: "a new disk", By: "ada"},
			)
		}},
		{"nobody takes what it needs", func() *farm {
			return newFarm(in("large", queued("lib", 10)), planned("mid", "lib"), planned("app", "mid")).with(api.Worker{Name: "w1", State: api.Draining, Classes: []string{"large"}})
		}},
		{"the other run's build of the same key is held back", func() *farm {
			mine, theirs := joined(in("large", queued("app", 5))), in("large", queued("app", 60))
			theirs.Build = mine.Build
			return newFarm(mine).other("theirs", "submission", theirs)
		}},
		{"its worker is gone", func() *farm {
			return newFarm(running("app", 40)).with(api.Worker{Name: "w1", State: api.Gone, Classes: []string{"small"}, LastSeen: ago(35)})
		}},
		{"its worker is gone, and another is there", func() *farm {
			return newFarm(running("app", 40)).with(api.Worker{Name: "w1", State: api.Gone, Classes: []string{"small"}, LastSeen: ago(35)},
				api.Worker{Name: "w2", State: api.Active, Classes: []string{"small"}})
		}},
		{"it is built, and its worker takes no tests any more", func() *farm {
			return newFarm(running("app", 40)).with(api.Worker{Name: "w1", State: api.Out, Reason: "the engine does not answer", Classes: []string{"small"}, ClassSlots: map[string]int{"small": 1}})
		}},
		{"it is being built, and its worker, the only one, will take no test", func() *farm {
			return newFarm(running("app", 40)).with(api.Worker{
				Name: "w1", State: api.Draining, By: "ada", Classes: []string{"small"}, ClassSlots: map[string]int{"small": 1}, Builds: []api.WorkerBuild{{Run: "mine", Recipe: "app"}},
			})
		}},
		{"it is being tested, and its worker, the only one, takes nothing new", func() *farm {
			a := running("app", 40)
			a.Phase = record.PhaseTest
			return newFarm(a).with(api.Worker{
				Name: "w1", State: api.Draining, By: "ada", Classes: []string{"small"}, ClassSlots: map[string]int{"small": 1}, Builds: []api.WorkerBuild{{Run: "mine", Recipe: "app"}},
			})
		}},
		{"another run builds the same key", func() *farm {
			mine, theirs := joined(queued("app", 5)), running("app", 60)
			theirs.Build = mine.Build
			f := newFarm(mine).other("theirs", "submission", theirs)
			f.Seconds["app"] = 90
			return f
		}},
		{"another run builds the same key again, without the cache, and has nothing to do with this one", func() *farm {
			mine, theirs := queued("app", 5), running("app", 60)
			mine.Key, theirs.Key, mine.Build, theirs.Build = key("a"), key("a"), "build/app/a", "build/app/theirs"
			return newFarm(mine).other("theirs", "submission", theirs)
		}},
		{"it has joined a build that nobody else wants any more, and that waits", func() *farm {
			f := newFarm(joined(queued("app", 5))).with(api.Worker{Name: "w1", State: api.Active, Classes: []string{"small"}})
			f.Starter = "theirs"
			return f
		}},
		{"it has joined such a build, and no worker takes it", func() *farm {
			f := newFarm(joined(in("large", queued("app", 5)))).with(api.Worker{Name: "w1", State: api.Drained, Classes: []string{"large"}})
			f.Starter = "theirs"
			return f
		}},
		{"it has joined such a build, with a third run, and a worker is at it", func() *farm {
			f := newFarm(joined(queued("app", 5))).other("third", "submission", joined(queued("app", 7))).with(
				api.Worker{Name: "w1", State: api.Active, Classes: []string{"small"}, Builds: []api.WorkerBuild{{Run: "theirs", Recipe: "app", Phase: "test", Started: ago(12)}}})
			f.Starter = "theirs"
			return f
		}},
		{"it has waited for another run's build", func() *farm {
			a := joined(store.RunAction{Recipe: "app", Status: store.Passed, Seconds: 61, Key: key("b"), Reason: "no earlier build"})
			f := newFarm(a)
			f.Starter = "theirs"
			return f
		}},
		{"the other run's build is compiled, and no worker tests it", func() *farm {
			mine, theirs := joined(queued("app", 5)), running("app", 60)
			theirs.Build = mine.Build
			f := newFarm(mine).other("theirs", "submission", theirs).with(api.Worker{Name: "w1", State: api.Drained, Classes: []string{"small"}, ClassSlots: map[string]int{"small": 1}})
			f.Seconds["app"] = 90
			return f
		}},
		{"it is running", func() *farm {
			f := newFarm(running("app", 40))
			f.Seconds["app"] = 100
			return f
		}},
		{"it is running for longer than ever", func() *farm {
			f := newFarm(running("app", 400))
			f.Seconds["app"] = 100
			return f
		}},
		{"the run was canceled", func() *farm {
			return newFarm(store.RunAction{Recipe: "app", Status: store.Canceled, Cause: "the run ended before", Reason: "no earlier build"})
		}},
		{"the farm failed", func() *farm {
			return newFarm(store.RunAction{Recipe: "app", Status: store.Failed, Fault: "unavailable", Cause: "the registry does not answer", Reason: "no earlier build"})
		}},
	} {
		e := explain.Recipe(story.farm().Facts, "app")
		page.WriteString(story.name + "\n  why: " + e.Why + "\n  now: " + e.Now + "\n")
		for _, c := range e.Changes {
			page.WriteString("  change: " + c.Field + " " + c.Name + " " + plan.Short(c.Old) + " " + plan.Short(c.New) + "\n")
		}
		if e.Stuck != "" {
			page.WriteString("  stuck: " + e.Stuck + "\n")
		}
		if e.Root != nil {
			page.WriteString("  root: " + e.Root.Recipe + "\n")
		}
		if e.Wait != nil {
			page.WriteString("  for: " + e.Wait.For + "\n")
		}
		page.WriteString("\n")
	}
	golden(t, "words.txt", page.String())
}

// When a build starts is a matter of slots, lanes, and how long others take.
func TestTheEstimatedStart(t *testing.T) {
	for _, story := range []struct {
		name    string
		farm    *farm
		seconds map[string]float64
		want    float64 // infinite: nobody knows
		guessed int
	}{
		{"a slot is free", newFarm(queued("app", 1)), nil, 0, 1},
		{"one of two ends first", newFarm(running("a", 10), running("b", 10), queued("app", 1)), map[string]float64{"a": 60, "b": 30, "app": 1}, 20, 0},
		{"another is before it", newFarm(running("a", 10), running("b", 10), queued("c", 9), queued("app", 1)),
			map[string]float64{"a": 60, "b": 30, "c": 100, "app": 1}, 50, 0},
		{"one that waits for less long is not", newFarm(running("a", 10), running("b", 10), queued("app", 2), queued("c", 1)),
			map[string]float64{"a": 60, "b": 30, "c": 100, "app": 1}, 20, 0},
		{"but it is in a higher lane", newFarm(running("a", 10), running("b", 10), queued("app", 2)).other("o", "interactive", queued("c", 1)),
			map[string]float64{"a": 60, "b": 30, "c": 100, "app": 1}, 50, 0},
		{"and does not matter in a lower one", newFarm(running("a", 10), running("b", 10), queued("app", 2)).other("o", "migration", queued("c", 100)),
			map[string]float64{"a": 60, "b": 30, "c": 100, "app": 1}, 20, 0},
		{"a chain of needs", newFarm(running("a", 10), planned("b", "a"), planned("app", "b")), map[string]float64{"a": 60, "b": 30, "app": 1}, 80, 0},
		{"one takes longer than ever", newFarm(running("a", 100), running("b", 10), queued("app", 1)), map[string]float64{"a": 60, "b": 30, "app": 1}, 1, 0},
		{"nobody knows how long a need takes", newFarm(planned("a"), planned("app", "a")), map[string]float64{"app": 1}, 1, 1},
		{"nobody knows anything", newFarm(planned("a"), planned("app", "a")), nil, 30, 2},
		{"its need waits for a worker", func() *farm {
			return newFarm(in("large", queued("a", 1)), planned("app", "a"))
		}(), nil, math.Inf(1), 2},
		{"another class is full", func() *farm {
			return newFarm(in("medium", running("a", 1)), in("medium", queued("b", 1)), queued("app", 1))
		}(), nil, 0, 1},
		{"the run asks first for what stands first in its plan", newFarm(planned("a"), planned("b"), planned("c"), planned("app")),
			map[string]float64{"a": 60, "b": 30, "c": 20, "app": 1}, 50, 0},
		{"even if that is ready later, as long as nobody has asked for the other",
			newFarm(running("lib", 0), running("x", 0), queued("y", 3), queued("z", 2), planned("long", "lib"), planned("app")),
			map[string]float64{"lib": 10, "x": 100, "y": 5, "z": 80, "long": 100, "app": 1}, 100, 0},
		{"more is running than there are slots now", newFarm(running("a", 0), running("b", 0), running("c", 0), queued("app", 1)),
			map[string]float64{"a": 10, "b": 20, "c": 30, "app": 1}, 20, 0},
	} {
		t.Run(story.name, func(t *testing.T) {
			story.farm.Seconds = story.seconds
			w := explain.Recipe(story.farm.Facts, "app").Wait
			got := math.Inf(1)
			if w.Starts != nil {
				got = *w.Starts
			}
			if got != story.want || w.Guessed != story.guessed {
				t.Errorf("starts in %v with %d guesses, want %v with %d", got, w.Guessed, story.want, story.guessed)
			}
		})
	}
}

// A queue of thousands is not told by name.
func TestALongQueue(t *testing.T) {
	f := newFarm(queued("app", 1))
	for range 500 {
		f.other("o", "submission", queued("b", 2))
	}
	f.Seconds = map[string]float64{"app": 1, "b": 10}
	w := explain.Recipe(f.Facts, "app").Wait
	if w.Ahead != 500 || len(w.Before) != 10 || *w.Starts != 2500 || w.For != api.WaitSlot {
		t.Errorf("%d ahead, %d named, starts in %v, for %s", w.Ahead, len(w.Before), *w.Starts, w.For)
	}
}

func TestSpan(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0 s", 1.26: "1.3 s", 12.4: "12 s", 89: "89 s", 240: "4 min", 3600: "60 min", 4800 + 1200: "1 h 40 min", 7200: "2 h"} {
		if got := explain.Span(seconds); got != want {
			t.Errorf("%v is %q, want %q", seconds, got, want)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
