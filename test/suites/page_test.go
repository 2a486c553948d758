//go:build engine && integration

package suites

import (
	"bytes"
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

Packages' own tests, from their source archives on PyPI, under ` + "`python-wasm -m pytest`" + ` and under a native CPython 3.15, with the
same pytest. Packages with compiled code run with the wheel that the farm builds from its recipe, natively with the one on PyPI.
` + "`make test`" + ` runs them and compares, ` + "`make nightly`" + ` those that it leaves out, too: a difference that this page does not explain
fails, and so does one that is gone. This page is generated (` + "`go test -tags 'engine integration' ./test/suites -run TestSuites -update`" + `).

| package | code | native: passed / failed / skipped | python-wasm | differences |
|---|---|---:|---:|---:|
`)
	cell := func(n tally) string { return fmt.Sprintf("%d / %d / %d", n.Passed, n.Failed, n.Skipped) }
	var notes bytes.Buffer
	for _, s := range all {
		for _, r := range counted {
			if r.Suite == s.name {
				fmt.Fprintf(&out, "| %s %s%s | %s | %s | %s | %d |\n", s.name, s.version, s.part(r), s.code(), cell(r.Native), cell(r.Wasm), differing(s, known))
			}
		}
		var how []string
		if s.nightly != nil {
			how = append(how, "only the nightly runs "+strings.Join(s.nightly, " and ")+", each test of which is one of many pairs")
		}
		if s.how != "" {
			how = append(how, s.how)
		}
		if how != nil {
			fmt.Fprintf(&notes, "\n%s: %s.\n", s.name, strings.Join(how, "; "))
		}
	}
	out.Write(notes.Bytes())
	out.WriteString(`
## What differs, and why

Tests of several parameters are one line, with their number.

| package | test | natively | python-wasm | why |
|---|---|---|---|---|
`)
	for _, d := range known {
		fmt.Fprintf(&out, "| %s | `%s`%s | %s | %s | %s |\n", d.Suite, d.Test, times(d.Times), d.Native, d.Wasm, strings.ReplaceAll(d.Reason, "|", "\\|"))
	}
	return out.Bytes()
}

func (s suite) part(r result) string {
	switch {
	case s.nightly == nil:
		return ""
	case r.Whole:
		return ", all (nightly)"
	default:
		return ", a part (`make test`)"
	}
}

func (s suite) code() string {
	if s.recipe {
		return "C, built from `recipes/" + s.name + "`"
	}
	return "pure"
}

func differing(s suite, known []difference) (n int) {
	for _, d := range known {
		if d.Suite == s.name {
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
