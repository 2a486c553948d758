package toolchain

import (
	"context"
	"maps"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/fault"
)

// Copied is an image that a copy was about.
type Copied struct {
	Image string `json:"image"` // "repository@sha256:…"
	Fresh bool   `json:"fresh"` // written now, or about to be in a dry run; otherwise the registry had it
}

// Copy brings the images that the lock names from one registry ("host:port") to another: the toolchain's two, which must be
// there, and those of its extensions that are. With dry nothing is written. Options are how both are reached (oci.Client).
func (t *Toolchain) Copy(ctx context.Context, from, to string, dry bool, progress func(Event), options ...remote.Option) (list []Copied, err error) {
	lock, err := t.locked()
	if err != nil {
		return nil, err
	}
	if lock.Build == "" {
		return nil, fault.Errorf(fault.Conflict, "%s was never baked: its lock names no images", t.Spec.Name)
	}
	build, runtime := repositories(t.Spec.Name)
	one := func(repository, prefix, digest string, optional bool) error {
		ref := repository + "@" + digest
		there, err := has(ctx, to, ref, options)
		if err != nil {
			return err
		}
		if !there {
			source, err := name.NewDigest(from + "/" + ref)
			if err != nil {
				return fault.Errorf(fault.Invalid, "naming an image: %w", err)
			}
			image, err := remote.Image(source, in(ctx, options)...)
			if optional && err != nil && isNotFound(err) {
				return nil
			}
			if err != nil {
				return registryFault(err, "reading %s from %s", ref, from)
			}
			if !dry {
				if _, err := push(ctx, to, repository, prefix, image, serial(progress), options); err != nil {
					return err
				}
			}
		}
		list = append(list, Copied{Image: ref, Fresh: !there})
		return nil
	}
	if err := one(build, "baked-", lock.Build, false); err != nil {
		return nil, err
	}
	if err := one(runtime, "baked-", lock.Runtime, false); err != nil {
		return nil, err
	}
	for _, extension := range slices.Sorted(maps.Keys(lock.Extensions)) {
		if err := one(build, "baked-"+extension+"-", lock.Extensions[extension], true); err != nil {
			return nil, err
		}
	}
	return list, nil
}
