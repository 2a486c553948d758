package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/wasmill/wasmill/internal/fault"
)

// Sweep says what of the farm's content in a registry goes. Images are in repositories of their own and stay.
type Sweep struct {
	// Dead says of a tag that nobody wants what it names any more.
	Dead func(tag string) bool
	// Before is when a dead tag must have been written, and last looked for by somebody who was about to write it, to go.
	Before time.Time
	// Recent is from when on content is held by whoever has asked for it: it stays, with or without a tag.
	Recent time.Time
	Dry    bool // remove nothing
}

// Swept is what a sweep came to.
type Swept struct {
	Tags, Blobs int   // removed
	Freed, Kept int64 // bytes
}

// Sweep removes dead tags, and then all content that no tag names. It may run beside readers and writers: whoever asks for a
// blob, or is told that it need not be sent again, finds it for as long as Recent says. Those who have opened a blob read it to
// its end.
func (r *Registry) Sweep(ctx context.Context, in Sweep) (Swept, error) {
	s := sweeper{Sweep: in, registry: r, marked: map[v1.Hash]bool{}}
	for _, step := range []func(context.Context) error{s.tags, s.manifests, s.layers} {
		if err := step(ctx); err != nil {
			return s.done, fault.Errorf(kindOfIO(err), "collecting garbage in the registry: %w", err)
		}
	}
	return s.done, nil
}

type sweeper struct {
	Sweep
	registry *Registry
	current  map[v1.Hash]bool // manifests that a tag names
	marked   map[v1.Hash]bool // blobs that a manifest names
	done     Swept
}

// tags removes the dead ones.
func (s *sweeper) tags(ctx context.Context) error {
	s.current = map[v1.Hash]bool{}
	dir := s.registry.path("_manifests", "tags")
	return each(ctx, dir, func(tag string) error {
		link := filepath.Join(dir, tag, "current", "link")
		removed := false
		if s.Dead(tag) {
			var err error
			if removed, err = s.remove(link, s.Before, v1.Hash{}); err != nil {
				return err
			}
		}
		if removed {
			s.done.Tags++
			return nil
		}
		text, err := os.ReadFile(link)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // being written, or removed by somebody else
		}
		if err != nil {
			return err
		}
		hash, err := v1.NewHash(string(bytes.TrimSpace(text)))
		s.current[hash] = true
		return err
	})
}

// manifests removes those that no tag names, and marks what the others name. One that was just written has no tag yet.
func (s *sweeper) manifests(ctx context.Context) error {
	dir := s.registry.path("_manifests", "revisions", "sha256")
	return each(ctx, dir, func(hex string) error {
		hash := v1.Hash{Algorithm: "sha256", Hex: hex}
		if !s.current[hash] {
			if removed, err := s.remove(filepath.Join(dir, hex, "link"), s.Recent, hash); err != nil || removed {
				return err
			}
		}
		data := s.registry.data(hash)
		text, err := os.ReadFile(data)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		s.done.Kept += int64(len(text))
		m, err := v1.ParseManifest(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("parsing manifest %s: %w", hash, err)
		}
		s.marked[m.Config.Digest] = true
		for _, l := range m.Layers {
			s.marked[l.Digest] = true
		}
		return nil
	})
}

// layers removes the blobs that no manifest names.
func (s *sweeper) layers(ctx context.Context) error {
	dir := s.registry.path("_layers", "sha256")
	return each(ctx, dir, func(hex string) error {
		hash := v1.Hash{Algorithm: "sha256", Hex: hex}
		if !s.marked[hash] {
			if removed, err := s.remove(filepath.Join(dir, hex, "link"), s.Recent, hash); err != nil || removed {
				return err
			}
		}
		info, err := os.Stat(s.registry.data(hash))
		if err == nil {
			s.done.Kept += info.Size()
		}
		return nil
	})
}

// remove takes a link away that is older than a moment, and the bytes that it leads to if no other repository has them. A link
// of a tag leads to no bytes of its own.
func (s *sweeper) remove(link string, before time.Time, to v1.Hash) (bool, error) {
	// Nobody can ask for it, or write it again, between the look and the removal: see noting.
	s.registry.sweeping.Lock()
	defer s.registry.sweeping.Unlock()
	info, err := os.Stat(link)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil || !info.ModTime().Before(before):
		return false, err
	}
	dir := filepath.Dir(link)
	if to == (v1.Hash{}) {
		dir = filepath.Dir(dir) // of the tag, with all that it ever named
	}
	if !s.Dry {
		if err := os.RemoveAll(dir); err != nil {
			return false, err
		}
	}
	return true, s.free(to)
}

// free deletes the bytes of a blob that no repository has any more.
func (s *sweeper) free(hash v1.Hash) error {
	if hash == (v1.Hash{}) {
		return nil
	}
	data := s.registry.data(hash)
	info, err := os.Stat(data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	linked, err := s.registry.linked(hash)
	if s.Dry {
		linked-- // by the link that would be gone
	}
	if err != nil || linked > 0 {
		return err
	}
	s.done.Blobs++
	s.done.Freed += info.Size()
	if s.Dry {
		return nil
	}
	return os.RemoveAll(filepath.Dir(data))
}

// linked is how many repositories have a blob.
func (r *Registry) linked(hash v1.Hash) (n int, err error) {
	root := filepath.Join(r.dir, registryRoot, "repositories")
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !entry.IsDir():
			return nil
		}
		switch entry.Name() {
		case "_layers", "_manifests":
			place := filepath.Join(path, hash.Algorithm, hash.Hex, "link")
			if entry.Name() == "_manifests" {
				place = filepath.Join(path, "revisions", hash.Algorithm, hash.Hex, "link")
			}
			if _, err := os.Stat(place); err == nil {
				n++
			}
			return fs.SkipDir
		case "_uploads":
			return fs.SkipDir
		}
		return nil
	})
	return n, err
}

// each calls do with the names in a folder, which may be missing.
func each(ctx context.Context, dir string, do func(name string) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(entry.Name()); err != nil {
			return err
		}
	}
	return nil
}

// registryRoot is where the library keeps everything, below the registry's folder.
const registryRoot = "docker/registry/v2"

// path is a place in the repository of the farm's content.
func (r *Registry) path(below ...string) string {
	return filepath.Join(append([]string{r.dir, registryRoot, "repositories", repository}, below...)...)
}

// data is the file with a blob's bytes.
func (r *Registry) data(hash v1.Hash) string {
	return filepath.Join(r.dir, registryRoot, "blobs", hash.Algorithm, hash.Hex[:2], hash.Hex, "data")
}

// noting keeps, in the time of the link that leads to it, when content was last asked for. Whoever writes a blob asks for it
// first and does not send what is there; whoever reads a manifest reads its blobs after it. That must outlive a restart as the
// work does in whose course it was asked for. Writes wait for the one removal that is under way: they
// would take bytes for there that are about to go.
func (r *Registry) noting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if link := r.asked(req.Method, req.URL.Path); link != "" {
			r.note(link, time.Now())
		}
		if req.Method == http.MethodPut || req.Method == http.MethodPost {
			r.sweeping.RLock()
			defer r.sweeping.RUnlock()
		}
		next.ServeHTTP(w, req)
	})
}

var tagForm = regexp.MustCompile(`^\w[\w.-]{0,127}$`) // OCI distribution specification 1.1

// asked is the link to what a request asks for; empty for all others. Who reads a manifest by its tag is no reason to keep the
// tag: a look at all of them would hold everything.
func (r *Registry) asked(method, path string) string {
	rest, ours := strings.CutPrefix(path, "/v2/"+repository+"/")
	kind, what, _ := strings.Cut(rest, "/")
	switch {
	case !ours:
	case kind == "blobs" && (method == http.MethodGet || method == http.MethodHead):
		if hash, err := v1.NewHash(what); err == nil {
			return r.path("_layers", hash.Algorithm, hash.Hex, "link")
		}
	case kind == "manifests" && method == http.MethodHead && tagForm.MatchString(what):
		return r.path("_manifests", "tags", what, "current", "link")
	}
	return ""
}

// noteEvery bounds what noting costs; it is far below any time for which content is held.
const noteEvery = time.Minute

func (r *Registry) note(link string, now time.Time) {
	r.sweeping.RLock()
	defer r.sweeping.RUnlock()
	if info, err := os.Stat(link); err == nil && now.Sub(info.ModTime()) > noteEvery {
		_ = os.Chtimes(link, now, now) // removed meanwhile: then it is not there for the one who asks either
	}
}
