package explain

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/store"
)

// lanes are the priorities of builds, highest first (workflows.Lane).
var lanes = []string{"interactive", "submission", "nightly", "migration"}

func priority(lane string) int {
	if i := slices.Index(lanes, lane); i >= 0 {
		return i
	}
	return 1 // as the queue treats what it does not know
}

// task is one build as the queue sees it.
type task struct {
	open    *store.OpenAction
	class   string
	seconds float64 // that it takes, or that are left of it where it is running
	needs   []int   // tasks that must end before
	same    int     // the task that carries out the build that this one has joined; else -1
	guessed bool    // seconds are a guess
}

// tasks are the open actions with what is known of them. What needs a recipe that is no task has it already.
func tasks(f *Facts) []task {
	list := make([]task, len(f.Open))
	byName := make(map[[2]string]int, len(f.Open))
	for i := range f.Open {
		byName[[2]string{f.Open[i].Run, f.Open[i].Recipe}] = i
	}
	usual := typical(f.Seconds)
	for i := range f.Open {
		o := &f.Open[i]
		t := task{open: o, class: cmp.Or(o.Class, "small"), same: -1}
		known := false
		if t.seconds, known = f.Seconds[o.Recipe]; !known {
			t.seconds, t.guessed = cmp.Or(o.Expected, usual), true
		}
		if o.Status == store.Running && !o.Started.IsZero() {
			// One that takes longer than ever may end at any time.
			t.seconds = max(t.seconds-f.Now.Sub(o.Started).Seconds(), 1)
		}
		for _, name := range o.Needs {
			if j, open := byName[[2]string{o.Run, name}]; open {
				t.needs = append(t.needs, j)
			}
		}
		list[i] = t
	}
	for i, other := range store.Carrying(f.Open) {
		if other != i {
			list[i].same = other
		}
	}
	return list
}

// typical is what a build is taken to need of which nothing is known: as long as the one in the middle of those that are.
func typical(seconds map[string]float64) float64 {
	var all []float64
	for _, s := range seconds {
		all = append(all, s)
	}
	if len(all) == 0 {
		return 30
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// starts estimates in how many seconds each task starts, the way it really goes: of what is ready, a run asks for what stands
// first in its plan, for as many builds of a class as plan.Window says; what is asked for takes the slots of its class by
// lane, then by the time at which it was asked for. Infinity is for those whose turn never comes.
func starts(list []task, slots map[string]int, now time.Time) []float64 {
	q := &queue{
		list: list, slots: slots, free: map[string]int{}, waiting: map[string]*turns{}, ready: map[line]*indices{}, asked: map[line]int{},
		start: make([]float64, len(list)), end: &ends{},
	}
	for class, n := range slots {
		q.free[class] = n
	}
	missing, dependents := make([]int, len(list)), make([][]int, len(list))
	for i := range list {
		q.start[i] = math.Inf(1)
		needs := list[i].needs
		if list[i].same >= 0 {
			needs = []int{list[i].same}
		}
		missing[i] = len(needs)
		for _, n := range needs {
			dependents[n] = append(dependents[n], i)
		}
	}
	for i := range list {
		switch o := list[i].open; {
		case list[i].same >= 0:
		case o.Status == store.Running:
			q.free[list[i].class]--
			q.asked[q.line(i)]++
			q.begin(i, 0)
		case o.Status == store.Queued && !o.Started.IsZero():
			q.ask(i, -now.Sub(o.Started).Seconds())
		case !o.Control.Paused.IsZero():
			missing[i] = math.MaxInt // nobody knows when the run is resumed
		case o.Status == store.Queued:
			q.ask(i, 0)
		case missing[i] == 0:
			q.getReady(i)
		}
	}
	for at := 0.0; ; {
		q.fill(at)
		if q.end.Len() == 0 {
			return q.start
		}
		next := heap.Pop(q.end).(ending)
		at = next.at
		q.free[list[next.task].class]++
		q.asked[q.line(next.task)]--
		for done := []int{next.task}; len(done) > 0; done = done[1:] {
			for _, d := range dependents[done[0]] {
				missing[d]--
				switch {
				case missing[d] > 0 || !math.IsInf(q.start[d], 1):
				case list[d].same >= 0: // the build that it waits for is its own end
					q.start[d] = at
					done = append(done, d)
				case list[d].open.Status == store.Planned:
					q.getReady(d)
				}
			}
		}
	}
}

// line is what a run asks for of a class.
type line struct{ run, class string }

// queue is what happens to tasks as time passes.
type queue struct {
	list        []task
	slots, free map[string]int    // by class
	waiting     map[string]*turns // for a slot of a class
	ready       map[line]*indices // not asked for yet
	asked       map[line]int      // and not ended
	start       []float64
	end         *ends
}

func (q *queue) line(i int) line { return line{q.list[i].open.Run, q.list[i].class} }

func (q *queue) begin(i int, at float64) {
	q.start[i] = at
	heap.Push(q.end, ending{i, at + q.list[i].seconds})
}

func (q *queue) getReady(i int) {
	l := q.line(i)
	if q.ready[l] == nil {
		q.ready[l] = &indices{}
	}
	heap.Push(q.ready[l], i)
}

func (q *queue) ask(i int, since float64) {
	q.asked[q.line(i)]++
	class := q.list[i].class
	if q.waiting[class] == nil {
		q.waiting[class] = &turns{}
	}
	heap.Push(q.waiting[class], turn{i, priority(q.list[i].open.Lane), since})
}

// fill lets runs ask for what they may, and gives free slots to those whose turn it is.
func (q *queue) fill(at float64) {
	for l, ready := range q.ready {
		for ready.Len() > 0 && q.asked[l] < plan.Window(q.slots[l.class]) {
			q.ask(heap.Pop(ready).(int), at)
		}
	}
	for class, waiting := range q.waiting {
		for q.free[class] > 0 && waiting.Len() > 0 {
			q.free[class]--
			q.begin(heap.Pop(waiting).(turn).task, at)
		}
	}
}

// indices is a heap of tasks of one run: the order of the plan is the order of preference.
type indices []int

func (n indices) Len() int           { return len(n) }
func (n indices) Swap(i, j int)      { n[i], n[j] = n[j], n[i] }
func (n indices) Less(i, j int) bool { return n[i] < n[j] }
func (n *indices) Push(x any)        { *n = append(*n, x.(int)) }
func (n *indices) Pop() any {
	last := (*n)[len(*n)-1]
	*n = (*n)[:len(*n)-1]
	return last
}

type turn struct {
	task, lane int
	since      float64
}

// turns is a heap of what waits for a slot.
type turns []turn

func (t turns) Len() int      { return len(t) }
func (t turns) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t turns) Less(i, j int) bool {
	switch a, b := t[i], t[j]; {
	case a.lane != b.lane:
		return a.lane < b.lane
	case a.since != b.since:
		return a.since < b.since
	default:
		return a.task < b.task
	}
}
func (t *turns) Push(x any) { *t = append(*t, x.(turn)) }
func (t *turns) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

type ending struct {
	task int
	at   float64
}

// ends is a heap of what is running.
type ends []ending

func (e ends) Len() int      { return len(e) }
func (e ends) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e ends) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].task < e[j].task
}
func (e *ends) Push(x any) { *e = append(*e, x.(ending)) }
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
