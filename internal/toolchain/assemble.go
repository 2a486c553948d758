package toolchain

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/toolchain/rootfs"
)

// parts are the layers that need no container to be made.
type parts struct {
	base     v1.Image // of both images
	build    v1.Layer // nil where the base image has it all, as is the next
	scaffold v1.Layer // what only the bake needs
	runtime  v1.Layer
	main     []byte // the runtime's main module, and its script
	script   []byte
}

// assemble makes the layers from inputs that are in the cache.
func (b *baker) assemble(ctx context.Context) (p *parts, err error) {
	p = &parts{}
	var group errgroup.Group
	if b.spec.From != "" {
		if p.base, err = fromImage(ctx, b.spec.From); err != nil {
			return nil, err
		}
	} else {
		group.Go(func() error { return b.system(ctx, p) })
	}
	group.Go(func() error { return b.runtimeLayer(p) })
	return p, group.Wait()
}

// fromImage is the base image that a spec names. Its layers are read later, as long as ctx lasts.
func fromImage(ctx context.Context, from string) (v1.Image, error) {
	digest, err := name.NewDigest(from)
	if err != nil {
		return nil, fmt.Errorf("naming the base image: %w", err)
	}
	image, err := remote.Image(digest, remote.WithContext(ctx))
	if err != nil {
		return nil, registryFault(err, "reading the base image %s", from)
	}
	return image, nil
}

// system makes the file system's layers from Debian's packages.
func (b *baker) system(ctx context.Context, p *parts) error {
	drop, err := rootfs.ParsePatterns(b.spec.Debian.Drop)
	if err != nil {
		return err
	}
	bakeOnly, err := rootfs.ParsePatterns(b.spec.Debian.Scaffold)
	if err != nil {
		return err
	}
	base, build := rootfs.NewTree(b.work, merged, drop), rootfs.NewTree(b.work, merged, drop)
	defer base.Close()
	defer build.Close()
	var debs []Input
	for _, in := range b.lock.of("") {
		if in.Kind == Deb {
			debs = append(debs, in)
		}
	}
	if err := unpackDebs(ctx, b.spec.Debian, debs, b.files, base, build, b.progress); err != nil {
		return err
	}
	scaffold := build.Split(bakeOnly)
	b.progress(Event{Step: "compressing layers"})
	var baseLayer v1.Layer
	var group errgroup.Group
	for tree, layer := range map[*rootfs.Tree]*v1.Layer{base: &baseLayer, build: &p.build, scaffold: &p.scaffold} {
		group.Go(func() (err error) {
			*layer, err = tree.Layer(b.lock.Epoch)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	p.base, err = b.compose(scratch(), nil, baseLayer)
	return err
}

// runtimeLayer makes the layer of what the runtime consists of.
func (b *baker) runtimeLayer(p *parts) (err error) {
	tree := rootfs.NewTree(b.work, nil, nil)
	defer tree.Close()
	for _, kind := range []struct {
		kind     Kind
		packages []Package
	}{{NPM, b.spec.NPM}, {Wheel, b.spec.Wheels}} {
		for _, pkg := range kind.packages {
			in := b.lock.find(kind.kind, pkg.Name)
			if err := b.place(tree, pkg, *in); err != nil {
				return fmt.Errorf("unpacking %s %s: %w", in.Name, in.Version, err)
			}
		}
	}
	if b.spec.Main == "" {
		p.runtime, err = tree.Layer(b.lock.Epoch)
		return err
	}
	if p.main, err = tree.Read(b.spec.Main); err != nil {
		return fmt.Errorf("reading the runtime's main module: %w", err)
	}
	if p.script, err = tree.Read(b.spec.Script); err != nil {
		return fmt.Errorf("reading the runtime's script: %w", err)
	}
	p.runtime, err = tree.Layer(b.lock.Epoch)
	return err
}

func (b *baker) place(tree *rootfs.Tree, pkg Package, in Input) error {
	file := b.files[in.SHA256]
	if pkg.Copy != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return tree.File(path.Join(pkg.Copy, path.Base(in.URL)), text)
	}
	if pkg.Unpack == "" {
		return nil
	}
	if in.Kind == Wheel {
		z, err := zip.OpenReader(file)
		if err != nil {
			return err
		}
		defer z.Close()
		return tree.Zip(&z.Reader, pkg.Unpack)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	// npm puts everything into one folder of that name.
	return tree.Tar(tar.NewReader(plain), "package", pkg.Unpack)
}

// scratch is an OCI image of nothing.
func scratch() v1.Image {
	return mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
}

// compose puts layers on an image. Everything that has a time gets the lock's.
func (b *baker) compose(on v1.Image, annotations map[string]string, layers ...v1.Layer) (v1.Image, error) {
	image, err := mutate.AppendLayers(on, layers...)
	if err != nil {
		return nil, fmt.Errorf("composing an image: %w", err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("composing an image: %w", err)
	}
	file = file.DeepCopy()
	file.Created = v1.Time{Time: b.lock.Epoch}
	if b.spec.Debian != nil {
		file.OS, file.Architecture = "linux", b.spec.Debian.Architecture
		file.Config.Env = []string{"PATH=/usr/local/bin:/usr/bin"}
	}
	file.Config.User = "1000:1000"
	for i := range file.History {
		file.History[i].Created = v1.Time{Time: b.lock.Epoch}
	}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		return nil, fmt.Errorf("composing an image: %w", err)
	}
	if annotations == nil {
		return image, nil
	}
	return mutate.Annotations(image, annotations).(v1.Image), nil
}
