package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/bench/share"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// notComparable says why the peer is not measured on a recipe, empty where it is: `pyodide build` knows the source and
// the environment, not the rest of a recipe.
func notComparable(r *recipe.Recipe) string {
	b := r.Build
	for name, set := range map[string]bool{
		"flags":               b.CFlags+b.CXXFlags+b.LDFlags != "",
		"backend flags":       b.BackendFlags != "",
		"a cross script":      b.CrossScript != "",
		"a post script":       b.Post != "",
		"extra files":         len(r.Source.Extras) > 0,
		"a wheel as source":   r.Wheel(),
		"another build type":  b.Type != "" && b.Type != recipe.Package,
		"libraries":           len(r.Requirements.Host) > 0,
		"a source of its own": r.Source.URL == "",
	} {
		if set {
			return "the recipe has " + name
		}
	}
	return ""
}

// peerBuild is one recipe for the peer: its source, and a folder with exactly the wheels that the farm's lock names.
type peerBuild struct {
	*peer
	recipe  *recipe.Recipe
	archive string
	wheels  string
	n       int
}

// of prepares the peer for a recipe that the farm has built, nil where there is nothing to compare.
func (p *peer) of(ctx context.Context, r *recipe.Recipe, rec record.Build) (*peerBuild, error) {
	if p == nil || notComparable(r) != "" {
		return nil, nil
	}
	pb := &peerBuild{peer: p, recipe: r, wheels: filepath.Join(p.b.scratch, "wheels-"+r.Name)}
	if err := os.MkdirAll(pb.wheels, 0o755); err != nil {
		return nil, err
	}
	for _, q := range rec.Requires {
		// The record has no addresses: what is not in the cache any more is found in the index, by its hash.
		src := fetch.Source{URL: fetch.DefaultIndex + q.Name + "/" + q.File, SHA256: strings.TrimPrefix(string(q.Digest), "sha256:"), Package: q.Name}
		if err := p.b.wheel(ctx, src, q.File, pb.wheels); err != nil {
			return nil, err
		}
	}
	var err error
	pb.archive, err = p.b.fetcher.Get(ctx, fetch.Source{URL: r.Source.URL, SHA256: r.Source.SHA256, Package: r.Name})
	return pb, err
}

// run builds once and returns the seconds of `pyodide build` itself: unpacking, patching and the container's start are
// not in them.
func (p *peerBuild) run(ctx context.Context) (float64, error) {
	p.n++
	work := filepath.Join(p.b.scratch, fmt.Sprintf("peer-%s-%d", p.recipe.Name, p.n))
	defer os.RemoveAll(work)
	if err := p.stage(work); err != nil {
		return 0, err
	}
	err := p.container(ctx, []string{peerScripts + "/build.sh", peerHome, peerWheels, peerWork},
		engine.Mount{Source: p.wheels, Target: peerWheels}, engine.Mount{Source: p.home, Target: peerHome}, engine.Mount{Source: work, Target: peerWork, Writable: true})
	if err != nil {
		return 0, err
	}
	// A pure wheel where an extension was meant would be an easy win.
	tag := p.facts.PlatformTag
	if p.recipe.Wasmill.Pure {
		tag = "any"
	}
	if made, err := filepath.Glob(filepath.Join(work, "dist", "*-"+tag+".whl")); err != nil || len(made) != 1 {
		return 0, fmt.Errorf("it left %d wheels for %s", len(made), tag)
	}
	text, err := os.ReadFile(filepath.Join(work, "microseconds"))
	if err != nil {
		return 0, err
	}
	micros, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return float64(micros) / 1e6, err
}

// stage lays out what build.sh expects.
func (p *peerBuild) stage(work string) error {
	if err := os.MkdirAll(filepath.Join(work, "patches"), 0o755); err != nil {
		return err
	}
	if err := fetch.Unpack(p.archive, filepath.Join(work, "src"), fetch.Unpacking{Folder: p.recipe.Source.ExtractDir}); err != nil {
		return err
	}
	for n, patch := range p.recipe.Source.Patches {
		if err := share.File(p.recipe.Path(patch), filepath.Join(work, "patches", fmt.Sprintf("%04d-%s", n, path.Base(patch)))); err != nil {
			return err
		}
	}
	if p.recipe.Build.Script != "" {
		if err := os.WriteFile(filepath.Join(work, "script"), []byte(p.recipe.Build.Script), 0o644); err != nil {
			return err
		}
	}
	return own(work)
}
