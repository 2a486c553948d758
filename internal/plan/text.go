package plan

import (
	"bufio"
	"fmt"
	"io"
)

// WriteText writes the plan for a person: one line per action, and a count.
func (p *Plan) WriteText(w io.Writer) error {
	width := 0
	for _, a := range p.Actions {
		width = max(width, len(a.Recipe)+1+len(a.Version))
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "toolchain %s (%s), builder %s (%s)\n",
		p.Toolchain.Name, short(p.Toolchain.Digest), p.Builder.Version, short(p.Builder.Digest))
	for _, a := range p.Actions {
		key := "-"
		if a.Key != "" {
			key = a.Key[:12]
		}
		fmt.Fprintf(b, "%-5s  %-*s  %-12s  %s\n", a.Kind, width, a.Recipe+" "+a.Version, key, a.Reason)
	}
	n := p.Count()
	fmt.Fprintf(b, "%d to build, %d to reuse, %d to skip\n", n[KindBuild], n[KindReuse], n[KindSkip])
	return b.Flush()
}
