package recipe

import (
	"slices"
	"strings"
)

func (f *forge) tests(v *value) {
	for _, item := range f.items(v) {
		if item.shape != isMapping {
			continue
		}
		if python := item.key("python"); python != nil {
			if imports := python.key("imports"); imports != nil {
				for _, m := range f.items(imports) {
					if name, ok := f.text(m, "tests.python.imports"); ok && moduleForm.MatchString(name) && !slices.Contains(f.out.Test.Imports, name) {
						f.out.Test.Imports = append(f.out.Test.Imports, name)
					}
				}
			}
			continue
		}
		script := item.key("script")
		if script == nil || script.text != "pytester" {
			f.note(item.at, "a test that is not pytest or imports is left out")
			continue
		}
		if files := item.key("files"); files != nil {
			if own := files.key("recipe"); own != nil {
				f.testFiles(own)
			}
		}
	}
}

func (f *forge) testFiles(v *value) {
	for _, item := range f.items(v) {
		name, ok := f.text(item, "tests.files")
		if !ok {
			continue
		}
		if _, ok := f.read(item.at, name); !ok {
			continue
		}
		f.copies[name] = name
		if strings.HasSuffix(name, ".py") && !isTest(name) {
			f.note(item.at, "`%s` is taken along, but is not run: tests here are named test_*.py", name)
		}
	}
}
