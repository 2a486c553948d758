package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// shelf is blobs in memory. It counts how often they are opened.
type shelf struct {
	mu     sync.Mutex
	blobs  map[record.Digest][]byte
	opened int
}

func (s *shelf) Put(_ context.Context, _ string, r io.Reader) (record.Blob, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return record.Blob{}, err
	}
	sum := sha256.Sum256(text)
	digest := record.Digest("sha256:" + hex.EncodeToString(sum[:]))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blobs == nil {
		s.blobs = map[record.Digest][]byte{}
	}
	s.blobs[digest] = text
	return record.Blob{Digest: digest, Size: int64(len(text))}, nil
}

func (s *shelf) Open(_ context.Context, digest record.Digest) (io.ReadSeekCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	text, ok := s.blobs[digest]
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no blob %s", digest)
	}
	return open{bytes.NewReader(text)}, nil
}

type open struct{ *bytes.Reader }

func (open) Close() error { return nil }

// What one side says, the other reads, to the last field.
func TestDocumentsComeBackAsTheyWere(t *testing.T) {
	s := &shelf{}
	lock := &fetch.Lock{
		Requirements: []string{"setuptools"}, Constraints: []string{"setuptools<81"}, ExcludeNewer: time.Unix(1e9, 0).UTC(),
		Packages: []fetch.LockedWheel{{Name: "setuptools", Version: "80"}},
	}
	job := Job{
		Recipes: "sha256:pack", Recipe: "a", Toolchain: "toolchains/t@sha256:x", Builder: "sha256:driver",
		UV: fetch.Source{URL: "https://example.org/uv.whl", SHA256: "u"}, LockKey: "key", Lock: lock,
		Inputs: plan.Inputs{Tests: "sha256:tests", Hosts: []plan.Input{{Name: "lib", Digest: "sha256:lib"}}, Env: map[string]string{"A": "1"}},
		Deps:   []record.Artifact{{Filename: "b.whl", Kind: "wheel", Digest: "sha256:b", Size: 3}},
	}
	digest, err := Put(t.Context(), s, job)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Get[Job](t.Context(), s, digest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&job, got); diff != "" {
		t.Errorf("a job (-sent +got):\n%s", diff)
	}
	if got.Lock.Digest() != lock.Digest() {
		t.Error("the lock has another digest: it would be another key")
	}

	result := Result{Record: record.Build{Key: "k", Outcome: record.Failed, Failure: &record.Failure{Message: "no"}}, Inputs: job.Inputs, LockKey: "key", Lock: lock}
	if digest, err = Put(t.Context(), s, &result); err != nil {
		t.Fatal(err)
	}
	back, err := Get[Result](t.Context(), s, digest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&result, back); diff != "" {
		t.Errorf("a result (-sent +got):\n%s", diff)
	}
}

func TestDocumentsThatCannotBeRead(t *testing.T) {
	s := &shelf{}
	for story, c := range map[string]struct {
		text string
		kind fault.Kind
	}{
		"cut off":          {`{"recipe": "a", "inputs"`, fault.Internal},
		"empty":            {"", fault.Internal},
		"no JSON":          {"PK\x03\x04", fault.Internal},
		"of another form":  {`{"recipe": ["a"]}`, fault.Internal},
		"a list of a kind": {`[]`, fault.Internal},
	} {
		t.Run(story, func(t *testing.T) {
			blob, err := s.Put(t.Context(), MediaType, strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			_, err = Get[Job](t.Context(), s, blob.Digest)
			if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), string(blob.Digest)) {
				t.Errorf("%v (%v)", err, fault.KindOf(err))
			}
		})
	}
	if _, err := Get[Job](t.Context(), s, "sha256:none"); fault.KindOf(err) != fault.NotFound || err == nil {
		t.Errorf("one that is not there: %v", err)
	}
}

// A log is named by what prints into it, in letters that may stand in a file's name.
func TestLogNames(t *testing.T) {
	name := LogName("lxml", "build/lxml/tc@sha256:x/key", "run-1")
	if name != LogName("lxml", "build/lxml/tc@sha256:x/key", "run-1") || strings.ContainsAny(name, "/@: ") || !strings.HasPrefix(name, "lxml-") {
		t.Errorf("name: %s", name)
	}
	for _, other := range []string{LogName("lxml", "build/lxml/tc@sha256:x/key", "run-2"), LogName("lxml", "build/lxml/tc@sha256:x/key2", "run-1")} {
		if other == name {
			t.Errorf("two builds print into %s", name)
		}
	}
}

func packed(t *testing.T, s *shelf) record.Digest {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		text := "package: {name: " + name + ", version: '1.0'}\nsource: {url: 'https://example.org/x-1.0.tar.gz', sha256: " + strings.Repeat("a", 64) + "}\n"
		if err := os.WriteFile(filepath.Join(dir, name, "meta.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set, err := recipe.LoadSet(dir)
	if err != nil {
		t.Fatal(err)
	}
	var pack bytes.Buffer
	if err := recipe.Pack(&pack, set.Recipes()); err != nil {
		t.Fatal(err)
	}
	blob, err := s.Put(t.Context(), "", &pack)
	if err != nil {
		t.Fatal(err)
	}
	return blob.Digest
}

// Many builds of one run start at once, and all want the same recipes.
func TestOnePackIsUnpackedByManyAtOnce(t *testing.T) {
	s, dir := &shelf{}, filepath.Join(t.TempDir(), "packs")
	digest := packed(t, s)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			set, err := Recipes(t.Context(), s, digest, dir)
			if err != nil || set.Get("a") == nil || set.Get("b") == nil {
				t.Errorf("%v, %v", set, err)
			}
		})
	}
	all.Wait()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
	before := s.opened
	if _, err := Recipes(t.Context(), s, digest, dir); err != nil || s.opened != before {
		t.Errorf("a pack that is there was fetched again, %v", err)
	}
}

// A pack that can't be used leaves nothing behind that the next build would take for one.
func TestAPackThatCannotBeUnpackedLeavesNothing(t *testing.T) {
	s, dir := &shelf{}, filepath.Join(t.TempDir(), "packs")
	blob, err := s.Put(t.Context(), "", strings.NewReader("no tar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, digest := range []record.Digest{blob.Digest, "sha256:none"} {
		if set, err := Recipes(t.Context(), s, digest, dir); err == nil {
			t.Errorf("%s: %v", digest, set)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left in the folder: %v", left)
	}
}
