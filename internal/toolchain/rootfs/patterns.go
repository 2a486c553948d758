package rootfs

import (
	"fmt"
	"path"
	"strings"
)

// Patterns says which names to leave out, much as a .gitignore does: a pattern with a slash is matched from the root,
// one without against any part of a name; a folder that matches takes along what is below it; a pattern that begins
// with "!" keeps what an earlier one left out, also below a folder that matched. Later patterns win. Nil matches nothing.
type Patterns struct {
	rules []rule
}

type rule struct {
	pattern string
	keep    bool
	rooted  bool
}

// ParsePatterns checks and prepares patterns. A single pattern's syntax is that of path.Match.
func ParsePatterns(patterns []string) (*Patterns, error) {
	p := &Patterns{}
	for _, text := range patterns {
		pattern, keep := strings.CutPrefix(text, "!")
		if _, err := path.Match(pattern, "x"); err != nil {
			return nil, fmt.Errorf("%q is not a pattern: %w", text, err)
		}
		p.rules = append(p.rules, rule{strings.Trim(pattern, "/"), keep, strings.Contains(pattern, "/")})
	}
	return p, nil
}

// Match says whether to leave the name out.
func (p *Patterns) Match(name string) bool {
	if p == nil {
		return false
	}
	out := false
	for _, r := range p.rules {
		if out == r.keep && r.match(name) {
			out = !r.keep
		}
	}
	return out
}

func (r rule) match(name string) bool {
	for end := 0; end < len(name); end++ {
		next := strings.IndexByte(name[end:], '/')
		if next < 0 {
			next = len(name) - end
		}
		candidate := name[:end+next]
		if !r.rooted {
			candidate = name[end : end+next]
		}
		if ok, _ := path.Match(r.pattern, candidate); ok {
			return true
		}
		end += next
	}
	return false
}
