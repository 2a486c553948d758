package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Make plans. The same request gives the same plan. Recipes that need each other in a circle, or one that is not
// there, are fault.Invalid; a set of recipes reports both earlier and with their place in the file.
func Make(req Request) (*Plan, error) {
	order, err := sorted(req.Recipes)
	if err != nil {
		return nil, err
	}
	p := &Plan{Toolchain: req.Toolchain, Builder: req.Builder, Actions: make([]Action, 0, len(order))}
	done := make(map[string]*Action, len(order))
	usual := newEstimates(order, &req.History)
	for _, r := range order {
		a := decide(&req, r, done)
		if q, ok := req.Quarantine[r.Name]; ok && (a.Kind == KindBuild || a.Kind == KindReuse && a.Reused.Outcome != record.Passed) {
			good, found := req.History.good(r.Name)
			good.Inputs = Inputs{}
			a = apart(q, good, found, a)
		}
		if a.Kind == KindBuild {
			a.Last = req.History.Last[r.Name].Key
		}
		if a.Kind == KindBuild {
			a.Seconds, a.Guessed = usual.of(r)
			a.Class, a.ClassReason = ClassOf(r, req.History.Costs[r.Name])
		}
		p.Actions = append(p.Actions, a)
		done[r.Name] = &p.Actions[len(p.Actions)-1]
	}
	rank(p.Actions)
	return p, nil
}

// decide plans one recipe, given the actions of all that it needs.
func decide(req *Request, r *Recipe, done map[string]*Action) Action {
	a := Action{Recipe: r.Name, Version: r.Version, Needs: needs(r), LockKey: LockKey(*r, req.Toolchain)}
	a.Inputs = Inputs{
		Recipe:    slices.Clone(r.Parts),
		Sources:   slices.Clone(r.Sources),
		Patches:   slices.Clone(r.Patches),
		Tests:     r.Tests,
		Browser:   r.Browser,
		Toolchain: req.Toolchain.image(*r),
		Env:       req.Env,
		Builder:   req.Builder,
	}
	if r.Disabled {
		a.Kind, a.Reason, a.Cause = KindSkip, "disabled", r.Name
		return a
	}
	for _, name := range a.Needs {
		if why, cause := unusable(done[name]); why != "" {
			a.Kind, a.Reason, a.Cause = KindSkip, why, cause
			return a
		}
	}
	if a.LockKey != "" {
		a.Inputs.Lock = req.History.Locks[a.LockKey]
		a.Wants.Lock = a.Inputs.Lock == ""
	}
	for _, name := range unique(r.Host) {
		if host := done[name]; host.Kind == KindReuse {
			a.Inputs.Hosts = append(a.Inputs.Hosts, Input{Name: name, Digest: host.Reused.Output})
		} else {
			a.Wants.Hosts = append(a.Wants.Hosts, name)
		}
	}
	last, built := req.History.Last[r.Name]
	if failedEarly(req, &a) {
		return a
	}
	if a.Wants.Lock || len(a.Wants.Hosts) > 0 {
		a.Kind, a.Reason = KindBuild, because(req.Options, last, built, &a)
		return a
	}
	a.Key = Key(a.Inputs)
	earlier, cached := req.History.Builds[a.Key]
	if !cached && built && last.Key == a.Key {
		earlier, cached = last, true
	}
	switch {
	case !cached || req.Options.NoCache:
		a.Kind, a.Reason = KindBuild, because(req.Options, last, built, &a)
	case earlier.Outcome == record.Passed:
		a.Kind, a.Reason = KindReuse, "cached"
	case r.Tolerated && strings.HasPrefix(earlier.Failure, string(record.NotReproducible)):
		a.Kind, a.Reason = KindBuild, "failed before for what is tolerated now: "+earlier.Failure
	case req.Options.RetryFailed:
		a.Kind, a.Reason = KindBuild, "failed before and is to be tried again: "+earlier.Failure
	default:
		a.Kind, a.Reason = KindReuse, "failed before with the same inputs: "+earlier.Failure
	}
	if a.Kind == KindReuse {
		earlier.Inputs = Inputs{} // they are the action's own
		a.Reused = &earlier
	}
	return a
}

// failedEarly lets a failure stand that came before the requirements were locked: it is kept under the key without a
// lock. What the world outside has a part in is tried again: a file's server may have been mended, and requirements may be
// locked as of another day.
func failedEarly(req *Request, a *Action) bool {
	if !a.Wants.Lock || len(a.Wants.Hosts) > 0 || req.Options.NoCache || req.Options.RetryFailed {
		return false
	}
	key := Key(a.Inputs)
	earlier, found := req.History.Builds[key]
	outside := strings.HasPrefix(earlier.Failure, string(record.HashMismatch)) || strings.HasPrefix(earlier.Failure, string(record.Requirements))
	if !found || earlier.Outcome != record.Failed || outside {
		return false
	}
	a.Kind, a.Reason, a.Key, a.Wants.Lock = KindReuse, "failed before with the same inputs: "+earlier.Failure, key, false
	earlier.Inputs = Inputs{}
	a.Reused = &earlier
	return true
}

// unusable says why nothing can be built on an action's recipe, and which recipe is at the root of it. An action that
// has yet to be carried out is usable so far.
func unusable(a *Action) (why, cause string) {
	switch {
	case a.Kind == KindSkip && a.Cause == a.Recipe:
		return fmt.Sprintf("needs %s, which is %s", a.Recipe, a.Reason), a.Cause
	case a.Kind == KindSkip:
		return fmt.Sprintf("needs %s, which is skipped because of %s", a.Recipe, a.Cause), a.Cause
	case a.Kind == KindReuse && a.Reused.Outcome != record.Passed:
		return fmt.Sprintf("needs %s, which failed before: %s", a.Recipe, a.Reused.Failure), a.Recipe
	}
	return "", ""
}

// needs are a recipe's dependencies of both kinds, each once.
func needs(r *Recipe) []string { return unique(slices.Concat(r.Host, r.Run)) }

func unique(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// sorted puts recipes after all that they need: by level, which is one more than the highest level among a recipe's
// needs, and by name within a level.
func sorted(recipes []Recipe) ([]*Recipe, error) {
	byName := make(map[string]*Recipe, len(recipes))
	for i := range recipes {
		r := &recipes[i]
		if byName[r.Name] != nil {
			return nil, fault.Errorf(fault.Invalid, "planning: there are two recipes %s", r.Name)
		}
		byName[r.Name] = r
	}
	var levels [][]*Recipe
	level := make(map[string]int, len(recipes)) // 0: not visited, -1: being visited; others count from 1
	var visit func(r *Recipe, path []string) error
	visit = func(r *Recipe, path []string) error {
		path = append(path, r.Name)
		level[r.Name] = -1
		highest := 0
		for _, name := range needs(r) {
			next := byName[name]
			if next == nil {
				return fault.Errorf(fault.Invalid, "planning: %s needs %s, and there is no such recipe", r.Name, name)
			}
			switch level[name] {
			case -1:
				circle := append(path[slices.Index(path, name):], name)
				return fault.Errorf(fault.Invalid, "planning: recipes need each other in a circle: %s", strings.Join(circle, " → "))
			case 0:
				if err := visit(next, path); err != nil {
					return err
				}
			}
			highest = max(highest, level[name])
		}
		level[r.Name] = highest + 1
		if highest == len(levels) {
			levels = append(levels, nil)
		}
		levels[highest] = append(levels[highest], r)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if level[name] == 0 {
			if err := visit(byName[name], nil); err != nil {
				return nil, err
			}
		}
	}
	for _, l := range levels {
		slices.SortFunc(l, func(a, b *Recipe) int { return strings.Compare(a.Name, b.Name) })
	}
	return slices.Concat(levels...), nil
}
