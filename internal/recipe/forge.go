package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Imported is a recipe of emscripten-forge in our form.
type Imported struct {
	Recipe *Recipe        // parsed from meta.yaml
	Files  []ImportedFile // of its folder, meta.yaml first
	Notes  []*Error       // what was left out or assumed, with its place; none of it is a mistake
}

// ImportedFile is a file of a converted recipe's folder.
type ImportedFile struct {
	Name string // with /
	Data []byte
}

// Import converts a recipe of emscripten-forge: a recipe.yaml of rattler-build, or the folder that holds it, with its
// build.sh, patches and tests. It converts what says the same in both forms. All that does not is refused at once, as
// *Errors with file, line and reason (fault.Invalid): no half of a recipe is made. have says which recipes there are, so
// that a library that nobody has a recipe for is not asked for; it may be nil.
func Import(file string, have func(name string) bool) (*Imported, error) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		file = filepath.Join(file, "recipe.yaml")
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Errorf(fault.NotFound, "reading a recipe of emscripten-forge: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a recipe of emscripten-forge: %w", err)
	}
	if have == nil {
		have = func(string) bool { return false }
	}
	f := &forge{
		file: file, dir: filepath.Dir(file), errs: &Errors{}, have: have, out: defaults(MetaFile),
		template: forgeTemplate{maps.Clone(forgePlatform)}, copies: map[string]string{},
	}
	if root := tree(file, data, f.errs); root != nil && len(f.errs.List) == 0 {
		f.document(root)
	}
	if err := f.errs.err(); err != nil {
		return nil, err
	}
	return f.finish()
}

// forge is a conversion on its way.
type forge struct {
	file, dir string
	template  forgeTemplate
	errs      *Errors
	notes     []*Error
	have      func(string) bool
	out       *Recipe           // as far as it is known
	copies    map[string]string // files of the folder, by their new names
	native    bool              // a compiler is asked for
	project   string            // on PyPI; empty: not from there
}

func (f *forge) refuse(at Position, hint, format string, args ...any) {
	f.errs.add(at, hint, format, args...)
}

func (f *forge) note(at Position, format string, args ...any) {
	f.notes = append(f.notes, &Error{Position: at, Message: printable(fmt.Sprintf(format, args...))})
}

// text is a scalar with its templates rendered.
func (f *forge) text(v *value, what string) (string, bool) {
	switch v.shape {
	case isText, isNumber, isBool:
	case isRefused:
		return "", false
	default:
		f.refuse(v.at, "", "`%s` must be a text, not %s", what, v.shape)
		return "", false
	}
	s, err := f.template.render(v.text)
	if err != nil {
		f.refuse(v.at, "", "`%s`: %v", what, err)
		return "", false
	}
	return s, true
}

// items are the values of a list, with its conditions decided; one value is as good as a list of one.
func (f *forge) items(v *value) (out []*value) {
	if v.shape == isNull {
		return nil
	}
	if v.shape != isList {
		return []*value{v}
	}
	for _, item := range v.items {
		condition := item.key("if")
		if condition == nil {
			out = append(out, item)
			continue
		}
		holds, err := f.template.holds(condition.text)
		if err != nil {
			f.refuse(condition.at, "", "a condition on other than the platform: %v", err)
			continue
		}
		branch := item.key("else")
		if holds {
			branch = item.key("then")
		}
		if branch != nil {
			out = append(out, f.items(branch)...)
		}
	}
	return out
}

// key is the value under a key of a mapping, or nil.
func (v *value) key(name string) *value {
	for _, e := range v.keys {
		if e.name == name {
			return e.value
		}
	}
	return nil
}

// each calls what stands for a key, and refuses keys for which nothing stands.
func (f *forge) each(v *value, where string, known map[string]func(*value)) {
	if v.shape == isNull {
		return
	}
	if v.shape != isMapping {
		f.refuse(v.at, "", "`%s` must be a mapping, not %s", where, v.shape)
		return
	}
	for _, e := range v.keys {
		name := e.name
		if where != "" {
			name = where + "." + name
		}
		if do, ok := known[e.name]; !ok {
			f.refuse(e.at, "", "`%s` is not converted", name)
		} else if do != nil {
			do(e.value)
		}
	}
}

func (f *forge) document(root *value) {
	if root.shape != isMapping {
		f.refuse(root.at, "", "a recipe.yaml is a mapping, not %s", root.shape)
		return
	}
	for _, e := range root.keys {
		switch e.name {
		case "outputs":
			f.refuse(e.at, "write a recipe for each of them", "`outputs`: several packages from one source are not converted")
			return // what stands above and below is meant for them
		case "cache":
			f.refuse(e.at, "", "`cache`: a build that several outputs share is not converted")
			return
		}
	}
	// The order matters: names are used below, and what a build needs decides how its script is read.
	order := []string{"context", "package", "source", "requirements", "build", "tests", "about", "extra"}
	slices.SortStableFunc(root.keys, func(a, b entry) int {
		return slices.Index(order, a.name) - slices.Index(order, b.name)
	})
	script := false
	f.each(root, "", map[string]func(*value){
		"schema_version": nil, "context": f.context, "package": f.pack, "source": f.source, "requirements": f.requirements,
		"build": func(v *value) { f.build(v); script = true }, "tests": f.tests, "about": f.about, "extra": f.extra,
	})
	if !script {
		f.build(&value{at: root.at, shape: isMapping})
	}
}

// context gives names their values: texts, whatever they look like, as 2.10 is a version and not a number.
func (f *forge) context(v *value) {
	if v.shape != isMapping {
		f.refuse(v.at, "", "`context` must be a mapping, not %s", v.shape)
		return
	}
	for _, e := range v.keys {
		if s, ok := f.text(e.value, "context."+e.name); ok {
			f.template.vars[e.name] = s
		}
	}
}

func (f *forge) pack(v *value) {
	f.each(v, "package", map[string]func(*value){
		"name":    func(v *value) { f.out.Name, _ = f.text(v, "package.name") },
		"version": func(v *value) { f.out.Version, _ = f.text(v, "package.version") },
	})
}

// sourceOnPyPI is an address by which a release of PyPI is known, on any of the hosts that lead there.
var sourceOnPyPI = regexp.MustCompile(`^https?://(?:pypi\.io|pypi\.org|pypi\.python\.org|files\.pythonhosted\.org)/packages/(.*?)([^/]+)$`)

func (f *forge) source(v *value) {
	list := f.items(v)
	if len(list) == 0 {
		f.refuse(v.at, "", "`source` is empty")
		return
	}
	for _, more := range list[1:] {
		f.refuse(more.at, "put it beside the recipe, and into the source by source.extras", "a second source is not converted")
	}
	f.each(list[0], "source", map[string]func(*value){
		"url": func(v *value) {
			urls := f.items(v)
			if len(urls) == 0 {
				return
			}
			if f.out.Source.URL, _ = f.text(urls[0], "source.url"); len(urls) > 1 {
				f.note(urls[1].at, "further addresses are left out: the farm keeps sources itself")
			}
		},
		"sha256":  func(v *value) { f.out.Source.SHA256, _ = f.text(v, "source.sha256") },
		"patches": f.patches,
		"path": func(v *value) {
			f.refuse(v.at, "", "`source.path`: a source that is not fetched is not converted")
		},
		"git": func(v *value) {
			f.refuse(v.at, "use an archive with its sha256", "`source.git`: what is fetched from a repository has no sha256")
		},
		"file_name": nil, "use_gitignore": nil, "md5": nil, "schema_version": nil,
	})
	if m := sourceOnPyPI.FindStringSubmatch(f.out.Source.URL); m != nil {
		f.out.Source.URL = "https://files.pythonhosted.org/packages/" + m[1] + m[2]
		for i, c := range m[2] {
			if c == '-' && f.project == "" && i+1 < len(m[2]) && m[2][i+1] >= '0' && m[2][i+1] <= '9' {
				f.project = m[2][:i]
			}
		}
	}
	if f.out.Source.SHA256 == "" && f.out.Source.URL != "" {
		f.refuse(list[0].at, "add the sha256 of the file", "`source` has no sha256: what is fetched could not be verified")
	}
}

func (f *forge) patches(v *value) {
	for _, item := range f.items(v) {
		name, ok := f.text(item, "source.patches")
		if !ok {
			continue
		}
		data, ok := f.read(item.at, name)
		if !ok {
			continue
		}
		if !stripsOne(data) {
			f.refuse(item.at, "make it anew with git", "the patch `%s` names files without the folders a/ and b/", name)
			continue
		}
		to := "patches/" + path.Base(name)
		if f.copies[to] != "" {
			f.refuse(item.at, "", "there are two patches of the name `%s`", path.Base(name))
			continue
		}
		f.copies[to] = name
		f.out.Source.Patches = append(f.out.Source.Patches, to)
	}
}

var patchedFile = regexp.MustCompile(`(?m)^(?:---|\+\+\+) ([^\t\n\r]+)`)

// stripsOne says whether a patch is one for `patch -p1`.
func stripsOne(patch []byte) bool {
	names := patchedFile.FindAllSubmatch(patch, -1)
	return len(names) == 0 || slices.ContainsFunc(names, func(m [][]byte) bool { return bytes.ContainsRune(m[1], '/') })
}

// read reads a file of the recipe's folder.
func (f *forge) read(at Position, name string) ([]byte, bool) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		f.refuse(at, "", "`%s` leads out of the recipe's folder", name)
		return nil, false
	}
	data, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(name)))
	if err != nil {
		f.refuse(at, "", "there is no file `%s` in the recipe's folder", name)
		return nil, false
	}
	return data, true
}

// litterGlobs are what conda packages leave out and wheels do not mind: compiled Python, type stubs, tests, which the
// farm splits off by itself.
var litterGlobs = regexp.MustCompile(`__pycache__|\.py[cio]$|(^|/)(test_\*|\*_test|tests?)(\.py|/.*|)$|\.(a|la|lib|h|hpp)$`)

func (f *forge) build(v *value) {
	var script *value
	f.each(v, "build", map[string]func(*value){
		"number": nil, "merge_build_and_host_envs": nil, "script": func(v *value) { script = v },
		"noarch": func(v *value) {
			if s, ok := f.text(v, "build.noarch"); ok && s != "python" {
				f.refuse(v.at, "", "`build.noarch: %s` is not converted", s)
			}
		},
		"skip": func(v *value) {
			for _, item := range f.items(v) {
				skip, err := f.template.holds(item.text)
				if err != nil {
					f.refuse(item.at, "", "a condition on other than the platform: %v", err)
				} else if skip {
					f.refuse(item.at, "", "the recipe is skipped for Emscripten: `%s`", item.text)
				}
			}
		},
		"files": func(v *value) {
			if v.shape != isMapping || v.key("include") != nil {
				f.refuse(v.at, "", "`build.files`: a choice of files is not converted")
				return
			}
			f.each(v, "build.files", map[string]func(*value){"exclude": func(v *value) {
				for _, item := range f.items(v) {
					if !litterGlobs.MatchString(item.text) {
						f.refuse(item.at, "remove the files in build.post", "`build.files`: leaving out `%s` is not converted", item.text)
					}
				}
			}})
		},
		"python": func(v *value) {
			// Entry points are in the wheel's own metadata; nothing is compiled to bytecode.
			f.each(v, "build.python", map[string]func(*value){"skip_pyc_compilation": nil, "entry_points": nil})
		},
	})
	f.script(v, script)
}

// script finds the build script: build.script, or build.sh beside the recipe.
func (f *forge) script(build, v *value) {
	s := forgeScript{file: f.file, errs: f.errs, note: f.note, column: 1}
	text, file := "", ""
	switch {
	case v == nil || v.shape == isNull:
		file = "build.sh"
		if _, err := os.Stat(filepath.Join(f.dir, file)); err != nil {
			f.refuse(build.at, "", "there is neither `build.script` nor build.sh: what is built is not said")
			return
		}
	case v.shape == isMapping:
		f.each(v, "build.script", map[string]func(*value){
			"file": func(v *value) { file, _ = f.text(v, "build.script.file") },
			"content": func(v *value) {
				text = f.scriptText(v)
				s.begins(v)
			},
			"env": func(v *value) {
				for _, e := range v.keys {
					if value, ok := f.text(e.value, "build.script.env."+e.name); ok {
						s.lines = append(s.lines, fmt.Sprintf("export %s='%s'", e.name, strings.ReplaceAll(value, "'", `'\''`)))
					}
				}
			},
		})
	case v.shape == isList:
		items := f.items(v)
		for _, item := range items {
			text += f.scriptText(item) + "\n"
		}
		if len(items) > 0 { // lists have a line each, nearly always
			s.begins(items[0])
		}
	case !strings.ContainsAny(v.text, " \n") && (strings.HasSuffix(v.text, ".sh") || v.text == "build"):
		file = v.text
	default:
		text = f.scriptText(v)
		s.begins(v)
	}
	if file != "" {
		data, ok := f.read(build.at, file)
		if !ok {
			return
		}
		text, s.file, s.offset, s.column = string(data), filepath.Join(f.dir, file), 0, 1
	}
	if len(f.errs.List) > 0 && text == "" {
		return
	}
	s.convert(text)
	b := &f.out.Build
	b.CFlags, b.CXXFlags, b.LDFlags = strings.Join(s.cflags, " "), strings.Join(s.cxxflags, " "), strings.Join(s.ldflags, " ")
	b.BackendFlags = strings.Join(s.settings, "\n")
	if b.Script = strings.Join(s.lines, "\n"); b.Script != "" {
		b.Script += "\n"
	}
	f.carriedFiles(s)
}

// scriptText renders the variables that rattler-build gives scripts, as the shell's.
func (f *forge) scriptText(v *value) string {
	shell := templateForm.ReplaceAllStringFunc(v.text, func(m string) string {
		if name := strings.TrimSpace(m[3 : len(m)-2]); slices.Contains([]string{"PYTHON", "PIP_ARGS", "SRC_DIR", "RECIPE_DIR", "PREFIX"}, name) {
			return "${" + name + "}"
		}
		return m
	})
	s, err := f.template.render(shell)
	if err != nil {
		f.refuse(v.at, "", "`build.script`: %v", err)
	}
	return s
}

var inRecipeDir = regexp.MustCompile(`\$\{PKGDIR\}/([\w./+-]+)`)

// carriedFiles takes along what the script uses of the recipe's folder.
func (f *forge) carriedFiles(s forgeScript) {
	for _, line := range s.lines {
		for _, m := range inRecipeDir.FindAllStringSubmatch(line, -1) {
			if _, ok := f.read(Position{s.file, 1, 1}, m[1]); ok {
				f.copies[m[1]] = m[1]
			}
		}
	}
}

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
