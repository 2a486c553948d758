package build_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/fetch/fetchtest"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/static"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// recipeOf makes a recipe in a folder of its own, as a pack holds it.
func recipeOf(t *testing.T, name, text string) *recipe.Recipe {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	writeFiles(t, dir, map[string]string{"meta.yaml": "package: {name: " + name + ", version: '1.0'}\n" + text, "src/README": "\n"})
	r, err := recipe.Load(filepath.Join(dir, "meta.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const staticLibrary = "source: {path: src}\nbuild: {type: static_library, script: make}\n"

// installs plays a library's script, which leaves files in $WASM_LIBRARY_DIR.
func installs(t *testing.T, files map[string]string, links map[string]string) play {
	return func(_ context.Context, j job.Job, work string, _ io.Writer) (job.Result, engine.Result) {
		if j.Kind != job.Install {
			t.Errorf("a job of kind %s, want %s", j.Kind, job.Install)
		}
		writeFiles(t, filepath.Join(work, "libs"), files)
		for name, target := range links {
			if err := os.Symlink(target, filepath.Join(work, "libs", name)); err != nil {
				t.Error(err)
			}
		}
		return job.Result{}, engine.Result{}
	}
}

func TestALibraryIsWhatItsScriptInstalls(t *testing.T) {
	zlib := newStage(t, installs(t, map[string]string{"include/zlib.h": "/* z */", "lib/libz.a": "!<arch>\n"}, nil))
	zlib.job.Recipe = recipeOf(t, "zlib", staticLibrary)
	first, err := zlib.build()
	if err != nil || first.Record.Outcome != record.Passed {
		t.Fatalf("%v %+v", err, first.Record.Failure)
	}
	png := newStage(t, installs(t, map[string]string{
		"include/png.h": "/* png */", "lib/libpng16.a": "!<arch>\n", "lib/libpng.la": "libdir=/work/libs/lib", "share/man/man3/png.3": "",
		"lib/pkgconfig/libpng.pc": "prefix=/work/libs\nincludedir=${prefix}/include\nLibs: -L/work/libs/lib -lpng16\n",
		"bin/png-config":          "#!/bin/sh\n",
	}, map[string]string{"lib/libpng.a": "libpng16.a", "include/libpng": "/work/libs/include"}))
	png.job.Recipe = recipeOf(t, "libpng", staticLibrary+"requirements: {host: [zlib]}\n")
	png.job.Hosts = []build.Host{hostOf(zlib.job.Recipe, first)}
	second, err := png.build()
	if err != nil || second.Record.Outcome != record.Passed {
		t.Fatalf("%v %+v", err, second.Record.Failure)
	}
	if got, want := filepath.Base(second.Path), "libpng-1.0-pyemscripten_2026_5_wasm32.tar.gz"; got != want {
		t.Errorf("the artifact is %s, want %s", got, want)
	}
	// Nothing of zlib, no manual, no .la; links and pkg-config's file work wherever it is unpacked.
	want := map[string]string{
		"include/png.h": "/* png */", "lib/libpng16.a": "!<arch>\n", "bin/png-config": "#!/bin/sh\n", "lib/libpng.a": "-> libpng16.a", "include/libpng": "-> .",
		"lib/pkgconfig/libpng.pc": "prefix=${pcfiledir}/../..\nincludedir=${prefix}/include\nLibs: -L${pcfiledir}/../../lib -lpng16\n",
	}
	if diff := cmp.Diff(want, archived(t, second.Path)); diff != "" {
		t.Errorf("what is in it (-want +got):\n%s", diff)
	}
	if a := second.Record.Artifacts[0]; a.Kind != record.KindLibrary || len(second.Record.Artifacts) != 1 {
		t.Errorf("artifacts: %+v", second.Record.Artifacts)
	}
	var hosts []string
	for _, in := range second.Record.Inputs {
		if in.Kind == "host" {
			hosts = append(hosts, in.Name)
		}
	}
	if diff := cmp.Diff([]string{"zlib-1.0-pyemscripten_2026_5_wasm32.tar.gz"}, hosts); diff != "" {
		t.Errorf("hosts among the inputs (-want +got):\n%s", diff)
	}
}

func TestLibrariesThatAreNone(t *testing.T) {
	for story, c := range map[string]struct {
		files, links map[string]string
		shared       bool
		message      string
	}{
		"nothing installed":      {message: "has installed nothing into $WASM_LIBRARY_DIR"},
		"for the build machine":  {files: map[string]string{"lib/libx.a": "!<arch>\nx.o/            0           0     0     644     4         `\n\x7fELF"}, message: "lib/libx.a is for the build machine"},
		"a native shared one":    {files: map[string]string{"lib/libx.so": "\x7fELF\x02"}, shared: true, message: "lib/libx.so is for the build machine"},
		"shared, but only .a":    {files: map[string]string{"lib/libx.a": "!<arch>\n"}, shared: true, message: "installed no side module"},
		"a link that leads out":  {links: map[string]string{"passwd": "/etc/passwd"}, message: "the link passwd leads out of the library, to /etc/passwd"},
		"a link that climbs out": {links: map[string]string{"up": "../../etc"}, message: "the link up leads out"},
	} {
		s := newStage(t, installs(t, c.files, c.links))
		text := staticLibrary
		if c.shared {
			text = strings.Replace(text, "static_library", "shared_library", 1)
		}
		s.job.Recipe = recipeOf(t, "libx", text)
		out, err := s.build()
		if err != nil {
			t.Errorf("%s: %v", story, err)
			continue
		}
		if f := out.Record.Failure; f == nil || !strings.Contains(f.Message, c.message) || out.Path != "" {
			t.Errorf("%s: %+v, want a failure that says %q", story, f, c.message)
		}
	}
}

// A container sees libraries of its host dependencies and may spoil its copy; what goes into the wheel is not that copy.
func TestASharedLibraryComesIntoTheWheel(t *testing.T) {
	library := newStage(t, installs(t, map[string]string{"lib/libx.so": string(wasmtest.Module{}.Bytes())}, nil))
	library.job.Recipe = recipeOf(t, "libx", strings.Replace(staticLibrary, "static_library", "shared_library", 1))
	first, err := library.build()
	if err != nil || first.Record.Failure != nil {
		t.Fatalf("%v %+v", err, first.Record.Failure)
	}
	s := newStage(t, func(_ context.Context, j job.Job, work string, _ io.Writer) (job.Result, engine.Result) {
		if j.Kind != job.Build {
			return job.Result{}, engine.Result{}
		}
		if _, err := os.Stat(filepath.Join(work, "libs/lib/libx.so")); err != nil {
			t.Error(err)
		}
		if err := errors.Join(os.Remove(filepath.Join(work, "libs/lib/libx.so")), os.Symlink("/etc/passwd", filepath.Join(work, "libs/lib/libx.so"))); err != nil {
			t.Error(err)
		}
		w := wheeltest.Write(t, filepath.Join(work, "dist"), wheeltest.Spec{Name: "story", Version: "1.0", Tag: "cp315-cp315-pyemscripten_2026_5_wasm32", Files: map[string]string{
			"story/_c.cpython-315-wasm32-emscripten.so": string(wasmtest.Module{Needed: []string{"libx.so"}, Exports: []wasm.Export{{Name: "PyInit__c", Kind: wasm.Func, Signature: ":i"}}}.Bytes()),
		}})
		return job.Result{Wheel: filepath.Base(w)}, engine.Result{}
	})
	s.job.Recipe = recipeOf(t, "story", "source: {path: src}\nrequirements: {host: [libx]}\n")
	s.job.Hosts = []build.Host{hostOf(library.job.Recipe, first)}
	out, err := s.build()
	if err != nil || out.Record.Failure != nil {
		t.Fatalf("%v %+v", err, out.Record.Failure)
	}
	w, err := wheel.Open(out.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if diff := cmp.Diff([]string{"story.libs/libx.so", "story/_c.cpython-315-wasm32-emscripten.so"}, w.Libraries()); diff != "" {
		t.Errorf("libraries in the wheel (-want +got):\n%s", diff)
	}
	if text, err := w.ReadFile("story.libs/libx.so"); err != nil || string(text) != string(wasmtest.Module{}.Bytes()) {
		t.Errorf("libx.so in the wheel is %q, %v", text, err)
	}
}

// writePackage writes the files of a package's site-packages as packages for WASI have them.
func writePackage(t *testing.T, to string, files map[string]string) {
	t.Helper()
	if err := os.WriteFile(to, fetchtest.TarGz(t, fetchtest.Below(strings.TrimSuffix(static.Site, "/"), files)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// numpy is compiled against: the environment holds its native copy in the recipe's version with the target's files over
// it; where the index has none of that version, with all of the target's headers.
func TestHeadersOfTheTargetLieOverTheNativeCopy(t *testing.T) {
	numpy := recipeOf(t, "numpy", "source: {path: src}\nbuild: {cross-build-env: true, cross-build-files: [numpy/config.h]}\n")
	files := map[string]string{"numpy/config.h": "target", "numpy/api.h": "target", "numpy/__init__.py": "target"}
	target := wheeltest.Write(t, t.TempDir(), wheeltest.Spec{Name: "numpy", Version: "1.0", Tag: "cp315-cp315-pyemscripten_2026_5_wasm32", Files: files})
	linked := filepath.Join(t.TempDir(), "numpy-1.0-cp313-wasi_wasm32.tar.gz")
	writePackage(t, linked, files)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, nativeNumpy) }))
	defer server.Close()
	for story, c := range map[string]struct {
		native string // version of the native copy
		kind   string
		target string
		want   map[string]string
	}{
		"of the same version":                          {"1.0", record.KindWheel, target, map[string]string{"config.h": "target", "api.h": "native", "__init__.py": "native"}},
		"of another version":                           {"2.0", record.KindWheel, target, map[string]string{"config.h": "target", "api.h": "target", "__init__.py": "native"}},
		"of the same version, where nothing is loaded": {"1.0", record.KindStatic, linked, map[string]string{"config.h": "target", "api.h": "native", "__init__.py": "native"}},
		"of another version, where nothing is loaded":  {"2.0", record.KindStatic, linked, map[string]string{"config.h": "target", "api.h": "target", "__init__.py": "native"}},
	} {
		got := map[string]string{}
		s := newStage(t, func(_ context.Context, j job.Job, work string, _ io.Writer) (job.Result, engine.Result) {
			if j.Kind != job.Build {
				return job.Result{}, engine.Result{}
			}
			return job.Result{Wheel: filepath.Base(pureWheel(t, filepath.Join(work, "dist")))}, engine.Result{}
		})
		played := s.fake.Container
		s.fake.Container = func(ctx context.Context, spec engine.Spec, out io.Writer) engine.Result {
			for _, m := range spec.Mounts {
				site := filepath.Join(m.Source, "lib/python3.15/site-packages/numpy")
				switch {
				case m.Target == job.Env && m.Writable:
					writeFiles(t, site, map[string]string{"config.h": "native", "api.h": "native", "__init__.py": "native"})
				case m.Target == job.Env:
					for name := range c.want {
						text, err := os.ReadFile(filepath.Join(site, name))
						if err != nil {
							t.Error(err)
						}
						got[name] = string(text)
					}
				}
			}
			return played(ctx, spec, out)
		}
		resolver := &pinned{version: c.native, url: server.URL + "/numpy.whl"}
		s.builder.Resolver = resolver
		s.job.Recipe = recipeOf(t, "story", "source: {path: src}\nrequirements: {host: [numpy]}\nwasmill: {pure: true}\n")
		s.job.Hosts = []build.Host{{Recipe: numpy, Files: []build.File{{Artifact: record.Artifact{Filename: filepath.Base(c.target), Kind: c.kind, Digest: "sha256:1"}, Path: c.target}}}}
		out, err := s.build()
		if err != nil || out.Record.Failure != nil {
			t.Fatalf("%s: %v %+v", story, err, out.Record.Failure)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: files of the environment's numpy (-want +got):\n%s", story, diff)
		}
		if len(resolver.asked) == 0 || !strings.Contains(resolver.asked[0], "numpy | numpy==1.0") {
			t.Errorf("%s: asked for %q", story, resolver.asked)
		}
	}
}

const nativeNumpy = "the wheel, which the container would install"

// pinned has numpy in one version.
type pinned struct {
	version, url string
	asked        []string
}

func (p *pinned) Resolve(_ context.Context, requirements, constraints []string, target fetch.Target) (*fetch.Lock, error) {
	p.asked = append(p.asked, strings.Join(requirements, " ")+" | "+strings.Join(constraints, " "))
	for _, c := range append(constraints, requirements...) {
		if _, version, ok := strings.Cut(c, "=="); ok && version != p.version {
			return nil, &fault.Error{Kind: fault.Invalid, Err: &fetch.UnresolvableError{Requirements: requirements, Reason: "no wheel"}}
		}
	}
	sum := sha256.Sum256([]byte(nativeNumpy))
	wheel := fetch.LockedWheel{Name: "numpy", Version: p.version, File: "numpy.whl", URL: p.url, SHA256: hex.EncodeToString(sum[:])}
	return &fetch.Lock{Requirements: requirements, ExcludeNewer: target.ExcludeNewer, Packages: []fetch.LockedWheel{wheel}}, nil
}

func hostOf(r *recipe.Recipe, out *build.Output) build.Host {
	return build.Host{Recipe: r, Files: []build.File{{Artifact: out.Record.Artifacts[0], Path: out.Path}}}
}

// archived is what an archive holds, links as "-> target".
func archived(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Linkname != "" {
			text = []byte("-> " + h.Linkname)
		}
		got[h.Name] = string(text)
	}
}
