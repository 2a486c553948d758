// Package buildtest is a builder of packages on the real engine, for tests: those of the build itself, and those of what is built.
package buildtest

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/toolchain"
)

// Farm is what tests build with. Its folders for what was fetched outlive a test run.
type Farm struct {
	Builder build.Builder
	Image   toolchain.Image
}

// New pulls the images ("host:port/repository@sha256:…") and reads what they hold. It needs the go command: wasmcc is compiled.
func New(ctx context.Context, ref, runtime string) (*Farm, error) {
	docker, err := engine.NewDocker()
	if err != nil {
		return nil, err
	}
	registry, name, _ := strings.Cut(ref, "/")
	cache := filepath.Join(os.TempDir(), "wasmill-build-test")
	f := &Farm{Image: toolchain.Image{Name: "test", Build: name}}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	for _, image := range []string{ref, runtime} {
		if err := docker.Pull(ctx, image); err != nil {
			return nil, err
		}
	}
	facts, err := Cat(ctx, docker, ref, "/opt/wasmill/etc/toolchain.json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(facts, &f.Image.Facts); err != nil {
		return nil, err
	}
	mainModule, err := Cat(ctx, docker, runtime, "/opt/pyodide/pyodide.asm.wasm")
	if err != nil {
		return nil, err
	}
	script, err := Cat(ctx, docker, runtime, "/opt/pyodide/pyodide.asm.mjs")
	if err != nil {
		return nil, err
	}
	if f.Image.Symbols, err = audit.ReadRuntime(mainModule, script); err != nil {
		return nil, err
	}
	uv, err := Cat(ctx, docker, ref, "/opt/wasmill/bin/uv")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(cache, "uv"), uv, 0o755); err != nil {
		return nil, err
	}
	wasmcc := filepath.Join(cache, "wasmcc")
	compile := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", wasmcc, "github.com/wasmill/wasmill/cmd/wasmcc")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	compile.Stderr = os.Stderr
	if err := compile.Run(); err != nil {
		return nil, err
	}
	f.Builder = build.Builder{
		Engine: docker, Fetcher: &fetch.Fetcher{Cache: filepath.Join(cache, "fetch")},
		Resolver: &fetch.Resolver{UV: filepath.Join(cache, "uv"), Cache: filepath.Join(cache, "resolve")},
		Registry: registry, Envs: filepath.Join(cache, "envs"), Work: filepath.Join(cache, "work"), Wasmcc: wasmcc,
	}
	return f, nil
}

// On is a farm with the same builder and another image ("host:port/repository@sha256:…"), of the same registry.
func (f *Farm) On(ctx context.Context, ref string) (*Farm, error) {
	if err := f.Builder.Engine.Pull(ctx, ref); err != nil {
		return nil, err
	}
	on := &Farm{Builder: f.Builder, Image: toolchain.Image{Name: "wasi", Symbols: &audit.Runtime{}}}
	_, on.Image.Build, _ = strings.Cut(ref, "/")
	for file, into := range map[string]any{"toolchain.json": &on.Image.Facts, "abi.json": on.Image.Symbols} {
		text, err := Cat(ctx, f.Builder.Engine, ref, "/opt/wasmill/etc/"+file)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, into); err != nil {
			return nil, err
		}
	}
	return on, nil
}

// Cat reads a file out of an image.
func Cat(ctx context.Context, e engine.Engine, image, file string) ([]byte, error) {
	var out bytes.Buffer
	_, err := e.Run(ctx, engine.Spec{Image: image, Command: []string{"cat", file}, User: "1000:1000"}, &out)
	return out.Bytes(), err
}
