// Package reproduce says which builds are made twice, to see whether the same comes out, and what a difference means. It is
// pure; the orchestrator is its user. A policy has no part in a build's key: it changes what is known of the bytes, not the
// bytes.
package reproduce

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Default is the policy of a farm that was told no other.
const Default = "new,sample:2%"

// Form is how a policy is written, for people.
const Form = "off, or any of new (the first build of a recipe on a toolchain), sample:N% (of all others) and all, separated by commas; with warn, " +
	"differences are only noted, with block (the default) they fail the build"

// Policy says which builds are made twice. The zero value is none.
type Policy struct {
	New    bool    // of a recipe of which no build on this toolchain's image has been reproduced yet
	All    bool    // every one
	Sample float64 // the share of the others, from 0 to 1
	Warn   bool    // a difference is noted and fails nothing
}

// Parse reads a policy as Form says.
func Parse(text string) (p Policy, err error) {
	refuse := func(format string, args ...any) (Policy, error) {
		return Policy{}, fault.Errorf(fault.Invalid, "reading the policy %q: %s; it is %s", text, fmt.Sprintf(format, args...), Form)
	}
	said := map[string]bool{}
	for _, term := range strings.Split(text, ",") {
		term = strings.TrimSpace(term)
		word, share, _ := strings.Cut(term, ":")
		if said[word] {
			return refuse("%s stands in it twice", word)
		}
		said[word] = true
		switch {
		case term == "new":
			p.New = true
		case term == "all":
			p.All = true
		case word == "sample":
			percent, ok := strings.CutSuffix(share, "%")
			n, err := strconv.ParseFloat(percent, 64)
			if !ok || err != nil || !(n >= 0 && n <= 100) {
				return refuse("%q is no share such as sample:5%%", term)
			}
			p.Sample = n / 100
		case term == "warn":
			p.Warn = true
		case term != "off" && term != "block":
			return refuse("it knows no %q", term)
		}
	}
	switch when := said["new"] || said["all"] || said["sample"]; {
	case said["warn"] && said["block"]:
		return refuse("warn and block exclude each other")
	case said["off"] && when:
		return refuse("off goes with nothing else")
	case !said["off"] && !when:
		return refuse("it does not say which builds")
	}
	return p, nil
}

// String is the policy as Parse reads it.
func (p Policy) String() string {
	var terms []string
	for _, t := range []struct {
		word string
		said bool
	}{{"new", p.New}, {"all", p.All}, {"sample:" + share(p.Sample), p.Sample > 0}, {"off", !p.New && !p.All && p.Sample == 0}, {"warn", p.Warn}} {
		if t.said {
			terms = append(terms, t.word)
		}
	}
	return strings.Join(terms, ",")
}

func share(s float64) string { return strconv.FormatFloat(math.Round(s*1e8)/1e6, 'g', -1, 64) + "%" }

// Set lets a policy be a flag.
func (p *Policy) Set(text string) (err error) {
	*p, err = Parse(text)
	return err
}

// Type names the flag's value in help texts.
func (p *Policy) Type() string { return "policy" }

// Of is the policy of a run: what the run asks for, or else what the farm's policy means for its lane. Who waits at a terminal
// does not wait twice unless that was asked for, and the sample is one of the nightlies.
func Of(farm Policy, asked, lane string) (Policy, error) {
	switch {
	case asked != "":
		return Parse(asked)
	case lane == "interactive":
		return Policy{Warn: farm.Warn}, nil
	case lane != "nightly":
		farm.Sample = 0
	}
	return farm, nil
}

// Build is what is known of a build that is about to be made.
type Build struct {
	Recipe, Run string
	// New: no build of the recipe on this image has been reproduced.
	New bool
}

// Twice says whether a build is made twice, and why. The same build of the same run gives the same answer each time.
func (p Policy) Twice(b Build) (why string, twice bool) {
	switch {
	case p.All:
		return "all builds are made twice", true
	case p.New && b.New:
		return "no build of " + b.Recipe + " on this toolchain was reproduced yet", true
	case p.Sample > 0 && draw(b) < p.Sample:
		return "it is in the run's sample of " + share(p.Sample), true
	}
	return "", false
}

// draw is a number from 0 to 1 that is as good as random over recipes and runs.
func draw(b Build) float64 {
	sum := sha256.Sum256([]byte(b.Run + "\n" + b.Recipe))
	return float64(binary.BigEndian.Uint64(sum[:])) / math.MaxUint64
}
