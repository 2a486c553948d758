package docs_test

import (
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	comments := map[string]string{}
	for _, name := range files(t, ".go", "cmd", "internal", "workflows", "test") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(name)), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		comments[path.Dir(name)] += file.Doc.Text()
	}
	for folder, comment := range comments {
		name := path.Base(folder)
		if begin := "Package " + name + " "; strings.HasPrefix(comment, begin) {
			continue
		}
		if !strings.HasPrefix(comment, "Command ") {
			t.Errorf("%s: no comment says what package %s is", folder, name)
		}
	}
}

// The guide to the code has a line for every folder directly below internal/.
func TestDesignNamesEveryPackage(t *testing.T) {
	design := read(t, "docs/design.md")
	seen := map[string]bool{}
	for _, name := range files(t, ".go", "internal") {
		parts := strings.Split(name, "/")
		if folder := "internal/" + parts[1]; !seen[folder] {
			seen[folder] = true
			if !strings.Contains(design, "`"+folder+"`") {
				t.Errorf("docs/design.md does not mention `%s`", folder)
			}
		}
	}
}
