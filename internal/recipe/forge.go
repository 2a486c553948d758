package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

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
