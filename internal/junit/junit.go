// Package junit writes the tests of a build as JUnit XML, the form that every continuous integration reads: the imports
// as one suite, the recipe's tests as another, and each command of its wasmill.test as one more, in each runtime. The
// worker stores it beside the record.
package junit

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

type report struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Time     seconds  `xml:"time,attr"`
	Suites   []*suite `xml:"testsuite"`
}

type suite struct {
	Name       string     `xml:"name,attr"`
	Tests      int        `xml:"tests,attr"`
	Failures   int        `xml:"failures,attr"`
	Skipped    int        `xml:"skipped,attr"`
	Time       seconds    `xml:"time,attr"`
	Properties []property `xml:"properties>property"`
	Cases      []testcase `xml:"testcase"`
}

type property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type testcase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Time    seconds  `xml:"time,attr"`
	Failure *verdict `xml:"failure"`
	Skipped *verdict `xml:"skipped"`
}

type verdict struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type seconds float64

func (s seconds) MarshalXMLAttr(name xml.Name) (xml.Attr, error) {
	return xml.Attr{Name: name, Value: fmt.Sprintf("%.3f", float64(s))}, nil
}

// Write gives the imports and cases of tests as a report, each runtime with suites of its own. An expected failure counts
// as skipped, with the reason; a failure that is no case's own (a runtime that died between tests) becomes a case called
// "runtime".
func Write(name string, tests []record.Test) ([]byte, error) {
	r := &report{Name: name}
	for i := range tests {
		r.test(&tests[i])
	}
	text, err := xml.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the JUnit report: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

func (r *report) test(t *record.Test) {
	before := r.Failures
	for _, c := range t.Imports {
		r.add("imports", t, testcase{Class: "import", Name: c.Name}, c)
	}
	for _, c := range t.Cases {
		suite := c.From
		if suite == "" {
			suite = "the recipe's tests"
		}
		class, name, found := cutLast(c.Name, "::")
		if !found {
			class, name = c.Name, c.Name
		}
		r.add(suite, t, testcase{Class: class, Name: name}, c)
	}
	if t.Failure != nil && r.Failures == before {
		c := record.Case{Outcome: record.Failed, Message: t.Failure.Message, Detail: t.Failure.Detail}
		r.add("runtime", t, testcase{Class: "runtime", Name: "runtime"}, c)
	}
	r.Time += seconds(t.Seconds)
}

func (r *report) add(name string, t *record.Test, out testcase, c record.Case) {
	s := r.suite(name, t)
	out.Time = seconds(c.Seconds)
	s.Tests++
	s.Time += out.Time
	r.Tests++
	switch c.Outcome {
	case record.Failed:
		out.Failure = &verdict{Message: c.Message, Text: c.Detail}
		s.Failures++
		r.Failures++
	case record.Skipped, record.Expected:
		out.Skipped = &verdict{Message: c.Message}
		s.Skipped++
		r.Skipped++
	}
	s.Cases = append(s.Cases, out)
}

func (r *report) suite(name string, t *record.Test) *suite {
	if t.In != recipe.Node && t.In != recipe.Wazero { // where nearly all is tested, on each of the two targets
		name += " in " + t.In
	}
	for _, s := range r.Suites {
		if s.Name == name {
			return s
		}
	}
	s := &suite{Name: name, Properties: []property{{"runtime", t.Runtime}}}
	r.Suites = append(r.Suites, s)
	return s
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	// What is in brackets are a test's parameters, which may hold anything.
	if b := strings.IndexByte(s, '['); b >= 0 {
		i = strings.LastIndex(s[:b], sep)
	}
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
