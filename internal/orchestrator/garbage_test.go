package orchestrator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// remembering is a memory that knows what a test tells it.
type remembering struct {
	mu        sync.Mutex
	running   map[string]bool
	scheduled [][]byte
}

func (r *remembering) Running(_ context.Context, run string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running[run], nil
}

func (r *remembering) Scheduled(context.Context) ([][]byte, error) { return r.scheduled, nil }

func (r *remembering) set(run string, goes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		r.running = map[string]bool{}
	}
	r.running[run] = goes
}

// twoDaysPass makes all that is in the registry look old.
func twoDaysPass(t *testing.T, dir string) {
	t.Helper()
	pass(t, dir, 48*time.Hour)
}

// pass makes all that is in the registry look as old as that.
func pass(t *testing.T, dir string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	err := filepath.WalkDir(filepath.Join(dir, "registry"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "link" {
			err = os.Chtimes(path, then, then)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// versionOf is a request for lib, which comes out otherwise in each version, and app, which is built with it.
func versionOf(t *testing.T, o *Orchestrator, n int) api.RunRequest {
	t.Helper()
	req := requestOf(t, o, map[string]string{"lib": fmt.Sprintf("build:\n  script: echo %d\n", n), "app": "requirements:\n  host: [lib]\n"})
	req.Publish = false
	return req
}

// readable says whether all artifacts of a build can be had.
func readable(t *testing.T, o *Orchestrator, key string) bool {
	t.Helper()
	b, err := o.db.Build(t.Context(), key)
	if err != nil {
		if fault.KindOf(err) != fault.NotFound {
			t.Fatal(err)
		}
		return false
	}
	for _, a := range b.Record.Artifacts {
		r, err := o.OpenBlob(t.Context(), a.Digest)
		if err != nil {
			t.Errorf("%s is remembered, and its bytes are gone: %v", a.Filename, err)
			return false
		}
		r.Close()
	}
	return true
}

// A farm that has built three versions and published the last forgets the first two, but for what a run in flight needs, and
// frees them.
func TestGarbageIsWhatNothingKeeps(t *testing.T) {
	dir := t.TempDir()
	o := start(t, dir)
	var lib, app [3]string
	last := versionOf(t, o, 2)
	last.Publish = true
	for i, req := range []api.RunRequest{versionOf(t, o, 0), versionOf(t, o, 1), last} {
		run := carryOut(t, o, fmt.Sprint("run ", i), req, "lib", "app")
		lib[i], app[i] = run.Actions[0].Key, run.Actions[1].Key
	}
	// A run goes on that stands on the oldest version, and a schedule has not begun a run yet.
	begin(t, o, "going", versionOf(t, o, 0))
	scheduled := versionOf(t, o, 7)
	text, err := json.Marshal(scheduled)
	if err != nil {
		t.Fatal(err)
	}
	memory := &remembering{scheduled: [][]byte{text}}
	memory.set("going", true)
	twoDaysPass(t, dir)

	dry, err := o.collect(t.Context(), api.Collect{DryRun: true}, memory)
	if err != nil {
		t.Fatal(err)
	}
	if !readable(t, o, lib[1]) {
		t.Error("a dry run has removed something")
	}
	twoDaysPass(t, dir) // it was just read
	done, err := o.collect(t.Context(), api.Collect{}, memory)
	if err != nil {
		t.Fatal(err)
	}
	if len(done.Removed) != 2 || done.FreedBytes == 0 || done.KeptBytes == 0 {
		t.Errorf("removed %+v, %d bytes freed, %d kept", done.Removed, done.FreedBytes, done.KeptBytes)
	}
	done.DryRun = true
	if diff := cmp.Diff(done, dry); diff != "" {
		t.Errorf("what was done, and what the dry run has said:\n%s", diff)
	}
	for i, want := range []bool{true, false, true} {
		if readable(t, o, lib[i]) != want || readable(t, o, app[i]) != want {
			t.Errorf("version %d can be had: %t, want %t", i, !want, want)
		}
	}
	sum := sha256.Sum256([]byte("the wheel of lib 1"))
	if _, err := o.OpenBlob(t.Context(), record.Digest("sha256:"+hex.EncodeToString(sum[:]))); fault.KindOf(err) != fault.NotFound {
		t.Errorf("the bytes of a wheel that is forgotten: %v", err)
	}
	begin(t, o, "scheduled", scheduled) // its recipes are there

	// When the run has ended and the last version was used again, the oldest may go, unless somebody wants to keep it.
	memory.set("going", false)
	begin(t, o, "again", last)
	for _, key := range []string{lib[0], app[0]} {
		if err := o.Pin(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	twoDaysPass(t, dir)
	if done, err = o.collect(t.Context(), api.Collect{}, memory); err != nil || len(done.Removed) != 0 || done.Kept["pinned"] != 2 {
		t.Errorf("with pins: %+v, %v", done, err)
	}
	for _, key := range []string{lib[0], app[0]} {
		if err := o.Unpin(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	for story, c := range map[string]struct {
		req  api.Collect
		kept string
	}{
		"with two good ones":          {api.Collect{Keep: 2, DryRun: true}, "last-good"},
		"with those of the last hour": {api.Collect{OlderThan: 3600, DryRun: true}, "recent"},
	} {
		if done, err = o.collect(t.Context(), c.req, memory); err != nil || len(done.Removed) != 0 || done.Kept[c.kept] != 2 {
			t.Errorf("%s: %+v, %v", story, done, err)
		}
	}
	if done, err = o.collect(t.Context(), api.Collect{}, memory); err != nil || len(done.Removed) != 2 {
		t.Errorf("at last: %+v, %v", done, err)
	}
}

// What is on the index is there after any collection, whatever was built since.
func TestGarbageIsNeverPublished(t *testing.T) {
	dir := t.TempDir()
	o := start(t, dir)
	req := versionOf(t, o, 0)
	req.Publish = true
	published := carryOut(t, o, "published", req, "lib", "app")
	carryOut(t, o, "quiet", versionOf(t, o, 1), "lib", "app")
	twoDaysPass(t, dir)
	done, err := o.Collect(t.Context(), api.Collect{})
	if err != nil || len(done.Removed) != 0 || done.Kept["published"] != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	for _, a := range published.Actions {
		if text := read(t, o.URL()+"/files/"+strings.TrimPrefix(a.Digest, "sha256:")+"/"+a.Artifact); !strings.HasPrefix(text, "the wheel of "+a.Recipe) {
			t.Errorf("the index gives %q for %s", text, a.Artifact)
		}
	}
}

// refused builds lib once more in a run without the cache, to other bytes than those that are remembered, and gives the digest of its wheel.
func refused(t *testing.T, o *Orchestrator, run string) record.Digest {
	t.Helper()
	task, _ := bring(t, o, run, "lib", record.Passed, " that came out otherwise")
	if err := (activities{o}).Store(t.Context(), task); fault.KindOf(err) != fault.Conflict || err == nil {
		t.Fatalf("another wheel under the same key: %v", err)
	}
	res, err := jobs.Get[jobs.Result](t.Context(), o.blobs, task.Record)
	if err != nil {
		t.Fatal(err)
	}
	return res.Record.Artifacts[0].Digest
}

// A build without the cache that comes out otherwise is refused, and what it has left goes with the first collection an hour after its
// run, all of it, and nothing else. While the run goes on, which may try to store it again, and while somebody reads it, it stays.
func TestWhatWasRefusedIsFreed(t *testing.T) {
	dir := t.TempDir()
	o := start(t, dir)
	req := requestOf(t, o, map[string]string{"lib": ""})
	first := carryOut(t, o, "first", req, "lib")
	memory := &remembering{}
	collect := func() api.Collected {
		t.Helper()
		done, err := o.collect(t.Context(), api.Collect{}, memory)
		if err != nil || len(done.Removed) > 0 {
			t.Fatalf("%+v, %v", done, err)
		}
		return done
	}
	twoDaysPass(t, dir)
	before := collect().KeptBytes

	again := requestOf(t, o, map[string]string{"lib": ""})
	again.NoCache = true
	raw, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	// The run began three days ago, and what it has brought is as old as two.
	if err := o.db.CreateRun(t.Context(), store.Run{ID: "again", Lane: "nightly", Request: raw, Created: time.Now().Add(-72 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	memory.set("again", true)
	begin(t, o, "again", again)
	wheel := refused(t, o, "again")
	there := func() bool {
		_, err := os.Stat(filepath.Join(dir, "registry/docker/registry/v2/blobs/sha256", string(wheel[7:9]), string(wheel[7:]), "data"))
		return err == nil
	}
	twoDaysPass(t, dir)
	if collect(); !there() {
		t.Fatal("it is gone while its run goes on")
	}
	if refused(t, o, "again") != wheel || !there() { // the activity is tried again
		t.Error("it can't be brought again")
	}
	memory.set("again", false)
	pass(t, dir, 30*time.Minute)
	if collect(); !there() {
		t.Error("it is gone before the hour is over")
	}
	twoDaysPass(t, dir)
	reader, err := o.OpenBlob(t.Context(), wheel)
	if err != nil {
		t.Fatal(err)
	}
	if collect(); !there() {
		t.Error("it is gone while somebody reads it")
	}
	twoDaysPass(t, dir)
	done := collect()
	if there() || done.FreedBytes == 0 {
		t.Errorf("it is there after the hour: %+v", done)
	}
	if text, err := io.ReadAll(reader); err != nil || !strings.HasSuffix(string(text), "otherwise") {
		t.Errorf("who had opened it reads %q, %v", text, err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if done.KeptBytes != before {
		t.Errorf("%d bytes are kept, %d before it was built again", done.KeptBytes, before)
	}
	if !readable(t, o, first.Actions[0].Key) {
		t.Error("the first build is gone")
	}
	if text := read(t, o.URL()+"/files/"+strings.TrimPrefix(first.Actions[0].Digest, "sha256:")+"/"+first.Actions[0].Artifact); text != "the wheel of lib" {
		t.Errorf("the index gives %q", text)
	}
}

// Collections run again and again while runs are carried out, with old builds all around that may go at any time.
func TestGarbageIsCollectedBesideRuns(t *testing.T) {
	dir := t.TempDir()
	o := start(t, dir)
	const n = 6
	for i := range n {
		carryOut(t, o, fmt.Sprint("before ", i), versionOf(t, o, i), "lib", "app")
	}
	twoDaysPass(t, dir)
	memory := &remembering{}
	done, removed := make(chan struct{}), 0
	var collecting sync.WaitGroup
	collecting.Go(func() {
		for {
			c, err := o.collect(t.Context(), api.Collect{}, memory)
			if err != nil {
				t.Error(err)
			}
			removed += len(c.Removed)
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for i := range n { // the versions of before, some of which are gone by then
		id := fmt.Sprint("run ", i)
		memory.set(id, true)
		run := carryOut(t, o, id, versionOf(t, o, i), "lib", "app")
		for _, a := range run.Actions {
			if !readable(t, o, a.Key) {
				t.Errorf("%s of run %d is gone while the run goes on", a.Recipe, i)
			}
		}
		memory.set(id, false)
	}
	close(done)
	collecting.Wait()
	if removed == 0 {
		t.Error("nothing was collected meanwhile")
	}
}

func TestGarbageRequestsThatCannotBe(t *testing.T) {
	o := start(t, t.TempDir())
	for _, req := range []api.Collect{{Keep: -1}, {OlderThan: -1}} {
		if _, err := o.Collect(t.Context(), req); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", req, err)
		}
	}
	if err := o.Pin(t.Context(), "nix"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("pinning what was never built: %v", err)
	}
	if err := o.Unpin(t.Context(), "nix"); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "wasmill pin") {
		t.Errorf("unpinning it: %v", err)
	}
}
