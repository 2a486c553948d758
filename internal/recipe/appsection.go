package recipe

import (
	"slices"
	"strings"
)

// AppSpec is wasmill.app: what an app runs, and what of its packages and the standard library stays outside.
type AppSpec struct {
	// Entry is MODULE, which is run as `python -m` does, or MODULE:FUNCTION, which is called. Script is a file beside the
	// recipe. Without either the app is the interpreter itself, with the packages inside.
	Entry  string `json:",omitempty"`
	Script string `json:",omitempty"`
	// ExcludeModules are left out, with all modules below them.
	ExcludeModules []string `json:",omitempty"`
	// StripSources keeps byte code only.
	StripSources bool `json:",omitempty"`
}

// appSection reads wasmill.app.
func appSection(d *decoder, path string, v *value) {
	if v.shape != isMapping {
		d.mismatch(v, path, isMapping)
		return
	}
	a := &AppSpec{}
	d.recipe.Wasmill.App = a
	setters := map[string]func(path string, v *value){
		"entry":           func(p string, v *value) { a.Entry, _ = d.scalar(p, v) },
		"script":          func(p string, v *value) { a.Script, _ = d.scalar(p, v) },
		"exclude-modules": func(p string, v *value) { a.ExcludeModules = d.list(p, v) },
		"strip-sources":   func(p string, v *value) { flag(func(*Recipe) *bool { return &a.StripSources })(d, p, v) },
	}
	d.keys(path, v, setters)
}

// Check says what is wrong with MODULE or MODULE:FUNCTION, with a script's name and with the modules to leave out, by the key that
// it is about.
func (a *AppSpec) Check() (key, problem string) {
	module, function, called := strings.Cut(a.Entry, ":")
	switch {
	case a.Entry != "" && a.Script != "":
		return "script", "an app runs an entry or a script, not both"
	case a.Entry != "" && !moduleForm.MatchString(module), called && !moduleForm.MatchString(function):
		return "entry", "`" + a.Entry + "` is not MODULE or MODULE:FUNCTION"
	case a.Script != "" && (!strings.HasSuffix(a.Script, ".py") || strings.ContainsAny(a.Script, `/\"`) || isTest(a.Script)):
		return "script", "`" + a.Script + "` is not the name of a file that ends in .py and is no test (test_*.py)"
	}
	if i := slices.IndexFunc(a.ExcludeModules, func(m string) bool { return !moduleForm.MatchString(m) }); i >= 0 {
		return "exclude-modules", "`" + a.ExcludeModules[i] + "` is not a module"
	}
	return "", ""
}

func (c checker) app() {
	if c.Wasmill.App == nil {
		return
	}
	if c.Build.Type != App {
		c.add("wasmill.app", "write `type: app` in the section `build`", "`wasmill.app` is about apps, and `build.type` is %s", c.Build.Type)
	}
	if key, problem := c.Wasmill.App.Check(); problem != "" {
		c.add("wasmill.app."+key, "", "%s", problem)
	}
}
