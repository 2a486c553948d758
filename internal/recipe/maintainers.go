package recipe

import "strings"

// Maintainers are those whom the section extra names in its list recipe-maintainers, as Pyodide's and conda-forge's recipes do.
func (r *Recipe) Maintainers() (names []string) {
	section, _ := r.Extra.(map[string]any)
	list, _ := section["recipe-maintainers"].([]any)
	for _, item := range list {
		if name, ok := item.(string); ok && strings.TrimSpace(name) != "" {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}
