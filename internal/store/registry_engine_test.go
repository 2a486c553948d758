//go:build engine

package store_test

import (
	"bytes"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store/storetest"
)

// An image that was pushed to the embedded registry is pulled by a real engine, by digest and without TLS.
func TestEnginePullsFromTheRegistry(t *testing.T) {
	docker, err := engine.NewDocker()
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	r := start(t, t.TempDir())
	image, err := random.Image(4096, 2)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewDigest(r.Addr() + "/toolchains/some@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
	if err := docker.Pull(t.Context(), ref.String()); err != nil {
		t.Error(err)
	}
	unknown := ref.Context().Digest(string(storetest.Digest(bytes.Repeat([]byte("x"), 9)))).String()
	if err := docker.Pull(t.Context(), unknown); fault.KindOf(err) != fault.NotFound {
		t.Errorf("pulling what is not there: %v; want not-found", err)
	}
}
