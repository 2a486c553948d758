package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/wasmill/wasmill/deploy/internal/program"
)

// user is who the programs run as; the number is the one that images without a distribution use for nobody in particular.
const user = 65532

// epoch is the time of all files, because the time of the build must not be in the digest.
var epoch = time.Unix(0, 0).UTC()

type file struct {
	name string
	mode int64
	data []byte // nil is a folder
}

// makeImage compiles programs of this project, and makes an image of them.
func makeImage(ctx context.Context, programs []string) (v1.Image, error) {
	dir, err := os.MkdirTemp("", "wasmill-images-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	files := []file{{"usr/", 0o755, nil}, {"usr/local/", 0o755, nil}, {"usr/local/bin/", 0o755, nil}}
	for _, name := range programs {
		path := filepath.Join(dir, name)
		if err := program.Build(ctx, name, "linux", runtime.GOARCH, path); err != nil {
			return nil, err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, file{"usr/local/bin/" + name, 0o755, data})
	}
	return assemble(files, programs[0])
}

// assemble makes an image of a layer that all have, and one of an image's own.
func assemble(own []file, entry string) (v1.Image, error) {
	var layers []v1.Layer
	for _, files := range [][]file{common(), own} {
		text, err := pack(files)
		if err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil })
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", runtime.GOARCH, v1.Time{Time: epoch}
	config.Config = v1.Config{
		User: fmt.Sprintf("%d:%d", user, user), Entrypoint: []string{entry}, WorkingDir: "/",
		Env: []string{"PATH=/usr/local/bin", "HOME=/tmp", "WASMILL_DATA=/var/lib/wasmill"},
	}
	return mutate.ConfigFile(image, config)
}

// common is the ground that programs stand on.
func common() []file {
	var roots bytes.Buffer
	for root := range bundle.Roots() {
		_ = pem.Encode(&roots, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
	}
	return []file{
		{"etc/", 0o755, nil},
		{"etc/passwd", 0o644, fmt.Appendf(nil, "root:x:0:0:root:/:/none\nwasmill:x:%d:%d:wasmill:/tmp:/none\n", user, user)},
		{"etc/group", 0o644, fmt.Appendf(nil, "root:x:0:\nwasmill:x:%d:\n", user)},
		{"etc/ssl/", 0o755, nil}, {"etc/ssl/certs/", 0o755, nil}, {"etc/ssl/certs/ca-certificates.crt", 0o644, roots.Bytes()},
		{"tmp/", 0o1777, nil},
		{"var/", 0o755, nil}, {"var/lib/", 0o755, nil}, {"var/lib/wasmill/", 0o777, nil},
	}
}

func pack(files []file) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: epoch, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if f.data == nil {
			h.Typeflag = tar.TypeDir
		}
		err := w.WriteHeader(h)
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("packing %s", f.name), err)
		}
	}
	err := w.Close()
	return out.Bytes(), err
}
