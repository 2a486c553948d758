package enginetest

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/wasmill/wasmill/internal/engine"
)

// Serve compiles the helper and serves it as an image from a registry that lives as long as the test.
func Serve(t *testing.T, e engine.Engine) Setup {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	away := httptest.NewServer(nil)
	away.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/helper"
	digest := push(t, repository, compile(t))
	unknown := "sha256:" + strings.Repeat("b", 64)
	return Setup{
		Engine:  e,
		Image:   repository + "@" + digest,
		Unknown: repository + "@" + unknown,
		Away:    strings.TrimPrefix(away.URL, "http://") + "/helper@" + unknown,
	}
}

func compile(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "helper")
	build := exec.Command("go", "build", "-trimpath", "-o", file, "github.com/wasmill/wasmill/internal/engine/enginetest/helper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compiling the helper: %v\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// push makes an image of one file and returns its digest.
func push(t *testing.T, repository string, helper []byte) string {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, err := range []error{
		w.WriteHeader(&tar.Header{Name: "helper", Mode: 0o755, Size: int64(len(helper))}),
		second(w.Write(helper)),
		w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewDigest(repository + "@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func second(_ int, err error) error { return err }
