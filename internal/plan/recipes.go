package plan

import (
	"path"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/app"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// FromSet gives the recipes that the patterns select, and all that they need, as a plan wants them; patterns are those
// of recipe.Set.Select. digests reads what a recipe's files hold: (*recipe.Recipe).Digests, which is all of the
// planning that touches files. Where everything is selected, the recipes that the set excludes come too, so that the
// plan can say that and why they are skipped.
func FromSet(set *recipe.Set, patterns []string, digests func(*recipe.Recipe) (*recipe.Digests, error)) ([]Recipe, error) {
	selected, err := set.Select(patterns...)
	if err != nil {
		return nil, err
	}
	all, err := set.Closure(selected)
	if err != nil {
		return nil, err
	}
	var list []Recipe
	for _, r := range all {
		d, err := digests(r)
		if err != nil {
			return nil, err
		}
		list = append(list, fromRecipe(set, r, d))
	}
	if slices.Contains(patterns, "*") {
		for _, x := range set.Excluded() {
			r := Recipe{Name: x.Recipe.Name, Version: x.Recipe.Version, Disabled: x.Recipe == x.Disabled}
			if !r.Disabled {
				r.Run = []string{x.Disabled.Name}
			}
			list = append(list, r)
		}
	}
	return list, nil
}

func fromRecipe(set *recipe.Set, r *recipe.Recipe, d *recipe.Digests) Recipe {
	// What the tests need is built before, as what the wheel needs.
	tests, _ := r.Wasmill.Test.RequiredRecipes(set)
	p := Recipe{
		Name:           r.Name,
		Version:        r.Version,
		Tests:          d.Test,
		Run:            spelled(set, slices.Concat(r.Requirements.Run, tests)),
		NoRequirements: !r.HasRequirements(),
		ExcludeNewer:   r.Wasmill.ExcludeNewer,
	}
	p.Class, p.Kind = r.Wasmill.Class, kindOf(r)
	p.Pins = append(p.Pins, r.Tools()...)
	for _, h := range set.Hosts(r) {
		p.Host = append(p.Host, h.Name)
		if h.Build.CrossBuildEnv {
			p.Pins = append(p.Pins, h.Pin())
		}
	}
	if r.Source.SHA256 != "" {
		p.Sources = append(p.Sources, Input{Digest: record.Digest("sha256:" + r.Source.SHA256)})
	}
	patches := map[string]record.Digest{}
	for _, part := range d.Parts {
		file, isFile := fileOf(part.Name)
		switch {
		case isFile && isPatch(r, file):
			patches[file] = part.Digest
		case part.Name == "source tree":
			p.Sources = append(p.Sources, Input{Digest: part.Digest})
		default:
			p.Parts = append(p.Parts, Input{Name: part.Name, Digest: part.Digest})
		}
	}
	if r.Build.Type == recipe.App {
		p.Parts = append(p.Parts, Input{Name: LinkerPart, Digest: app.LinkerDigest()})
	}
	for _, name := range r.Source.Patches {
		p.Patches = append(p.Patches, Input{Name: name, Digest: patches[path.Clean(name)]})
	}
	return p
}

// LinkerPart names the linker among the parts of an app's recipe: it is no part of the image.
const LinkerPart = "linker"

// kindOf says what a recipe is alike with in the time that it takes.
func kindOf(r *recipe.Recipe) string {
	switch {
	case r.Wheel():
		return "ready wheel"
	case r.Wasmill.Pure:
		return "pure package"
	case len(r.Requirements.Executable) > 0: // such as rustc
		return "package with " + strings.Join(slices.Sorted(slices.Values(r.Requirements.Executable)), ", ")
	}
	return string(r.Build.Type)
}

// fileOf is the file that a recipe.Part is about, if it is about one.
func fileOf(part string) (string, bool) {
	kind, file, _ := strings.Cut(part, " ")
	return file, kind == "file" || kind == "executable"
}

func isPatch(r *recipe.Recipe, file string) bool {
	return slices.ContainsFunc(r.Source.Patches, func(name string) bool { return path.Clean(name) == file })
}

// spelled gives recipes the names that they have themselves, whatever the one who needs them writes.
func spelled(set *recipe.Set, names []string) []string {
	var own []string
	for _, name := range names {
		if r := set.Get(name); r != nil {
			name = r.Name
		}
		own = append(own, name)
	}
	return own
}
