package docs_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the generated pages")

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files are the files below some folders of the project whose names end so, by their path from its root. A folder that
// git ignores does not belong to the project.
func files(t *testing.T, ending string, folders ...string) (names []string) {
	t.Helper()
	ignored := read(t, ".gitignore")
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(name string, entry fs.DirEntry, err error) error {
			rel, _ := filepath.Rel(root, name)
			rel = filepath.ToSlash(rel)
			switch {
			case err != nil:
				return err
			case entry.IsDir() && strings.Contains(ignored, "/"+rel+"/\n"):
				return filepath.SkipDir
			case !entry.IsDir() && strings.HasSuffix(name, ending):
				names = append(names, rel)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// pages are documents that are written for people.
func pages(t *testing.T) []string {
	return append(files(t, ".md", "docs", "recipes", "toolchains"), "README.md")
}

// mention complains of names that a page does not show as code.
func mention(t *testing.T, page string, names ...string) {
	t.Helper()
	text := read(t, page)
	for _, name := range names {
		// A value may follow, as in `unpack: FOLDER`.
		if !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, "`"+name+": ") {
			t.Errorf("%s does not mention `%s`", page, name)
		}
	}
}

// all are the first groups of a pattern in a file of the project.
func all(t *testing.T, name, pattern string) (found []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, name), -1) {
		found = append(found, m[1])
	}
	if len(found) == 0 {
		t.Fatalf("%s: nothing matches %s", name, pattern)
	}
	return found
}
