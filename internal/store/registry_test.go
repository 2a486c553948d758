package store_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/store/storetest"
)

func TestRegistryKeepsImagesOverARestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	image, err := random.Image(1024, 3)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewDigest(first.Addr() + "/toolchains/some@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := start(t, dir)
	ref, err = name.NewDigest(second.Addr() + "/toolchains/some@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	back, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(back); err != nil {
		t.Error(err)
	}
	if err := remote.Delete(ref); err != nil {
		t.Errorf("deleting: %v", err)
	}
	if _, err := remote.Head(ref); err == nil {
		t.Error("the image is still there after its deletion")
	}
}

// What is removed leaves the disk, and only that: not what another repository has, too.
func TestRemovedSourcesLeaveTheDisk(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	blobs, err := store.NewBlobs(r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := store.NewBlobs(r.Addr() + "/elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		story string
		text  string
		free  bool
	}{
		{"a source", "removed", true},
		{"a source that another repository has, too", "shared", false},
	} {
		digest := storetest.Digest([]byte(c.text))
		sum := strings.TrimPrefix(string(digest), "sha256:")
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := blobs.PutSource(t.Context(), store.Source{SHA256: sum, Name: "x"}, file); err != nil {
			t.Fatal(err)
		}
		if !c.free {
			if _, err := elsewhere.Put(t.Context(), "text/plain", strings.NewReader(c.text)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := blobs.RemoveSource(t.Context(), sum); err != nil {
			t.Fatal(err)
		}
		if err := r.Free(t.Context(), digest); err != nil {
			t.Fatal(err)
		}
		_, err := os.Stat(filepath.Join(dir, "docker/registry/v2/blobs/sha256", sum[:2], sum, "data"))
		if free := os.IsNotExist(err); free != c.free {
			t.Errorf("%s: its bytes are gone: %t, %v", c.story, free, err)
		}
	}
}

func TestKilledWriterLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	// An upload is begun, half of it is sent, and the writer is gone.
	begin, err := http.Post("http://"+r.Addr()+"/v2/wasmill/blobs/uploads/", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	begin.Body.Close()
	place, err := begin.Location()
	if err != nil {
		t.Fatal(err)
	}
	patch, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, place.String(), strings.NewReader("half"))
	if err != nil {
		t.Fatal(err)
	}
	half, err := http.DefaultClient.Do(patch)
	if err != nil {
		t.Fatal(err)
	}
	half.Body.Close()
	if half.StatusCode != http.StatusAccepted {
		t.Fatalf("PATCH: %s", half.Status)
	}
	if uploads(t, dir) == 0 {
		t.Fatal("the story is wrong: no upload lies in the folder")
	}
	if _, err := open(t, r.Addr()).Stat(t.Context(), storetest.Digest([]byte("half"))); fault.KindOf(err) != fault.NotFound {
		t.Errorf("half an upload is visible: %v", err)
	}

	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
	if n := uploads(t, dir); n != 0 {
		t.Errorf("%d files of dead uploads after the restart", n)
	}
}

func uploads(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.Contains(path, "_uploads") {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDamagedBlobIsNotHandedOut(t *testing.T) {
	dir := t.TempDir()
	blobs := open(t, start(t, dir).Addr())
	put, err := blobs.Put(t.Context(), "text/plain", strings.NewReader("precious"))
	if err != nil {
		t.Fatal(err)
	}
	hex := strings.TrimPrefix(string(put.Digest), "sha256:")
	file := filepath.Join(dir, "docker/registry/v2/blobs/sha256", hex[:2], hex, "data")
	if err := os.WriteFile(file, []byte("previous"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := blobs.Open(t.Context(), put.Digest)
	if err == nil {
		r.Close()
	}
	if fault.KindOf(err) != fault.Internal || err == nil {
		t.Errorf("opening a damaged blob: %v; want an internal error", err)
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	mountSmall(t, dir, "1m")
	blobs := open(t, start(t, dir).Addr())
	small, err := blobs.Put(t.Context(), "text/plain", strings.NewReader("fits"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = blobs.Put(t.Context(), "text/plain", io.LimitReader(endless{}, 4<<20))
	if fault.KindOf(err) != fault.Exhausted {
		t.Errorf("Put on a full disk: %v, kind %v; want exhausted", err, fault.KindOf(err))
	}
	if got := storetest.Read(t, blobs, small.Digest); string(got) != "fits" {
		t.Errorf("what was there before reads %q", got)
	}
}

// mountSmall makes dir a small file system, or skips the test where that is not allowed.
func mountSmall(t *testing.T, dir, size string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system can't be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestStartErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.StartRegistry(t.Context(), filepath.Join(file, "below"), "127.0.0.1:0"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a folder below a file: %v; want invalid", err)
	}
	taken := start(t, t.TempDir())
	_, err := store.StartRegistry(t.Context(), t.TempDir(), taken.Addr())
	if fault.KindOf(err) != fault.Unavailable || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("an address in use: %v; want unavailable", err)
	}
}
