package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/record"
)

// because says why a recipe is built, by comparing what is known of its inputs with those of its last build.
func because(options Options, last Build, built bool, a *Action) string {
	if options.NoCache {
		return "the cache is not to be used"
	}
	if !built {
		return "no earlier build"
	}
	reasons := Differences(last.Inputs, a.Inputs, a.Wants)
	for _, name := range a.Wants.Hosts {
		reasons = append(reasons, fmt.Sprintf("dependency %s will be rebuilt", name))
	}
	if len(reasons) == 0 && a.Wants.Lock {
		reasons = append(reasons, "build requirements are to be locked again")
	}
	if len(reasons) == 0 {
		return "the earlier build is not remembered under today's kind of key"
	}
	return strings.Join(reasons, "; ")
}

// Change is one field of a key that is not what it was in an earlier build. Values are digests, or words where the field
// is no digest; an empty one means that there was, or is, none.
type Change struct {
	Field string `json:"field"` // recipe, source, patch, patch order, tests, browser, toolchain, build requirements, dependency, environment, builder
	Name  string `json:"name,omitempty"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// String is the change in words, with as much of a digest as a person needs to tell two apart.
func (c Change) String() string {
	field := c.Field
	switch field {
	case "recipe":
		field = "recipe's"
	case "dependency":
		field = "output of dependency"
	}
	thing := strings.TrimSpace(field + " " + c.Name)
	switch {
	case c.Field == "patch order":
		return "the order of the patches changed"
	case c.Field == "environment":
		return fmt.Sprintf("environment changed: %s %q → %q", c.Name, c.Old, c.New)
	case listed[c.Field] && c.Old == "":
		return thing + " is new"
	case listed[c.Field] && c.New == "":
		return thing + " is gone"
	}
	return fmt.Sprintf("%s changed: %s → %s", thing, Short(c.Old), Short(c.New))
}

// listed are the fields of which a key has any number, by name.
var listed = map[string]bool{"recipe": true, "source": true, "patch": true, "dependency": true}

// Differences lists in words what differs between the inputs of two builds, old and new value included. What wants
// says is not known yet is not compared.
func Differences(old, now Inputs, wants Wants) []string {
	var d []string
	for _, c := range Changes(old, now, wants) {
		d = append(d, c.String())
	}
	return d
}

// Changes lists what differs between the inputs of two builds. What wants says is not known yet is not compared.
func Changes(old, now Inputs, wants Wants) []Change {
	var d []Change
	add := func(field string, old, now record.Digest) {
		if old != now {
			d = append(d, Change{Field: field, Old: string(old), New: string(now)})
		}
	}
	d = append(d, differing("source", old.Sources, now.Sources, nil)...)
	d = append(d, differing("patch", old.Patches, now.Patches, nil)...)
	if names(old.Patches) != names(now.Patches) && sameContent(old.Patches, now.Patches) {
		d = append(d, Change{Field: "patch order", Old: names(old.Patches), New: names(now.Patches)})
	}
	for _, c := range differing("recipe", old.Recipe, now.Recipe, nil) {
		// The part that names the archive and the patches differs whenever they do.
		if len(d) == 0 || c.Name != "source" {
			d = append(d, c)
		}
	}
	add("tests", old.Tests, now.Tests)
	add("browser", old.Browser, now.Browser)
	add("toolchain", old.Toolchain, now.Toolchain)
	if !wants.Lock {
		add("build requirements", old.Lock, now.Lock)
	}
	d = append(d, differing("dependency", old.Hosts, now.Hosts, wants.Hosts)...)
	for _, name := range unique(slices.Concat(slices.Collect(maps.Keys(old.Env)), slices.Collect(maps.Keys(now.Env)))) {
		was, wasSet := old.Env[name]
		is, isSet := now.Env[name]
		if was != is || wasSet != isSet {
			d = append(d, Change{Field: "environment", Name: name, Old: was, New: is})
		}
	}
	if old.Builder != now.Builder {
		d = append(d, Change{Field: "builder", Old: old.Builder.String(), New: now.Builder.String()})
	}
	return d
}

// String is the builder in words.
func (b Builder) String() string { return fmt.Sprintf("%s (%s)", b.Version, Short(string(b.Digest))) }

// differing compares two lists by name. Names in unknown are left out.
func differing(field string, old, now []Input, unknown []string) (d []Change) {
	was, is := digests(old), digests(now)
	for _, name := range unique(slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is)))) {
		if was[name] != is[name] && !slices.Contains(unknown, name) {
			d = append(d, Change{Field: field, Name: name, Old: string(was[name]), New: string(is[name])})
		}
	}
	return d
}

func digests(list []Input) map[string]record.Digest {
	m := make(map[string]record.Digest, len(list))
	for _, in := range list {
		m[in.Name] = in.Digest
	}
	return m
}

func names(list []Input) string {
	var s []string
	for _, in := range list {
		s = append(s, in.Name)
	}
	return strings.Join(s, ", ")
}

func sameContent(a, b []Input) bool { return maps.Equal(digests(a), digests(b)) }

// Short is enough of a digest for a person to tell two apart; what is no digest stays as it is.
func Short(value string) string {
	hex, digest := strings.CutPrefix(value, "sha256:")
	switch {
	case value == "":
		return "none"
	case digest && len(hex) > 12:
		return hex[:12]
	}
	return value
}
