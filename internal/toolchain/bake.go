package toolchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/toolchain/rootfs"
)

// BakeOptions is what baking needs besides a toolchain's folder.
type BakeOptions struct {
	Registry string          // "host:port" of the registry that gets the images, and from which the engine pulls
	Remote   []remote.Option // how the registry is reached (oci.Client)
	Engine   engine.Engine   // runs the one container of a bake
	Cache    string          // a folder of downloads, by sha256; kept
	Work     string          // a folder for what is needed meanwhile: about two gigabytes
	Client   *http.Client    // nil means that of package fetch
	Progress func(Event)     // may be nil
	Log      io.Writer       // gets what the container prints; may be nil

	Again  bool // bake even though the registry has the images that the lock names
	Update bool // write the images' digests into the lock, where they would otherwise be compared with it
}

// Baked is an image pair, and its compressed sizes in bytes. A layer that both share counts in both.
type Baked struct {
	Image       *Image
	BuildSize   int64
	RuntimeSize int64
	Fresh       bool // baked now; otherwise the registry had it
}

// Bake makes a toolchain's images from its lock and writes them to a registry. The same lock gives the same digests,
// wherever and whenever it is baked; a difference from the digests in the lock is fault.Conflict, and nothing is then
// left in the registry under a tag. A lock that does not fit the spec is fault.Conflict too.
func (t *Toolchain) Bake(ctx context.Context, o BakeOptions) (baked *Baked, err error) {
	lock, err := t.locked()
	if err != nil {
		return nil, err
	}
	b := &baker{dir: t.Dir, spec: t.Spec, lock: lock, opts: o, progress: serial(o.Progress)}
	if !o.Again && !o.Update && lock.Build != "" {
		if baked, err := b.existing(ctx); baked != nil || err != nil {
			return baked, err
		}
	}
	if err := o.Engine.Ping(ctx); err != nil {
		return nil, err
	}
	clear, err := b.begin()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clear()) }()
	build, runtime, err := b.images(ctx)
	if err != nil {
		return nil, fmt.Errorf("baking %s: %w", t.Spec.Name, err)
	}
	if o.Update {
		if lock.Build != build.digest {
			lock.Extensions = nil // they stand on another image now
		}
		lock.Build, lock.Runtime = build.digest, runtime.digest
		if err := lock.write(filepath.Join(t.Dir, "lock.json")); err != nil {
			return nil, err
		}
	}
	if err := agree(lock, build.digest, runtime.digest); err != nil {
		return nil, err
	}
	return b.publish(ctx, build, runtime)
}

// Verify bakes a toolchain anew, from empty caches in the work folder, and compares. It is fault.Conflict where the
// digests differ from the lock's, and fault.NotFound where the registry does not have the images that the lock names.
func (t *Toolchain) Verify(ctx context.Context, o BakeOptions) (baked *Baked, err error) {
	lock, err := t.locked()
	if err != nil {
		return nil, err
	}
	build, runtime := repositories(t.Spec.Name)
	for _, ref := range []string{build + "@" + lock.Build, runtime + "@" + lock.Runtime} {
		ok, err := has(ctx, o.Registry, ref, o.Remote)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fault.Errorf(fault.NotFound, "the registry does not have %s: bake it first", ref)
		}
	}
	clear, err := anew(&o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clear()) }()
	return t.Bake(ctx, o)
}

// anew makes of options those of a bake that takes nothing from earlier ones. clear removes its cache.
func anew(o *BakeOptions) (clear func() error, err error) {
	if err := os.MkdirAll(o.Work, 0o755); err != nil {
		return nil, fmt.Errorf("making the work folder: %w", err)
	}
	if o.Cache, err = os.MkdirTemp(o.Work, "verify-*"); err != nil {
		return nil, fmt.Errorf("making an empty cache: %w", err)
	}
	o.Again, o.Update = true, false
	cache := o.Cache
	return func() error { return os.RemoveAll(cache) }, nil
}

// agree compares what was baked with what the lock says came of it before.
func agree(lock *Lock, build, runtime string) error {
	if lock.Build == build && lock.Runtime == runtime {
		return nil
	}
	if lock.Build == "" {
		return fault.Errorf(fault.Conflict, "the lock names no images yet: bake with --update to write them (Build %s, Runtime %s)", build, runtime)
	}
	return fault.Errorf(fault.Conflict, "what was baked is not what the lock names: Build is %s instead of %s, Runtime is %s instead of %s. If the toolchain's files were changed on purpose, bake with --update",
		build, lock.Build, runtime, lock.Runtime)
}

type baker struct {
	dir   string
	spec  *Spec
	lock  *Lock
	opts  BakeOptions
	work  string
	files map[string]string // where the inputs are, by sha256
	// extension is what is being baked where that is not the pair.
	extension *Extension
	progress  func(Event)
}

// begin makes the folder for what is needed meanwhile. clear removes it.
func (b *baker) begin() (clear func() error, err error) {
	if err := os.MkdirAll(b.opts.Work, 0o755); err != nil {
		return nil, fmt.Errorf("making the work folder: %w", err)
	}
	if b.work, err = os.MkdirTemp(b.opts.Work, "bake-*"); err != nil {
		return nil, fmt.Errorf("making the work folder: %w", err)
	}
	return func() error { return os.RemoveAll(b.work) }, nil
}

func (b *baker) images(ctx context.Context) (build, runtime *finished, err error) {
	if b.files, err = fetchInputs(ctx, b.opts.Cache, b.opts.Client, b.lock.of(""), b.progress); err != nil {
		return nil, nil, err
	}
	p, err := b.assemble(ctx)
	if err != nil {
		return nil, nil, err
	}
	runtimeImage, err := b.compose(p.base, nil, p.runtime)
	if err != nil {
		return nil, nil, err
	}
	if runtime, err = seal(runtimeImage); err != nil {
		return nil, nil, err
	}
	system, staged := p.base, p.base
	if p.build != nil {
		if system, err = b.compose(p.base, nil, p.build); err != nil {
			return nil, nil, err
		}
		if staged, err = b.compose(system, nil, p.scaffold); err != nil {
			return nil, nil, err
		}
	}
	out, err := b.cook(ctx, staged, ownScript)
	if err != nil {
		return nil, nil, err
	}
	compiler, facts, err := b.lastLayers(out, p)
	if err != nil {
		return nil, nil, err
	}
	buildImage, err := b.compose(system, map[string]string{nameAnnotation: b.spec.Name, runtimeAnnotation: runtime.digest}, compiler, facts)
	if err != nil {
		return nil, nil, err
	}
	build, err = seal(buildImage)
	return build, runtime, err
}

// lastLayers packs what the script left, with the facts in a layer of their own.
func (b *baker) lastLayers(out string, p *parts) (compiler, facts v1.Layer, err error) {
	b.progress(Event{Step: "compressing the compiler's layer"})
	tree, last := rootfs.NewTree(b.work, nil, nil), rootfs.NewTree(b.work, nil, nil)
	defer tree.Close()
	defer last.Close()
	if err := tree.Directory(out, ""); err != nil {
		return nil, nil, fmt.Errorf("reading what the script made: %w", err)
	}
	text, err := tree.Read(factsFile)
	if err != nil {
		return nil, nil, fmt.Errorf("reading what the script made: %w", err)
	}
	tree.Remove(factsFile)
	symbolsText, err := symbols(tree, p)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(last.File(factsFile, text), last.File(symbolsFile, symbolsText)); err != nil {
		return nil, nil, err
	}
	if compiler, err = tree.Layer(b.lock.Epoch); err != nil {
		return nil, nil, err
	}
	facts, err = last.Layer(b.lock.Epoch)
	return compiler, facts, err
}

// symbols is what the audit goes by: what a runtime's main module has or, where there is none, what the script has written
// down of the system's libraries.
func symbols(tree *rootfs.Tree, p *parts) ([]byte, error) {
	if p.main != nil {
		read, err := audit.ReadRuntime(p.main, p.script)
		if err != nil {
			return nil, err
		}
		return json.Marshal(read)
	}
	text, err := tree.Read(symbolsFile)
	if err != nil {
		return nil, fmt.Errorf("reading what the script made: %w", err)
	}
	tree.Remove(symbolsFile)
	if err := json.Unmarshal(text, &audit.Runtime{}); err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading %s, which the script has made: %w", symbolsFile, err)
	}
	return text, nil
}

// serial makes a callback safe to call from several goroutines, and from a baker that was given none.
func serial(progress func(Event)) func(Event) {
	if progress == nil {
		return func(Event) {}
	}
	var mu sync.Mutex
	return func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		progress(e)
	}
}
