package main

import (
	"math"
	"slices"
)

// samples are measurements of one thing, in the order in which they were made. JSON has them raw.
type samples []float64

// median is the middle one, or the mean of the two in the middle; NaN for none.
func (s samples) median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// measure is a thing that was measured, with its target if it has one.
type measure struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"` // s, bytes
	Samples samples `json:"samples"`
	Median  float64 `json:"median"`
	Limit   float64 `json:"limit,omitempty"` // the median is to be below it; 0 is no limit
	OK      *bool   `json:"ok,omitempty"`    // absent without a limit
	Note    string  `json:"note,omitempty"`
}

func newMeasure(name, unit string, limit float64, s samples) measure {
	m := measure{Name: name, Unit: unit, Samples: s, Median: s.median(), Limit: limit}
	if limit > 0 {
		ok := m.Median < limit
		m.OK = &ok
	}
	return m
}
