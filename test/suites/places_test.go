//go:build engine && integration

package suites

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/build/buildtest"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/python/pythontest"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// place is a runtime of python-wasm, beside which a native CPython of the same version runs the suites.
type place struct {
	runtime string // of --runtime
	title   string
	python  string
	image   string // the variable that names an image with the native one
	native  string // the lock of what that has installed
	lock    string // the lock of what the runtime has installed, but for what is built
	wants   []string
}

var places = []place{
	{runtime: "node", title: "node", python: "3.15", image: "WASMILL_BUILD_IMAGE", native: "native", lock: "suites", wants: []string{"WASMILL_BUILD_IMAGE", "WASMILL_RUNTIME_IMAGE"}},
	{runtime: "chromium", title: "Chromium", python: "3.15", image: "WASMILL_BUILD_IMAGE", native: "native", lock: "suites", wants: []string{"WASMILL_BUILD_IMAGE", "WASMILL_RUNTIME_IMAGE", "WASMILL_BROWSER_IMAGE"}},
	{runtime: "wasi", title: "WASI", python: "3.13", image: "WASMILL_WASI_IMAGE", native: "native-wasi", lock: "suites-wasi", wants: []string{"WASMILL_BUILD_IMAGE", "WASMILL_RUNTIME_IMAGE", "WASMILL_WASI_IMAGE", "WASMILL_WASI_PYTHON"}},
}

func order(runtime string) int {
	return slices.IndexFunc(places, func(p place) bool { return p.runtime == runtime })
}

// needs skips a test where what the place is made of is not there.
func (p place) needs(t *testing.T) {
	for _, name := range p.wants {
		if os.Getenv(name) == "" {
			t.Skipf("%s is not set; `make test` sets it", name)
		}
	}
}

// equipped is a place with what the suites need there.
type equipped struct {
	place
	site    string   // a folder with packages
	environ []string // for python-wasm
	cache   string   // its own, where it runs in an image
}

// workshop equips places, each once, and runs suites there.
type workshop struct {
	engine   engine.Engine
	dir      string // outlives single tests
	farm     *buildtest.Farm
	built    map[string]string // by image and recipe
	equipped map[string]equipped
}

// equip builds and installs what a place needs, by python-wasm's own pip.
func (w *workshop) equip(t *testing.T, p place) equipped {
	t.Helper()
	if e, ok := w.equipped[p.runtime]; ok {
		return e
	}
	if w.farm == nil {
		farm, err := buildtest.New(t.Context(), os.Getenv("WASMILL_BUILD_IMAGE"), os.Getenv("WASMILL_RUNTIME_IMAGE"))
		if err != nil {
			t.Fatal(err)
		}
		w.farm = farm
	}
	e := equipped{place: p, site: filepath.Join(w.dir, "site-"+p.runtime)}
	install := wheelsOf(t, p.lock)
	if p.runtime == "wasi" {
		e.environ = []string{"WASMILL_PYTHON_WASI=" + w.link(t)}
	} else {
		for _, s := range all {
			if s.recipe {
				install = append(install, w.build(t, w.farm, ours(t, s.name), nil))
			}
		}
	}
	begun := time.Now()
	cmd := pythontest.Command(t.Context(), t, slices.Concat([]string{"--runtime", p.runtime, "-m", "pip", "install", "--no-index", "--no-deps", "--target", e.site}, install)...)
	cmd.Env = append(cmd.Env, e.environ...)
	if out, errs, status := pythontest.Run(t, cmd); status != 0 {
		t.Fatalf("pip ended with status %d\n%s%s", status, out, errs)
	}
	t.Logf("%d packages installed in %.1f s", len(install), time.Since(begun).Seconds())
	if p.runtime == "chromium" {
		e.cache = w.filled(t)
	}
	w.equipped[p.runtime] = e
	return e
}

// filled is a cache folder of python-wasm with the runtime, for a container without network.
func (w *workshop) filled(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(w.dir, "cache")
	cmd := pythontest.Command(t.Context(), t, "--wasm-info")
	cmd.Env = append(cmd.Env, "WASMILL_PYTHON_CACHE="+dir)
	if out, errs, status := pythontest.Run(t, cmd); status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	// For the user in the container.
	if out, err := exec.CommandContext(t.Context(), "chmod", "-R", "a+rwX", dir, w.dir, filepath.Dir(w.dir)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// build builds a recipe on the real engine, and returns the path of what came out.
func (w *workshop) build(t *testing.T, farm *buildtest.Farm, r *recipe.Recipe, hosts []build.Host) string {
	t.Helper()
	key := farm.Image.Build + " " + r.Name
	if there, ok := w.built[key]; ok {
		return there
	}
	out, err := os.MkdirTemp(w.dir, "built-")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	made, err := farm.Builder.Build(t.Context(), build.Job{
		Recipe: r, Toolchain: farm.Image, Hosts: hosts, Limits: build.LimitsOf(r, r.Wasmill.Class),
		Attempt: "suites-" + r.Name + time.Now().Format("-150405.000000"), Out: out, Log: &log,
	})
	if err != nil || made.Path == "" {
		t.Fatalf("building %s: %v\n%s", r.Name, err, &log)
	}
	w.built[key] = made.Path
	return made.Path
}

// link makes a Python for WASI in which the packages with compiled code are.
func (w *workshop) link(t *testing.T) string {
	t.Helper()
	farm, err := w.farm.On(t.Context(), os.Getenv("WASMILL_WASI_IMAGE"))
	if err != nil {
		t.Fatal(err)
	}
	host := func(r *recipe.Recipe, kind, file string) build.Host {
		return build.Host{Recipe: r, Files: []build.File{{Artifact: record.Artifact{Filename: filepath.Base(file), Kind: kind}, Path: file}}}
	}
	python := host(ours(t, "cpython-wasi"), record.KindLibrary, os.Getenv("WASMILL_WASI_PYTHON"))
	parts := []build.Host{python}
	for _, s := range all {
		if s.recipe {
			r := ours(t, s.name)
			parts = append(parts, host(r, record.KindStatic, w.build(t, farm, r, []build.Host{python})))
		}
	}
	meta := filepath.Join(t.TempDir(), "python", recipe.MetaFile)
	if err := errors.Join(os.Mkdir(filepath.Dir(meta), 0o755), os.WriteFile(meta, []byte("package: {name: python, version: '3.13'}\nbuild: {type: app}\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	app, err := recipe.Load(meta)
	if err != nil {
		t.Fatal(err)
	}
	return w.build(t, farm, app, parts)
}

// ours is the recipe of a package; what it builds is what the suite of that name is about.
func ours(t *testing.T, name string) *recipe.Recipe {
	t.Helper()
	r, err := recipe.Load(filepath.Join("../../recipes", name, recipe.MetaFile))
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(all, func(s suite) bool { return s.name == name }); i >= 0 && all[i].version != r.Version {
		t.Errorf("the recipe of %s has version %s, the suite is that of %s", name, r.Version, all[i].version)
	}
	return r
}

// wheelsOf are the files of a lock.
func wheelsOf(t *testing.T, name string) (files []string) {
	t.Helper()
	l := readLock(t, name)
	dir, err := fetcher(t).Wheels(t.Context(), &l)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range l.Packages {
		files = append(files, filepath.Join(dir, p.File))
	}
	return files
}

// native is a run of a suite natively, which serves all places of that version.
type native struct {
	python string
	whole  bool
}

// ending is how a run of pytest ended.
type ending struct {
	tests map[string]outcome
	last  string // line of what it printed
	took  time.Duration
}

// natively begins to run a suite in the Python of an image. What it returns waits for the end.
func (w *workshop) natively(t *testing.T, s suite, p place) func() (ending, error) {
	t.Helper()
	dir, site := s.unpack(t), installed(t, p.native)
	var end ending
	var err error
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		end, err = w.inImage(t.Context(), s, p, dir, site)
	}()
	return func() (ending, error) {
		<-done
		if err == nil && end.tests == nil {
			end.tests = results(t, filepath.Join(dir, "native.xml"))
		}
		return end, err
	}
}

func (w *workshop) inImage(ctx context.Context, s suite, p place, dir, site string) (ending, error) {
	var log bytes.Buffer
	begun := time.Now()
	image := os.Getenv(p.image)
	err := w.engine.Pull(ctx, image)
	if err == nil {
		_, err = w.engine.Run(ctx, engine.Spec{
			Image: image, Command: append([]string{"python" + p.python}, s.arguments(p, "/suite/native.xml")...),
			Env: []string{"PYTHONPATH=/site", "HOME=/tmp", "PYTHONDONTWRITEBYTECODE=1", "LANG=C.UTF-8"}, WorkDir: "/suite", User: "1000:1000",
			Mounts: []engine.Mount{{Source: site, Target: "/site"}, {Source: dir, Target: "/suite", Writable: true}},
			Tmpfs:  map[string]int64{"/tmp": 256 << 20}, Memory: 2 << 30, Pids: 512, Time: patience(),
		}, &log)
	}
	if err == nil && !exists(filepath.Join(dir, "native.xml")) {
		err = fmt.Errorf("pytest wrote no report")
	}
	if err != nil {
		return ending{}, fmt.Errorf("natively: %w\n%s", err, &log)
	}
	return ending{last: lastLine(log.String()), took: time.Since(begun)}, nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// fewPrograms lets tests find no more programs on this machine than in the container: what they do goes by what they find.
func fewPrograms(t *testing.T) []string {
	t.Helper()
	var environ []string
	if node, err := exec.LookPath("node"); err == nil {
		environ = append(environ, "WASMILL_PYTHON_NODE="+node)
	}
	dir := t.TempDir()
	for _, name := range []string{"cat", "head", "sed"} {
		program, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(program, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return append(environ, "PATH="+dir)
}

// inRuntime runs a suite there; also what was printed is returned.
func (w *workshop) inRuntime(t *testing.T, e equipped, s suite) (ending, string) {
	t.Helper()
	dir := s.unpack(t)
	if e.cache != "" {
		return w.inBrowser(t, e, s, dir)
	}
	cmd := wasm(t, dir, e.site, append([]string{"--runtime", e.runtime}, s.arguments(e.place, "wasm.xml")...)...)
	cmd.Env = slices.Concat(cmd.Env, fewPrograms(t), e.environ)
	begun := time.Now()
	out, status := run(t, cmd)
	if status > 1 || !exists(filepath.Join(dir, "wasm.xml")) {
		t.Fatalf("pytest ended with status %d\n%s", status, out)
	}
	return ending{results(t, filepath.Join(dir, "wasm.xml")), lastLine(out), time.Since(begun)}, out
}

// inBrowser runs a suite in the image with Chromium, which this machine may lack.
func (w *workshop) inBrowser(t *testing.T, e equipped, s suite, dir string) (ending, string) {
	t.Helper()
	var log bytes.Buffer
	begun := time.Now()
	result, err := w.engine.Run(t.Context(), engine.Spec{
		Image: os.Getenv("WASMILL_BROWSER_IMAGE"), Command: append([]string{"/python-wasm", "--runtime", e.runtime}, s.arguments(e.place, "wasm.xml")...),
		Env: []string{pythontest.Told, "WASMILL_PYTHON_CACHE=/cache", "PYTHONPATH=/site", "HOME=/tmp", "LANG=C.UTF-8", "NO_COLOR=1"}, WorkDir: "/suite", User: "1000:1000",
		Mounts: []engine.Mount{
			{Source: pythontest.Program(t), Target: "/python-wasm"}, {Source: e.site, Target: "/site"},
			{Source: e.cache, Target: "/cache", Writable: true}, {Source: dir, Target: "/suite", Writable: true},
		},
		Tmpfs: map[string]int64{"/tmp": 512 << 20}, Memory: 3 << 30, Pids: 1024, Time: patience(),
	}, &log)
	if err != nil || result.ExitStatus > 1 || !exists(filepath.Join(dir, "wasm.xml")) {
		t.Fatalf("pytest ended with status %d, %v\n%s", result.ExitStatus, err, &log)
	}
	return ending{results(t, filepath.Join(dir, "wasm.xml")), lastLine(log.String()), time.Since(begun)}, log.String()
}
