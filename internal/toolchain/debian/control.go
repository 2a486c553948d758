// Package debian reads what a Debian archive publishes, as far as assembling a root file system needs it: the signed
// release file, the index of packages, the packages themselves; and it chooses the packages that a wish list needs. It
// follows deb-control(5), deb-version(7), deb(5) and Debian Policy chapters 5 and 7. It installs nothing and runs no
// maintainer script.
package debian

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Paragraph is one block of a control file: field names as written, continuation lines joined by newlines.
type Paragraph map[string]string

// readParagraphs calls each with every paragraph of a control file, in order.
func readParagraphs(r io.Reader, each func(Paragraph) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 4<<20) // some Provides fields are long
	p, field := Paragraph{}, ""
	flush := func() error {
		if len(p) == 0 {
			return nil
		}
		done := p
		p, field = Paragraph{}, ""
		return each(done)
	}
	for line := 1; s.Scan(); line++ {
		text := s.Text()
		switch {
		case strings.TrimSpace(text) == "":
			if err := flush(); err != nil {
				return err
			}
		case text[0] == ' ' || text[0] == '\t':
			if field == "" {
				return fmt.Errorf("line %d continues nothing: %q", line, text)
			}
			p[field] += "\n" + strings.TrimRight(text[1:], " \t")
		default:
			name, value, ok := strings.Cut(text, ":")
			if !ok {
				return fmt.Errorf("line %d has no field name: %q", line, text)
			}
			field = name
			p[field] = strings.TrimSpace(value)
		}
	}
	if err := s.Err(); err != nil {
		return err
	}
	return flush()
}
