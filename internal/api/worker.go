package api

import "time"

// Worker is a worker daemon.
type Worker struct {
	Name    string   `json:"name"`
	Classes []string `json:"classes"`
	Slots   int      `json:"slots"`
	// ClassSlots are the slots by class; nil for a worker that has not been heard of since the orchestrator was started.
	ClassSlots map[string]int `json:"class_slots,omitempty"`
	LastSeen   time.Time      `json:"last_seen"`

	// State says whether it takes builds. Reason is why it does not, one line; By is who or what decided so, e.g. a person, a
	// signal, or the worker itself; Since is when it came into this state.
	State  WorkerState `json:"state"`
	Reason string      `json:"reason,omitempty"`
	By     string      `json:"by,omitempty"`
	Since  *time.Time  `json:"since,omitempty"`
	// Heard is the time of the order that the worker follows, as it says itself.
	Heard *time.Time `json:"heard,omitempty"`

	// Builds are what runs on it, those that began first before others.
	Builds []WorkerBuild `json:"builds,omitempty"`
	// Empty is an estimate, in seconds, of when all of them have ended; nil where one of them was never built before, or takes
	// longer than it ever did.
	Empty *float64 `json:"empty_in_seconds,omitempty"`
}

// Heartbeat is how often a worker says that it is there, and so how long it may take until it hears of an order.
const Heartbeat = 5 * time.Second

// WorkerState is where a worker stands.
type WorkerState string

// The states of a worker. It says the first four of itself; an order of the farm leads from active to draining and from
// all others back to active, and trouble with its machinery from active to out.
const (
	Active   WorkerState = "active"   // takes builds
	Draining WorkerState = "draining" // takes nothing new; something still runs
	Drained  WorkerState = "drained"  // nothing runs: it can be stopped without a loss
	Out      WorkerState = "out"      // took itself out; what runs goes on
	Gone     WorkerState = "gone"     // two heartbeats are missing
)

// SlotsOf are the slots of the workers that take builds, by class. Of a worker whose slots are not known yet, each class has
// one.
func SlotsOf(workers []Worker) map[string]int {
	slots := map[string]int{}
	for _, w := range workers {
		if w.State != Active {
			continue
		}
		for _, class := range w.Classes {
			slots[class] += max(w.ClassSlots[class], 1)
		}
	}
	return slots
}

// WorkerBuild is an attempt that runs on a worker.
type WorkerBuild struct {
	Attempt string    `json:"attempt"` // its ID
	Run     string    `json:"run"`
	Recipe  string    `json:"recipe"`
	Class   string    `json:"class,omitempty"`
	Phase   string    `json:"phase,omitempty"`
	Number  int       `json:"number"` // of the attempt, from 1
	Started time.Time `json:"started"`
	Usual   float64   `json:"usual_seconds,omitempty"` // that it took the last time; 0 where it was never built
}

// Order is what the farm wants of a worker: to take builds, or nothing new.
type Order struct {
	Rest   bool      `json:"rest"`
	Reason string    `json:"reason,omitempty"` // one line
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at,omitzero"` // when it was given, which the farm sets; zero for none
}
