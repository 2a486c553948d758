package debian

import (
	"fmt"
	"regexp"
	"strings"
)

// Relation is one alternative of a dependency: a package name, perhaps with a bound on its version.
type Relation struct {
	Name     string
	Operator string // <<, <=, =, >=, >> or empty for any version
	Version  string
}

func (r Relation) String() string {
	if r.Operator == "" {
		return r.Name
	}
	return fmt.Sprintf("%s (%s %s)", r.Name, r.Operator, r.Version)
}

// admits says whether a package of this version satisfies the bound.
func (r Relation) admits(version string) bool {
	c := CompareVersions(version, r.Version)
	switch r.Operator {
	case "<<":
		return c < 0
	case "<=":
		return c <= 0
	case "=":
		return c == 0
	case ">=":
		return c >= 0
	case ">>":
		return c > 0
	}
	return true
}

var relation = regexp.MustCompile(`^([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?(?: *\( *(<<|<=|=|>=|>>) *([^ )]+) *\))?(?: *\[[^]]*\])?$`)

// parseDepends reads a dependency field: all of the outer list, any of each inner one.
func parseDepends(field string) ([][]Relation, error) {
	var all [][]Relation
	for clause := range strings.SplitSeq(field, ",") {
		if strings.TrimSpace(clause) == "" {
			continue
		}
		var alternatives []Relation
		for text := range strings.SplitSeq(clause, "|") {
			m := relation.FindStringSubmatch(strings.Join(strings.Fields(text), " "))
			if m == nil {
				return nil, fmt.Errorf("%q is not a dependency", strings.TrimSpace(text))
			}
			alternatives = append(alternatives, Relation{Name: m[1], Operator: m[2], Version: m[3]})
		}
		all = append(all, alternatives)
	}
	return all, nil
}
