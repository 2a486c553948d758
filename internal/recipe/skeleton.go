package recipe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Get fetches a document from an index. What is not there is fault.NotFound.
type Get func(ctx context.Context, url, accept string) ([]byte, error)

// Skeleton is a recipe to begin with.
type Skeleton struct {
	Recipe *Recipe // parsed from Meta; Recipe.Name is also the name of the folder to write
	Meta   []byte  // the meta.yaml, with comments where something was guessed
}

// FetchSkeleton makes a skeleton for a project on an index; index is the address of its simple API (PEP 691), such as
// https://pypi.org/simple. An empty version means the newest stable one, which only an index that also has PyPI's
// JSON API beside its simple API can tell; summary, license and requirements come from there too.
func FetchSkeleton(ctx context.Context, get Get, index, name, version string) (*Skeleton, error) {
	if !nameForm.MatchString(name) {
		return nil, fault.Errorf(fault.Invalid, "making skeleton: `%s` is not a project's name", name)
	}
	index = strings.TrimSuffix(index, "/")
	page := index + "/" + Canonical(name) + "/"
	simple, err := get(ctx, page, "application/vnd.pypi.simple.v1+json")
	if err != nil {
		return nil, fmt.Errorf("making skeleton for `%s`: %w", name, err)
	}
	var info []byte
	if base, ok := strings.CutSuffix(index, "/simple"); ok {
		addresses := []string{base + "/pypi/" + Canonical(name) + "/json"}
		if version != "" { // not every mirror has the answers for single versions
			addresses = append([]string{base + "/pypi/" + Canonical(name) + "/" + url.PathEscape(version) + "/json"}, addresses...)
		}
		for _, address := range addresses {
			if info, err = get(ctx, address, "application/json"); err == nil {
				break
			}
			if fault.KindOf(err) != fault.NotFound {
				return nil, fmt.Errorf("making skeleton for `%s`: %w", name, err)
			}
		}
	}
	return NewSkeleton(page, simple, info, name, version)
}

// simplePage is a project's page in the simple API (PEP 691).
type simplePage struct {
	Files []simpleFile `json:"files"`
}

type simpleFile struct {
	Filename string            `json:"filename"`
	URL      string            `json:"url"`
	Hashes   map[string]string `json:"hashes"`
}

// projectInfo is what is read of PyPI's JSON API (docs.pypi.org/api/json).
type projectInfo struct {
	Info struct {
		Version           string            `json:"version"`
		Summary           string            `json:"summary"`
		License           string            `json:"license"`
		LicenseExpression string            `json:"license_expression"`
		HomePage          string            `json:"home_page"`
		ProjectURLs       map[string]string `json:"project_urls"`
		RequiresDist      []string          `json:"requires_dist"`
	} `json:"info"`
}

// NewSkeleton makes a skeleton from an index's documents: the project's page of the simple API, fetched from the
// address page, and the answer of PyPI's JSON API, which may be nil, or be about another version; then it tells nothing of
// requirements. It takes the source archive, and where there is
// none a wheel for any platform, which is then hosted again instead of built. A project that has neither at that
// version is fault.NotFound.
func NewSkeleton(page string, simple, info []byte, name, version string) (*Skeleton, error) {
	var p simplePage
	if err := json.Unmarshal(simple, &p); err != nil {
		return nil, fmt.Errorf("making skeleton for `%s`: parsing the index's page: %w", name, err)
	}
	var about projectInfo
	if info != nil {
		if err := json.Unmarshal(info, &about); err != nil {
			return nil, fmt.Errorf("making skeleton for `%s`: parsing the project's metadata: %w", name, err)
		}
	}
	if version == "" {
		version = about.Info.Version
	}
	if version == "" {
		return nil, fault.Errorf(fault.Invalid, "making skeleton for `%s`: the index does not tell the newest version: write %s==VERSION", name, name)
	}
	chosen, err := choose(p.Files, name, version)
	if err != nil {
		return nil, fmt.Errorf("making skeleton: %w", err)
	}
	if chosen.source.URL, err = resolve(page, chosen.source.URL); err != nil {
		return nil, fmt.Errorf("making skeleton for `%s`: %w", name, err)
	}
	meta := write(Canonical(name), chosen, about)
	r, err := Parse(path.Join(Canonical(name), MetaFile), meta)
	if err != nil {
		return nil, fmt.Errorf("making skeleton for `%s`: what the index says makes no recipe: %w", name, err)
	}
	return &Skeleton{Recipe: r, Meta: meta}, nil
}

func resolve(page, ref string) (string, error) {
	base, err := url.Parse(page)
	if err != nil {
		return "", err
	}
	u, err := base.Parse(ref)
	if err != nil {
		return "", err
	}
	u.Fragment = ""
	return u.String(), nil
}

// choiceOfFile is what choose found for one version.
type choiceOfFile struct {
	source  simpleFile
	version string // as in the file's name
	pure    bool   // every wheel of this version is for any platform
	native  bool   // some wheel is not
}

func choose(files []simpleFile, name, version string) (choiceOfFile, error) {
	var c choiceOfFile
	var platforms []string
	var wheel, archive *simpleFile
	rank := len(archives)
	for i, f := range files {
		if v, platform, ok := wheelName(f.Filename, name); ok && sameVersion(v, version) {
			if platform != "any" {
				platforms, c.native = append(platforms, platform), true
				continue
			}
			wheel, c.pure, c.version = &files[i], true, v
		} else if v, kind, ok := archiveName(f.Filename, name); ok && sameVersion(v, version) && kind < rank {
			archive, rank = &files[i], kind
		}
	}
	c.pure = c.pure && !c.native
	switch {
	case archive != nil:
		c.source = *archive
		c.version, _, _ = archiveName(archive.Filename, name)
	case wheel != nil:
		c.source = *wheel
	case platforms != nil:
		slices.Sort(platforms)
		return c, fault.Errorf(fault.NotFound, "`%s` %s has no source archive and no wheel for any platform, only wheels for %s: its source must be found elsewhere",
			name, version, shorten(strings.Join(slices.Compact(platforms), ", ")))
	default:
		return c, fault.Errorf(fault.NotFound, "the index has no file of `%s` %s", name, version)
	}
	if !hashForm.MatchString(c.source.Hashes["sha256"]) {
		return c, fault.Errorf(fault.Invalid, "the index tells no sha256 for %s, so it could not be verified", c.source.Filename)
	}
	return c, nil
}

// archives are the endings of source archives, best first.
var archives = []string{".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz"}

// archiveName takes the version out of a source archive's name, also of one from before PEP 625, where the name may
// have dashes. kind is an index of archives.
func archiveName(file, name string) (version string, kind int, ok bool) {
	for kind, ending := range archives {
		stem, ok := strings.CutSuffix(file, ending)
		if !ok {
			continue
		}
		for i, c := range stem {
			if c == '-' && Canonical(stem[:i]) == Canonical(name) {
				return stem[i+1:], kind, true
			}
		}
	}
	return "", 0, false
}

// wheelName takes version and platform tag out of a wheel's name (binary distribution format). platform is "any" only
// for a wheel that every Python 3 can use.
func wheelName(file, name string) (version, platform string, ok bool) {
	stem, ok := strings.CutSuffix(file, ".whl")
	parts := strings.Split(stem, "-")
	if !ok || len(parts) < 5 || Canonical(parts[0]) != Canonical(name) {
		return "", "", false
	}
	tags := parts[len(parts)-3:]
	switch {
	case tags[2] != "any":
		platform = tags[2]
	case tags[1] != "none" || !slices.Contains(strings.Split(tags[0], "."), "py3"):
		platform = strings.Join(tags, "-")
	default:
		platform = "any"
	}
	return parts[1], platform, true
}

// sameVersion compares versions as far as people spell them differently: 2.0 is 2.0.0 (PEP 440, zero padding).
func sameVersion(a, b string) bool {
	norm := func(v string) string {
		v = strings.TrimPrefix(strings.ToLower(strings.ReplaceAll(v, "_", "-")), "v")
		for strings.HasSuffix(v, ".0") {
			v = strings.TrimSuffix(v, ".0")
		}
		return v
	}
	return norm(a) == norm(b)
}

func write(name string, c choiceOfFile, about projectInfo) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("package:\n  name: %s\n  version: %s", quote(name), quote(c.version))
	if module := strings.ReplaceAll(name, "-", "_"); module != name && moduleForm.MatchString(module) {
		line("  top-level: [%s] # guessed from the name", module)
	}
	line("source:\n  url: %s\n  sha256: %s", quote(c.source.URL), quote(c.source.Hashes["sha256"]))
	if sameVersion(about.Info.Version, c.version) {
		writeRequirements(&b, about.Info.RequiresDist)
	} else {
		line("# The index does not tell what this version requires. If it needs other packages:\n# requirements:\n#   run: [name]")
	}
	switch isWheel := strings.HasSuffix(c.source.Filename, ".whl"); {
	case isWheel, c.pure:
		line("wasmill:\n  pure: true")
	case c.native:
		line("# Name the compiled modules, so that a build that falls back to pure Python fails:")
		line("# wasmill:\n#   extension-modules: [%s._speedups]", strings.ReplaceAll(name, "-", "_"))
	default:
		line("# The index has no wheel that would tell whether the package is pure Python. If it is:")
		line("# wasmill:\n#   pure: true")
	}
	info := about.Info
	home := info.HomePage
	if home == "" {
		home = homePage(info.ProjectURLs)
	}
	license := info.LicenseExpression
	if license == "" && !strings.Contains(info.License, "\n") && len(info.License) < 100 {
		license = info.License
	}
	line("about:\n  PyPI: https://pypi.org/project/%s/", name)
	for _, field := range []struct{ key, text string }{{"home", home}, {"summary", info.Summary}, {"license", license}} {
		if field.text != "" {
			line("  %s: %s", field.key, quote(field.text))
		}
	}
	return b.Bytes()
}

// writeRequirements lists what the package always needs; what has a marker is left to a person, as a comment.
func writeRequirements(b *bytes.Buffer, requires []string) {
	var always, sometimes []string
	for _, spec := range requires {
		name, marker := requirement(spec)
		switch {
		case name == "" || strings.Contains(marker, "extra"):
		case marker == "":
			always = append(always, Canonical(name))
		default:
			sometimes = append(sometimes, strings.Join(strings.Fields(Canonical(name)+" where "+marker), " "))
		}
	}
	if len(always) > 0 {
		b.WriteString("requirements:\n  run:\n")
		for _, name := range canonicalNames(always) {
			fmt.Fprintf(b, "    - %s\n", quote(name))
		}
	}
	for _, s := range sometimes {
		fmt.Fprintf(b, "# Perhaps under requirements.run: %s\n", s)
	}
}
