package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/wasmill/wasmill/internal/command"
)

// small is an image of the project's smallest program: the large ones are made alike, and take minutes to link.
var small = []string{"wasmcc"}

func TestTwiceTheSameImage(t *testing.T) {
	first, err := makeImage(t.Context(), small)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir()) // it is compiled in another folder
	second, err := makeImage(t.Context(), small)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := first.Digest()
	b, _ := second.Digest()
	if a != b {
		t.Errorf("%s, then %s", a, b)
	}
	config, err := first.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || config.OS != "linux" || config.Config.Entrypoint[0] != "wasmcc" {
		t.Errorf("%+v", config.Config)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(mutate.Extract(first)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(epoch) || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s: %v, of %d:%d", h.Name, h.ModTime, h.Uid, h.Gid)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	program, err := elf.NewFile(bytes.NewReader(files["usr/local/bin/wasmcc"]))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program is not static")
		}
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(files["etc/ssl/certs/ca-certificates.crt"]) {
		t.Error("the image has no certificates")
	}
}

func TestWhereImagesGo(t *testing.T) {
	was := images
	images = map[string][]string{"orchestrator": small, "worker": small}
	t.Cleanup(func() { images = was })
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://") + "/farm"
	file := filepath.Join(t.TempDir(), "kustomization.yaml")
	text, err := os.ReadFile("../k8s/images/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, int) {
		cmd := root()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		return out.String(), command.Run(cmd, args)
	}
	if out, status := run("--registry", address, "--kustomization", file); status != 0 {
		t.Fatalf("exit status %d: %s", status, out)
	}
	now, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"orchestrator", "worker"} {
		if !strings.Contains(string(now), "name: wasmill/"+image+", newName: "+address+"/"+image+`, digest: "sha256:`) {
			t.Errorf("%s is not noted:\n%s", image, now)
		}
	}
	if n := strings.Count(string(now), "sha256:0000"); n != strings.Count(string(text), "sha256:0000")-2 {
		t.Errorf("%d images have no digest:\n%s", n, now)
	}
	folder := t.TempDir()
	if out, status := run("--layout", folder); status != 0 {
		t.Fatalf("exit status %d: %s", status, out)
	}
	index, err := layout.ImageIndexFromPath(filepath.Join(folder, "worker"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 || !strings.Contains(string(now), manifest.Manifests[0].Digest.String()) {
		t.Fatalf("the layout has %+v, %v; the registry got\n%s", manifest, err, now)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	if _, status := run(); status != 2 {
		t.Errorf("without a place the exit status is %d", status)
	}
}
