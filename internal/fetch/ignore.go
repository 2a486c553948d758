package fetch

import (
	"os"
	"path"
	"path/filepath"
	"strings"
)

// leftOut are names that never belong to a project's source: version control, and what building and running leave.
// A project that does not ignore them must not get another digest, or a stale build, because of them.
var leftOut = map[string]bool{
	".git": true, ".hg": true, ".svn": true,
	"__pycache__": true, ".venv": true, ".tox": true, ".nox": true, ".eggs": true, "node_modules": true,
	".mypy_cache": true, ".pytest_cache": true, ".ruff_cache": true, ".DS_Store": true,
}

// leftOutAtTop are left out at the top of a project only: deeper down, packages have folders of these names.
var leftOutAtTop = map[string]bool{"build": true, "dist": true, "wheelhouse": true}

// ignoreRule is one line of a .gitignore file.
type ignoreRule struct {
	base     string // folder of the file, slash-separated, "." at the top
	pattern  []string
	negated  bool
	dirsOnly bool
}

// readIgnores reads a folder's .gitignore, if there is one. rel is the folder's path in the tree.
func readIgnores(dir, rel string) ([]ignoreRule, error) {
	data, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var rules []ignoreRule
	for line := range strings.Lines(string(data)) {
		if r, ok := parseIgnore(strings.TrimRight(line, " \t\r\n"), rel); ok {
			rules = append(rules, r)
		}
	}
	return rules, nil
}

// parseIgnore reads one line as gitignore(5) says.
func parseIgnore(line, base string) (ignoreRule, bool) {
	r := ignoreRule{base: base}
	if line == "" || strings.HasPrefix(line, "#") {
		return r, false
	}
	line, r.negated = strings.CutPrefix(line, "!")
	line, r.dirsOnly = strings.CutSuffix(line, "/")
	anchored := strings.Contains(line, "/")
	r.pattern = strings.Split(strings.TrimPrefix(line, "/"), "/")
	if !anchored {
		r.pattern = []string{"**", line}
	}
	return r, line != ""
}

// ignored says whether the rules leave a path out: the last one that matches decides. A file below a folder that is
// left out can't be brought back, as with git, because the folder is never looked into.
func ignored(rules []ignoreRule, rel string, isDir bool) bool {
	name := path.Base(rel)
	if leftOut[name] || isDir && (strings.HasSuffix(name, ".egg-info") || leftOutAtTop[rel]) {
		return true
	}
	out := false
	for _, r := range rules {
		below := rel
		if r.base != "." {
			below = strings.TrimPrefix(rel, r.base+"/")
		}
		if (isDir || !r.dirsOnly) && matchParts(r.pattern, strings.Split(below, "/")) {
			out = !r.negated
		}
	}
	return out
}

// matchParts matches a path part by part; "**" stands for any number of them.
func matchParts(pattern, parts []string) bool {
	if len(pattern) == 0 {
		return len(parts) == 0
	}
	if pattern[0] == "**" {
		if len(pattern) == 1 {
			return len(parts) > 0
		}
		for i := range len(parts) + 1 {
			if matchParts(pattern[1:], parts[i:]) {
				return true
			}
		}
		return false
	}
	if len(parts) == 0 {
		return false
	}
	ok, err := path.Match(pattern[0], parts[0])
	return err == nil && ok && matchParts(pattern[1:], parts[1:])
}
