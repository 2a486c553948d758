package recipe

import (
	"fmt"
	"slices"
	"strings"
)

// ConfigSetting is one config setting for a PEP 517 backend. More than one value makes a list for the backend.
type ConfigSetting struct {
	Key    string
	Values []string // at least one
}

// ParseBackendFlags reads build.backend-flags, in which variables have been substituted: words of the form key=value,
// separated by blanks or line ends. A key that comes again adds a value. A line that begins with # is a comment. A word
// that begins with a dash may have no value; it is then an empty one. The order is that of first mention.
func ParseBackendFlags(flags string) ([]ConfigSetting, error) {
	var settings []ConfigSetting
	for line := range strings.Lines(flags) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.Fields(line) {
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
