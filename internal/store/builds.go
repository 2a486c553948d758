package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Media types of what a build leaves behind.
const (
	MediaTypeBuild      = "application/vnd.wasmill.build.v1+json"       // record.Build
	MediaTypeWheel      = "application/vnd.wasmill.wheel.v1+zip"        //
	MediaTypeArchive    = "application/vnd.wasmill.archive.v1.tar+gzip" // all other artifacts
	MediaTypeMetadata   = "application/vnd.wasmill.metadata.v1+text"    // a wheel's METADATA (PEP 658)
	MediaTypeLog        = "text/plain"
	MediaTypeJUnit      = "application/xml"
	MediaTypeDifference = "application/vnd.wasmill.difference.v1+json" // diff.Report
	MediaTypeProvenance = "application/vnd.in-toto+json"               // in-toto attestation bundle.md
)

// MediaType is the type of an artifact's blob by the artifact's kind.
func MediaType(a record.Artifact) string {
	if a.Kind == record.KindWheel {
		return MediaTypeWheel
	}
	return MediaTypeArchive
}

// StoredFile is a file of a stored build.
type StoredFile struct {
	Name      string
	MediaType string
	Blob      record.Blob
}

// PutBuild stores a build as one OCI artifact: the record is its configuration, the files are its layers, its key is
// the tag. Each artifact that the record names must be among the files.
//
// It compares before it sets. Under a key that holds a passed build already, the same artifact bytes change nothing
// and what was there stays (stored is false); other bytes are a fault.Conflict that says which. A failed build is
// replaced by a newer one. OCI tags know no conditional write, so of two processes that put different bytes under a
// new key in the same instant both may succeed here: Builds.PutBuild of DB, a transaction, has the last word.
func (b *Blobs) PutBuild(ctx context.Context, build *record.Build, files ...File) (stored bool, err error) {
	if build.Key == "" {
		return false, fault.Errorf(fault.Invalid, "storing the build of %s: it has no key", build.Recipe)
	}
	old, _, err := b.GetBuild(ctx, build.Key)
	switch {
	case err == nil:
		if replace, err := supersedes(old, build); err != nil || !replace {
			return false, err
		}
	case fault.KindOf(err) != fault.NotFound:
		return false, fmt.Errorf("storing the build of %s: %w", build.Recipe, err)
	}
	raw, err := json.Marshal(build)
	if err != nil {
		return false, fmt.Errorf("encoding the record of %s: %w", build.Recipe, err)
	}
	config, err := spoolFile(File{Data: raw})
	if err != nil {
		return false, err
	}
	var layers []layer
	for _, f := range files {
		content, err := spoolFile(f)
		if err != nil {
			return false, fmt.Errorf("storing the build of %s: %w", build.Recipe, err)
		}
		defer content.Close()
		layers = append(layers, layer{title: f.Name, mediaType: f.MediaType, content: content})
	}
	for _, a := range build.Artifacts {
		if !slices.ContainsFunc(layers, func(l layer) bool { return l.content.digest == a.Digest }) {
			return false, fault.Errorf(fault.Invalid, "storing the build of %s: its artifact %s, %s, is not among the files",
				build.Recipe, a.Filename, a.Digest)
		}
	}
	if _, err := b.push(ctx, build.Key, layers, &layer{mediaType: MediaTypeBuild, content: config}); err != nil {
		return false, fmt.Errorf("storing the build of %s: %w", build.Recipe, err)
	}
	return true, nil
}

// GetBuild reads the record and the list of files stored under a key. The registry alone thus suffices to find a build
// again; a key that was never stored is fault.NotFound.
func (b *Blobs) GetBuild(ctx context.Context, key string) (*record.Build, []StoredFile, error) {
	m, err := b.pull(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	if string(m.Config.MediaType) != MediaTypeBuild {
		return nil, nil, fault.Errorf(fault.Invalid, "reading manifest %s: a %s, not a build", key, m.Config.MediaType)
	}
	content, err := b.Open(ctx, record.Digest(m.Config.Digest.String()))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the record under key %s: %w", key, err)
	}
	defer content.Close()
	build := new(record.Build)
	if err := json.NewDecoder(content).Decode(build); err != nil {
		return nil, nil, fmt.Errorf("parsing the record under key %s: %w", key, err)
	}
	var files []StoredFile
	for _, l := range m.Layers {
		if l.MediaType == emptyMediaType {
			continue
		}
		files = append(files, StoredFile{
			Name:      l.Annotations[titleAnnotation],
			MediaType: string(l.MediaType),
			Blob:      record.Blob{Digest: record.Digest(l.Digest.String()), Size: l.Size},
		})
	}
	return build, files, nil
}
