package recipe

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
)

// Project is what an index says of a project: its page of the simple API.
type Project struct {
	Name  string // as it was asked for
	page  string
	files []simpleFile
}

// simplePage is a project's page in the simple API (PEP 691).
type simplePage struct {
	Files []simpleFile `json:"files"`
}

type simpleFile struct {
	Filename       string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython string            `json:"requires-python"`
	Size           int64             `json:"size"`
	Yanked         any               `json:"yanked"` // true, or a reason
}

func (f simpleFile) yanked() bool { return f.Yanked != nil && f.Yanked != false }

// FetchProject asks an index for a project. One that it doesn't have is fault.NotFound.
func FetchProject(ctx context.Context, get Get, index, name string) (*Project, error) {
	if !nameForm.MatchString(name) {
		return nil, fault.Errorf(fault.Invalid, "`%s` is not a project's name", name)
	}
	page := strings.TrimSuffix(index, "/") + "/" + Canonical(name) + "/"
	simple, err := get(ctx, page, "application/vnd.pypi.simple.v1+json")
	if err != nil {
		return nil, fmt.Errorf("looking for `%s`: %w", name, err)
	}
	return parseProjectPage(page, simple, name)
}

func parseProjectPage(page string, simple []byte, name string) (*Project, error) {
	var p simplePage
	if err := json.Unmarshal(simple, &p); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "looking for `%s`: parsing the index's page: %w", name, err)
	}
	return &Project{Name: name, page: page, files: p.Files}, nil
}

// version is that of a file, as its name spells it, and whether the file is a wheel for any platform; ok is false for a
// file that no recipe is made from.
func (p *Project) version(f simpleFile) (version string, isWheel, ok bool) {
	if v, platform, ok := wheelName(f.Filename, p.Name); ok {
		return v, true, platform == "any"
	}
	v, _, ok := archiveName(f.Filename, p.Name)
	return v, false, ok
}

// Newest is the newest version within wanted (empty: any) that a recipe can be made from with this Python ("" is any): not
// yanked, unless wanted names that very one (PEP 592), and a pre-release only if these are wanted or there is nothing else.
// That there is none within wanted is fault.Invalid; that there is none at all, fault.NotFound.
func (p *Project) Newest(wanted wheel.Specifier, python string, prereleases bool) (string, error) {
	best, text, bestStable, others := wheel.Version{}, "", false, false
	for _, f := range p.files {
		spelled, _, ok := p.version(f)
		if !ok || f.yanked() && !wanted.Pins() || !admits(f.RequiresPython, python) {
			continue
		}
		v, err := wheel.ParseVersion(spelled)
		if err != nil {
			continue
		}
		if !wanted.Admits(v) {
			others = true
			continue
		}
		stable := prereleases || !v.Prerelease()
		if text == "" || stable && !bestStable || stable == bestStable && v.Compare(best) > 0 {
			best, text, bestStable = v, spelled, stable
		}
	}
	if text == "" && others {
		return "", fault.Errorf(fault.Invalid, "the index has no release of `%s` within %s that could be built", p.Name, wanted)
	}
	if text == "" {
		return "", fault.Errorf(fault.NotFound, "the index has no release of `%s` that could be built", p.Name)
	}
	return text, nil
}

// admits says whether requires-python lets a Python ("3.15") in. What can't be read keeps nobody out.
func admits(requires, python string) bool {
	if requires == "" || python == "" {
		return true
	}
	spec, err := wheel.ParseSpecifier(requires)
	if err != nil {
		return true
	}
	v, err := wheel.ParseVersion(python + ".0")
	return err != nil || spec.Admits(v)
}

// File finds the file of a version that is of the same kind: a source archive, or a wheel for any platform.
func (p *Project) File(version string, isWheel bool) (ReleaseFile, error) {
	best, rank := -1, len(archives)
	for i, f := range p.files {
		v, kind, ok := p.version(f)
		if !ok || kind != isWheel || f.yanked() || !sameVersion(v, version) {
			continue
		}
		if isWheel {
			best = i
			break
		}
		if _, r, _ := archiveName(f.Filename, p.Name); r < rank {
			best, rank = i, r
		}
	}
	if best < 0 {
		kind := "source archive"
		if isWheel {
			kind = "wheel for any platform"
		}
		return ReleaseFile{}, fault.Errorf(fault.NotFound, "`%s` %s has no %s", p.Name, version, kind)
	}
	if !slices.ContainsFunc([]string{p.files[best].Hashes["sha256"]}, hashForm.MatchString) {
		return ReleaseFile{}, fault.Errorf(fault.Invalid, "the index tells no sha256 for %s, so it could not be verified", p.files[best].Filename)
	}
	return p.file(p.files[best])
}

// IndexFile is one file of a project, as its page tells it. Its sha256 may be missing.
type IndexFile struct {
	ReleaseFile
	Version        string // as the file's name spells it
	Wheel          bool   // for whatever platform; else it is a source archive
	Yanked         bool
	RequiresPython string
}

// Admits says whether the file is for this Python ("3.15").
func (f IndexFile) Admits(python string) bool { return admits(f.RequiresPython, python) }

// Files are all files of the project that are wheels or source archives by their names.
func (p *Project) Files() []IndexFile {
	var out []IndexFile
	for _, f := range p.files {
		version, _, wheel := wheelName(f.Filename, p.Name)
		ok := wheel
		if !wheel {
			version, _, ok = archiveName(f.Filename, p.Name)
		}
		if !ok {
			continue
		}
		if file, err := p.file(f); err == nil {
			out = append(out, IndexFile{file, version, wheel, f.yanked(), f.RequiresPython})
		}
	}
	return out
}
