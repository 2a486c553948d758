package toolchain

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fault"
)

// Annotations of the Build image's manifest. Because its digest covers them, who pins the Build image pins both.
const (
	nameAnnotation    = "dev.wasmill.toolchain"
	runtimeAnnotation = "dev.wasmill.runtime" // the Runtime image's digest
	buildAnnotation   = "dev.wasmill.build"   // of an extension's image: the digest of the Build image that it stands on
)

// Files of the Build image's last layer, which has nothing else, so that a worker can read them without the rest.
const (
	factsFile   = "opt/wasmill/etc/toolchain.json"
	symbolsFile = "opt/wasmill/etc/abi.json"
)

// Open reads what a baked toolchain says of itself from a registry ("host:port"), by name "repository@sha256:…" of its
// Build image. A name without a digest is fault.Invalid, an image that is not there or is no toolchain fault.NotFound,
// and a registry that is away fault.Unavailable. Options are how it is reached (oci.Client).
func Open(ctx context.Context, registry, ref string, options ...remote.Option) (*Image, error) {
	digest, err := name.NewDigest(registry + "/" + ref)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "a toolchain is named by its digest: %w", err)
	}
	image, err := remote.Image(digest, in(ctx, options)...)
	if err != nil {
		return nil, registryFault(err, "opening toolchain %s", ref)
	}
	opened, err := readImage(image, ref)
	if err != nil {
		return nil, fmt.Errorf("opening toolchain %s: %w", ref, err)
	}
	return opened, nil
}

// in adds a context to options.
func in(ctx context.Context, options []remote.Option) []remote.Option {
	return append(slices.Clone(options), remote.WithContext(ctx))
}

func readImage(image v1.Image, ref string) (*Image, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return nil, registryFault(err, "reading its manifest")
	}
	toolchain, runtimeDigest := manifest.Annotations[nameAnnotation], manifest.Annotations[runtimeAnnotation]
	if toolchain == "" || runtimeDigest == "" || len(manifest.Layers) == 0 {
		return nil, fault.Errorf(fault.NotFound, "this image is not a toolchain: its manifest does not have the annotations")
	}
	files, err := readLast(image)
	if err != nil {
		return nil, err
	}
	_, runtimeRepository := repositories(toolchain)
	opened := &Image{Name: toolchain, Build: ref, Runtime: runtimeRepository + "@" + runtimeDigest, Symbols: &audit.Runtime{}}
	for file, into := range map[string]any{factsFile: &opened.Facts, symbolsFile: opened.Symbols} {
		if err := json.Unmarshal(files[file], into); err != nil {
			return nil, fault.Errorf(fault.Invalid, "reading %s of the image: %w", file, err)
		}
	}
	return opened, nil
}

// readLast reads the files of the last layer.
func readLast(image v1.Image) (map[string][]byte, error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, registryFault(err, "listing its layers")
	}
	plain, err := layers[len(layers)-1].Uncompressed()
	if err != nil {
		return nil, registryFault(err, "reading its last layer")
	}
	defer plain.Close()
	files := map[string][]byte{}
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, registryFault(err, "reading its last layer")
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, registryFault(err, "reading its last layer")
		}
		files[path.Clean(h.Name)] = text
	}
}

// push writes an image under its digest, and under a tag that keeps it from being collected as garbage.
func push(ctx context.Context, registry, repository, tagPrefix string, image v1.Image, progress func(Event), options []remote.Option) (ref string, err error) {
	digest, err := image.Digest()
	if err != nil {
		return "", fmt.Errorf("computing an image's digest: %w", err)
	}
	tag, err := tagOf(registry, repository, tagPrefix, image)
	if err != nil {
		return "", err
	}
	updates := make(chan v1.Update, 16)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for u := range updates {
			progress(Event{Step: "writing " + repository, Done: u.Complete, Total: u.Total})
		}
	}()
	err = remote.Write(tag, image, append(in(ctx, options), remote.WithProgress(updates))...)
	<-watched
	if err != nil {
		return "", registryFault(err, "writing %s to the registry", repository)
	}
	return repository + "@" + digest.String(), nil
}

// tagOf is the tag under which push writes an image.
func tagOf(registry, repository, prefix string, image v1.Image) (name.Tag, error) {
	digest, err := image.Digest()
	if err != nil {
		return name.Tag{}, fmt.Errorf("computing an image's digest: %w", err)
	}
	tag, err := name.NewTag(registry + "/" + repository + ":" + prefix + digest.Hex[:12])
	if err != nil {
		return tag, fault.Errorf(fault.Invalid, "naming an image: %w", err)
	}
	return tag, nil
}

// has says whether a registry has an image.
func has(ctx context.Context, registry, ref string, options []remote.Option) (bool, error) {
	digest, err := name.NewDigest(registry + "/" + ref)
	if err != nil {
		return false, fault.Errorf(fault.Invalid, "naming an image: %w", err)
	}
	_, err = remote.Head(digest, in(ctx, options)...)
	if err != nil && isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, registryFault(err, "asking the registry for %s", ref)
	}
	return true, nil
}

func isNotFound(err error) bool {
	te := (*transport.Error)(nil)
	return errors.As(err, &te) && te.StatusCode == http.StatusNotFound
}

func registryFault(err error, format string, args ...any) error {
	kind := fault.Unavailable
	if te := (*transport.Error)(nil); errors.As(err, &te) {
		switch te.StatusCode {
		case http.StatusNotFound:
			kind = fault.NotFound
		case http.StatusUnauthorized:
			kind = fault.Unauthenticated
		case http.StatusForbidden:
			kind = fault.Forbidden
		}
	}
	return fault.Errorf(kind, "%s: %w", fmt.Sprintf(format, args...), err)
}
