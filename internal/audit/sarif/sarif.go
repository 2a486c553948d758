// Package sarif writes audits in the Static Analysis Results Interchange Format 2.1.0, which code hosts and editors
// show beside the source. It has the few parts of the format that an audit needs; libraries for it write an empty list for
// each of the many others.
//
// The format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
package sarif

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/record"
)

const (
	schema = "https://json.schemastore.org/sarif-2.1.0.json"
	home   = "https://github.com/wasmill/wasmill"
	manual = home + "/blob/main/docs/reference/audit.md"
)

type log struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []run  `json:"runs"`
}

type run struct {
	Tool    tool     `json:"tool"`
	Results []result `json:"results"`
}

type tool struct {
	Driver driver `json:"driver"`
}

type driver struct {
	Name           string       `json:"name"`
	Version        string       `json:"version,omitempty"`
	InformationURI string       `json:"informationUri"`
	Rules          []descriptor `json:"rules"`
}

type descriptor struct {
	ID            string        `json:"id"`
	Short         message       `json:"shortDescription"`
	Full          message       `json:"fullDescription"`
	Help          message       `json:"help"`
	HelpURI       string        `json:"helpUri"`
	Configuration configuration `json:"defaultConfiguration"`
}

type configuration struct {
	Level string `json:"level"`
}

type message struct {
	Text string `json:"text"`
}

type result struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      message           `json:"message"`
	Locations    []location        `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Properties   map[string]string `json:"properties,omitempty"`
}

// location is the wheel, since that is the file that a reader has; what is inside is a logical location.
type location struct {
	Physical physical  `json:"physicalLocation"`
	Logical  []logical `json:"logicalLocations"`
}

type physical struct {
	Artifact artifact `json:"artifactLocation"`
}

type artifact struct {
	URI string `json:"uri"`
}

type logical struct {
	Name          string `json:"name"`
	QualifiedName string `json:"fullyQualifiedName"`
	Kind          string `json:"kind"`
}

// Write writes all reports as one run. version is the program's.
func Write(w io.Writer, version string, reports []audit.Report) error {
	index := map[string]int{}
	r := run{Tool: tool{driver{Name: "wasmill audit", Version: version, InformationURI: home}}, Results: []result{}}
	for i, rule := range audit.Rules() {
		index[rule.Name] = i
		r.Tool.Driver.Rules = append(r.Tool.Driver.Rules, descriptor{
			ID: rule.Name, Short: message{rule.Doc}, Full: message{rule.Doc + " " + rule.Why}, Help: message{rule.Fix},
			HelpURI: manual + "#" + rule.Name, Configuration: configuration{rule.Severity},
		})
	}
	for _, report := range reports {
		for _, f := range report.Findings {
			r.Results = append(r.Results, finding(report, f, index[f.Rule]))
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(log{Schema: schema, Version: "2.1.0", Runs: []run{r}})
}

func finding(report audit.Report, f record.Finding, rule int) result {
	inside := logical{Name: f.File, QualifiedName: f.File, Kind: "resource"}
	if f.Symbol != "" {
		inside = logical{Name: f.Symbol, QualifiedName: f.File + "::" + f.Symbol, Kind: "member"}
	}
	text := f.File + ": " + f.Reason
	if f.Symbol != "" {
		text = f.File + ": " + f.Symbol + ": " + f.Reason
	}
	out := result{
		RuleID: f.Rule, RuleIndex: rule, Level: f.Severity, Message: message{text},
		Locations: []location{{physical{artifact{uri(report.Wheel)}}, []logical{inside}}},
		// What stays the same when the wheel's version changes, so that hosts know a finding again.
		Fingerprints: map[string]string{"wasmill/v1": report.ABI + "/" + f.Rule + "/" + f.File + "/" + f.Symbol},
	}
	if report.ABI != "" {
		out.Properties = map[string]string{"abi": report.ABI}
	}
	return out
}

// uri is relative where the path is: hosts take it from the root of what was checked out.
func uri(path string) string {
	u := url.URL{Path: filepath.ToSlash(path)}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	return u.String()
}
