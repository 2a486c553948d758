package recipe

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/wasmill/wasmill/internal/fault"
)

// WriteApp writes the recipe of an app that has packages inside, below dir, and loads it. It is named after the first of them, and has its
// version. script is the file that spec.Script names.
func WriteApp(dir string, packages []*Recipe, spec AppSpec, script []byte) (*Recipe, error) {
	first := packages[0]
	name, version := "app-"+Canonical(first.Name), first.Version
	if version == "" {
		version = "0" // only its build tells
	}
	var run []string
	for _, r := range packages {
		if r.Build.Type != Package {
			return nil, fault.Errorf(fault.Invalid, "recipe `%s` is no package (build.type is %s): an app is made of packages, which bring the libraries that they need", r.Name, r.Build.Type)
		}
		run = append(run, r.Name)
	}
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("package:\n  name: %s\n  version: %s\nbuild:\n  type: %s\nrequirements:\n  run:", quote(name), quote(version), App)
	for _, r := range slices.Sorted(slices.Values(run)) {
		line("    - %s", quote(r))
	}
	line("wasmill:\n  app:\n    strip-sources: %t", spec.StripSources)
	if spec.Entry != "" {
		line("    entry: %s", quote(spec.Entry))
	}
	if spec.Script != "" {
		line("    script: %s", quote(spec.Script))
	}
	if len(spec.ExcludeModules) > 0 {
		line("    exclude-modules:")
	}
	for _, m := range slices.Compact(slices.Sorted(slices.Values(spec.ExcludeModules))) {
		line("      - %s", quote(m))
	}
	folder := filepath.Join(dir, name)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return nil, fmt.Errorf("writing the app's recipe: %w", err)
	}
	files := map[string][]byte{MetaFile: b.Bytes()}
	if spec.Script != "" {
		files[spec.Script] = script
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			return nil, fmt.Errorf("writing the app's recipe: %w", err)
		}
	}
	return Load(folder)
}
