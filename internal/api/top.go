package api

import "time"

// Top is what goes on in a farm. It is made of few and small questions, so that it can be asked every second.
type Top struct {
	At      time.Time     `json:"at"`
	Workers []Worker      `json:"workers"`
	Queues  []Queue       `json:"queues"` // those that are not empty, by lane and class
	Runs    []RunProgress `json:"runs"`   // those that go on, in the order in which they were made
}

// Queue is what waits for a slot of a class in a lane, and what has one. What waits for another run's build of the same key is none of it.
type Queue struct {
	Lane    string `json:"lane"`
	Class   string `json:"class"`
	Running int    `json:"running"`
	Queued  int    `json:"queued"`
}

// RunProgress is how far a run is.
type RunProgress struct {
	Run                   // without its actions
	Counts map[string]int `json:"counts"` // of its recipes, by status
	Total  int            `json:"total"`
	Joined []string       `json:"joined,omitempty"` // the runs whose builds of the same keys it waits for
}
