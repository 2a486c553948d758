package toolchain

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// finished is an image that only has to be written.
type finished struct {
	v1.Image
	digest string
	size   int64
}

func seal(image v1.Image) (*finished, error) {
	digest, err := image.Digest()
	if err != nil {
		return nil, fmt.Errorf("computing an image's digest: %w", err)
	}
	size, err := compressed(image)
	return &finished{Image: image, digest: digest.String(), size: size}, err
}

func (b *baker) publish(ctx context.Context, build, runtime *finished) (*Baked, error) {
	buildRepository, runtimeRepository := repositories(b.spec.Name)
	// The Runtime image first: who finds the Build image must find both.
	if _, err := push(ctx, b.opts.Registry, runtimeRepository, "baked-", runtime, b.progress, b.opts.Remote); err != nil {
		return nil, err
	}
	ref, err := push(ctx, b.opts.Registry, buildRepository, "baked-", build, b.progress, b.opts.Remote)
	if err != nil {
		return nil, err
	}
	image, err := readImage(build, ref)
	if err != nil {
		return nil, err
	}
	return &Baked{Image: image, BuildSize: build.size, RuntimeSize: runtime.size, Fresh: true}, nil
}

// existing answers from the registry.
func (b *baker) existing(ctx context.Context) (*Baked, error) {
	buildRepository, runtimeRepository := repositories(b.spec.Name)
	for _, ref := range []string{buildRepository + "@" + b.lock.Build, runtimeRepository + "@" + b.lock.Runtime} {
		if ok, err := has(ctx, b.opts.Registry, ref, b.opts.Remote); !ok || err != nil {
			return nil, err
		}
	}
	image, err := Open(ctx, b.opts.Registry, buildRepository+"@"+b.lock.Build, b.opts.Remote...)
	if err != nil {
		return nil, err
	}
	baked := &Baked{Image: image}
	for ref, size := range map[string]*int64{image.Build: &baked.BuildSize, image.Runtime: &baked.RuntimeSize} {
		if *size, err = Size(ctx, b.opts.Registry, ref, b.opts.Remote...); err != nil {
			return nil, err
		}
	}
	return baked, nil
}
