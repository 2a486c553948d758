package toolchain

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch/fetchtest"
	"github.com/wasmill/wasmill/internal/toolchain/debian/debiantest"
)

// kitchen is all that a bake needs, in small: a mirror, a registry, and an engine whose containers do what a script does.
type kitchen struct {
	*Toolchain
	registry string
	mirror   *mirror
	engine   *engine.Fake
}

// mirror serves files and counts how often each is asked for.
type mirror struct {
	files map[string][]byte

	mu    sync.Mutex // inputs are fetched several at a time
	asked map[string]int
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.asked[r.URL.Path]++
	m.mu.Unlock()
	if text, ok := m.files[r.URL.Path]; ok {
		_, _ = w.Write(text)
		return
	}
	http.NotFound(w, r)
}

func newKitchen(t *testing.T) *kitchen {
	t.Helper()
	spec, err := parseSpec("toolchain.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	m := &mirror{files: map[string][]byte{}, asked: map[string]int{}}
	mirrorServer := httptest.NewServer(m)
	t.Cleanup(mirrorServer.Close)
	registryServer := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(registryServer.Close)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "files"), 0o755); err != nil {
		t.Fatal(err)
	}
	k := &kitchen{
		Toolchain: &Toolchain{Dir: dir, Spec: spec, Lock: &Lock{Request: spec.request(), Epoch: time.Date(2026, 10, 30, 8, 8, 1, 0, time.UTC)}},
		registry:  strings.TrimPrefix(registryServer.URL, "http://"),
		mirror:    m,
		engine:    &engine.Fake{Container: script},
	}
	add := func(in Input, path string, text []byte) {
		sum := sha256.Sum256(text)
		in.SHA256, in.Size, in.URL = hex.EncodeToString(sum[:]), int64(len(text)), mirrorServer.URL+path
		k.Lock.Inputs = append(k.Lock.Inputs, in)
		m.files[path] = text
	}
	add(Input{Kind: Deb, Name: "hello", Version: "1.0", Base: true}, "/hello.deb", debiantest.Deb(t, ".xz",
		"Package: hello\nVersion: 1.0\nArchitecture: amd64\nDescription: greets\n at length\n",
		map[string]string{"./usr/bin/hello": "#!/bin/sh\n", "./usr/share/doc/hello/changelog": "long", "./etc/passwd": "other"}))
	add(Input{Kind: Deb, Name: "cc", Version: "2.0"}, "/cc.deb", debiantest.Deb(t, ".gz",
		"Package: cc\nVersion: 2.0\nArchitecture: amd64\nDescription: compiles\n",
		map[string]string{"./bin/cc": "compiler", "./usr/src/lib.c": "source"}))
	add(Input{Kind: NPM, Name: "runtime", Version: "1.0.0"}, "/runtime-1.0.0.tgz", fetchtest.TarGz(t, map[string]string{
		"package/main.wasm": "\x00asm\x01\x00\x00\x00", "package/main.mjs": "wasmImports={clock}"}))
	add(Input{Kind: Wheel, Name: "tool", Version: "2.0"}, "/tool-2.0-py3-none-any.whl", []byte("wheel"))
	return k
}

// script is what the toolchain's script does: it leaves the facts and a compiler's cache.
func script(_ context.Context, spec engine.Spec, out io.Writer) engine.Result {
	fmt.Fprintln(out, "==> compiler cache")
	var home string
	for _, m := range spec.Mounts {
		if m.Target == "/opt/wasmill" {
			home = m.Source
		}
	}
	for name, text := range map[string]string{
		"etc/toolchain.json": `{"name": "tiny_1", "platform_tag": "tiny_1_wasm32", "clang_flags": ["-c"]}`, "emcache/libc.a": "library",
	} {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			fmt.Fprintln(out, err)
			return engine.Result{ExitStatus: 1}
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			fmt.Fprintln(out, err)
			return engine.Result{ExitStatus: 1}
		}
	}
	return engine.Result{}
}

func (k *kitchen) options(t *testing.T) BakeOptions {
	t.Helper()
	return BakeOptions{Registry: k.registry, Engine: k.engine, Cache: t.TempDir(), Work: t.TempDir()}
}

// layers lists the names in each layer of an image in the registry.
func (k *kitchen) layers(t *testing.T, ref string) [][]string {
	t.Helper()
	digest, err := name.NewDigest(k.registry + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for _, l := range layers {
		all = append(all, entries(t, l))
	}
	return all
}

func entries(t *testing.T, l v1.Layer) []string {
	t.Helper()
	plain, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	var names []string
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeDir {
			names = append(names, h.Name)
		}
	}
}

func TestABakeMakesTwoImagesOfWhatTheLockNames(t *testing.T) {
	k := newKitchen(t)
	o := k.options(t)
	o.Update = true
	baked, err := k.Bake(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	base := []string{"etc/passwd", "usr/bin/greet", "usr/bin/hello", "var/lib/dpkg/status"}
	if diff := cmp.Diff([][]string{base, {"opt/runtime/main.mjs", "opt/runtime/main.wasm", "opt/tool/tool-2.0-py3-none-any.whl"}}, k.layers(t, baked.Image.Runtime)); diff != "" {
		t.Errorf("the Runtime image differs (-want +got):\n%s", diff)
	}
	want := [][]string{base, {"usr/bin/cc", "var/lib/dpkg/status"}, {"opt/wasmill/emcache/libc.a"}, {"opt/wasmill/etc/abi.json", "opt/wasmill/etc/toolchain.json"}}
	if diff := cmp.Diff(want, k.layers(t, baked.Image.Build)); diff != "" {
		t.Errorf("the Build image differs (-want +got):\n%s", diff)
	}
	if left, err := os.ReadDir(o.Work); err != nil || len(left) > 0 {
		t.Errorf("the work folder still has %v, %v", left, err)
	}

	// The script had the inputs, and no more rights than a build has.
	specs := k.engine.Specs()
	if len(specs) != 1 || strings.HasPrefix(specs[0].User, "0:") {
		t.Errorf("the containers are %+v", specs)
	}

	// The lock names the images now, and who opens the one learns the other.
	again, err := readLock(filepath.Join(k.Dir, "lock.json"))
	if err != nil || baked.Image.Build != "toolchains/tiny_1@"+again.Build || baked.Image.Runtime != "runtimes/tiny_1@"+again.Runtime {
		t.Errorf("the lock names %s and %s, baked were %+v (%v)", again.Build, again.Runtime, baked.Image, err)
	}
	opened, err := Open(t.Context(), k.registry, baked.Image.Build)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(baked.Image, opened); diff != "" {
		t.Errorf("the opened image differs (-want +got):\n%s", diff)
	}
	if !opened.Symbols.Defines("clock") || opened.Facts.PlatformTag != "tiny_1_wasm32" {
		t.Errorf("the image says %+v and %+v", opened.Facts, opened.Symbols)
	}
}

func TestTheSameLockGivesTheSameDigests(t *testing.T) {
	first, second := newKitchen(t), newKitchen(t)
	o := first.options(t)
	o.Update = true
	one, err := first.Bake(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(second.Lock.Inputs)
	second.Lock.Build, second.Lock.Runtime = first.Lock.Build, first.Lock.Runtime
	two, err := second.Bake(t.Context(), second.options(t))
	if err != nil {
		t.Fatal(err)
	}
	if one.Image.Build != two.Image.Build || one.Image.Runtime != two.Image.Runtime || two.BuildSize != one.BuildSize {
		t.Errorf("two bakes give %+v and %+v", one, two)
	}
	if _, err := second.Verify(t.Context(), second.options(t)); err != nil {
		t.Errorf("verifying: %v", err)
	}
}

func TestWhatIsInTheRegistryIsNotBakedAgain(t *testing.T) {
	k := newKitchen(t)
	o := k.options(t)
	o.Update = true
	first, err := k.Bake(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	asked := maps.Clone(k.mirror.asked)
	second, err := k.Bake(t.Context(), k.options(t))
	if err != nil {
		t.Fatal(err)
	}
	if second.Fresh || second.Image.Build != first.Image.Build || second.BuildSize != first.BuildSize {
		t.Errorf("the second bake gives %+v, the first gave %+v", second, first)
	}
	if diff := cmp.Diff(asked, k.mirror.asked); diff != "" || k.engine.Calls("Run") != 1 {
		t.Errorf("the second bake fetched or ran something: %s", diff)
	}
}

func TestAnotherResultThanTheLocksIsRefused(t *testing.T) {
	k := newKitchen(t)
	o := k.options(t)
	if _, err := k.Bake(t.Context(), o); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "names no images yet") {
		t.Errorf("baking from a lock without digests gives %v", err)
	}
	k.Lock.Build, k.Lock.Runtime = "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	_, err := k.Bake(t.Context(), o)
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "instead of sha256:1111") {
		t.Errorf("baking something else than the lock names gives %v", err)
	}
	if _, err := k.Verify(t.Context(), o); fault.KindOf(err) != fault.NotFound {
		t.Errorf("verifying what nobody baked gives %v", err)
	}
}

func TestAnInputThatChangedIsRefusedAndTheSecondAddressHelps(t *testing.T) {
	k := newKitchen(t)
	o := k.options(t)
	o.Update = true
	in := k.Lock.find(Deb, "hello")
	good := k.mirror.files["/hello.deb"]
	k.mirror.files["/hello.deb"] = []byte("another version")
	if _, err := k.Bake(t.Context(), o); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "fetching hello 1.0") {
		t.Errorf("an input with another hash gives %v", err)
	}
	// A suite moves on: the file is gone from the mirror, but the archive of its states has it.
	delete(k.mirror.files, "/hello.deb")
	k.mirror.files["/old/hello.deb"] = good
	in.Mirror = strings.Replace(in.URL, "/hello.deb", "/old/hello.deb", 1)
	if _, err := k.Bake(t.Context(), o); err != nil {
		t.Errorf("with a second address: %v", err)
	}
}

// A staged image is for one script; whatever comes of the bake, the registry does not keep it.
func TestABakeLeavesNoStagedImageBehind(t *testing.T) {
	for story, c := range map[string]struct {
		script func(context.Context, engine.Spec, io.Writer) engine.Result
		want   int // tags
	}{
		"it went well": {script, 1},
		"it failed":    {func(context.Context, engine.Spec, io.Writer) engine.Result { return engine.Result{ExitStatus: 1} }, 0},
	} {
		t.Run(story, func(t *testing.T) {
			k := newKitchen(t)
			k.engine.Container = c.script
			o := k.options(t)
			o.Update = true
			if _, err := k.Bake(t.Context(), o); (err == nil) != (c.want > 0) {
				t.Fatal(err)
			}
			repository, _ := repositories(k.Spec.Name)
			repo, err := name.NewRepository(k.registry + "/" + repository)
			if err != nil {
				t.Fatal(err)
			}
			tags, err := remote.List(repo)
			if err != nil {
				t.Fatal(err)
			}
			if len(tags) != c.want || slices.ContainsFunc(tags, func(tag string) bool { return !strings.HasPrefix(tag, "baked-") }) {
				t.Errorf("tags: %v", tags)
			}
		})
	}
}

func TestAScriptThatFailsIsQuoted(t *testing.T) {
	k := newKitchen(t)
	k.engine.Container = func(_ context.Context, _ engine.Spec, out io.Writer) engine.Result {
		fmt.Fprintln(out, "==> compiler cache\nthe compiler's cache differs from syslibs.txt: missing libc.a")
		return engine.Result{ExitStatus: 1}
	}
	var steps []string
	o := k.options(t)
	o.Update, o.Progress = true, func(e Event) { steps = append(steps, e.Step) }
	_, err := k.Bake(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "missing libc.a") || fault.KindOf(err) != fault.Invalid {
		t.Errorf("the error is %v", err)
	}
	for _, step := range []string{"downloading", "unpacking packages", "compiler cache"} {
		if !slices.Contains(steps, step) {
			t.Errorf("the steps %v do not have %q", slices.Compact(steps), step)
		}
	}
}

func TestABaseImageTakesThePlaceOfPackages(t *testing.T) {
	k := newKitchen(t)
	base, err := random.Image(100, 2)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(k.registry + "/base:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, base); err != nil {
		t.Fatal(err)
	}
	digest, err := base.Digest()
	if err != nil {
		t.Fatal(err)
	}
	k.Spec.Debian, k.Spec.From = nil, k.registry+"/base@"+digest.String()
	k.Lock.Request = k.Spec.request()
	k.Lock.Inputs = slices.DeleteFunc(k.Lock.Inputs, func(in Input) bool { return in.Kind == Deb })
	o := k.options(t)
	o.Update = true
	baked, err := k.Bake(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if build, runtime := k.layers(t, baked.Image.Build), k.layers(t, baked.Image.Runtime); len(build) != 4 || len(runtime) != 3 {
		t.Errorf("on a base of two layers the images have %d and %d", len(build), len(runtime))
	}
}

func TestOpenRefusesWhatIsNoToolchain(t *testing.T) {
	k := newKitchen(t)
	o := k.options(t)
	o.Update = true
	baked, err := k.Bake(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ref  string
		kind fault.Kind
	}{
		"no digest":      {"toolchains/tiny_1:latest", fault.Invalid},
		"another digest": {"toolchains/tiny_1@sha256:" + strings.Repeat("0", 64), fault.NotFound},
		"another image":  {baked.Image.Runtime, fault.NotFound},
	} {
		if _, err := Open(t.Context(), k.registry, c.ref); err == nil || fault.KindOf(err) != c.kind {
			t.Errorf("%s gives %v, want an error of kind %s", name, err, c.kind)
		}
	}
	if _, err := Open(t.Context(), "127.0.0.1:1", baked.Image.Build); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a registry that is away gives %v", err)
	}
}
