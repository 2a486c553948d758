// Package pyodide knows the releases of Pyodide that npm has, one for each ABI of PEP 783, pinned by their hash, and
// reads out of them what a runtime offers to the modules that it loads. Audits of wheels need no more of a runtime than
// that: nothing of it is run. The command `wasmill audit` uses it; the farm's own builds go by their toolchain's image.
package pyodide

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fetch"
)

// Release is one npm package.
type Release struct {
	PlatformTag string // of the ABI that it implements
	Python      string // its language version, such as 3.15; no two ABIs have the same
	Version     string
	SHA256      string // of the package's archive
}

// releases are the last of each ABI that the farm knows of. A newer one of the same ABI provides no less.
var releases = []Release{
	{"pyemscripten_2024_0_wasm32", "3.12", "0.27.7", "89d5d952675eb08e11286e52c7238f1248ce71726e896db9703e73bef23dc343"},
	{"pyemscripten_2025_0_wasm32", "3.13", "0.29.4", "3ebbf05087d9a796c61b2163252e9049c7394a8f2b6f8dd4b00c5a373fb06efb"},
	{"pyemscripten_2026_0_wasm32", "3.14", "314.0.7", "66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0"},
	{"pyemscripten_2026_5_wasm32", "3.15", "315.0.0-alpha.2", "b4a12d58491af4e3fa4e4f19e79ba22aba972b55ecccf25a37903e1141c57dec"},
}

// All are the releases, the oldest ABI first.
func All() []Release { return slices.Clone(releases) }

// For finds the release that implements an ABI.
func For(platformTag string) (Release, bool) {
	for _, r := range releases {
		if r.PlatformTag == platformTag {
			return r, true
		}
	}
	return Release{}, false
}

// String names the release as people know it.
func (r Release) String() string { return "pyodide " + r.Version }

// Source is where the package is.
func (r Release) Source() fetch.Source {
	return fetch.Source{
		URL:    fmt.Sprintf("https://registry.npmjs.org/pyodide/-/pyodide-%s.tgz", r.Version),
		SHA256: r.SHA256,
	}
}

// Runtime reads the release's runtime. The package is taken from the fetcher's cache, where a toolchain's baking puts it
// too, and downloaded only if it is not there.
func (r Release) Runtime(ctx context.Context, f *fetch.Fetcher) (*audit.Runtime, error) {
	file, err := f.Get(ctx, r.Source())
	if err != nil {
		return nil, fmt.Errorf("getting %s, whose symbols the audit needs (give another copy with --runtime): %w", r, err)
	}
	runtime, err := readArchive(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s in %s: %w", r, filepath.Dir(file), err)
	}
	return runtime, nil
}
