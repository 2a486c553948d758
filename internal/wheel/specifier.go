package wheel

import (
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Specifier is one or more clauses on versions, all of which must hold: ">=1.2,!=1.4.*". Empty admits all.
type Specifier []clause

type clause struct {
	op      string
	text    string // of the version as it stands
	version Version
	prefix  bool // ".*"
}

var clauseForm = regexp.MustCompile(`^(===|~=|==|!=|<=|>=|<|>)\s*(\S+)$`)

// ParseSpecifier reads clauses by PEP 440. Its errors are fault.Invalid.
func ParseSpecifier(s string) (Specifier, error) {
	var out Specifier
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue // "any" is empty, and a trailing comma is tolerated by installers
		}
		m := clauseForm.FindStringSubmatch(part)
		if m == nil {
			return nil, fault.Errorf(fault.Invalid, "%q is not a version specifier (PEP 440)", part)
		}
		c := clause{op: m[1], text: m[2]}
		if c.op != "===" {
			bare, prefix := strings.CutSuffix(c.text, ".*")
			v, err := ParseVersion(bare)
			if err != nil {
				return nil, fault.Errorf(fault.Invalid, "version specifier %q: %w", part, err)
			}
			if prefix && c.op != "==" && c.op != "!=" || c.op == "~=" && len(v.release) < 2 {
				return nil, fault.Errorf(fault.Invalid, "version specifier %q: %s does not go with %s", part, c.op, c.text)
			}
			c.version, c.prefix = v, prefix
		}
		out = append(out, c)
	}
	return out, nil
}

// String is the clauses as they were written, with commas between.
func (s Specifier) String() string {
	var out []string
	for _, c := range s {
		out = append(out, c.op+c.text)
	}
	return strings.Join(out, ",")
}

// Pins says whether a clause names one version exactly.
func (s Specifier) Pins() bool {
	return slices.ContainsFunc(s, func(c clause) bool { return c.op == "===" || c.op == "==" && !c.prefix })
}

// Admits says whether a version meets all clauses. Whether pre-releases are wanted is for the caller to decide.
func (s Specifier) Admits(v Version) bool {
	return !slices.ContainsFunc(s, func(c clause) bool { return !c.admits(v) })
}

func (c clause) admits(v Version) bool {
	switch c.op {
	case "===":
		return strings.EqualFold(c.text, v.String())
	case "==":
		return c.equal(v)
	case "!=":
		return !c.equal(v)
	case "~=":
		series := clause{prefix: true, version: c.version}
		series.version.release = c.version.release[:len(c.version.release)-1]
		series.version.pre, series.version.post, series.version.dev = [2]string{}, "", ""
		return v.public().Compare(c.version) >= 0 && series.equal(v)
	case "<=":
		return v.public().Compare(c.version) <= 0
	case ">=":
		return v.public().Compare(c.version) >= 0
	case "<":
		return v.Compare(c.version) < 0 && (c.version.Prerelease() || !c.leadsTo(v))
	case ">":
		return v.public().Compare(c.version) > 0 && (c.version.post != "" || c.version.dev != "" || v.post == "" || !c.sameBase(v))
	}
	return false
}

// leadsTo says whether v is a pre-release of the clause's version: "<1.0" does not mean 1.0rc1.
func (c clause) leadsTo(v Version) bool {
	if c.version.post != "" {
		return v.dev != "" && v.post == c.version.post && c.sameBase(v)
	}
	v.pre = c.version.pre
	return c.sameBase(v)
}

// sameBase says whether v is the clause's version but for post, dev and local parts: ">1.0" does not mean 1.0.post1.
func (c clause) sameBase(v Version) bool {
	w := c.version
	return v.epoch == w.epoch && v.pre == w.pre &&
		compareRelease(v.release, w.release, max(len(v.release), len(w.release))) == 0
}

func (c clause) equal(v Version) bool {
	if !c.prefix {
		if c.version.local == nil {
			v = v.public()
		}
		return v.Compare(c.version) == 0
	}
	// "1.4.1.*" holds for 1.4.1, 1.4.1.2 and 1.4.1rc1; "1.4rc1.*" does not exist in practice and never holds.
	return v.epoch == c.version.epoch && compareRelease(v.release, c.version.release, len(c.version.release)) == 0 &&
		!c.version.Prerelease()
}
