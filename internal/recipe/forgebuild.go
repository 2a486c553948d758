package recipe

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

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
