package recipe

import (
	"regexp"
	"strings"
)

var separators = regexp.MustCompile(`[-_.]+`)

// Canonical is the spelling of a package's name under which it is compared and looked up (PEP 503, normalized names).
func Canonical(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}
