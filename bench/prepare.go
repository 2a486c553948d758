package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/toolchain"
)

// prepare chooses the recipes and copies them, and makes the scratch folder: on the disk of the data folder, so that the
// images need not be copied.
func (b *bench) prepare(patterns []string) error {
	b.result = &result{Started: b.begin.UTC().Truncate(time.Second), Machine: describeMachine()}
	set, err := recipe.LoadSet(b.folder)
	if err != nil {
		return err
	}
	all := len(patterns) == 0
	if all {
		patterns = []string{"*"}
	}
	chosen, err := set.Select(patterns...)
	if err != nil {
		return err
	}
	if all { // without those for which another image would have to be baked
		chosen = slices.DeleteFunc(chosen, func(r *recipe.Recipe) bool { return slices.Contains(r.Tags, "rust") })
	}
	if b.chosen, err = set.Closure(chosen); err != nil {
		return err
	}
	if b.peerScripts, err = filepath.Abs(b.peerScripts); err != nil {
		return err
	}
	if b.engine, err = engine.NewDocker(); err != nil {
		return err
	}
	dir, err := datadir.Open(b.data)
	if err != nil {
		return err
	}
	b.data, b.fetcher = dir.Root(), &fetch.Fetcher{Cache: dir.Downloads()}
	if b.scratch, err = os.MkdirTemp(dir.Root(), "bench-"); err != nil {
		return err
	}
	b.copied = filepath.Join(b.scratch, "recipes")
	// Containers run as another user.
	if err := os.Chmod(b.scratch, 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(b.copied, os.DirFS(b.folder)); err != nil {
		return fmt.Errorf("copying the recipes: %w", err)
	}
	return nil
}

// uv is the wheel that the toolchain's lock names, as the farm's workers use it.
func (b *bench) uv() (fetch.Source, error) {
	t, err := toolchain.Load(filepath.Join("toolchains", b.toolchain))
	if err != nil {
		return fetch.Source{}, err
	}
	if t.Lock != nil {
		for _, in := range t.Lock.Inputs {
			if in.Kind == toolchain.Wheel && in.Name == "uv" {
				return fetch.Source{URL: in.URL, SHA256: in.SHA256, Package: in.Name}, nil
			}
		}
	}
	return fetch.Source{}, fault.Errorf(fault.NotFound, "the lock of %s has no uv", b.toolchain)
}

// versions says what was measured.
func (b *bench) versions(ctx context.Context, f *farm) error {
	join, err := f.Join(ctx)
	if err != nil {
		return err
	}
	image, err := toolchain.Open(ctx, join.Registry, b.image)
	if err != nil {
		return err
	}
	_, digest, _ := strings.Cut(image.Build, "@")
	b.result.Versions = map[string]string{
		"wasmill": join.Version, "go": runtime.Version(), "toolchain": image.Name, "toolchain image": digest,
		"python": image.Facts.Python, "emscripten": image.Facts.Emscripten, "pyodide": image.Facts.PyodideVersion, "node": image.Facts.NodeVersion,
	}
	if b.peer != nil {
		for name, version := range b.peer.versions {
			if name == "pyodide-build" || name == "pip" {
				b.result.Versions[name] = version
			}
		}
	}
	return nil
}

// sizes adds what the last bake said.
func (b *bench) sizes(made baked) {
	if made.Seconds > 0 {
		m := newMeasure("bake of the toolchain", "s", 0, samples{made.Seconds})
		if !made.Fresh {
			m.Note = "not now: the last one here"
		}
		b.add(m)
	}
	b.add(newMeasure("image that builds, compressed", "bytes", 0, samples{float64(made.BuildSize)}))
	b.add(newMeasure("image that tests, compressed", "bytes", 0, samples{float64(made.RuntimeSize)}))
}
