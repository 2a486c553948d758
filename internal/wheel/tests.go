package wheel

import (
	"path"
	"slices"
	"strings"
)

// IsTest says whether a file of a wheel is one of its tests, by the rule by which Pyodide's build tools split tests off
// (pyodide_build.recipe.builder, unvendor_tests): everything in folders named test or tests, and test_*.py, *_test.py and
// conftest.py elsewhere unless retain, a list of shell patterns, names the file.
func IsTest(file string, retain []string) bool {
	dir, base := path.Split(file)
	for part := range strings.SplitSeq(strings.TrimSuffix(dir, "/"), "/") {
		if part == "__pycache__" || strings.HasSuffix(part, ".dist-info") || strings.HasSuffix(part, ".egg-info") {
			return false
		}
		if part == "test" || part == "tests" {
			return true
		}
	}
	stem, ok := strings.CutSuffix(base, ".py")
	if !ok || !strings.HasPrefix(stem, "test_") && !strings.HasSuffix(stem, "_test") && stem != "conftest" {
		return false
	}
	return !slices.ContainsFunc(retain, func(pattern string) bool {
		match, err := path.Match(pattern, base)
		return err == nil && match
	})
}

// splitTests takes the tests out of the wheel. A wheel of which nothing would be left keeps them: they are what it is
// for.
func (s *source) splitTests(retain []string) (tests []entry) {
	var kept []entry
	modules := 0
	for _, e := range s.entries {
		if IsTest(installedName(s.distInfo, e.name), retain) {
			tests = append(tests, e)
			continue
		}
		kept = append(kept, e)
		if !strings.HasPrefix(e.name, s.distInfo+"/") {
			modules++
		}
	}
	if modules == 0 {
		return nil
	}
	s.entries = kept
	return tests
}
