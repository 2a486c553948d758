package orchestrator

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/toolchain"
)

// known is a toolchain of the farm's folder whose images are pinned by its lock.
type known struct {
	Name string
	*toolchain.Toolchain
}

// platform is what the toolchain means for the graph of recipes.
func (k known) platform() recipe.Platform {
	return recipe.Platform{Target: string(k.Spec.Facts.Target.Or()), Interpreter: k.Spec.Facts.Interpreter}
}

func (k known) digest() record.Digest { return record.Digest(k.Lock.Build) }

// ref names the image that builds, without the registry.
func (k known) ref() string { return k.named(k.Lock.Build) }

func (k known) named(digest string) string { return "toolchains/" + k.Name + "@" + digest }

// imageOf is the digest of the extension that builds a recipe; empty where it is the toolchain's own image. An extension
// that nobody has baked yet has no digest to plan with: that is fault.NotFound.
func (k known) imageOf(r *recipe.Recipe) (record.Digest, error) {
	extension := k.Spec.Extension(r.Requirements.Executable)
	if extension == "" {
		return "", nil
	}
	return k.extended(extension, "recipe "+r.Name+" is built")
}

// runtimes are where a recipe's package is tested.
func (k known) runtimes(r *recipe.Recipe) []string {
	if k.Spec.Facts.Target.Static() {
		return []string{recipe.Wazero}
	}
	return r.Wasmill.Test.In()
}

// browserOf is the digest of the extension in which a recipe's wheel is tested in a browser; empty where it is not.
func (k known) browserOf(r *recipe.Recipe) (record.Digest, error) {
	if !slices.Contains(k.runtimes(r), recipe.Chromium) || r.Library() {
		return "", nil
	}
	extension := k.Spec.Testing(recipe.Chromium)
	if extension == "" {
		return "", fault.Errorf(fault.NotFound, "recipe %s is to be tested in %s, for which toolchain %s has no extension", r.Name, recipe.Chromium, k.Name)
	}
	return k.extended(extension, "recipe "+r.Name+" is tested")
}

func (k known) extended(extension, what string) (record.Digest, error) {
	digest := k.Lock.Extensions[extension]
	if digest == "" {
		return "", fault.Errorf(fault.NotFound, "%s in the extension %s of toolchain %s, whose image the lock does not name yet: `wasmill toolchain bake --update --extension %s %s` makes it",
			what, extension, k.Name, extension, k.Name)
	}
	return record.Digest(digest), nil
}

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

// absent says how to get an image: the toolchain's own for the empty name, otherwise an extension's.
func (k known) absent(extension string) error {
	if extension == "" {
		return fault.Errorf(fault.NotFound, "the image of toolchain %s, %s, is not in the registry: `wasmill toolchain bake %s` makes it", k.Name, k.Lock.Build, k.Name)
	}
	e := k.Spec.Extensions[extension]
	needed := slices.Clone(e.Executables)
	if e.Runtime != "" {
		needed = append(needed, e.Runtime)
	}
	return fault.Errorf(fault.NotFound, "the recipes need %s, and the image of the extension %s of toolchain %s, %s, is not in the registry: `wasmill toolchain bake --extension %s %s` makes it",
		strings.Join(needed, ", "), extension, k.Name, k.Lock.Extensions[extension], extension, k.Name)
}

// Lacking names the images that the recipes of a request are built and tested in and that the registry does not have: extensions by
// their names, and first, by an empty one, the toolchain's own image, which all need.
func (o *Orchestrator) Lacking(ctx context.Context, request api.RunRequest) ([]string, error) {
	req, err := o.read(ctx, request)
	if err != nil {
		return nil, err
	}
	return o.lacking(ctx, req)
}

func (o *Orchestrator) lacking(ctx context.Context, req *requested) ([]string, error) {
	chosen, err := req.set.Select(req.Select...)
	if err != nil {
		return nil, err
	}
	if chosen, err = req.set.Closure(chosen); err != nil {
		return nil, err
	}
	images := map[string]string{"": req.toolchain.ref()}
	for _, r := range chosen {
		digest, err := req.toolchain.imageOf(r)
		if err != nil {
			return nil, err
		}
		if digest != "" {
			images[req.toolchain.Spec.Extension(r.Requirements.Executable)] = req.toolchain.named(string(digest))
		}
		if digest, err = req.toolchain.browserOf(r); err != nil {
			return nil, err
		}
		if digest != "" {
			images[req.toolchain.Spec.Testing(recipe.Chromium)] = req.toolchain.named(string(digest))
		}
	}
	var lacking []string
	for _, extension := range slices.Sorted(maps.Keys(images)) {
		if ok, _, err := o.baked(ctx, images[extension]); err != nil {
			return nil, err
		} else if !ok {
			lacking = append(lacking, extension)
		}
	}
	return lacking, nil
}

// Toolchains implements api.Farm.
func (o *Orchestrator) Toolchains(ctx context.Context) ([]api.Toolchain, error) {
	all, err := toolchain.List(o.cfg.Toolchains)
	if err != nil {
		return nil, err
	}
	out := []api.Toolchain{}
	for _, t := range all {
		f := t.Spec.Facts
		a := api.Toolchain{Name: t.Spec.Name, Platform: f.PlatformTag, Target: string(f.Target.Or()), Python: f.Python, Interpreter: f.Interpreter, Compiler: f.Compiler}
		if t.Lock != nil && t.Lock.Build != "" {
			a.Digest = t.Lock.Build
			if a.Baked, a.Size, err = o.baked(ctx, known{t.Spec.Name, t}.ref()); err != nil {
				return nil, err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(t.Spec.Extensions)) {
			e := api.Extension{Name: name, Executables: t.Spec.Extensions[name].Executables, Runtime: t.Spec.Extensions[name].Runtime}
			if t.Lock != nil && t.Lock.Extensions[name] != "" {
				e.Digest = t.Lock.Extensions[name]
				if e.Baked, e.Size, err = o.baked(ctx, known{t.Spec.Name, t}.named(e.Digest)); err != nil {
					return nil, err
				}
			}
			a.Extensions = append(a.Extensions, e)
		}
		out = append(out, a)
	}
	return out, nil
}

// baked says whether the registry has an image, and how large it is.
func (o *Orchestrator) baked(ctx context.Context, ref string) (bool, int64, error) {
	size, err := toolchain.Size(ctx, o.address, ref, o.remote.Options()...)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return false, 0, nil
	}
	return err == nil, size, err
}
