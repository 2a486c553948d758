package recipe

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	// nameForm is a valid project name (PEP 508, names).
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	hashForm   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	moduleForm = regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*$`)
	symbolForm = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$.]*$`)
	statusForm = regexp.MustCompile(`^(pending|submitted|wontfix|merged-in \S+)$`)
	// versionForm is looser than PEP 440: libraries have versions like CLAPACK-3.2.1.
	versionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+!-]*$`)
)

// rules checks what holds between keys, and the forms of values. It needs no file but the one that was read.
func rules(d *decoder) {
	c := checker{d.recipe, d.errs, d.failed}
	c.identity()
	c.source()
	c.patchesAndExtras()
	c.build()
	c.requirements()
	c.wasmill()
	c.testSuite()
	c.app()
}

type checker struct {
	*Recipe
	errs   *Errors
	failed map[string]bool
}

func (c checker) add(path, hint, format string, args ...any) {
	c.errs.add(c.At(path), hint, format, args...)
}

func (c checker) given(path string) bool {
	_, ok := c.positions[path]
	return ok
}

// readable says that a key is given and that its value could be read.
func (c checker) readable(path string) bool { return c.given(path) && !c.failed[path] }

func (c checker) identity() {
	if !c.given("package") {
		c.add("", "", "the section `package` is missing")
		return
	}
	for _, key := range []string{"name", "version"} {
		if !c.given("package."+key) && !c.failed["package"] && (key != "version" || !c.Wasmill.DynamicVersion) {
			c.add("package", "", "`package.%s` is missing", key)
		}
	}
	if c.readable("package.name") && !nameForm.MatchString(c.Name) {
		c.add("package.name", "letters, digits, and . _ - between them", "`%s` is not a package's name", c.Name)
	}
	if c.readable("package.version") && !versionForm.MatchString(c.Version) {
		c.add("package.version", "", "`%s` is not a version", c.Version)
	}
	for i, m := range c.TopLevel {
		c.module(fmt.Sprintf("package.top-level[%d]", i), m)
	}
	for i, m := range c.Test.Imports {
		c.module(fmt.Sprintf("test.imports[%d]", i), m)
	}
	for i, tag := range c.Tags {
		if tag == "" || strings.ContainsAny(tag, ": \t\n") {
			c.add(fmt.Sprintf("package.tag[%d]", i), "", "`%s` is not a tag: it must be one word without a colon", tag)
		}
	}
}

func (c checker) module(path, name string) {
	if !moduleForm.MatchString(name) {
		c.add(path, "names with dots between them, as in an import statement", "`%s` is not a module", name)
	}
}

func (c checker) source() {
	s := c.Source
	switch {
	case s.URL != "" && s.Path != "":
		c.add("source.path", "remove one of them", "`source.path` and `source.url` exclude each other")
	case c.failed["source"], c.failed["source.url"], c.failed["source.path"]:
	case s.URL == "" && s.Path == "" && c.Build.Type != App:
		at := "source"
		if !c.given(at) {
			at = "package"
		}
		c.add(at, "", "a recipe needs `source.url` or `source.path`")
	case s.URL == "" && s.SHA256 != "":
		c.add("source.sha256", "", "`source.sha256` goes with `source.url` only")
	}
	if s.URL == "" {
		return
	}
	// Variables may stand anywhere in the URL, so only one without them can be checked.
	if u, err := url.Parse(s.URL); !strings.Contains(s.URL, "$") && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		c.add("source.url", "it begins with https://", "`%s` is not a URL from which a source can be fetched", s.URL)
	}
	c.urlVariables()
	switch {
	case c.failed["source.sha256"]:
	case s.SHA256 == "":
		c.add("source.url", "add `sha256:` of the file beside the url", "`source.url` is given without `source.sha256`: what is fetched could not be verified")
	case hashForm.MatchString(strings.ToLower(s.SHA256)) && s.SHA256 != strings.ToLower(s.SHA256):
		c.add("source.sha256", "write it in lower case", "`source.sha256` has capital letters")
	case !hashForm.MatchString(s.SHA256):
		c.add("source.sha256", "", "`source.sha256` must be 64 hexadecimal digits, not %d characters like `%s`", len(s.SHA256), shorten(s.SHA256))
	}
}

func (c checker) patchesAndExtras() {
	for key, n := range map[string]int{"patches": len(c.Source.Patches), "extras": len(c.Source.Extras)} {
		switch {
		case n == 0:
		case c.Source.Path != "":
			c.add("source."+key, "", "`source.%s` can't be used with `source.path`: change the files in place", key)
		case c.Wheel():
			c.add("source."+key, "use the source archive instead", "`source.%s` can't be used with a wheel, which is not built", key)
		}
	}
	for i, p := range c.Source.Patches {
		c.inside(fmt.Sprintf("source.patches[%d]", i), p)
	}
	for i, e := range c.Source.Extras {
		c.inside(fmt.Sprintf("source.extras[%d][0]", i), e.From)
		c.inside(fmt.Sprintf("source.extras[%d][1]", i), e.To)
	}
	if c.Source.ExtractDir != "" {
		c.inside("source.extract_dir", c.Source.ExtractDir)
	}
}

// inside demands a relative path that does not lead out of its folder.
func (c checker) inside(at, name string) {
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.Contains(name, `\`) {
		c.add(at, "a path relative to the folder, with /", "`%s` leads out of its folder", name)
	}
}

// The keys of the build section that go with a library and with a ready wheel.
var (
	libraryKeys = []string{"type", "script", "exports", "unvendor-tests"}
	wheelKeys   = []string{"type", "post", "exports", "unvendor-tests", "_retain-test-patterns", "vendor-sharedlib",
		"cross-build-env", "_cross-build-env-skip-install", "cross-build-files"}
)

func (c checker) build() {
	for _, name := range c.changed() {
		path := "build." + name
		switch {
		case c.Build.Type != Package && !slices.Contains(libraryKeys, name):
			c.add(path, "only "+strings.Join(libraryKeys, ", "), "`%s` can't be used when `build.type` is %s", path, c.Build.Type)
		case c.Wheel() && !slices.Contains(wheelKeys, name):
			c.add(path, "use the source archive instead", "`%s` can't be used with a wheel, which is not built", path)
		}
	}
	for i, s := range c.Build.Exports.Symbols {
		if !symbolForm.MatchString(s) {
			c.add(fmt.Sprintf("build.exports[%d]", i), "", "`%s` is not a symbol", s)
		}
	}
	if _, err := ParseBackendFlags(c.Build.BackendFlags); err != nil {
		c.add("build.backend-flags", "write key=value, a repeated key makes a list", "`build.backend-flags`: %v", err)
	}
	for i, f := range c.Build.CrossBuildFiles {
		c.inside(fmt.Sprintf("build.cross-build-files[%d]", i), f)
	}
}

// changed are the given keys of the build section whose value is not the default: to spell out a default is never
// wrong.
func (c checker) changed() (names []string) {
	b, d := c.Build, defaults("").Build
	for name, differs := range map[string]bool{
		"type":                          b.Type != d.Type,
		"script":                        b.Script != "",
		"cross-script":                  b.CrossScript != "",
		"post":                          b.Post != "",
		"backend-flags":                 b.BackendFlags != "",
		"cflags":                        b.CFlags != "",
		"cxxflags":                      b.CXXFlags != "",
		"ldflags":                       b.LDFlags != "",
		"exports":                       b.Exports.Mode != d.Exports.Mode,
		"unvendor-tests":                b.UnvendorTests != d.UnvendorTests,
		"_retain-test-patterns":         len(b.RetainTestPatterns) > 0,
		"vendor-sharedlib":              b.VendorSharedLib != d.VendorSharedLib,
		"cross-build-env":               b.CrossBuildEnv,
		"_cross-build-env-skip-install": b.CrossBuildEnvSkipInstall,
		"cross-build-files":             len(b.CrossBuildFiles) > 0,
	} {
		if differs {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (c checker) requirements() {
	for key, list := range map[string][]string{"run": c.Requirements.Run, "host": c.Requirements.Host} {
		for i, name := range list {
			if !nameForm.MatchString(name) {
				c.add(fmt.Sprintf("requirements.%s[%d]", key, i), "recipes are required without versions: a set holds one version of each",
					"`%s` is not a recipe's name", name)
			}
		}
	}
	if c.Wheel() && len(c.Requirements.Host) > 0 {
		c.add("requirements.host", "", "`requirements.host` can't be used with a wheel, which is not built")
	}
	for key, list := range map[string][]string{
		"build-extras": c.Requirements.BuildExtras, "executable": c.Requirements.Executable, "constraint": c.Requirements.Constraint,
	} {
		for i, s := range list {
			if strings.TrimSpace(s) == "" || strings.ContainsAny(s, "\n\r") || strings.HasPrefix(strings.TrimSpace(s), "-") {
				c.add(fmt.Sprintf("requirements.%s[%d]", key, i), "one requirement each", "`%s` can't stand in `requirements.%s`", shorten(s), key)
			}
		}
	}
}

func (c checker) wasmill() {
	if c.Wasmill.Pure && len(c.Wasmill.ExtensionModules) > 0 {
		c.add("wasmill.pure", "remove one of them", "a pure package has no `wasmill.extension-modules`")
	}
	if c.given("wasmill.max-size") && c.Build.Type != Package {
		c.add("wasmill.max-size", "", "`wasmill.max-size` is about wheels, and `build.type` is %s", c.Build.Type)
	}
	if c.given("wasmill.not-reproducible") && strings.TrimSpace(c.Wasmill.NotReproducible) == "" {
		c.add("wasmill.not-reproducible", "", "`wasmill.not-reproducible` must say why two builds differ")
	}
	if c.Wasmill.DynamicVersion && c.given("package.version") {
		c.add("wasmill.dynamic-version", "remove one of them", "`package.version` is given, and is said to be told by the wheel only")
	}
	if c.Wasmill.DynamicVersion && c.Source.Path == "" {
		c.add("wasmill.dynamic-version", "", "`wasmill.dynamic-version` goes with `source.path` only")
	}
	for i, m := range c.Wasmill.ExtensionModules {
		c.module(fmt.Sprintf("wasmill.extension-modules[%d]", i), m)
	}
	for i, t := range c.Wasmill.Targets {
		if !targetForm.MatchString(t) {
			c.add(fmt.Sprintf("wasmill.targets[%d]", i), "for example wasm32-wasip1 or wasm32-unknown-emscripten", "`%s` is not what a compiler calls a target", shorten(t))
		}
	}
	listed := map[string]bool{}
	var names []string
	for _, p := range c.Source.Patches {
		listed[path.Clean(p)] = true
		names = append(names, p)
	}
	for name, note := range c.Wasmill.Patches {
		at := "wasmill.patches." + name
		if !listed[path.Clean(name)] {
			hint := "its name there and here must be the same"
			if near := nearest(name, names); near != "" {
				hint = fmt.Sprintf("did you mean `%s`?", near)
			}
			c.add(at, hint, "`%s` is not in `source.patches`", name)
		}
		if note.Status != "" && !statusForm.MatchString(note.Status) {
			c.add(at+".status", "one of pending, submitted, merged-in VERSION, wontfix", "`%s` is not a patch's status", note.Status)
		}
	}
}

// shorten cuts a text for a message of one line.
func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return s
}
