package recipe

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/wheel"
)

// write is the meta.yaml of a skeleton, with comments where something was guessed or is left to a person.
func (r *Release) write(e Evidence) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("package:\n  name: %s\n  version: %s", quote(r.Project), quote(r.Version))
	// Where nothing tells it is left to the default: a wheel that is built tells then.
	if top := e.topLevel(); len(top) > 1 || len(top) == 1 && top[0] != r.Project {
		line("  top-level: [%s]", strings.Join(top, ", "))
	}
	line("source:\n  url: %s\n  sha256: %s", quote(r.Source.URL), quote(r.Source.SHA256))
	if s := e.Source; s != nil && r.Archive() {
		line("# Built by %s.", s.Backend)
	}
	r.writeRequirements(&b, e)
	r.writeKind(line, e)
	r.writeAbout(line)
	return b.Bytes()
}

// topLevel is what an installation imports, from the wheel or from what the source says of itself.
func (e Evidence) topLevel() []string {
	switch {
	case e.Wheel != nil && len(e.Wheel.TopLevel) > 0:
		return e.Wheel.TopLevel
	case e.Source != nil:
		return e.Source.TopLevel
	}
	return nil
}

// writeKind says whether anything is compiled.
func (r *Release) writeKind(line func(string, ...any), e Evidence) {
	switch {
	case !r.Archive(), r.pure:
		line("wasmill:\n  pure: true")
	case e.Wheel != nil && len(e.Wheel.Extensions) > 0:
		line("wasmill:\n  extension-modules: # as in %s", r.Wheel.Name)
		for _, m := range e.Wheel.Extensions {
			line("    - %s", m)
		}
	case r.native:
		line("# Name the compiled modules, so that a build that falls back to pure Python fails:")
		line("# wasmill:\n#   extension-modules: [%s._speedups]", strings.ReplaceAll(r.Project, "-", "_"))
	case e.Source != nil && e.Source.Compiles():
	default:
		line("# The index has no wheel that would tell whether the package is pure Python. If it is:")
		line("# wasmill:\n#   pure: true")
	}
}

func (r *Release) writeAbout(line func(string, ...any)) {
	info := r.about.Info
	home := info.HomePage
	if home == "" {
		home = homePage(info.ProjectURLs)
	}
	license := info.LicenseExpression
	if license == "" && !strings.Contains(info.License, "\n") && len(info.License) < 100 {
		license = info.License
	}
	line("about:\n  PyPI: https://pypi.org/project/%s/", r.Project)
	for _, field := range []struct{ key, text string }{{"home", home}, {"summary", info.Summary}, {"license", license}} {
		if field.text != "" {
			line("  %s: %s", field.key, quote(field.text))
		}
	}
}

// writeRequirements lists what the package needs on the target, and what its build seems to need.
func (r *Release) writeRequirements(b *bytes.Buffer, e Evidence) {
	var comments []string
	section := map[string][]string{}
	if sameVersion(r.about.Info.Version, r.Version) {
		section["run"], comments = runRequirements(r.about.Info.RequiresDist, e.Target)
	} else {
		comments = append(comments, "The index does not tell what this version requires. If it needs other packages:\n# requirements:\n#   run: [name]")
	}
	places := map[string]string{}
	if r.Archive() {
		for _, g := range e.libraries() {
			if name := g.recipe(e.Known); name == "" {
				comments = append(comments, fmt.Sprintf("Perhaps under requirements.host: %s (%s), for which there is no recipe yet", g.Name, g.Place))
			} else if !slices.Contains(section["host"], name) {
				section["host"] = append(section["host"], name)
				places[name] = g.Place
			}
		}
		if e.Source != nil {
			section["executable"] = e.Source.Executables
		}
	}
	if len(section["run"])+len(section["host"])+len(section["executable"]) > 0 {
		b.WriteString("requirements:\n")
	}
	for _, key := range []string{"run", "host", "executable"} {
		if len(section[key]) > 0 {
			fmt.Fprintf(b, "  %s:\n", key)
		}
		for _, name := range section[key] {
			text := quote(name)
			if place := places[name]; key == "host" && place != "" {
				text += " # guessed: " + place
			}
			fmt.Fprintf(b, "    - %s\n", text)
		}
	}
	for _, c := range comments {
		fmt.Fprintf(b, "# %s\n", c)
	}
}

// runRequirements are the packages that are needed on the target. A marker that can't be decided is left to a person.
func runRequirements(requires []string, target wheel.Environment) (names, comments []string) {
	for _, spec := range requires {
		req, err := wheel.ParseRequirement(spec)
		if err != nil {
			if name, marker := requirement(spec); name != "" && !strings.Contains(marker, "extra") {
				comments = append(comments, "Perhaps under requirements.run: "+strings.Join(strings.Fields(spec), " "))
			}
			continue
		}
		if req.Applies(target) {
			names = append(names, Canonical(req.Name))
		}
	}
	return canonicalNames(names), comments
}
