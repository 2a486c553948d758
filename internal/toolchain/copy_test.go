package toolchain

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/wasmill/wasmill/internal/fault"
)

// The images that a lock names come into another registry as they are; what is there already is left alone.
func TestCopy(t *testing.T) {
	ctx := t.Context()
	serve := func() string {
		s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://")
	}
	from, to := serve(), serve()
	image := func() (v1.Image, string) {
		i, err := random.Image(1<<10, 2)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := i.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return i, digest.String()
	}
	build, buildDigest := image()
	runtime, runtimeDigest := image()
	rust, rustDigest := image()
	_, elsewhere := image()
	spec := &Spec{Name: "tc"}
	tc := &Toolchain{Spec: spec, Lock: &Lock{
		Request: spec.request(), Build: buildDigest, Runtime: runtimeDigest,
		Extensions: map[string]string{"rust": rustDigest, "never-baked": elsewhere},
	}}
	if _, err := tc.Copy(ctx, from, to, false, nil); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "toolchains/tc@"+buildDigest) {
		t.Errorf("from a registry without the images: %v", err)
	}
	put(t, ctx, from, "toolchains/tc", build)
	put(t, ctx, from, "runtimes/tc", runtime)
	put(t, ctx, from, "toolchains/tc", rust)

	fresh := []Copied{{"toolchains/tc@" + buildDigest, true}, {"runtimes/tc@" + runtimeDigest, true}, {"toolchains/tc@" + rustDigest, true}}
	there := []Copied{{"toolchains/tc@" + buildDigest, false}, {"runtimes/tc@" + runtimeDigest, false}, {"toolchains/tc@" + rustDigest, false}}
	for _, step := range []struct {
		what string
		dry  bool
		want []Copied
	}{{"a dry run", true, fresh}, {"the copy", false, fresh}, {"again", false, there}} {
		got, err := tc.Copy(ctx, from, to, step.dry, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
	tc.Lock.Build = ""
	if _, err := tc.Copy(ctx, from, to, false, nil); fault.KindOf(err) != fault.Conflict {
		t.Errorf("without images in the lock: %v", err)
	}
}

func put(t *testing.T, ctx context.Context, at, repository string, image v1.Image) {
	t.Helper()
	if _, err := push(ctx, at, repository, "baked-", image, func(Event) {}, nil); err != nil {
		t.Fatal(err)
	}
}
