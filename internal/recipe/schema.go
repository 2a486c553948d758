package recipe

import (
	"fmt"
	"slices"
	"time"
)

type setter func(d *decoder, path string, v *value)

// key is one key of a section and what reads it.
type key struct {
	name string
	set  setter
}

// section is one top-level key. No keys means free-form.
type section struct {
	name string
	keys []key
}

// schema is every key there is. What holds between keys stands in rules.go.
var schema = []section{
	{"package", []key{
		{"name", text(func(r *Recipe) *string { return &r.Name })},
		{"version", text(func(r *Recipe) *string { return &r.Version })},
		{"top-level", texts(func(r *Recipe) *[]string { return &r.TopLevel })},
		{"tag", texts(func(r *Recipe) *[]string { return &r.Tags })},
		{"_disabled", flag(func(r *Recipe) *bool { return &r.Disabled })},
		{"pinned", flag(func(r *Recipe) *bool { return &r.Pinned })},
	}},
	{"source", []key{
		{"url", optional(func(r *Recipe) *string { return &r.Source.URL })},
		{"sha256", optional(func(r *Recipe) *string { return &r.Source.SHA256 })},
		{"path", optional(func(r *Recipe) *string { return &r.Source.Path })},
		{"extract_dir", optional(func(r *Recipe) *string { return &r.Source.ExtractDir })},
		{"patches", texts(func(r *Recipe) *[]string { return &r.Source.Patches })},
		{"extras", extras},
	}},
	{"build", []key{
		{"type", choice(func(r *Recipe) *Type { return &r.Build.Type }, Package, StaticLibrary, SharedLibrary, CPythonModule, App)},
		{"script", optional(func(r *Recipe) *string { return &r.Build.Script })},
		{"cross-script", optional(func(r *Recipe) *string { return &r.Build.CrossScript })},
		{"post", optional(func(r *Recipe) *string { return &r.Build.Post })},
		{"backend-flags", text(func(r *Recipe) *string { return &r.Build.BackendFlags })},
		{"cflags", text(func(r *Recipe) *string { return &r.Build.CFlags })},
		{"cxxflags", text(func(r *Recipe) *string { return &r.Build.CXXFlags })},
		{"ldflags", text(func(r *Recipe) *string { return &r.Build.LDFlags })},
		{"exports", exports},
		{"unvendor-tests", flag(func(r *Recipe) *bool { return &r.Build.UnvendorTests })},
		{"_retain-test-patterns", texts(func(r *Recipe) *[]string { return &r.Build.RetainTestPatterns })},
		{"vendor-sharedlib", flag(func(r *Recipe) *bool { return &r.Build.VendorSharedLib })},
		{"cross-build-env", flag(func(r *Recipe) *bool { return &r.Build.CrossBuildEnv })},
		{"_cross-build-env-skip-install", flag(func(r *Recipe) *bool { return &r.Build.CrossBuildEnvSkipInstall })},
		{"cross-build-files", texts(func(r *Recipe) *[]string { return &r.Build.CrossBuildFiles })},
	}},
	{"requirements", []key{
		{"run", texts(func(r *Recipe) *[]string { return &r.Requirements.Run })},
		{"host", texts(func(r *Recipe) *[]string { return &r.Requirements.Host })},
		{"build-extras", texts(func(r *Recipe) *[]string { return &r.Requirements.BuildExtras })},
		{"executable", texts(func(r *Recipe) *[]string { return &r.Requirements.Executable })},
		{"constraint", texts(func(r *Recipe) *[]string { return &r.Requirements.Constraint })},
	}},
	{"test", []key{
		{"imports", texts(func(r *Recipe) *[]string { return &r.Test.Imports })},
	}},
	{"about", []key{
		{"home", optional(func(r *Recipe) *string { return &r.About.Home })},
		{"PyPI", optional(func(r *Recipe) *string { return &r.About.PyPI })},
		{"summary", optional(func(r *Recipe) *string { return &r.About.Summary })},
		{"license", optional(func(r *Recipe) *string { return &r.About.License })},
	}},
	{"extra", nil},
	{"wasmill", []key{
		{"pure", flag(func(r *Recipe) *bool { return &r.Wasmill.Pure })},
		{"dynamic-version", flag(func(r *Recipe) *bool { return &r.Wasmill.DynamicVersion })},
		{"extension-modules", texts(func(r *Recipe) *[]string { return &r.Wasmill.ExtensionModules })},
		{"targets", texts(func(r *Recipe) *[]string { return &r.Wasmill.Targets })},
		{"class", choice(func(r *Recipe) *Class { return &r.Wasmill.Class }, Small, Medium, Large)},
		{"timeout", func(d *decoder, path string, v *value) { duration(d, path, v, &d.recipe.Wasmill.Timeout) }},
		{"max-size", func(d *decoder, path string, v *value) { size(d, path, v, &d.recipe.Wasmill.MaxSize) }},
		{"exclude-newer", excludeNewer},
		{"not-reproducible", optional(func(r *Recipe) *string { return &r.Wasmill.NotReproducible })},
		{"patches", patchNotes},
		{"test", testSuite},
		{"app", appSection},
	}},
}

// defaults is a recipe in which nothing is said yet.
func defaults(file string) *Recipe {
	return &Recipe{
		File:      file,
		Build:     Build{Type: Package, Exports: Exports{Mode: ExportPyInit}, UnvendorTests: true, VendorSharedLib: true},
		Wasmill:   Wasmill{Timeout: DefaultTimeout},
		positions: map[string]Position{},
	}
}

// extras reads a list of pairs.
func extras(d *decoder, path string, v *value) {
	if v.shape != isList {
		d.mismatch(v, path, isList)
		return
	}
	for i, item := range v.items {
		if item.shape != isList || len(item.items) != 2 {
			d.errs.add(item.at, "write `- [file-beside-the-recipe, place-in-the-source]`", "`%s[%d]` must be a pair", path, i)
			continue
		}
		if pair := d.list(fmt.Sprintf("%s[%d]", path, len(d.recipe.Source.Extras)), item); len(pair) == 2 {
			d.recipe.Source.Extras = append(d.recipe.Source.Extras, Extra{pair[0], pair[1]})
		}
	}
}

// exports reads one of three words, or a list of symbols.
func exports(d *decoder, path string, v *value) {
	e := &d.recipe.Build.Exports
	if v.shape == isList {
		e.Mode, e.Symbols = ExportList, d.list(path, v)
		return
	}
	words := []ExportMode{ExportPyInit, ExportRequested, ExportWholeArchive}
	if v.shape != isText {
		d.errs.add(v.at, oneOf("", words)+", or a list of symbols", "`%s` can't be %s", path, v.shape)
		return
	}
	if !slices.Contains(words, ExportMode(v.text)) {
		d.errs.add(v.at, oneOf(v.text, words), "`%s` can't be `%s`", path, v.text)
		return
	}
	e.Mode = ExportMode(v.text)
}

// duration reads a duration of Go's form, for example 1h30m.
func duration(d *decoder, path string, v *value, field *time.Duration) {
	s, ok := d.scalar(path, v)
	if !ok {
		return
	}
	t, err := time.ParseDuration(s)
	if err != nil || t <= 0 {
		d.errs.add(v.at, "for example 45m or 1h30m", "`%s` must be a positive duration, not `%s`", path, s)
		return
	}
	*field = t
}

// size reads a positive size with its unit.
func size(d *decoder, path string, v *value, field *Size) {
	s, ok := d.scalar(path, v)
	if !ok {
		return
	}
	n, err := ParseSize(s)
	if err != nil {
		d.errs.add(v.at, "for example 5 MB or 800 KiB", "`%s` must be a size with its unit, not `%s`", path, s)
		return
	}
	*field = n
}

// excludeNewer reads a time of RFC 3339.
func excludeNewer(d *decoder, path string, v *value) {
	s, ok := d.scalar(path, v)
	if !ok {
		return
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		d.errs.add(v.at, "for example 2026-01-31T00:00:00Z", "`%s` must be a time in the form of RFC 3339, not `%s`", path, s)
		return
	}
	d.recipe.Wasmill.ExcludeNewer = t.UTC()
}

// patchNotes reads what is known about each patch.
func patchNotes(d *decoder, path string, v *value) {
	if v.shape != isMapping {
		d.mismatch(v, path, isMapping)
		return
	}
	d.recipe.Wasmill.Patches = map[string]PatchNote{}
	for _, e := range v.keys {
		p := path + "." + e.name
		d.recipe.positions[p] = e.at
		if e.value.shape != isMapping {
			d.mismatch(e.value, p, isMapping)
			continue
		}
		var note PatchNote
		fields := map[string]*string{"why": &note.Why, "upstream": &note.Upstream, "status": &note.Status}
		for _, f := range e.value.keys {
			q := p + "." + f.name
			d.recipe.positions[q] = f.at
			field, ok := fields[f.name]
			if !ok {
				d.errs.add(f.at, oneOf(f.name, []string{"why", "upstream", "status"}), "unknown key `%s` in `%s`", f.name, p)
				continue
			}
			if s, ok := d.scalar(q, f.value); ok {
				*field = s
			}
		}
		d.recipe.Wasmill.Patches[e.name] = note
	}
}
