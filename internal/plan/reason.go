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

// Differences lists in words what differs between the inputs of two builds, old and new value included. What wants
// says is not known yet is not compared.
func Differences(old, now Inputs, wants Wants) []string {
	var d []string
	add := func(what string, old, now record.Digest) {
		if old != now {
			d = append(d, fmt.Sprintf("%s changed: %s → %s", what, short(old), short(now)))
		}
	}
	d = append(d, differing("source", old.Sources, now.Sources, nil)...)
	d = append(d, differing("patch", old.Patches, now.Patches, nil)...)
	if names(old.Patches) != names(now.Patches) && sameContent(old.Patches, now.Patches) {
		d = append(d, "the order of the patches changed")
	}
	for _, difference := range differing("recipe's", old.Recipe, now.Recipe, nil) {
		// The part that names the archive and the patches differs whenever they do.
		if len(d) == 0 || !strings.HasPrefix(difference, "recipe's source ") {
			d = append(d, difference)
		}
	}
	add("tests", old.Tests, now.Tests)
	add("browser", old.Browser, now.Browser)
	add("toolchain", old.Toolchain, now.Toolchain)
	if !wants.Lock {
		add("build requirements", old.Lock, now.Lock)
	}
	d = append(d, differing("output of dependency", old.Hosts, now.Hosts, wants.Hosts)...)
	for _, name := range unique(slices.Concat(slices.Collect(maps.Keys(old.Env)), slices.Collect(maps.Keys(now.Env)))) {
		was, wasSet := old.Env[name]
		is, isSet := now.Env[name]
		if was != is || wasSet != isSet {
			d = append(d, fmt.Sprintf("environment changed: %s %q → %q", name, was, is))
		}
	}
	if old.Builder != now.Builder {
		d = append(d, fmt.Sprintf("builder changed: %s (%s) → %s (%s)",
			old.Builder.Version, short(old.Builder.Digest), now.Builder.Version, short(now.Builder.Digest)))
	}
	return d
}

// differing compares two lists by name. Names in unknown are left out.
func differing(what string, old, now []Input, unknown []string) (d []string) {
	was, is := digests(old), digests(now)
	for _, name := range unique(slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is)))) {
		thing := strings.TrimSpace(what + " " + name)
		switch {
		case slices.Contains(unknown, name):
		case was[name] == "":
			d = append(d, thing+" is new")
		case is[name] == "":
			d = append(d, thing+" is gone")
		case was[name] != is[name]:
			d = append(d, fmt.Sprintf("%s changed: %s → %s", thing, short(was[name]), short(is[name])))
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
	return strings.Join(s, "\x00")
}

func sameContent(a, b []Input) bool { return maps.Equal(digests(a), digests(b)) }

// short is enough of a digest for a person to tell two apart.
func short(d record.Digest) string {
	hex := strings.TrimPrefix(string(d), "sha256:")
	switch {
	case hex == "":
		return "none"
	case len(hex) > 12:
		return hex[:12]
	}
	return hex
}
