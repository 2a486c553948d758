// Package index serves what clients install from: the simple repository API in HTML and JSON (PEP 503, 691, 658, 714,
// 700; https://packaging.python.org/specifications/simple-repository-api/), the files behind it, and pyodide-lock.json for
// Pyodide's own loader. It renders a Catalog and keeps nothing: what is published, and when, is the Catalog's affair.
package index

import (
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

// File is a wheel that clients can install.
type File struct {
	Project        string // as METADATA spells it
	Version        string
	Filename       string
	Digest         record.Digest
	Size           int64         // bytes
	Metadata       record.Digest // of METADATA; empty: not served apart
	RequiresPython string
	Uploaded       time.Time
	Yanked         *string  // the reason, which may be empty; nil: not yanked
	Imports        []string // top-level modules, for the lock
	Depends        []string // projects that it needs to run, normalised, for the lock
}

// Snapshot is a set of files, arranged by project. Make it with NewSnapshot.
type Snapshot struct {
	projects map[string][]File // by normalised name; oldest version first, then by file name
}

// NewSnapshot arranges files. They are copied.
func NewSnapshot(files []File) *Snapshot {
	s := &Snapshot{projects: map[string][]File{}}
	for _, f := range files {
		name := wheel.Normalize(f.Project)
		s.projects[name] = append(s.projects[name], f)
	}
	for _, of := range s.projects {
		slices.SortFunc(of, func(a, b File) int {
			if c := compareVersions(a.Version, b.Version); c != 0 {
				return c
			}
			return strings.Compare(a.Filename, b.Filename)
		})
	}
	return s
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
	name, err := wheel.ParseFilename(filename)
	if err != nil {
		return nil
	}
	files := s.projects[wheel.Normalize(name.Name)]
	i := slices.IndexFunc(files, func(f File) bool { return f.Filename == filename && f.Digest == digest })
	if i < 0 {
		return nil
	}
	return &files[i]
}

func hexOf(d record.Digest) string { return strings.TrimPrefix(string(d), "sha256:") }
