package pip

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/world"
)

// audit looks into the wheels with compiled modules, and refuses those that the runtime could not load.
func (in *installation) audit(ctx context.Context) error {
	files, err := in.compiled(ctx)
	if err != nil || len(files) == 0 {
		return err
	}
	abi, err := audit.NewABI(in.p.Release.PlatformTag, in.p.Release.Python)
	if err != nil {
		return err
	}
	runtime, err := in.p.Release.Runtime(ctx, in.p.fetcher())
	if err != nil {
		return err
	}
	var out strings.Builder
	for _, file := range files {
		found, requires, err := audit.Examine(file, audit.Target{ABI: abi, Runtime: runtime})
		if err != nil {
			return err
		}
		var why []string
		for _, f := range found {
			if f.Severity == audit.Error {
				why = append(why, strings.TrimSpace(f.File+" "+f.Symbol)+": "+f.Reason)
			}
		}
		if host, known := in.p.host(ctx); known && requires != nil {
			for _, m := range world.Check(*requires, host) {
				if m.Call {
					fmt.Fprintf(in.p.Stderr, "WARNING: %s: %s lacks %s\n", filepath.Base(file), host.Name, m)
				} else {
					why = append(why, host.Name+" lacks "+m.String())
				}
			}
		}
		if len(why) > 0 {
			fmt.Fprintf(&out, "%s can't be loaded by %s:\n  %s\n", filepath.Base(file), in.p.Release, strings.Join(why, "\n  "))
		}
	}
	if out.Len() > 0 {
		return failed("%sNothing was changed.", out.String())
	}
	return nil
}

// host is what was measured of the runtime as this machine has it; known is false where nothing was.
func (p *Python) host(ctx context.Context) (host world.Runtime, known bool) {
	if p.Host == nil {
		return host, false
	}
	host, err := world.Find(p.Host(ctx))
	return host, err == nil && slices.Contains(host.Loaders, p.Release.PlatformTag)
}

// compiled are the wheels with compiled modules among what is to be installed, as files: those of indexes are fetched by their hash.
func (in *installation) compiled(ctx context.Context) ([]string, error) {
	var files []string
	for _, word := range in.r.words {
		if path, _, _ := strings.Cut(word, "["); isPath(word) && strings.HasSuffix(path, ".whl") && !forAny(filepath.Base(path)) {
			files = append(files, path)
		}
	}
	for _, c := range in.changes {
		if c.Action != "installed" || c.Version == "" {
			continue
		}
		if file := in.local(c); file != "" {
			files = append(files, file)
			continue
		}
		page, err := in.s.page(ctx, c.Name)
		if err != nil {
			return nil, err
		}
		if page == nil {
			continue
		}
		r := page.release(c.Version)
		if r == nil || r.wheel == nil || forAny(r.wheel.Name) || r.wheel.SHA256 == "" {
			continue
		}
		file, err := in.p.wheel(ctx, c.Name, r.wheel)
		if err != nil {
			return nil, fmt.Errorf("getting %s to see whether it can be loaded: %w", r.wheel.Name, err)
		}
		files = append(files, file)
	}
	return files, nil
}

func forAny(file string) bool {
	name, err := wheel.ParseFilename(file)
	return err == nil && name.Platform == "any"
}

// local finds the compiled wheel of a version in the folders that were named.
func (in *installation) local(c change) string {
	for _, dir := range append(slices.Clone(in.r.findLinks), in.p.builtWheels()) {
		entries, _ := os.ReadDir(strings.TrimPrefix(dir, "file://")) // an address, or not there: uv says so
		for _, e := range entries {
			name, err := wheel.ParseFilename(e.Name())
			if err != nil || name.Platform == "any" || wheel.Normalize(name.Name) != c.Name || name.Version != c.Version {
				continue
			}
			if wheel.Preference(name.Tags(), in.p.Release.Python, in.p.platforms()) >= 0 {
				return filepath.Join(dir, e.Name())
			}
		}
	}
	return ""
}

// wheel brings a wheel of an index, under its own name, from which its tags are read.
func (p *Python) wheel(ctx context.Context, project string, f *recipe.IndexFile) (string, error) {
	file, err := p.fetcher().Get(ctx, fetch.Source{URL: f.URL, SHA256: f.SHA256, Package: project})
	if err != nil {
		return "", err
	}
	path := filepath.Join(p.Cache, "wheels", f.SHA256, f.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	aside := fmt.Sprintf("%s.%d", path, os.Getpid())
	return path, errors.Join(os.Symlink(file, aside), os.Rename(aside, path))
}
