package plan

import (
	"fmt"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// Quarantine is why a recipe is not to be built for now.
type Quarantine struct {
	Reason, Owner string
	Until         time.Time
}

// String is the quarantine in words.
func (q Quarantine) String() string {
	return fmt.Sprintf("in quarantine until %s (%s): %s", q.Until.UTC().Format(time.DateOnly), q.Owner, q.Reason)
}

// apart is what is done about a recipe in quarantine: it is not built and does not fail the run. Its last good build stands,
// for those that need it; where there is none they can't be had either.
func apart(q Quarantine, good Build, found bool, a Action) Action {
	out := Action{Recipe: a.Recipe, Version: a.Version, Needs: a.Needs, LockKey: a.LockKey, Quarantined: true, Reason: q.String()}
	if !found {
		out.Kind, out.Cause = KindSkip, a.Recipe
		return out
	}
	out.Kind, out.Key, out.Reused = KindReuse, good.Key, &good
	out.Reason += "; its last good build stands"
	return out
}

// Trial is how a build of a recipe ended, when a worker carried it out.
type Trial struct {
	Key    string
	Passed bool
}

// turns is how often a recipe must have come out otherwise than the time before, with the same key, for its outcome to say
// nothing. Once may have been the machine.
const turns = 2

// Flaky says whether a recipe fails and passes in turns though nothing changes, from its newest trials on. The key holds all
// that can change what comes out.
func Flaky(trials []Trial) (reason string, flaky bool) {
	last := map[string]bool{}
	turned, keys := 0, map[string]bool{}
	for _, t := range trials {
		if passed, seen := last[t.Key]; seen && passed != t.Passed {
			turned++
			keys[t.Key] = true
		}
		last[t.Key] = t.Passed
	}
	if turned < turns {
		return "", false
	}
	of := "the same key"
	if len(keys) > 1 {
		of = fmt.Sprintf("each of %d keys", len(keys))
	}
	return fmt.Sprintf("it fails and passes in turns with %s: %d times within %d builds", of, turned, len(trials)), true
}

// good is the newest build of a recipe that passed.
func (h *History) good(recipe string) (Build, bool) {
	if last, ok := h.Last[recipe]; ok && last.Outcome == record.Passed {
		return last, true
	}
	b, ok := h.Good[recipe]
	return b, ok
}
