// Package index serves what clients install from: the simple repository API in HTML and JSON (PEP 503, 691, 658, 714,
// 700; https://packaging.python.org/specifications/simple-repository-api/), the files behind it, and pyodide-lock.json for
// Pyodide's own loader. It renders a Catalog and keeps nothing: what is published, and when, is the Catalog's affair.
package index

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
)

// Catalog is what is published for one toolchain. It is safe for concurrent use.
type Catalog interface {
	// Snapshot is all that is published at one moment: a publication of several files shows as a whole or not at all.
	// Callers do not change it. It is asked for at every request, so it should be kept while nothing changes.
	Snapshot(ctx context.Context) (*Snapshot, error)
	// Open reads a file or METADATA by its digest. The caller closes it. What is not there is fault.NotFound.
	Open(ctx context.Context, digest record.Digest) (io.ReadSeekCloser, error)
}

// File is a wheel that clients can install, or what goes with one.
type File struct {
	Kind           string // record.KindWheel, or another kind, which no installer sees
	Toolchain      string
	Key            string // of the build; its record says all that is known of the file
	Project        string // as METADATA spells it; the recipe of a library or an app
	Version        string
	Filename       string
	Digest         record.Digest
	Size           int64         // bytes
	Metadata       record.Digest // of METADATA; empty: not served apart
	RequiresPython string
	Uploaded       time.Time
	Yanked         *string          // the reason, which may be empty; nil: not yanked
	Imports        []string         // top-level modules, for the lock
	Depends        []string         // projects that it needs to run, normalised, for the lock
	Requires       *record.Requires // of a runtime; nil: not known
}

// Snapshot is a set of files, arranged by project. Make it with NewSnapshot.
type Snapshot struct {
	projects  map[string][]File // wheels by normalised name; oldest version first, then by file name
	tests     map[string][]File // the same of tests that were split off
	libraries []File            // by name, then by version
	linked    map[string][]File // packages that are linked into an interpreter, as projects are
	apps      map[string][]File // programs, the same
}

// NewSnapshot arranges files. They are copied.
func NewSnapshot(files []File) *Snapshot {
	s := &Snapshot{projects: map[string][]File{}, tests: map[string][]File{}, linked: map[string][]File{}, apps: map[string][]File{}}
	for _, f := range files {
		name := wheel.Normalize(f.Project)
		switch f.Kind {
		case record.KindWheel:
			s.projects[name] = append(s.projects[name], f)
		case record.KindTests:
			s.tests[name] = append(s.tests[name], f)
		case record.KindStatic:
			s.linked[name] = append(s.linked[name], f)
		case record.KindApp:
			s.apps[name] = append(s.apps[name], f)
		case record.KindLibrary:
			s.libraries = append(s.libraries, f)
		}
	}
	for _, all := range []map[string][]File{s.projects, s.linked, s.apps} {
		for _, of := range all {
			slices.SortFunc(of, byVersion)
		}
	}
	slices.SortFunc(s.libraries, func(a, b File) int { return cmp.Or(strings.Compare(a.Project, b.Project), byVersion(a, b)) })
	return s
}

func byVersion(a, b File) int {
	return cmp.Or(compareVersions(a.Version, b.Version), strings.Compare(a.Filename, b.Filename))
}

// compareVersions puts what is no version before what is one, as installers pass over it.
func compareVersions(a, b string) int {
	v, errA := wheel.ParseVersion(a)
	w, errB := wheel.ParseVersion(b)
	switch {
	case errA != nil && errB != nil:
		return strings.Compare(a, b)
	case errA != nil:
		return -1
	case errB != nil:
		return 1
	}
	return v.Compare(w)
}

// Projects are the normalised names of all projects, sorted.
func (s *Snapshot) Projects() []string { return slices.Sorted(maps.Keys(s.projects)) }

// Files are the files of a project, oldest version first; nil for an unknown one. The name is a normalised one.
func (s *Snapshot) Files(project string) []File { return s.projects[project] }

// find looks a file up by name and digest.
func (s *Snapshot) find(filename string, digest record.Digest) *File {
	lists := [][]File{s.libraries}
	if name, err := wheel.ParseFilename(filename); err == nil {
		lists = [][]File{s.projects[wheel.Normalize(name.Name)]}
	} else {
		for _, all := range []map[string][]File{s.tests, s.linked, s.apps} {
			lists = slices.AppendSeq(lists, maps.Values(all))
		}
	}
	for _, files := range lists {
		if i := slices.IndexFunc(files, func(f File) bool { return f.Filename == filename && f.Digest == digest }); i >= 0 {
			return &files[i]
		}
	}
	return nil
}

func hexOf(d record.Digest) string { return strings.TrimPrefix(string(d), "sha256:") }
