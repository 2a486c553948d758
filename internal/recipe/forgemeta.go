package recipe

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

func (f *forge) about(v *value) {
	if v.shape != isMapping {
		return
	}
	take := func(key string, to *string) {
		if e := v.key(key); e != nil && *to == "" && (e.shape == isText || e.shape == isNumber) {
			if s, ok := f.text(e, "about."+key); ok {
				*to = strings.Join(strings.Fields(s), " ")
			}
		}
	}
	for _, key := range []string{"homepage", "home", "repository", "dev_url"} {
		take(key, &f.out.About.Home)
	}
	take("summary", &f.out.About.Summary)
	take("license", &f.out.About.License)
}

func (f *forge) extra(v *value) {
	var maintainers []any
	if list := v.key("recipe-maintainers"); list != nil {
		for _, item := range f.items(list) {
			maintainers = append(maintainers, item.text)
		}
	}
	f.out.Extra = maintainers
}

// finish names the recipe, writes meta.yaml, and reads it as it will be read.
func (f *forge) finish() (*Imported, error) {
	r := f.out
	name := Canonical(r.Name)
	if f.project != "" && Canonical(f.project) != name {
		f.note(Position{f.file, 1, 1}, "named %s, as the project is on PyPI", Canonical(f.project))
		name = Canonical(f.project)
	}
	r.Name = name
	if f.project != "" {
		r.About.PyPI = "https://pypi.org/project/" + name + "/"
	}
	r.Wasmill.Pure = !f.native
	out := &Imported{Notes: f.notes, Files: []ImportedFile{{MetaFile, forgeMeta(r, f.file)}}}
	for _, to := range slices.Sorted(maps.Keys(f.copies)) {
		data, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(f.copies[to])))
		if err != nil {
			return nil, fmt.Errorf("converting %s: %w", f.file, err)
		}
		out.Files = append(out.Files, ImportedFile{to, data})
	}
	var err error
	if out.Recipe, err = Parse(path.Join(name, MetaFile), out.Files[0].Data); err != nil {
		return nil, fmt.Errorf("converting %s: what comes out is no recipe: %w", f.file, err)
	}
	return out, nil
}

// forgeMeta writes the meta.yaml.
func forgeMeta(r *Recipe, from string) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	field := func(key, text string) {
		if text != "" {
			line("  %s: %s", key, quote(text))
		}
	}
	list := func(key string, items []string) {
		if len(items) > 0 {
			line("  %s:", key)
		}
		for _, s := range items {
			line("    - %s", quote(s))
		}
	}
	block := func(key, text string) {
		if text != "" {
			line("  %s: |\n    %s", key, strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    "))
		}
	}
	line("# Converted by `wasmill recipe import` from %s of emscripten-forge (BSD-3-Clause).", path.Join(filepath.Base(filepath.Dir(from)), filepath.Base(from)))
	line("package:")
	field("name", r.Name)
	field("version", r.Version)
	line("source:")
	field("url", r.Source.URL)
	field("sha256", r.Source.SHA256)
	list("patches", r.Source.Patches)
	if b := r.Build; b.Script+b.BackendFlags+b.CFlags+b.CXXFlags+b.LDFlags != "" {
		line("build:")
		block("script", b.Script)
		block("backend-flags", b.BackendFlags)
		field("cflags", b.CFlags)
		field("cxxflags", b.CXXFlags)
		field("ldflags", b.LDFlags)
	}
	if q := r.Requirements; len(q.Run)+len(q.Host)+len(q.BuildExtras)+len(q.Executable) > 0 {
		line("requirements:")
		list("run", q.Run)
		list("host", q.Host)
		list("build-extras", q.BuildExtras)
		list("executable", q.Executable)
	}
	if len(r.Test.Imports) > 0 {
		line("test:")
		list("imports", r.Test.Imports)
	}
	if r.Wasmill.Pure {
		line("wasmill:\n  pure: true # no compiler was asked for")
	}
	if a := r.About; a.Home+a.PyPI+a.Summary+a.License != "" {
		line("about:")
		field("home", a.Home)
		field("PyPI", a.PyPI)
		field("summary", a.Summary)
		field("license", a.License)
	}
	if maintainers, ok := r.Extra.([]any); ok && len(maintainers) > 0 {
		line("extra:\n  recipe-maintainers:")
		for _, m := range maintainers {
			line("    - %s", quote(fmt.Sprint(m)))
		}
	}
	return b.Bytes()
}
