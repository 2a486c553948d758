package wheel

import (
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Requirement is one Requires-Dist or build requirement (PEP 508).
type Requirement struct {
	Name      string // as written; compare with Normalize
	Extras    []string
	Specifier Specifier
	URL       string // of a direct reference; the specifier is empty then
	Marker    string // text after the semicolon; empty: holds everywhere
}

var requirementForm = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)$`)

// ParseRequirement reads one requirement. Its errors are fault.Invalid.
func ParseRequirement(text string) (Requirement, error) {
	wrong := func(err error) (Requirement, error) {
		return Requirement{}, fault.Errorf(fault.Invalid, "requirement %q: %w", text, err)
	}
	m := requirementForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Requirement{}, fault.Errorf(fault.Invalid, "%q is not a requirement (PEP 508)", text)
	}
	r := Requirement{Name: m[1]}
	for extra := range strings.SplitSeq(m[2], ",") {
		if extra = strings.TrimSpace(extra); extra != "" {
			r.Extras = append(r.Extras, extra)
		}
	}
	rest := m[3]
	if url, ok := strings.CutPrefix(rest, "@"); ok {
		// A URL may hold semicolons: only one after a space begins a marker.
		r.URL, r.Marker, _ = strings.Cut(strings.TrimSpace(url), " ;")
		r.Marker = strings.TrimSpace(r.Marker)
	} else {
		clauses, marker, _ := strings.Cut(rest, ";")
		clauses = strings.TrimSpace(clauses)
		if inner, ok := strings.CutPrefix(clauses, "("); ok {
			clauses = strings.TrimSuffix(inner, ")")
		}
		var err error
		if r.Specifier, err = ParseSpecifier(clauses); err != nil {
			return wrong(err)
		}
		r.Marker = strings.TrimSpace(marker)
	}
	if r.Marker != "" {
		if _, err := parseMarker(r.Marker); err != nil {
			return wrong(err)
		}
	}
	return r, nil
}

// Applies says whether the requirement holds where env describes the interpreter, with one of the extras asked for.
// Without extras, a requirement that names one does not apply.
func (r Requirement) Applies(env Environment, extras ...string) bool {
	if r.Marker == "" {
		return true
	}
	m, err := parseMarker(r.Marker)
	if err != nil {
		return false // ParseRequirement has refused it already
	}
	if len(extras) == 0 {
		extras = []string{""}
	}
	return slices.ContainsFunc(extras, func(extra string) bool { return m.holds(env, extra) })
}
