package workflows

import (
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// graph knows which actions of a plan may start, and what follows from the end of one. It is a pure state machine.
type graph struct {
	nodes []node
	index map[string]int
	ready map[Class][]int // by class, sorted: the order of the plan is the order of preference
	open  int             // actions whose end is not known
}

type node struct {
	action     Action
	state      State // empty: waiting; Queued: taken by next
	missing    int   // needs whose end is not known
	dependents []int
}

// newGraph takes a plan over. The changes are what the plan itself settles: reuse, skip, and what follows.
func newGraph(actions []Action) (*graph, []Change, error) {
	g := &graph{nodes: make([]node, len(actions)), index: make(map[string]int, len(actions)), ready: map[Class][]int{}, open: len(actions)}
	for i, a := range actions {
		if _, twice := g.index[a.Recipe]; twice {
			return nil, nil, fault.Errorf(fault.Internal, "reading the plan: recipe %s is in it twice", a.Recipe)
		}
		g.index[a.Recipe], g.nodes[i].action = i, a
	}
	for i, a := range actions {
		for _, need := range a.Needs {
			j, ok := g.index[need]
			if !ok {
				return nil, nil, fault.Errorf(fault.Internal, "reading the plan: %s needs %s, which is not in it", a.Recipe, need)
			}
			g.nodes[i].missing++
			g.nodes[j].dependents = append(g.nodes[j].dependents, i)
		}
	}
	var changes []Change
	for i, a := range actions {
		if g.nodes[i].missing == 0 && a.Kind == KindBuild {
			g.ready[a.class()] = append(g.ready[a.class()], i)
		}
	}
	for i, a := range actions {
		if a.Kind != KindBuild && g.nodes[i].state == "" {
			changes = append(changes, g.settle(settled(a))...)
		}
	}
	return g, changes, nil
}

// settled is the change that an action other than a build comes to.
func settled(a Action) Change {
	c := Change{Recipe: a.Recipe, State: Skipped, Key: a.Key, Reason: a.Reason, Root: a.Cause}
	if a.Kind == KindReuse {
		c.State = Reused
		if a.Outcome == record.Failed {
			c.State = Failed
		}
	}
	return c
}

// next takes the most wanted action that is ready, of the classes that have room; there is one.
func (g *graph) next(room func(Class) bool) Action {
	class, _ := g.best(room)
	i := g.ready[class][0]
	g.ready[class] = g.ready[class][1:]
	g.nodes[i].state = Queued
	return g.nodes[i].action
}

// putBack makes an action ready again that was taken.
func (g *graph) putBack(recipe string) {
	i := g.index[recipe]
	g.nodes[i].state = ""
	g.makeReady(i)
}

func (g *graph) makeReady(i int) {
	class := g.nodes[i].action.class()
	at, _ := slices.BinarySearch(g.ready[class], i)
	g.ready[class] = slices.Insert(g.ready[class], at, i)
}

// idle says that nothing is ready.
func (g *graph) idle() bool {
	_, found := g.best(func(Class) bool { return true })
	return !found
}

// best is the class of the most wanted action that is ready.
func (g *graph) best(room func(Class) bool) (best Class, found bool) {
	for _, class := range Classes {
		if ready := g.ready[class]; len(ready) > 0 && (!found || ready[0] < g.ready[best][0]) && room(class) {
			best, found = class, true
		}
	}
	return best, found
}

func (a *Action) class() Class {
	if a.Class == "" {
		return Small
	}
	return a.Class
}

// settle notes the end of an action, and returns it with all that it makes impossible.
func (g *graph) settle(end Change) []Change {
	n := &g.nodes[g.index[end.Recipe]]
	n.state = end.State
	g.open--
	changes := []Change{end}
	good := end.State == Passed || end.State == Reused
	root := end.Root
	if root == "" {
		root = end.Recipe
	}
	for _, d := range n.dependents {
		dep := &g.nodes[d]
		dep.missing--
		switch {
		case dep.state != "" || dep.action.Kind != KindBuild: // ended, or the plan has decided
		case !good:
			changes = append(changes, g.settle(Change{
				Recipe: dep.action.Recipe, State: Skipped, At: end.At, Cause: end.Recipe, Root: root, Reason: because(end, root),
			})...)
		case dep.missing == 0:
			g.makeReady(d)
		}
	}
	return changes
}

func because(end Change, root string) string {
	reason := "it needs " + end.Recipe + ", which "
	switch end.State {
	case Skipped:
		reason += "was skipped"
	case Canceled:
		reason += "was canceled"
	default:
		reason += "failed"
	}
	if root != end.Recipe {
		reason += " because of " + root
	}
	return reason
}

// rest are the actions whose end is not known, without the needs that are done.
func (g *graph) rest() []Action {
	var rest []Action
	for _, n := range g.nodes {
		if n.state != "" && n.state != Queued {
			continue
		}
		a := n.action
		a.Needs = slices.DeleteFunc(slices.Clone(a.Needs), func(need string) bool {
			s := g.nodes[g.index[need]].state
			return s != "" && s != Queued
		})
		rest = append(rest, a)
	}
	return rest
}

// resume takes an action that is in flight already.
func (g *graph) resume(recipe string) Action {
	i := g.index[recipe]
	a := g.nodes[i].action
	g.nodes[i].state = Queued
	g.ready[a.class()] = slices.DeleteFunc(g.ready[a.class()], func(j int) bool { return i == j })
	return a
}

// stuck is the error of a plan in which nothing can go on.
func (g *graph) stuck() error {
	var names []string
	for _, a := range g.rest() {
		names = append(names, a.Recipe)
	}
	return fault.Errorf(fault.Invalid, "the recipes wait for each other in a circle: %s", strings.Join(names, ", "))
}
