package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors are the targets that a forge makes of a page's headings.
func anchors(page string) map[string]bool {
	have := map[string]bool{"": true}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		have[strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return have
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(read(t, page), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target, anchor, _ := strings.Cut(m[1], "#")
			file := path.Join(path.Dir(page), target)
			if target == "" {
				file = page
			}
			info, err := os.Stat(filepath.Join(root, filepath.FromSlash(file)))
			switch {
			case err != nil:
				t.Errorf("%s: the link %s leads nowhere", page, m[1])
			case !info.IsDir() && !anchors(read(t, file))[anchor]:
				t.Errorf("%s: the link %s leads to no heading", page, m[1])
			}
		}
	}
}

// Comments and data name pages of the documentation by their path from the root.
func TestPagesThatAreNamedExist(t *testing.T) {
	named := regexp.MustCompile(`\bdocs/[\w./-]+\.md\b`)
	sources := append(files(t, ".go", "cmd", "internal", "workflows"), files(t, ".yaml", "recipes", "toolchains")...)
	for _, name := range append(sources, pages(t)...) {
		if strings.HasSuffix(name, "_test.go") {
			continue // which make up pages of their own
		}
		for _, page := range named.FindAllString(read(t, name), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(page))); err != nil {
				t.Errorf("%s speaks of %s, which is not there", name, page)
			}
		}
	}
}
