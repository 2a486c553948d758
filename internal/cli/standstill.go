package cli

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/api"
)

// standstill asks the farm why nothing goes on in a run that somebody waits for.
type standstill struct {
	since time.Time // nothing has changed since then
	asked time.Time
	said  time.Time
	last  obstacle
	note  string // in a few words, for a bar
}

// obstacle is what a change of is news: the rest of an explanation changes all the time.
type obstacle struct{ recipe, waits, stuck string }

// spans are what gets longer with each look, and is no news.
var spans = regexp.MustCompile(`[0-9.]+ (s|min|h)\b`)

// A run in which a build takes long is no standstill, but its worker may be lost, or drained before its test; who waits for a slot wants to know at once.
const (
	quiet      = 2 * time.Second
	quietBuild = 5 * time.Second
	askEvery   = 3 * time.Second
	sayAgain   = time.Minute
)

// look is a line that says why nothing goes on, where there is something new to say.
func (s *standstill) look(ctx context.Context, farm api.Farm, run api.Run, changed bool, now time.Time) string {
	if changed {
		*s = standstill{since: now}
		return ""
	}
	patience := quiet
	if first(run, "running") != "" {
		patience = quietBuild
	}
	if now.Sub(s.since) < patience || now.Sub(s.asked) < askEvery {
		return ""
	}
	s.asked = now
	e := held(ctx, farm, run)
	if e == nil {
		return ""
	}
	news := obstacle{recipe: e.Recipe, stuck: spans.ReplaceAllString(e.Stuck, "")}
	if e.Wait != nil {
		news.waits = e.Wait.For
	}
	s.note = "waits"
	if news == s.last && now.Sub(s.said) < sayAgain {
		return ""
	}
	s.last, s.said = news, now
	return e.Recipe + ": " + e.Now
}

// held explains a recipe of a run that does not go on: one that is stuck, or the next one where none is being built. nil where all
// is well, and where the farm does not tell: that says nothing of the run, and whoever looks at the run meets it, too.
func held(ctx context.Context, farm api.Farm, run api.Run) *api.Explanation {
	var next *api.Explanation
	for _, status := range []string{"running", "queued", "planned"} {
		recipe := first(run, status)
		if recipe == "" {
			continue
		}
		e, err := farm.Explain(ctx, run.ID, recipe)
		switch {
		case err != nil:
			return nil
		case e.Stuck != "":
			return &e
		case next == nil:
			next = &e
		}
	}
	if next == nil || next.Wait == nil { // it is being built
		return nil
	}
	return next
}

// first is the first recipe of a run in a state, in the order of its plan.
func first(run api.Run, status string) string {
	i := slices.IndexFunc(run.Actions, func(a api.Action) bool { return a.Status == status })
	if i < 0 {
		return ""
	}
	return run.Actions[i].Recipe
}
