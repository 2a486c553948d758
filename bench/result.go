package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// result is what is written as JSON. Times are seconds on the wall, sizes bytes.
type result struct {
	Started  time.Time         `json:"started"`
	Seconds  float64           `json:"seconds"`           // of the whole benchmark
	Partial  bool              `json:"partial,omitempty"` // it was interrupted
	Machine  machine           `json:"machine"`
	Versions map[string]string `json:"versions"`
	Recipes  []*recipeResult   `json:"recipes"`
	// Failed are the recipes that did not build or did not pass their tests, with the reason.
	Failed []failure `json:"failed,omitempty"`
	// Unmeasured are the recipes for which there was no time.
	Unmeasured []string  `json:"unmeasured,omitempty"`
	Farm       []measure `json:"farm"`
}

// failure is a recipe of which there is nothing to measure.
type failure struct {
	Recipe  string `json:"recipe"`
	Version string `json:"version"`
	Cause   string `json:"cause"`
}

func (f *failure) Error() string { return "building " + f.Recipe + ": " + f.Cause }

// recipeResult is what was measured of one recipe.
type recipeResult struct {
	Name    string `json:"recipe"`
	Version string `json:"version"`
	Pure    bool   `json:"pure,omitempty"`
	Size    int64  `json:"size_bytes"` // of the artifact
	Imports int    `json:"imports"`    // that were tested
	Passed  int    `json:"passed"`     // tests
	Skipped int    `json:"skipped"`

	First *buildSample  `json:"first"` // requirements locked, the environment made
	Ready []buildSample `json:"ready"` // the same recipe again, with lock and environment there
	Peer  samples       `json:"peer,omitempty"`
	// NoPeer is why there is no peer to compare with.
	NoPeer string `json:"no_peer,omitempty"`

	Summary summary `json:"summary"`
}

// buildSample is one build by the farm.
type buildSample struct {
	Build     float64            `json:"build"`    // from fetching to the audit: all phases but the test
	Test      float64            `json:"test"`     // the test phase
	Run       float64            `json:"run"`      // from the submission to the end of the run, as the farm counts it
	Command   float64            `json:"command"`  // of `wasmill build` on a farm that is up
	Compilers float64            `json:"raw"`      // while at least one compiler, linker or archiver ran
	Commands  int                `json:"commands"` // how many of them were started
	Memory    int64              `json:"peak_memory_bytes"`
	Phases    []record.PhaseTime `json:"phases"`
}

// Targets of a build whose environment is ready.
const (
	overRaw   = 0.7 // seconds above the compilers' own time
	ofThePeer = 0.5 // of the peer's time
)

// summary is made of medians.
type summary struct {
	Ready   float64 `json:"ready"`
	Raw     float64 `json:"raw"`
	Over    float64 `json:"over_raw"`
	OverOK  bool    `json:"over_raw_ok"`
	Test    float64 `json:"test"`
	Run     float64 `json:"run"`
	Command float64 `json:"command"`
	Peer    float64 `json:"peer,omitempty"`
	Ratio   float64 `json:"ratio,omitempty"` // of the peer's time
	RatioOK *bool   `json:"ratio_ok,omitempty"`
	// Phases are medians too, each by itself. Between is what no phase accounts for: scheduling, storing, watching.
	Phases  []record.PhaseTime `json:"phases"`
	Between float64            `json:"between"`
}

func summarize(ready []buildSample, peer samples) summary {
	of := func(value func(buildSample) float64) float64 {
		var s samples
		for _, b := range ready {
			s = append(s, value(b))
		}
		return s.median()
	}
	s := summary{
		Ready:   of(func(b buildSample) float64 { return b.Build }),
		Raw:     of(func(b buildSample) float64 { return b.Compilers }),
		Over:    of(func(b buildSample) float64 { return b.Build - b.Compilers }),
		Test:    of(func(b buildSample) float64 { return b.Test }),
		Run:     of(func(b buildSample) float64 { return b.Run }),
		Command: of(func(b buildSample) float64 { return b.Command }),
		Between: of(func(b buildSample) float64 { return b.Run - b.Build - b.Test }),
	}
	s.OverOK = s.Over <= overRaw
	if len(peer) > 0 {
		s.Peer = peer.median()
		s.Ratio = s.Ready / s.Peer
		ok := s.Ratio <= ofThePeer
		s.RatioOK = &ok
	}
	for _, p := range ready[0].Phases {
		s.Phases = append(s.Phases, record.PhaseTime{Phase: p.Phase, Seconds: of(func(b buildSample) float64 { return b.phase(p.Phase) })})
	}
	return s
}

func (b buildSample) phase(name record.Phase) float64 {
	for _, p := range b.Phases {
		if p.Phase == name {
			return p.Seconds
		}
	}
	return 0
}

func (r *result) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
