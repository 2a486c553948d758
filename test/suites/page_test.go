//go:build engine && integration

package suites

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

const pageFile = "../../docs/python-wasm-suites.md"

// checkPage holds what users read about the suites against what is known of them, or writes it.
func checkPage(t *testing.T, counted []result, known []difference) {
	t.Helper()
	text := page(counted, known)
	if *update {
		if err := os.WriteFile(pageFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	there, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(there), string(text)); diff != "" {
		t.Errorf("%s (-update writes it anew):\n%s", pageFile, diff)
	}
}

// page is what users read about the suites.
func page(counted []result, known []difference) []byte {
	var out bytes.Buffer
	out.WriteString(`# The own tests of packages under python-wasm

Packages' own tests, from their source archives on PyPI, with one command line in each runtime, ` + "`python-wasm --runtime NAME -m pytest …`" + `, and
with the same pytest under a native CPython of the same version. Packages with compiled code run with what the farm builds from their recipes, which is
linked into the interpreter for WASI ([apps](reference/apps.md)); natively with the wheels on PyPI.
` + "`make test`" + ` runs them and compares, ` + "`make nightly`" + ` those that it leaves out, too: a difference that this page does not explain
fails, and so does one that is gone. This page is generated (` + "`go test -tags 'engine integration' ./test/suites -run TestSuites -update`" + `).

How many tests passed / failed / were skipped, and in brackets how many of them ended otherwise than natively:

| package | code |`)
	rule := "|---|---|"
	for i, p := range places {
		if i == 0 || places[i-1].python != p.python {
			fmt.Fprintf(&out, " CPython %s |", p.python)
			rule += "---:|"
		}
		fmt.Fprintf(&out, " %s |", p.title)
		rule += "---:|"
	}
	out.WriteString("\n" + rule + "\n")
	var notes bytes.Buffer
	for _, s := range all {
		for _, whole := range []bool{false, true} {
			s.row(&out, whole, counted, known)
		}
		if how := s.notes(); how != nil {
			fmt.Fprintf(&notes, "\n%s: %s.\n", s.name, strings.Join(how, "; "))
		}
	}
	out.Write(notes.Bytes())
	out.WriteString(`
## What differs, and why

Tests of several parameters are one line, with their number.

| package | test | where | natively | there | why |
|---|---|---|---|---|---|
`)
	for _, d := range known {
		fmt.Fprintf(&out, "| %s | `%s`%s | %s | %s | %s | %s |\n", d.Suite, d.Test, times(d.Times), strings.Join(titles(d.Runtimes), ", "), d.Native, d.Wasm, strings.ReplaceAll(d.Reason, "|", "\\|"))
	}
	return out.Bytes()
}

// row is a line of the first table, where there is something to tell.
func (s suite) row(out *bytes.Buffer, whole bool, counted []result, known []difference) {
	cell := func(n tally) string { return fmt.Sprintf("%d / %d / %d", n.Passed, n.Failed, n.Skipped) }
	name := s.name + " " + s.version
	if s.nightly != nil {
		name += map[bool]string{false: ", a part", true: ", all"}[whole]
	}
	code := "pure"
	if s.recipe {
		code = "C, built from `recipes/" + s.name + "`"
	}
	line, told := fmt.Sprintf("| %s | %s |", name, code), false
	native := map[string]string{} // by the version of Python
	for _, r := range counted {
		if r.Suite == s.name && r.Whole == whole {
			native[places[order(r.Runtime)].python] = cell(r.Native)
		}
	}
	for i, p := range places {
		if i == 0 || places[i-1].python != p.python {
			line += fmt.Sprintf(" %s |", cmp.Or(native[p.python], "–"))
		}
		text := "–"
		for _, r := range counted {
			if r.Suite == s.name && r.Whole == whole && r.Runtime == p.runtime {
				text, told = fmt.Sprintf("%s (%d)", cell(r.Wasm), differing(s, p, known)), true
			}
		}
		line += fmt.Sprintf(" %s |", text)
	}
	if told {
		out.WriteString(line + "\n")
	}
}

// notes say what is left out.
func (s suite) notes() (how []string) {
	if s.nightly != nil {
		how = append(how, "only the nightly runs "+strings.Join(s.nightly, " and ")+", each test of which is one of many pairs")
	}
	if s.partly != nil {
		how = append(how, "in "+strings.Join(titles(s.partly), " and ")+" it leaves them out, too")
	}
	if s.slow != nil {
		how = append(how, "only the nightly runs it in "+strings.Join(titles(s.slow), " and "))
	}
	if s.how != "" {
		how = append(how, s.how)
	}
	return how
}

// titles are the names of runtimes for people.
func titles(runtimes []string) (out []string) {
	for _, r := range runtimes {
		out = append(out, places[order(r)].title)
	}
	return out
}

func differing(s suite, p place, known []difference) (n int) {
	for _, d := range known {
		if d.Suite == s.name && d.in(p.runtime) {
			n += d.Times
		}
	}
	return n
}

func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d)", n)
}
