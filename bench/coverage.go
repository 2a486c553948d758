package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/term"
)

// coverage is a page that tells which recipes build, for people who look for theirs.
func (r *result) coverage() string {
	type row struct{ name, text string }
	var rows []row
	for _, p := range r.Recipes {
		peer := p.NoPeer
		if len(p.Peer) > 0 {
			peer = seconds(p.Summary.Peer)
		}
		raw := seconds(p.Summary.Raw)
		if p.Summary.Raw == 0 {
			raw = "" // nothing was compiled, or by a script that calls the compiler itself
		}
		tests := "none: a library"
		if p.Imports > 0 {
			tests = fmt.Sprintf("%d imports, %d passed", p.Imports, p.Passed)
		}
		if p.Skipped > 0 {
			tests += fmt.Sprintf(", %d skipped", p.Skipped)
		}
		rows = append(rows, row{p.Name, fmt.Sprintf("| %s | %s | passed | %s | %s | %s | %s | %s | %s |\n",
			p.Name, p.Version, seconds(p.First.Build), seconds(p.Summary.Ready), raw, peer, term.Bytes(p.Size), tests)})
	}
	for _, f := range r.Failed {
		rows = append(rows, row{f.Recipe, fmt.Sprintf("| %s | %s | %s | | | | | | |\n", f.Recipe, f.Version, strings.ReplaceAll(f.Cause, "|", "\\|"))})
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	var text strings.Builder
	fmt.Fprintf(&text, `# What builds

Recipes of pyodide-recipes, unmodified, on %d cores (%s). Seconds are of the build without its tests: the first one, and one
whose locked requirements and environment are ready, with what compilers and linkers took of it, beside pyodide-build %s
on the same image in the same run.
`+"`go run ./bench -coverage docs/coverage.md -recipes DIR`"+` writes this page.

| recipe | version | outcome | first | ready | of it compilers | pyodide-build | size | tests |
|---|---|---|---:|---:|---:|---:|---:|---|
`, r.Machine.Cores, r.Machine.Processor, r.Versions["pyodide-build"])
	for _, row := range rows {
		text.WriteString(row.text)
	}
	return text.String()
}
