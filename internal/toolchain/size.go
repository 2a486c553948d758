package toolchain

import (
	"context"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/fault"
)

// Size is how many bytes an image's compressed layers have together. An image that the registry does not have is
// fault.NotFound.
func Size(ctx context.Context, registry, ref string, options ...remote.Option) (int64, error) {
	digest, err := name.NewDigest(registry + "/" + ref)
	if err != nil {
		return 0, fault.Errorf(fault.Invalid, "naming an image: %w", err)
	}
	image, err := remote.Image(digest, in(ctx, options)...)
	if err != nil {
		return 0, registryFault(err, "asking the registry for %s", ref)
	}
	return compressed(image)
}

func compressed(image v1.Image) (sum int64, err error) {
	manifest, err := image.Manifest()
	if err != nil {
		return 0, registryFault(err, "reading an image's manifest")
	}
	for _, layer := range manifest.Layers {
		sum += layer.Size
	}
	return sum, nil
}
