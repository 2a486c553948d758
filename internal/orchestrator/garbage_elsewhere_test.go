package orchestrator

import (
	"fmt"
	"testing"

	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// In a registry that is not the farm's own, manifests go, and the registry's own collection frees the bytes.
func TestGarbageElsewhere(t *testing.T) {
	dir := t.TempDir()
	registry, err := store.StartRegistry(t.Context(), dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := startOn(t, t.TempDir(), registry.Addr())
	var lib, app [3]string
	var wheel [3]store.Build
	last := versionOf(t, o, 2)
	last.Publish = true
	for i, req := range []api.RunRequest{versionOf(t, o, 0), versionOf(t, o, 1), last} {
		run := carryOut(t, o, fmt.Sprint("run ", i), req, "lib", "app")
		lib[i], app[i] = run.Actions[0].Key, run.Actions[1].Key
		if wheel[i], err = o.db.Build(t.Context(), lib[i]); err != nil {
			t.Fatal(err)
		}
	}
	memory := &remembering{}
	memory.set("going", true)
	begin(t, o, "going", versionOf(t, o, 0))

	dry, err := o.collect(t.Context(), api.Collect{DryRun: true}, memory)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := o.collect(t.Context(), api.Collect{}, memory)
	if err != nil {
		t.Fatal(err)
	}
	dry.DryRun = false
	if diff := cmp.Diff(dry, beside); diff != "" {
		t.Errorf("beside a run (-dry run +done):\n%s", diff)
	}
	if len(beside.Removed) != 2 || beside.Tags != 2 || beside.Registry != registry.Addr() {
		t.Errorf("beside a run: %+v", beside)
	}
	for i, want := range []bool{true, false, true} {
		if _, _, err := o.blobs.GetBuild(t.Context(), lib[i]); (err == nil) != want || err != nil && fault.KindOf(err) != fault.NotFound {
			t.Errorf("version %d in the registry: %v", i, err)
		}
		readableBytes(t, o.blobs, wheel[i], true) // also of what is forgotten: somebody may be reading it
	}
	again := versionOf(t, o, 2)
	again.NoCache = true
	memory.set("again", true)
	begin(t, o, "again", again)
	otherwise := store.Build{Record: record.Build{Artifacts: []record.Artifact{{Filename: "what was refused", Digest: refused(t, o, "again")}}}}
	if _, err := o.collect(t.Context(), api.Collect{}, memory); err != nil {
		t.Fatal(err)
	}
	readableBytes(t, o.blobs, otherwise, true)
	memory.set("again", false)
	// Without a run, what workers have left goes as well; the recipes of the next run have just been brought.
	memory.set("going", false)
	upcoming := versionOf(t, o, 9)
	quiet, err := o.collect(t.Context(), api.Collect{}, memory)
	if err != nil || quiet.Tags == 0 {
		t.Fatalf("without a run: %+v, %v", quiet, err)
	}
	if err := registry.Close(); err != nil {
		t.Fatal(err)
	}
	files := filesystem.New(filesystem.DriverParameters{RootDirectory: dir, MaxThreads: 4})
	all, err := storage.NewRegistry(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	if err := storage.MarkAndSweep(t.Context(), files, all, storage.GCOpts{Quiet: true}); err != nil {
		t.Fatal(err)
	}
	if registry, err = store.StartRegistry(t.Context(), dir, registry.Addr()); err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	for i, want := range []bool{true, false, true} {
		readableBytes(t, o.blobs, wheel[i], want)
	}
	readableBytes(t, o.blobs, otherwise, false)
	begin(t, o, "next", upcoming) // its recipes are there
}

func readableBytes(t *testing.T, blobs *store.Blobs, b store.Build, want bool) {
	t.Helper()
	r, err := blobs.Open(t.Context(), b.Record.Artifacts[0].Digest)
	if err == nil {
		r.Close()
	}
	if (err == nil) != want || err != nil && fault.KindOf(err) != fault.NotFound {
		t.Errorf("the bytes of %s can be had: %v, want %t", b.Record.Artifacts[0].Filename, err, want)
	}
}
