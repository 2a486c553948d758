package recipe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ConfigSetting is one config setting for a PEP 517 backend. More than one value makes a list for the backend.
type ConfigSetting struct {
	Key    string
	Values []string // at least one
}

// settingForm is a word that can hardly be anything but a setting.
var settingForm = regexp.MustCompile(`^-{0,2}[A-Za-z][A-Za-z0-9_.-]*=`)

// ParseBackendFlags reads build.backend-flags, in which variables have been substituted: words of the form key=value,
// separated by blanks or line ends. A key that comes again adds a value. A word that begins with a dash may have no
// value; it is then an empty one. The order is that of first mention.
//
// A comment begins with a word that begins with #, and ends with its line. pyodide-build knows none, and makes settings of
// its words, which no backend minds. In a folded text (`>`) all lines have become one; there a comment ends before the
// next key=value, so that what pyodide-build sees in it is seen.
func ParseBackendFlags(flags string) ([]ConfigSetting, error) {
	var settings []ConfigSetting
	folded := !strings.Contains(strings.TrimSpace(flags), "\n")
	for line := range strings.Lines(flags) {
		comment := false
		for _, word := range strings.Fields(line) {
			switch {
			case strings.HasPrefix(word, "#"):
				comment = true
			case folded && settingForm.MatchString(word):
				comment = false
			}
			if comment {
				continue
			}
			key, v, found := strings.Cut(word, "=")
			if key == "" || !found && !strings.HasPrefix(word, "-") {
				return nil, fmt.Errorf("`%s` is not of the form key=value", shorten(word))
			}
			i := slices.IndexFunc(settings, func(s ConfigSetting) bool { return s.Key == key })
			if i < 0 {
				settings = append(settings, ConfigSetting{Key: key, Values: []string{v}})
				continue
			}
			settings[i].Values = append(settings[i].Values, v)
		}
	}
	return settings, nil
}
