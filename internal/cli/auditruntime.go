package cli

import (
	"context"
	"os"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/oci"
	"github.com/wasmill/wasmill/internal/pyodide"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/toolchain"
)

// knownRuntime is a runtime that was read for this command, and what it is called.
type knownRuntime struct {
	*audit.Runtime
	name string
}

func (c *auditing) runtimeOf(ctx context.Context, abi audit.ABI) (*knownRuntime, error) {
	if known := c.runtimes[abi.PlatformTag]; known != nil {
		return known, nil
	}
	known, err := c.readRuntime(ctx, abi)
	if err == nil {
		c.runtimes[abi.PlatformTag] = known
	}
	return known, err
}

func (c *auditing) readRuntime(ctx context.Context, abi audit.ABI) (*knownRuntime, error) {
	if c.runtime != "" {
		r, err := pyodide.Open(c.runtime)
		return &knownRuntime{r, c.runtime}, err
	}
	dir, err := datadir.Open(c.data)
	if err != nil {
		return nil, err
	}
	baked, err := c.bakedRuntime(ctx, dir, abi.PlatformTag)
	switch {
	case baked != nil:
		return baked, nil
	case err != nil && c.server != "": // a farm was asked for by name
		return nil, err
	}
	release, ok := pyodide.For(abi.PlatformTag)
	if !ok {
		return nil, fault.Errorf(fault.Invalid, "no runtime is known for %s: name one with --runtime", abi.PlatformTag)
	}
	p := c.progress()
	defer p.Close()
	fetched := false
	f := &fetch.Fetcher{Cache: dir.Downloads(), Progress: func(d fetch.Progress) {
		fetched = true
		p.Update(d.File, d.Done, d.Total, true, "")
	}}
	r, err := release.Runtime(ctx, f)
	if fetched && err == nil {
		p.Done(release.Source().File(), "downloaded")
	}
	return &knownRuntime{r, release.String()}, err
}

// bakedRuntime asks the toolchain of an ABI, if it is baked: its images lie in the registry of the farm that is running,
// or in the data folder. It is nil where there is none, and no farm is started for it.
func (c *auditing) bakedRuntime(ctx context.Context, dir datadir.Dir, platform string) (*knownRuntime, error) {
	folder, err := command.Toolchains(c.toolchains, dir)
	if err != nil {
		return nil, err
	}
	all, err := toolchain.List(folder)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.Spec.Facts.PlatformTag != platform || t.Lock == nil || t.Lock.Build == "" {
			continue
		}
		registry, remote, done, err := c.registry(ctx, dir)
		if err != nil {
			return nil, err
		}
		defer done()
		image, err := toolchain.Open(ctx, registry, "toolchains/"+t.Spec.Name+"@"+t.Lock.Build, remote.Options()...)
		if err != nil {
			return nil, err
		}
		return &knownRuntime{image.Symbols, "pyodide " + image.Facts.PyodideVersion + " of toolchain " + t.Spec.Name}, nil
	}
	return nil, nil
}

// registry is the address of the farm's registry: of the one that runs, else of the data folder for a moment.
func (c *auditing) registry(ctx context.Context, dir datadir.Dir) (addr string, remote *oci.Client, done func(), err error) {
	if farm, err := c.running(); err == nil {
		join, err := farm.Join(ctx)
		return join.Registry, c.access.Remote(join), func() {}, err
	}
	if _, err := os.Stat(dir.Registry()); err != nil {
		return "", nil, nil, fault.Errorf(fault.NotFound, "nothing was baked in %s", dir.Root())
	}
	release, err := dir.Claim()
	if err != nil {
		return "", nil, nil, err
	}
	r, err := store.StartRegistry(ctx, dir.Registry(), "127.0.0.1:0")
	if err != nil {
		release()
		return "", nil, nil, err
	}
	return r.Addr(), nil, func() { _ = r.Close(); release() }, nil
}
