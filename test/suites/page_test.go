//go:build engine && integration

package suites

import (
	"bytes"
	"fmt"
	"strings"
)

const pageFile = "../../docs/python-wasm-suites.md"

// page is what users read about the suites.
type page struct{ table, differences bytes.Buffer }

func newPage() *page { return &page{} }

func (p *page) add(s suite, native, wasm tally, differences []difference) {
	cell := func(n tally) string { return fmt.Sprintf("%d / %d / %d", n.Passed, n.Failed, n.Skipped) }
	n := 0
	for _, d := range differences {
		n += d.Times
	}
	kind := "pure"
	if s.recipe {
		kind = "C, built from `recipes/" + s.name + "`"
	}
	fmt.Fprintf(&p.table, "| %s %s | %s | %s | %s | %d |\n", s.name, s.version, kind, cell(native), cell(wasm), n)
	for _, d := range differences {
		fmt.Fprintf(&p.differences, "| %s | `%s`%s | %s | %s | %s |\n", d.Suite, d.Test, times(d.Times), d.Native, d.Wasm, strings.ReplaceAll(d.Reason, "|", "\\|"))
	}
}

func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d)", n)
}

func (p *page) bytes() []byte {
	var out bytes.Buffer
	out.WriteString(`# The own tests of packages under python-wasm

Packages' own tests, from their source archives on PyPI, under ` + "`python-wasm -m pytest`" + ` and under a native CPython 3.15, with the
same pytest. Packages with compiled code run with the wheel that the farm builds from its recipe, natively with the one on PyPI.
` + "`make test`" + ` runs them all and compares: a difference that this page does not explain fails, and so does one that is gone.
This page is generated (` + "`go test -tags 'engine integration' ./test/suites -run TestSuites -update`" + `).

| package | code | native: passed / failed / skipped | python-wasm | differences |
|---|---|---:|---:|---:|
`)
	out.Write(p.table.Bytes())
	for _, s := range all {
		if s.how != "" {
			fmt.Fprintf(&out, "\n%s %s: %s.\n", s.name, s.version, s.how)
		}
	}
	out.WriteString(`
## What differs, and why

Tests of several parameters are one line, with their number.

| package | test | natively | python-wasm | why |
|---|---|---|---|---|
`)
	out.Write(p.differences.Bytes())
	return out.Bytes()
}
