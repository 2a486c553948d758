package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/wasmill/wasmill/internal/term"
)

// print writes the result for people.
func (r *result) print(w io.Writer) error {
	if r.Partial {
		fmt.Fprintf(w, "PARTIAL: interrupted after %.0f seconds; this is what was measured until then.\n\n", r.Seconds)
	}
	fmt.Fprintf(w, "%d cores (%s), %s of memory, load %.1f at the start. Medians, in seconds.\n\n",
		r.Machine.Cores, r.Machine.Processor, term.Bytes(r.Machine.Memory), r.Machine.Load)
	if err := term.Table(w, r.recipeRows()); err != nil {
		return err
	}
	for _, p := range r.Recipes {
		if p.NoPeer != "" {
			fmt.Fprintf(w, "%s is not compared with the peer: %s\n", p.Name, p.NoPeer)
		}
	}
	for _, f := range r.Failed {
		fmt.Fprintf(w, "%s %s %s\n", f.Recipe, f.Version, f.Cause)
	}
	if len(r.Unmeasured) > 0 {
		fmt.Fprintf(w, "not measured, for want of time: %s\n", strings.Join(r.Unmeasured, ", "))
	}
	fmt.Fprintf(w, `
first   the first build: requirements locked, wheels downloaded, environment made    ready  the same with all of that there
raw     while at least one compiler, linker or archiver ran in it                    over   ready without raw, target at most %.1f
peer    pyodide-build %s, its wheels at hand, on the same image                  x      ready by peer, target at most %.1f
test    the wheel in a fresh runtime                                                 run    submission to end: build, test, storing
n       how many ready builds there were

`, overRaw, r.Versions["pyodide-build"], ofThePeer)
	if err := term.Table(w, r.farmRows()); err != nil {
		return err
	}
	if missed := r.missed(); missed != "" {
		fmt.Fprintf(w, "\nWhere the time of what misses its target goes, by phase:\n%s", missed)
	}
	return nil
}

func (r *result) recipeRows() [][]string {
	rows := [][]string{{"recipe", "version", "first>", "ready>", "raw>", "over>", "", "peer>", "x>", "", "test>", "run>", "n>"}}
	for _, p := range r.Recipes {
		s := p.Summary
		row := []string{p.Name, p.Version, seconds(p.First.Build), seconds(s.Ready), seconds(s.Raw), seconds(s.Over), verdict(&s.OverOK),
			"", "", "", seconds(s.Test), seconds(s.Run), fmt.Sprint(len(p.Ready))}
		if s.RatioOK != nil {
			row[7], row[8], row[9] = seconds(s.Peer), fmt.Sprintf("%.2f", s.Ratio), verdict(s.RatioOK)
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *result) farmRows() [][]string {
	rows := [][]string{{"farm", "median>", "target>", "", ""}}
	for _, m := range r.Farm {
		limit := ""
		if m.Limit > 0 {
			limit = "< " + amount(m.Limit, m.Unit)
		}
		rows = append(rows, []string{m.Name, amount(m.Median, m.Unit), limit, verdict(m.OK), m.Note})
	}
	return rows
}

// missed tells of the recipes that miss a target where their time goes.
func (r *result) missed() string {
	var text strings.Builder
	for _, p := range r.Recipes {
		s := p.Summary
		if s.OverOK && (s.RatioOK == nil || *s.RatioOK) {
			continue
		}
		fmt.Fprintf(&text, "  %s:", p.Name)
		for _, ph := range s.Phases {
			fmt.Fprintf(&text, " %s %s", ph.Phase, seconds(ph.Seconds))
		}
		fmt.Fprintf(&text, "; of these compilers %s\n", seconds(s.Raw))
	}
	return text.String()
}

func seconds(s float64) string { return fmt.Sprintf("%.2f", s) }

func amount(value float64, unit string) string {
	if unit == "bytes" {
		return term.Bytes(int64(value))
	}
	return seconds(value) + " " + unit
}

func verdict(ok *bool) string {
	switch {
	case ok == nil:
		return ""
	case *ok:
		return "ok"
	}
	return "not"
}
