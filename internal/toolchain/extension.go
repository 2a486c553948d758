package toolchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/toolchain/rootfs"
)

// Extended is the baked image of an extension.
type Extended struct {
	Extension string `json:"extension"`
	Image     string `json:"image"` // "repository@sha256:…", without the registry's address
	Size      int64  `json:"size"`  // bytes, compressed, with the layers that it shares with the Build image
	Fresh     bool   `json:"fresh"` // baked now; otherwise the registry had it
}

// Extension names the extension that has one of a recipe's executables; empty where none has, which means the Build
// image itself.
func (s *Spec) Extension(executables []string) string {
	for _, name := range slices.Sorted(maps.Keys(s.Extensions)) {
		if slices.ContainsFunc(executables, func(e string) bool { return slices.Contains(s.Extensions[name].Executables, e) }) {
			return name
		}
	}
	return ""
}

// Testing names the extension in which wheels are tested with a runtime of wasmill.test.runtimes; empty where none is.
func (s *Spec) Testing(runtime string) string {
	for _, name := range slices.Sorted(maps.Keys(s.Extensions)) {
		if s.Extensions[name].Runtime == runtime {
			return name
		}
	}
	return ""
}

// BakeExtension makes an extension's image: the Build image, which the registry must have, with layers of its own on it. Who
// opens it finds a toolchain like the other, with the extension's environment in its facts. The digest is treated as by
// Bake, also with Again and Update.
func (t *Toolchain) BakeExtension(ctx context.Context, extension string, o BakeOptions) (extended *Extended, err error) {
	lock, err := t.locked()
	if err != nil {
		return nil, err
	}
	e, err := t.extension(extension)
	if err != nil {
		return nil, err
	}
	repository, _ := repositories(t.Spec.Name)
	if digest := lock.Extensions[extension]; digest != "" && !o.Again && !o.Update {
		if found, err := findExtended(ctx, o.Registry, extension, repository+"@"+digest, o.Remote); found != nil || err != nil {
			return found, err
		}
	}
	base, err := t.base(ctx, o.Registry, o.Remote)
	if err != nil {
		return nil, err
	}
	if err := o.Engine.Ping(ctx); err != nil {
		return nil, err
	}
	b := &baker{dir: t.Dir, spec: t.Spec, lock: lock, opts: o, progress: serial(o.Progress), extension: e}
	clear, err := b.begin()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clear()) }()
	image, err := b.extend(ctx, base, extension)
	if err != nil {
		return nil, fmt.Errorf("baking %s of %s: %w", extension, t.Spec.Name, err)
	}
	if o.Update {
		lock.extend(extension, image.digest)
		if err := lock.write(filepath.Join(t.Dir, "lock.json")); err != nil {
			return nil, err
		}
	}
	if want := lock.Extensions[extension]; want != image.digest {
		return nil, fault.Errorf(fault.Conflict, "what was baked for %s is %s, the lock names %s: if the toolchain's files were changed on purpose, bake with --update",
			extension, image.digest, orNone(want))
	}
	ref, err := push(ctx, o.Registry, repository, "baked-"+extension+"-", image, b.progress, o.Remote)
	if err != nil {
		return nil, err
	}
	return &Extended{Extension: extension, Image: ref, Size: image.size, Fresh: true}, nil
}

// VerifyExtension bakes an extension anew, from an empty cache but on the Build image that the registry has, and compares.
func (t *Toolchain) VerifyExtension(ctx context.Context, extension string, o BakeOptions) (extended *Extended, err error) {
	clear, err := anew(&o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clear()) }()
	return t.BakeExtension(ctx, extension, o)
}

func (t *Toolchain) extension(name string) (*Extension, error) {
	if e := t.Spec.Extensions[name]; e != nil {
		return e, nil
	}
	have := "none"
	if len(t.Spec.Extensions) > 0 {
		have = strings.Join(slices.Sorted(maps.Keys(t.Spec.Extensions)), ", ")
	}
	return nil, fault.Errorf(fault.NotFound, "toolchain %s has no extension %s; it has %s", t.Spec.Name, name, have)
}

func orNone(digest string) string {
	if digest == "" {
		return "none yet"
	}
	return digest
}

func findExtended(ctx context.Context, registry, extension, ref string, options []remote.Option) (*Extended, error) {
	if ok, err := has(ctx, registry, ref, options); !ok || err != nil {
		return nil, err
	}
	size, err := Size(ctx, registry, ref, options...)
	return &Extended{Extension: extension, Image: ref, Size: size}, err
}

// base is the Build image that the lock names, read from the registry as long as ctx lasts.
func (t *Toolchain) base(ctx context.Context, registry string, options []remote.Option) (v1.Image, error) {
	repository, _ := repositories(t.Spec.Name)
	digest, err := name.NewDigest(registry + "/" + repository + "@" + t.Lock.Build)
	if err != nil {
		return nil, fault.Errorf(fault.Conflict, "the lock of toolchain %s names no Build image yet: bake it first, with --update", t.Spec.Name)
	}
	image, err := remote.Image(digest, in(ctx, options)...)
	if err != nil {
		return nil, registryFault(err, "reading the Build image %s@%s, on which extensions stand", repository, t.Lock.Build)
	}
	return image, nil
}

// extend puts the extension's layers between the Build image's and the facts, which are to stay last.
func (b *baker) extend(ctx context.Context, base v1.Image, extension string) (image *finished, err error) {
	if b.files, err = fetchInputs(ctx, b.opts.Cache, b.opts.Client, b.lock.of(extension), b.progress); err != nil {
		return nil, err
	}
	layers, err := b.extensionLayers(ctx, base, extension)
	if err != nil {
		return nil, err
	}
	facts, err := b.extendFacts(base, extension)
	if err != nil {
		return nil, err
	}
	manifest, err := base.Manifest()
	if err != nil {
		return nil, registryFault(err, "reading the Build image's manifest")
	}
	below, err := base.Layers()
	if err != nil {
		return nil, registryFault(err, "listing the Build image's layers")
	}
	composed, err := b.compose(scratch(), map[string]string{
		nameAnnotation: b.spec.Name, runtimeAnnotation: manifest.Annotations[runtimeAnnotation], buildAnnotation: b.lock.Build,
	}, slices.Concat(below[:len(below)-1], layers, []v1.Layer{facts})...)
	if err != nil {
		return nil, err
	}
	return seal(composed)
}

// extensionLayers are the packages, and what the script makes of them.
func (b *baker) extensionLayers(ctx context.Context, base v1.Image, extension string) ([]v1.Layer, error) {
	drop, err := rootfs.ParsePatterns(b.spec.Debian.Drop)
	if err != nil {
		return nil, err
	}
	bakeOnly, err := rootfs.ParsePatterns(b.spec.Debian.Scaffold)
	if err != nil {
		return nil, err
	}
	tree, made := rootfs.NewTree(b.work, merged, drop), rootfs.NewTree(b.work, nil, nil)
	defer tree.Close()
	defer made.Close()
	status, err := unpackInto(ctx, b.lock.of(extension), b.files, func(Input) *rootfs.Tree { return tree }, b.progress)
	if err != nil {
		return nil, err
	}
	// Beside the status of the image below, where scanners of images look too: the file itself would have to be repeated.
	if err := tree.File(statusFile+".d/"+extension, join(status[tree])); err != nil {
		return nil, err
	}
	scaffold := tree.Split(bakeOnly)
	b.progress(Event{Step: "compressing layers"})
	packages, err := tree.Layer(b.lock.Epoch)
	if err != nil || b.extension.Script == "" {
		return []v1.Layer{packages}, err
	}
	bakeLayer, err := scaffold.Layer(b.lock.Epoch)
	if err != nil {
		return nil, err
	}
	staged, err := b.compose(base, nil, packages, bakeLayer)
	if err != nil {
		return nil, err
	}
	out, err := b.cook(ctx, staged, b.extension.Script)
	if err != nil {
		return nil, err
	}
	if err := made.Directory(out, ""); err != nil {
		return nil, fmt.Errorf("reading what the script made: %w", err)
	}
	result, err := made.Layer(b.lock.Epoch)
	return []v1.Layer{packages, result}, err
}

// extendFacts is the Build image's last layer with the extension in its facts.
func (b *baker) extendFacts(base v1.Image, extension string) (v1.Layer, error) {
	files, err := readLast(base)
	if err != nil {
		return nil, err
	}
	var facts map[string]any
	if err := json.Unmarshal(files[factsFile], &facts); err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading %s of the Build image: %w", factsFile, err)
	}
	env := maps.Clone(b.spec.Env)
	maps.Copy(env, b.extension.Env)
	facts["env"], facts["extension"] = env, extension
	if b.extension.Compiler != "" {
		facts["compiler"] = b.spec.Facts.Compiler + "; " + b.extension.Compiler
	}
	if files[factsFile], err = json.MarshalIndent(facts, "", "  "); err != nil {
		return nil, err
	}
	last := rootfs.NewTree(b.work, nil, nil)
	defer last.Close()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := last.File(name, files[name]); err != nil {
			return nil, err
		}
	}
	return last.Layer(b.lock.Epoch)
}
