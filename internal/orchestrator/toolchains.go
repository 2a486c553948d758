package orchestrator

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/toolchain"
)

// known is a toolchain of the farm's folder whose images are pinned by its lock.
type known struct {
	Name string
	*toolchain.Toolchain
}

func (k known) digest() record.Digest { return record.Digest(k.Lock.Build) }

// ref names the image that builds, without the registry.
func (k known) ref() string { return "toolchains/" + k.Name + "@" + k.Lock.Build }

// uv is the wheel that the toolchain's lock names; a worker resolves build requirements with it.
func (k known) uv() fetch.Source {
	for _, in := range k.Lock.Inputs {
		if in.Kind == toolchain.Wheel && in.Name == "uv" {
			return fetch.Source{URL: in.URL, SHA256: in.SHA256, Package: in.Name}
		}
	}
	return fetch.Source{}
}

// known finds a toolchain by "name" or "name@sha256:…". A digest that is not the lock's is refused: what the farm
// builds with is what its toolchain's lock says.
func (o *Orchestrator) known(name string) (known, error) {
	name, digest, pinned := strings.Cut(name, "@")
	t, err := toolchain.Load(filepath.Join(o.cfg.Toolchains, filepath.Base(name)))
	if err != nil {
		return known{}, err
	}
	if t.Lock == nil || t.Lock.Build == "" {
		return known{}, fault.Errorf(fault.NotFound, "toolchain %s has no image yet: `wasmill toolchain bake %s` makes it", name, name)
	}
	if pinned && digest != t.Lock.Build {
		return known{}, fault.Errorf(fault.NotFound, "toolchain %s: unknown digest %s; the lock pins %s", name, digest, t.Lock.Build)
	}
	return known{Name: t.Spec.Name, Toolchain: t}, nil
}

// Toolchains implements api.Farm.
func (o *Orchestrator) Toolchains(ctx context.Context) ([]api.Toolchain, error) {
	all, err := toolchain.List(o.cfg.Toolchains)
	if err != nil {
		return nil, err
	}
	out := []api.Toolchain{}
	for _, t := range all {
		a := api.Toolchain{Name: t.Spec.Name, Platform: t.Spec.Facts.PlatformTag, Compiler: t.Spec.Facts.Compiler}
		if t.Lock != nil && t.Lock.Build != "" {
			a.Digest = t.Lock.Build
			size, err := toolchain.Size(ctx, o.address, known{t.Spec.Name, t}.ref())
			a.Baked, a.Size = err == nil, size
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return nil, err
			}
		}
		out = append(out, a)
	}
	return out, nil
}
