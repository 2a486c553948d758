package recipe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
)

// Get fetches a document from an index. What is not there is fault.NotFound.
type Get func(ctx context.Context, url, accept string) ([]byte, error)

// Skeleton is a recipe to begin with.
type Skeleton struct {
	Recipe *Recipe // parsed from Meta; Recipe.Name is also the name of the folder to write
	Meta   []byte  // the meta.yaml, with comments where something was guessed
}

// FetchRelease finds a release of a project on an index; index is the address of its simple API (PEP 691), such as
// https://pypi.org/simple. An empty version means the newest one within wanted (see Project.Newest). Summary, license and requirements
// come from PyPI's JSON API where it stands beside the simple one; without it they are unknown.
func FetchRelease(ctx context.Context, get Get, index, name, version string, wanted wheel.Specifier) (*Release, error) {
	p, err := FetchProject(ctx, get, index, name)
	if err != nil {
		return nil, err
	}
	if version == "" {
		if version, err = p.Newest(wanted, "", false); err != nil {
			return nil, err
		}
	}
	var info []byte
	if base, ok := strings.CutSuffix(strings.TrimSuffix(index, "/"), "/simple"); ok {
		// Not every mirror has the answers for single versions.
		for _, address := range []string{
			base + "/pypi/" + Canonical(name) + "/" + url.PathEscape(version) + "/json", base + "/pypi/" + Canonical(name) + "/json",
		} {
			if info, err = get(ctx, address, "application/json"); err == nil {
				break
			}
			if fault.KindOf(err) != fault.NotFound {
				return nil, fmt.Errorf("looking for `%s`: %w", name, err)
			}
		}
	}
	return p.release(info, version)
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

// Release is one version of a project on an index.
type Release struct {
	Project string // canonical
	Version string // as in the file's name
	// Source is what a recipe is made from: a wheel for any platform where all wheels are, which is hosted again as it is;
	// else the source archive, and without one a wheel for any platform.
	Source ReleaseFile
	// Wheel is a wheel that shows what an installation holds; it has no name where there is none.
	Wheel ReleaseFile

	pure, native bool
	universal    ReleaseFile // the wheel for any platform; no name: none
	about        projectInfo
}

// Rehost makes the wheel for any platform the source, where there is one. Beside wheels for platforms it is what installs
// where these don't: good enough for what another package requires, when nobody has written a recipe for it.
func (r *Release) Rehost() {
	if r.universal.Name != "" {
		r.Source, r.Wheel, r.pure = r.universal, r.universal, true
	}
}

// ReleaseFile is a file on an index.
type ReleaseFile struct {
	Name, URL, SHA256 string
	Size              int64 // 0 where the index doesn't tell
}

// NewRelease finds a release in an index's documents: the project's page of the simple API, fetched from the address page,
// and the answer of PyPI's JSON API, which may be nil, or be about another version; then it tells nothing of requirements.
func NewRelease(page string, simple, info []byte, name, version string) (*Release, error) {
	p, err := parseProjectPage(page, simple, name)
	if err != nil {
		return nil, err
	}
	if version == "" {
		if version, err = p.Newest(nil, "", false); err != nil {
			return nil, err
		}
	}
	return p.release(info, version)
}

// release looks for a version. A project that has nothing to make a recipe from at that version is fault.NotFound.
func (p *Project) release(info []byte, version string) (*Release, error) {
	r := &Release{Project: Canonical(p.Name)}
	if info != nil {
		if err := json.Unmarshal(info, &r.about); err != nil {
			return nil, fmt.Errorf("looking for `%s`: parsing the project's metadata: %w", p.Name, err)
		}
	}
	chosen, err := choose(p.files, p.Name, version)
	if err != nil {
		return nil, fmt.Errorf("looking for a source: %w", err)
	}
	r.Version, r.pure, r.native = chosen.version, chosen.pure, chosen.native
	if r.Source, err = p.file(chosen.source); err != nil {
		return nil, err
	}
	if chosen.wheel != nil && hashForm.MatchString(chosen.wheel.Hashes["sha256"]) {
		if r.universal, err = p.file(*chosen.wheel); err != nil {
			return nil, err
		}
	}
	if chosen.look.Filename != "" && hashForm.MatchString(chosen.look.Hashes["sha256"]) {
		if r.Wheel, err = p.file(chosen.look); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (p *Project) file(f simpleFile) (ReleaseFile, error) {
	address, err := resolve(p.page, f.URL)
	if err != nil {
		return ReleaseFile{}, fault.Errorf(fault.Invalid, "reading the index's page of `%s`: %w", p.Name, err)
	}
	return ReleaseFile{f.Filename, address, f.Hashes["sha256"], f.Size}, nil
}

// Archive says whether the recipe builds the source rather than hosting it again.
func (r *Release) Archive() bool { return !strings.HasSuffix(r.Source.Name, ".whl") }

// Evidence is what a look into a release's files has brought. What was not looked at is nil.
type Evidence struct {
	Source *SourceFacts
	Wheel  *WheelFacts
	// Target decides the markers of requirements.
	Target wheel.Environment
	// Known says which recipes there are; nil: none.
	Known func(name string) bool
	// CompiledAgainst says of which there are that others are compiled against them (build.cross-build-env); nil: of none.
	CompiledAgainst func(name string) bool
}

// Skeleton makes a recipe of a release.
func (r *Release) Skeleton(e Evidence) (*Skeleton, error) {
	if e.Known == nil {
		e.Known = func(string) bool { return false }
	}
	meta := r.write(e)
	made, err := Parse(path.Join(r.Project, MetaFile), meta)
	if err != nil {
		return nil, fmt.Errorf("making a recipe for `%s`: what the index says makes none: %w", r.Project, err)
	}
	if sameVersion(r.about.Info.Version, r.Version) {
		made.dependsOn = r.about.Info.RequiresDist
	}
	return &Skeleton{Recipe: made, Meta: meta}, nil
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
	look    simpleFile
	wheel   *simpleFile // for any platform
}

func choose(files []simpleFile, name, version string) (choiceOfFile, error) {
	var c choiceOfFile
	var platforms []string
	var wheel, archive *simpleFile
	rank, nearest := len(archives), 0
	for i, f := range files {
		if v, platform, ok := wheelName(f.Filename, name); ok && sameVersion(v, version) {
			if platform != "any" {
				platforms, c.native = append(platforms, platform), true
				if near := nearness(f.Filename, platform); near > nearest {
					c.look, nearest = f, near
				}
				continue
			}
			wheel, c.pure, c.version = &files[i], true, v
		} else if v, kind, ok := archiveName(f.Filename, name); ok && sameVersion(v, version) && kind < rank {
			archive, rank = &files[i], kind
		}
	}
	c.pure, c.wheel = c.pure && !c.native, wheel
	if c.pure {
		c.look = *wheel
	}
	switch {
	case c.pure:
		c.source = *wheel
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

// nearness says how much like a wheel for Emscripten another is likely to be: for the usual Linux, for CPython and with its
// lock, and for a new one.
func nearness(file, platform string) int {
	near := 1
	if strings.Contains(platform, "linux") {
		near += 4000
	}
	if strings.HasSuffix(platform, "x86_64") && strings.Contains(platform, "manylinux") {
		near += 4000
	}
	parts := strings.Split(strings.TrimSuffix(file, ".whl"), "-")
	python, abi := parts[len(parts)-3], parts[len(parts)-2]
	if minor, ok := strings.CutPrefix(python, "cp3"); ok && !strings.HasSuffix(abi, "t") {
		near += 2000
		if n, err := strconv.Atoi(minor); err == nil {
			near += min(n, 999)
		}
	}
	return near
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
