package pip

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/wasmill/wasmill/internal/wheel"
)

// takeGroups puts the requirements of dependency groups (PEP 735) in the place of their names.
func (r *request) takeGroups() error {
	for _, named := range r.groups {
		file, group := "pyproject.toml", named
		if i := strings.LastIndex(named, ":"); i >= 0 {
			file, group = named[:i], named[i+1:]
		}
		if filepath.Base(file) != "pyproject.toml" {
			return unusable("--group %s: groups are in files of the name pyproject.toml", named)
		}
		words, err := groupOf(file, group)
		if err != nil {
			return err
		}
		r.words = append(r.words, words...)
	}
	r.groups = nil
	return nil
}

func groupOf(file, name string) ([]string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failed("--group %s: there is no %s", name, file)
	}
	if err != nil {
		return nil, failed("--group %s: %v", name, err)
	}
	var project struct {
		Groups map[string][]any `toml:"dependency-groups"`
	}
	if err := toml.Unmarshal(text, &project); err != nil {
		return nil, failed("%s: %v", file, err)
	}
	groups := map[string][]any{}
	for spelled, group := range project.Groups {
		groups[wheel.Normalize(spelled)] = group
	}
	return flat(file, groups, name, nil)
}

// flat is a group with those that it includes. above are the ones that include it.
func flat(file string, groups map[string][]any, name string, above []string) (words []string, err error) {
	group, ok := groups[wheel.Normalize(name)]
	switch {
	case !ok:
		return nil, failed("%s has no dependency group %s", file, name)
	case slices.Contains(above, wheel.Normalize(name)):
		return nil, failed("%s: the dependency group %s includes itself", file, name)
	}
	for _, entry := range group {
		switch e := entry.(type) {
		case string:
			words = append(words, e)
		case map[string]any:
			included, ok := e["include-group"].(string)
			if !ok || len(e) > 1 {
				return nil, failed("%s: the dependency group %s has an entry that is neither a requirement nor {include-group = …}", file, name)
			}
			more, err := flat(file, groups, included, append(slices.Clone(above), wheel.Normalize(name)))
			if err != nil {
				return nil, err
			}
			words = append(words, more...)
		default:
			return nil, failed("%s: the dependency group %s has an entry that is neither a requirement nor {include-group = …}", file, name)
		}
	}
	return words, nil
}
