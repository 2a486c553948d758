// Package explain answers an operator's two questions about a recipe of a run: why is it built, reused or skipped, and why
// is it not done yet. It is pure: what is known comes in as Facts, and the answer is an api.Explanation.
package explain

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// Facts are all that an answer rests on.
type Facts struct {
	Now     time.Time
	Run     store.Run // with its plan
	Actions []store.RunAction
	Last    *store.Build // with which the plan compared; nil where it is forgotten, or there was none
	Build   *store.Build // under the action's key; nil where there is none yet
	Past    *store.Past  // where Build was made
	Starter string       // the run that has started the build that the action has joined; empty where nobody remembers, or it has joined none
	// What is needed to tell of waiting: what else is to be built, how long builds take, by recipe, the workers, and the slots of
	// those that take builds, by class.
	Open    []store.OpenAction
	Seconds map[string]float64
	Workers []api.Worker
	Slots   map[string]int
}

// shown is how many of those that are before in a queue are named.
const shown = 10

// Recipe explains one recipe of the run, which has a plan with it.
func Recipe(f Facts, name string) api.Explanation {
	act := f.Actions[slices.IndexFunc(f.Actions, func(a store.RunAction) bool { return a.Recipe == name })]
	e := api.Explanation{
		Run: f.Run.ID, Lane: f.Run.Lane, State: cmp.Or(f.Run.Outcome, "running"), Recipe: act.Recipe, Version: act.Version,
		Kind: string(act.Action), Status: string(act.Status), Key: act.Key,
	}
	f.decision(&e, &act)
	f.standing(&e, &act)
	return e
}

// decision says why the plan wants what it wants.
func (f *Facts) decision(e *api.Explanation, act *store.RunAction) {
	if act.Action == plan.KindReuse || act.Status == store.Cached {
		e.Built = past(f.Build, f.Past)
	}
	switch act.Action {
	case plan.KindSkip:
		e.Why = "skipped by the plan: " + act.Reason
		return
	case plan.KindReuse:
		if f.planned(act.Recipe).Quarantined {
			e.Why = act.Reason
			return
		}
		e.Why = "an earlier build had the same inputs: all fields of the key are what they were"
		if act.Status == store.Failed {
			e.Why = act.Reason + "; a failure stands until an input changes, or somebody asks for another try (--retry-failed)"
		}
		return
	}
	e.Why = act.Reason
	if f.Last == nil || f.Last.Record.Key == act.Key && act.Status.Ended() { // the second is this very build
		return
	}
	e.Last = past(f.Last, nil)
	planned := f.planned(act.Recipe)
	now, wants := planned.Inputs, planned.Wants
	if f.Build != nil { // what the plan did not know yet is in it
		now, wants = f.Build.Inputs, plan.Wants{}
	}
	e.Changes = plan.Changes(f.Last.Inputs, now, wants)
	if f.Build != nil && len(planned.Wants.Hosts) > 0 {
		if late := words(e.Changes); late != "" && late != act.Reason {
			e.Why += ". Since then is known: " + late
		}
	}
}

// starter names the run whose build the action has joined.
func (f *Facts) starter() string {
	if f.Starter == "" {
		return "another run"
	}
	return "run " + f.Starter
}

func (f *Facts) planned(recipe string) *plan.Action {
	return &f.Run.Plan.Actions[slices.IndexFunc(f.Run.Plan.Actions, func(a plan.Action) bool { return a.Recipe == recipe })]
}

func words(changes []plan.Change) string {
	var list []string
	for _, c := range changes {
		list = append(list, c.String())
	}
	return strings.Join(list, "; ")
}

func past(b *store.Build, in *store.Past) *api.PastBuild {
	if b == nil {
		return nil
	}
	p := &api.PastBuild{Key: b.Record.Key, Version: b.Record.Version, Outcome: string(b.Record.Outcome), Finished: b.Finished}
	if in != nil {
		p.Run, p.Reason = in.Run, in.Reason
	}
	return p
}

// standing says how far the recipe is.
func (f *Facts) standing(e *api.Explanation, act *store.RunAction) {
	switch act.Status {
	case store.Cached:
		e.Now = "cached, nothing is to be done"
		if act.Action == plan.KindBuild {
			e.Now = "cached: when all that it needs was done, its inputs were those of an earlier build, so it was not built again"
		}
	case store.Passed:
		e.Now = fmt.Sprintf("passed in %s on %s", Span(act.Seconds), cmp.Or(act.Worker, "another run's worker"))
		if act.Joined {
			e.Now = fmt.Sprintf("passed in %s, built by %s, which it has waited for", Span(act.Seconds), f.starter())
		}
		if f.Build != nil && len(f.Build.Record.Outgrew) > 0 {
			e.Now += fmt.Sprintf(", in the class %s, after it ran out of memory in %s", f.Build.Record.Class, strings.Join(f.Build.Record.Outgrew, " and "))
		}
	case store.Failed:
		e.Now = "failed: " + act.Cause
		if act.Fault != "" {
			e.Now = "the farm failed, not the recipe (" + act.Fault + "): " + act.Cause
		}
	case store.Canceled:
		e.Now = "canceled with the run, or with what it needs"
		if act.Cause != "" {
			e.Now = "canceled: " + act.Cause
		}
	case store.Skipped:
		f.skipped(e, act)
	case store.Running:
		f.running(e, act)
	default:
		if f.Run.Outcome != "" {
			e.Now = "it was not built: the run ended before (" + f.Run.Outcome + ")"
			return
		}
		f.waits(e, act)
	}
}

// skipped finds the recipe at which the trouble began.
func (f *Facts) skipped(e *api.Explanation, act *store.RunAction) {
	e.Now = "skipped: " + cmp.Or(act.Cause, act.Reason)
	byName := map[string]*store.RunAction{}
	for i := range f.Actions {
		byName[f.Actions[i].Recipe] = &f.Actions[i]
	}
	root := act
	for seen := map[string]bool{}; root.Status == store.Skipped && !seen[root.Recipe]; {
		seen[root.Recipe] = true
		next := slices.IndexFunc(root.Needs, func(need string) bool { return byName[need] != nil && stopped(byName[need].Status) })
		if next < 0 {
			break
		}
		root = byName[root.Needs[next]]
	}
	if root == act {
		return
	}
	s := f.stands(f.Run.ID, f.Run.Lane, root)
	s.Cause = cmp.Or(root.Cause, root.Reason)
	e.Root = &s
	verb := map[store.Status]string{store.Failed: "failed", store.Canceled: "was canceled", store.Skipped: "was skipped"}[root.Status]
	e.Now += fmt.Sprintf(". It began with %s, which %s: %s", root.Recipe, verb, s.Cause)
}

func stopped(s store.Status) bool {
	return s == store.Failed || s == store.Skipped || s == store.Canceled
}

func (f *Facts) running(e *api.Explanation, act *store.RunAction) {
	s := f.stands(f.Run.ID, f.Run.Lane, act)
	e.Now = "running: " + inWords(s, "")
	if s.Usual > 0 {
		left := max(s.Usual-s.Seconds, 0)
		e.Ends = &left
		if left == 0 {
			e.Now += "; it takes longer than the last time"
		}
	}
	class := cmp.Or(act.Class, "small")
	i := slices.IndexFunc(f.Workers, func(w api.Worker) bool { return w.Name == act.Worker })
	e.Stuck = f.lost(f.Run.ID, act.Recipe, act.Worker, class)
	switch {
	case e.Stuck != "" && handedBack(f.Workers[i], f.Run.ID, act.Recipe):
		e.Ends = nil
		e.Now = fmt.Sprintf("its %s on %s has ended; %s", cmp.Or(act.Phase, "step"), act.Worker, e.Stuck)
	case e.Stuck != "":
		e.Ends = nil
		e.Now += ". But " + e.Stuck
	case i >= 0 && act.Phase != record.PhaseTest:
		if nobody := Nobody(f.Workers, class, f.Now); nobody != "" {
			e.Now += ". Its next step, after this, will wait: " + nobody
		}
	}
}

// waits says what a recipe waits for, and how long it may be.
func (f *Facts) waits(e *api.Explanation, act *store.RunAction) {
	list := tasks(f)
	me := slices.IndexFunc(list, func(t task) bool { return t.open.Run == f.Run.ID && t.open.Recipe == act.Recipe })
	if me < 0 { // it has ended between two looks
		e.Now = "about to begin"
		return
	}
	w := &api.Wait{Class: list[me].class, Slots: f.Slots[list[me].class]}
	e.Wait = w
	if start := starts(list, f.Slots, f.Now)[me]; !math.IsInf(start, 1) {
		w.Starts = &start
	}
	for _, n := range list[me].needs {
		w.Needs = append(w.Needs, f.stands(list[n].open.Run, list[n].open.Lane, &list[n].open.RunAction))
	}
	if act.Status == store.Queued && !act.Started.IsZero() {
		w.Since = &act.Started
	}
	f.queue(w, list, me)
	for i := range list {
		if list[i].guessed && list[i].open.Status != store.Running && (i == me || list[i].class == w.Class || slices.Contains(list[me].needs, i)) {
			w.Guessed++
		}
	}
	switch {
	case list[me].same >= 0 && !list[list[me].same].open.Joined:
		w.For = api.WaitBuild
		other := list[list[me].same].open
		w.Running = []api.Standing{f.stands(other.Run, other.Lane, &other.RunAction)}
		e.Now = "waits for run " + other.Run + ", which builds the same key: " + inWords(w.Running[0], "")
	case act.Joined && act.Status == store.Queued:
		f.outlives(e, act)
	case !f.Run.Control.Paused.IsZero() && act.Status == store.Planned:
		w.For, w.Starts = api.WaitPause, nil
		e.Now = f.pauseInWords()
		e.Stuck = e.Now
	case len(w.Needs) > 0:
		w.For = api.WaitNeeds
		e.Now = "waits for " + needsInWords(w.Needs)
	case w.Slots == 0:
		w.For = api.WaitWorker
		e.Stuck = Nobody(f.Workers, w.Class, f.Now)
		e.Now = "waits for a worker: " + e.Stuck
	case act.Status == store.Planned && f.limited():
		w.For = api.WaitLimit
		e.Now = fmt.Sprintf("waits for another build of its run, which has as many as it may: its limit of %d is reached (`wasmill run limit %s N` changes it)",
			f.Run.Control.Limit, f.Run.ID)
	case act.Status == store.Planned:
		w.For = api.WaitTurn
		e.Now = "all that it needs is done; the run is about to ask for its build"
		if w.Ahead > 0 {
			e.Now = fmt.Sprintf("waits for its turn: %s before it, first %s; a run asks first for that on which most work hangs",
				counted(w.Ahead, "build goes", "builds go"), w.Before[0].Recipe)
		}
	default:
		w.For = api.WaitSlot
		e.Now = f.slotInWords(w)
	}
	if act.Cause != "" {
		e.Now += "; it " + act.Cause
	}
	if w.For == api.WaitBuild {
		w.Ahead, w.Before = 0, nil // it takes no place in the queue
	}
	if (w.For == api.WaitNeeds || w.For == api.WaitBuild) && e.Stuck == "" {
		if e.Stuck = f.stuck(list, me); e.Stuck != "" {
			w.Starts = nil
			e.Now += ". " + e.Stuck
		}
	}
	if w.Starts != nil && *w.Starts >= 1 && w.For != api.WaitBuild {
		e.Now += fmt.Sprintf(". It starts in about %s", Span(*w.Starts))
	}
}

// outlives tells of a build that goes on for those that have joined it, while the run that has started it does not want it any more.
func (f *Facts) outlives(e *api.Explanation, act *store.RunAction) {
	w := e.Wait
	w.For, w.Starts, w.Running = api.WaitBuild, nil, nil
	e.Now = "waits for a build of the same key that " + f.starter() + " has started, and that goes on without that run: "
	for _, worker := range f.Workers {
		for _, b := range worker.Builds {
			if b.Run == f.Starter && b.Recipe == act.Recipe {
				w.Running = []api.Standing{{
					Run: b.Run, Recipe: b.Recipe, Status: string(store.Running), Phase: b.Phase, Worker: worker.Name,
					Seconds: max(f.Now.Sub(b.Started).Seconds(), 0), Usual: b.Usual,
				}}
				e.Now += inWords(w.Running[0], "")
				return
			}
		}
	}
	if e.Stuck = Nobody(f.Workers, w.Class, f.Now); e.Stuck != "" {
		e.Now += "it waits for a worker: " + e.Stuck
		return
	}
	e.Now += "it waits for a slot of the class " + w.Class
}

// stuck says what keeps that from going on for which a task waits, however many others are between; empty where something does.
func (f *Facts) stuck(list []task, me int) string {
	seen := map[int]bool{me: true}
	for todo := []int{me}; len(todo) > 0; todo = todo[1:] {
		t := &list[todo[0]]
		next := t.needs
		if t.same >= 0 {
			next = []int{t.same}
		}
		o, why := t.open, ""
		switch {
		case todo[0] == me || len(next) > 0:
		case o.Status == store.Running:
			why = f.lost(o.Run, o.Recipe, o.Worker, t.class)
		case f.Slots[t.class] == 0:
			why = Nobody(f.Workers, t.class, f.Now)
		}
		if why != "" {
			return o.Recipe + " does not go on: " + why
		}
		for _, n := range next {
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return ""
}

// pauseInWords says who holds the run back.
func (f *Facts) pauseInWords() string {
	c := f.Run.Control
	text := "the run is paused"
	if c.By != "" {
		text += " by " + c.By
	}
	text += " since " + c.Paused.UTC().Format("2006-01-02 15:04 UTC") + ", " + Span(f.Now.Sub(c.Paused).Seconds()) + " ago"
	if c.Reason != "" {
		text += " (" + c.Reason + ")"
	}
	return text + ": nothing new of it starts until `wasmill run resume " + f.Run.ID + "`"
}

// limited says whether the run has as many builds asked for as it may.
func (f *Facts) limited() bool {
	asked := 0
	for _, a := range f.Actions {
		if a.Status == store.Queued || a.Status == store.Running {
			asked++
		}
	}
	return f.Run.Control.Limit > 0 && asked >= f.Run.Control.Limit
}

// queue fills in what has the slots of the class, and what waits for them before this one.
func (f *Facts) queue(w *api.Wait, list []task, me int) {
	mine := list[me].open
	var before, later []*store.OpenAction // later: not asked for yet
	for i := range list {
		o := list[i].open
		switch {
		case i == me || list[i].class != w.Class || list[i].same >= 0:
		case o.Status == store.Running:
			w.Running = append(w.Running, f.stands(o.Run, o.Lane, &o.RunAction))
		case o.Status == store.Queued && ahead(o, mine):
			before = append(before, o)
		case i < me && mine.Status == store.Planned && o.Status == store.Planned && o.Run == mine.Run && len(list[i].needs) == 0:
			later = append(later, o)
		}
	}
	slices.SortStableFunc(before, func(a, b *store.OpenAction) int {
		return cmp.Or(cmp.Compare(priority(a.Lane), priority(b.Lane)), a.Started.Compare(b.Started))
	})
	before = append(before, later...)
	w.Ahead = len(before)
	for _, o := range before[:min(shown, len(before))] {
		w.Before = append(w.Before, f.stands(o.Run, o.Lane, &o.RunAction))
	}
}

// ahead says whether a queued build gets a slot before another that is queued, or will be.
func ahead(o, mine *store.OpenAction) bool {
	if a, b := priority(o.Lane), priority(mine.Lane); a != b {
		return a < b
	}
	return mine.Status == store.Planned || o.Started.Before(mine.Started)
}

func (f *Facts) slotInWords(w *api.Wait) string {
	text := fmt.Sprintf("waits for a slot of the class %s", w.Class)
	if w.Since != nil {
		text += " since " + Span(f.Now.Sub(*w.Since).Seconds())
	}
	text += fmt.Sprintf(": %d of %s taken", len(w.Running), counted(w.Slots, "slot is", "slots are"))
	if len(w.Running) > 0 {
		text += " by " + w.Running[0].Recipe + " (" + inWords(w.Running[0], "") + ")"
		if more := len(w.Running) - 1; more > 0 {
			text += fmt.Sprintf(" and %s", counted(more, "other build", "other builds"))
		}
	}
	switch {
	case w.Ahead > 0:
		text += fmt.Sprintf("; %s before it, first %s of run %s (%s)", counted(w.Ahead, "build waits", "builds wait"), w.Before[0].Recipe, w.Before[0].Run, w.Before[0].Lane)
	case len(w.Running) < w.Slots:
		text += "; it is next, and a worker is about to take it"
	default:
		text += "; it is next"
	}
	return text
}

func needsInWords(needs []api.Standing) string {
	var list []string
	for _, s := range needs[:min(3, len(needs))] {
		list = append(list, s.Recipe+" ("+inWords(s, s.Status+" ")+")")
	}
	text := strings.Join(list, ", ")
	if more := len(needs) - len(list); more > 0 {
		text += fmt.Sprintf(" and %d more that it needs", more)
	}
	return text
}

// inWords says of something that is not done how long it has been at it, behind some words.
func inWords(s api.Standing, begin string) string {
	if s.Status != string(store.Running) {
		if begin == "" {
			begin = s.Status
		}
		text := strings.TrimRight(begin, " ,")
		if s.Usual > 0 {
			text += ", took " + Span(s.Usual) + " the last time"
		}
		return text
	}
	text := begin + cmp.Or(s.Phase, "begins") + " for " + Span(s.Seconds)
	if s.Worker != "" {
		text += " on " + s.Worker
	}
	if s.Usual > 0 {
		text += ", took " + Span(s.Usual) + " the last time"
	}
	return text
}

func (f *Facts) stands(run, lane string, a *store.RunAction) api.Standing {
	s := api.Standing{Run: run, Lane: lane, Recipe: a.Recipe, Status: string(a.Status), Phase: string(a.Phase), Worker: a.Worker, Cause: a.Cause}
	if !a.Status.Ended() {
		s.Usual = f.Seconds[a.Recipe]
	}
	if a.Status == store.Running && !a.Started.IsZero() {
		s.Seconds = max(f.Now.Sub(a.Started).Seconds(), 0)
	}
	return s
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Span writes seconds as people say them: "12 s", "4 min", "1 h 20 min".
func Span(seconds float64) string {
	switch s := int(math.Round(seconds)); {
	case seconds < 10 && seconds != math.Trunc(seconds):
		return fmt.Sprintf("%.1f s", seconds)
	case s < 90:
		return fmt.Sprintf("%d s", s)
	case s < 90*60:
		return fmt.Sprintf("%d min", (s+30)/60)
	default:
		m := (s + 30) / 60
		if m%60 == 0 {
			return fmt.Sprintf("%d h", m/60)
		}
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	}
}
