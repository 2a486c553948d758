package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/toolchain/rootfs"
	"github.com/wasmill/wasmill/internal/wheel"
)

// BakeOptions is what baking needs besides a toolchain's folder.
type BakeOptions struct {
	Registry string        // "host:port" of the registry that gets the images, and from which the engine pulls
	Engine   engine.Engine // runs the one container of a bake
	Cache    string        // a folder of downloads, by sha256; kept
	Work     string        // a folder for what is needed meanwhile: about two gigabytes
	Client   *http.Client  // nil means that of package fetch
	Progress func(Event)   // may be nil
	Log      io.Writer     // gets what the container prints; may be nil

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
	if err := os.MkdirAll(o.Work, 0o755); err != nil {
		return nil, fmt.Errorf("making the work folder: %w", err)
	}
	if b.work, err = os.MkdirTemp(o.Work, "bake-*"); err != nil {
		return nil, fmt.Errorf("making the work folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	build, runtime, err := b.images(ctx)
	if err != nil {
		return nil, fmt.Errorf("baking %s: %w", t.Spec.Name, err)
	}
	if o.Update {
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
		ok, err := has(ctx, o.Registry, ref)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fault.Errorf(fault.NotFound, "the registry does not have %s: bake it first", ref)
		}
	}
	if err := os.MkdirAll(o.Work, 0o755); err != nil {
		return nil, fmt.Errorf("making the work folder: %w", err)
	}
	if o.Cache, err = os.MkdirTemp(o.Work, "verify-*"); err != nil {
		return nil, fmt.Errorf("making an empty cache: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.Cache)) }()
	o.Again, o.Update = true, false
	return t.Bake(ctx, o)
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
	dir      string
	spec     *Spec
	lock     *Lock
	opts     BakeOptions
	work     string
	files    map[string]string // where the inputs are, by sha256
	progress func(Event)
}

// finished is an image that only has to be written.
type finished struct {
	v1.Image
	digest string
	size   int64
}

// existing answers from the registry.
func (b *baker) existing(ctx context.Context) (*Baked, error) {
	buildRepository, runtimeRepository := repositories(b.spec.Name)
	for _, ref := range []string{buildRepository + "@" + b.lock.Build, runtimeRepository + "@" + b.lock.Runtime} {
		if ok, err := has(ctx, b.opts.Registry, ref); !ok || err != nil {
			return nil, err
		}
	}
	image, err := Open(ctx, b.opts.Registry, buildRepository+"@"+b.lock.Build)
	if err != nil {
		return nil, err
	}
	baked := &Baked{Image: image}
	for ref, size := range map[string]*int64{image.Build: &baked.BuildSize, image.Runtime: &baked.RuntimeSize} {
		if *size, err = Size(ctx, b.opts.Registry, ref); err != nil {
			return nil, err
		}
	}
	return baked, nil
}

func (b *baker) images(ctx context.Context) (build, runtime *finished, err error) {
	if b.files, err = fetchInputs(ctx, b.opts.Cache, b.opts.Client, b.lock.Inputs, b.progress); err != nil {
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
	out, err := b.cook(ctx, staged)
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

// cook runs the toolchain's own script in the staged image and gives the folder that it filled.
func (b *baker) cook(ctx context.Context, staged v1.Image) (out string, err error) {
	repository, _ := repositories(b.spec.Name)
	ref, err := push(ctx, b.opts.Registry, repository, "staged-", staged, b.progress)
	if err != nil {
		return "", err
	}
	b.progress(Event{Step: "pulling the staged image"})
	if err := b.opts.Engine.Pull(ctx, b.opts.Registry+"/"+ref); err != nil {
		return "", err
	}
	in, out := filepath.Join(b.work, "in"), filepath.Join(b.work, "out")
	if err := b.lay(in); err != nil {
		return "", err
	}
	home := filepath.Join(out, "opt", "wasmill")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	user, err := owner(out, filepath.Dir(home), home)
	if err != nil {
		return "", err
	}
	files, err := filepath.Abs(filepath.Join(b.dir, "files"))
	if err != nil {
		return "", err
	}
	log := &scriptLog{copy: b.opts.Log, progress: b.progress}
	result, err := b.opts.Engine.Run(ctx, engine.Spec{
		Image:   b.opts.Registry + "/" + ref,
		Command: []string{"/usr/bin/python3", "-B", "/files/bake.py"},
		WorkDir: "/tmp",
		User:    user,
		Mounts: []engine.Mount{
			{Source: in, Target: "/in"},
			{Source: files, Target: "/files"},
			{Source: out, Target: "/out", Writable: true},
			{Source: home, Target: "/opt/wasmill", Writable: true},
		},
		Tmpfs:  map[string]int64{"/tmp": 4 << 30},
		Labels: map[string]string{"dev.wasmill.bake": b.spec.Name},
	}, log)
	if err != nil {
		return "", fmt.Errorf("running the toolchain's script: %w", err)
	}
	if result.ExitStatus != 0 {
		return "", fault.Errorf(fault.Invalid, "the toolchain's script ended with status %d:\n%s", result.ExitStatus, log.tail())
	}
	return out, nil
}

// lay puts what the script reads into one folder: the inputs that are no Debian packages, and the spec as JSON.
func (b *baker) lay(in string) error {
	if err := os.Mkdir(in, 0o755); err != nil {
		return err
	}
	for _, input := range b.lock.Inputs {
		if input.Kind == Deb {
			continue
		}
		text, err := os.ReadFile(b.files[input.SHA256])
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(in, path.Base(input.URL)), text, 0o644); err != nil {
			return err
		}
	}
	text, err := json.Marshal(map[string]any{
		"name": b.spec.Name, "facts": b.spec.Facts, "exclude_newer": b.spec.ExcludeNewer, "env": b.spec.Env, "cross": b.spec.Cross,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(in, "spec.json"), text, 0o644)
}

// owner gives folders to the user as whom the script runs: never root, and where we are not root, ourselves, so that we
// can remove the folders again.
func owner(folders ...string) (user string, err error) {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 1000, 1000
		for _, folder := range folders {
			err = errors.Join(err, os.Chown(folder, uid, gid))
		}
	}
	return fmt.Sprintf("%d:%d", uid, gid), err
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
	symbols, err := wheel.ReadRuntime(p.main, p.script)
	if err != nil {
		return nil, nil, err
	}
	symbolsText, err := json.Marshal(symbols)
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

func (b *baker) publish(ctx context.Context, build, runtime *finished) (*Baked, error) {
	buildRepository, runtimeRepository := repositories(b.spec.Name)
	// The Runtime image first: who finds the Build image must find both.
	if _, err := push(ctx, b.opts.Registry, runtimeRepository, "baked-", runtime, b.progress); err != nil {
		return nil, err
	}
	ref, err := push(ctx, b.opts.Registry, buildRepository, "baked-", build, b.progress)
	if err != nil {
		return nil, err
	}
	image, err := readImage(build, ref)
	if err != nil {
		return nil, err
	}
	return &Baked{Image: image, BuildSize: build.size, RuntimeSize: runtime.size, Fresh: true}, nil
}

func seal(image v1.Image) (*finished, error) {
	digest, err := image.Digest()
	if err != nil {
		return nil, fmt.Errorf("computing an image's digest: %w", err)
	}
	size, err := compressed(image)
	return &finished{Image: image, digest: digest.String(), size: size}, err
}

// scriptLog copies what a script prints, turns its step lines into events and keeps the end for an error.
type scriptLog struct {
	copy     io.Writer
	progress func(Event)
	text     bytes.Buffer
	line     []byte
}

func (l *scriptLog) Write(p []byte) (int, error) {
	if l.copy != nil {
		if n, err := l.copy.Write(p); err != nil {
			return n, err
		}
	}
	l.text.Write(p)
	if excess := l.text.Len() - 16<<10; excess > 0 {
		l.text.Next(excess)
	}
	l.line = append(l.line, p...)
	for {
		line, rest, ok := bytes.Cut(l.line, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		if step, ok := strings.CutPrefix(string(line), "==> "); ok {
			l.progress(Event{Step: step})
		}
		l.line = rest
	}
}

func (l *scriptLog) tail() string { return strings.TrimSpace(l.text.String()) }

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
