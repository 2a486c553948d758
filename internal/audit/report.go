package audit

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/wasmill/wasmill/internal/record"
)

// Report is the audit of one wheel against one ABI.
type Report struct {
	Wheel    string           `json:"wheel"`             // path, as it was given
	ABI      string           `json:"abi,omitempty"`     // platform tag; empty where the wheel promises none
	Runtime  string           `json:"runtime,omitempty"` // whose symbols were compared: "pyodide 314.0.7"
	Findings []record.Finding `json:"findings"`
	Errors   int              `json:"errors"`
	Warnings int              `json:"warnings"`
}

// NewReport counts the findings.
func NewReport(wheel, abi, runtime string, found []record.Finding) Report {
	if found == nil {
		found = []record.Finding{}
	}
	n := Errors(found)
	return Report{Wheel: wheel, ABI: abi, Runtime: runtime, Findings: found, Errors: n, Warnings: len(found) - n}
}

// WriteText is the report for people.
func (r Report) WriteText(w io.Writer) error {
	against := "promises no platform"
	if r.ABI != "" {
		against = "against " + r.ABI
	}
	if r.Runtime != "" {
		against += ", " + r.Runtime
	}
	if _, err := fmt.Fprintf(w, "%s: %s: %s\n", filepath.Base(r.Wheel), against, r.verdict()); err != nil {
		return err
	}
	for _, f := range r.Findings {
		symbol := ""
		if f.Symbol != "" {
			symbol = " " + f.Symbol
		}
		if _, err := fmt.Fprintf(w, "  %-7s %s  %s%s: %s\n", f.Severity, f.Rule, f.File, symbol, f.Reason); err != nil {
			return err
		}
	}
	return nil
}

func (r Report) verdict() string {
	switch {
	case r.Errors > 0 && r.Warnings > 0:
		return fmt.Sprintf("%s, %s", count(r.Errors, "error"), count(r.Warnings, "warning"))
	case r.Errors > 0:
		return count(r.Errors, "error")
	case r.Warnings > 0:
		return "passes with " + count(r.Warnings, "warning")
	}
	return "passes"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
