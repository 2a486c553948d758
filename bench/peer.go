package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/bench/share"
	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/internal/wasmcc"
)

// peerRequirements are what the peer's environment is made of. With pip in it, the environments that it makes for
// builds need none of their own.
var peerRequirements = []string{"pyodide-build==0.39.2", "pip"}

// peer is pyodide-build, ready to build with the toolchain's image.
type peer struct {
	b        *bench
	image    string
	facts    toolchain.Facts
	home     string // its environment and cross-build environment
	versions map[string]string
}

// Places in the peer's containers.
const (
	peerScripts = "/bench"
	peerHome    = "/peer"
	peerWheels  = "/wheels"
	peerWork    = "/work"
)

// newPeer makes the peer's environments. Its wheels come from the package index; containers have no network.
func (b *bench) newPeer(ctx context.Context, registry string) (*peer, error) {
	image, err := toolchain.Open(ctx, registry, b.image)
	if err != nil {
		return nil, err
	}
	p := &peer{b: b, image: registry + "/" + image.Build, facts: image.Facts, home: filepath.Join(b.scratch, "peer"), versions: map[string]string{}}
	wheels := filepath.Join(b.scratch, "peer-wheels")
	if err := errors.Join(os.MkdirAll(p.home, 0o755), os.MkdirAll(wheels, 0o755), own(p.home)); err != nil {
		return nil, err
	}
	lock, err := b.lockPeer(ctx, image.Facts)
	if err != nil {
		return nil, err
	}
	for _, w := range lock.Packages {
		p.versions[w.Name] = w.Version
		if err := b.wheel(ctx, fetch.Source{URL: w.URL, SHA256: w.SHA256, Package: w.Name}, w.File, wheels); err != nil {
			return nil, err
		}
	}
	if err := b.engine.Pull(ctx, p.image); err != nil {
		return nil, err
	}
	err = p.container(ctx, []string{peerScripts + "/setup.sh", peerWheels, peerHome},
		engine.Mount{Source: wheels, Target: peerWheels}, engine.Mount{Source: p.home, Target: peerHome, Writable: true})
	if err != nil {
		return nil, fmt.Errorf("setting pyodide-build up: %w", err)
	}
	return p, nil
}

// lockPeer resolves as of the day that the toolchain's builds use too.
func (b *bench) lockPeer(ctx context.Context, facts toolchain.Facts) (*fetch.Lock, error) {
	uv, err := b.uv()
	if err != nil {
		return nil, err
	}
	tool, err := b.fetcher.Tool(ctx, uv, "uv-*.data/scripts/uv")
	if err != nil {
		return nil, err
	}
	r := fetch.Resolver{UV: tool, Cache: filepath.Join(b.fetcher.Cache, "uv")}
	return r.Resolve(ctx, peerRequirements, nil, fetch.Target{Python: facts.Python, Glibc: 40, Arch: "x86_64", ExcludeNewer: facts.ExcludeNewer})
}

// wheel puts a wheel into a folder under its name.
func (b *bench) wheel(ctx context.Context, src fetch.Source, name, folder string) error {
	file, err := b.fetcher.Get(ctx, src)
	if err != nil {
		return err
	}
	return share.File(file, filepath.Join(folder, name))
}

// container runs a command under the limits of the farm's builds.
func (p *peer) container(ctx context.Context, command []string, mounts ...engine.Mount) error {
	limits := build.LimitsOf(&recipe.Recipe{}, recipe.Small)
	uid := strconv.Itoa(builder())
	abi := strings.TrimSuffix(strings.TrimPrefix(p.facts.PlatformTag, "pyemscripten_"), "_wasm32")
	env := []string{
		"PYTHON=" + p.facts.Python, "PYODIDE=" + p.facts.PyodideVersion, "EMSCRIPTEN=" + p.facts.Emscripten, "ABI=" + abi,
		"FARM_CFLAGS=" + strings.Join(wasmcc.BaseCFlags, " "), "FARM_LDFLAGS=" + strings.Join(wasmcc.BaseLDFlags, " "),
		"LANG=C.UTF-8", "HOME=/tmp", "PATH=/usr/bin:/bin", "SOURCE_DATE_EPOCH=" + strconv.FormatInt(fetch.Mtime.Unix(), 10),
		"PYODIDE_JOBS=" + strconv.Itoa(int(limits.CPUs)), "CMAKE_BUILD_PARALLEL_LEVEL=" + strconv.Itoa(int(limits.CPUs)),
	}
	for name, value := range p.facts.Env {
		env = append(env, name+"="+value)
	}
	if p.b.peerUV {
		env = append(env, "WITH_UV=1")
	}
	var said strings.Builder
	result, err := p.b.engine.Run(ctx, engine.Spec{
		Image: p.image, Command: command, Env: env, WorkDir: "/tmp", User: uid + ":" + uid,
		Mounts: append(mounts, engine.Mount{Source: p.b.peerScripts, Target: peerScripts}), Tmpfs: map[string]int64{"/tmp": limits.Memory / 2},
		Memory: limits.Memory, Pids: limits.Pids, CPUs: limits.CPUs, Time: limits.Time,
	}, &said)
	if err != nil {
		return err
	}
	if result.ExitStatus != 0 {
		return fmt.Errorf("it ended with status %d:\n%s", result.ExitStatus, tail(said.String()))
	}
	return nil
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

// builder is who containers run as: not root, and where this program isn't root either, the same user, whose files they
// can then write.
func builder() int {
	if uid := os.Getuid(); uid != 0 {
		return uid
	}
	return 1000
}

// own gives a folder to the containers' user.
func own(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, builder(), builder())
	})
}
