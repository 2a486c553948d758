package build_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// A package that is compiled with the native numpy's headers would load and read memory wrongly.
func TestHeadersOfTheBuildMachineFailABuild(t *testing.T) {
	const (
		site    = "lib/python3.15/site-packages/"
		include = site + "numpy/_core/include"
		header  = include + "/numpy/_numpyconfig.h"
		eight   = "#define NPY_SIZEOF_LONG SIZEOF_LONG\n# define NPY_SIZEOF_INTP 8\n"
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, nativeNumpy) }))
	defer server.Close()
	for story, c := range map[string]struct {
		header  string
		used    []string // folders that the build's compilers looked into
		host    string   // the recipe numpy, where it is among the hosts
		message string   // empty: the build passes
	}{
		"the recipe does not name numpy": {header: eight, used: []string{include}, message: "numpy/_core/include/numpy/_numpyconfig.h of numpy 2.4.6 says that NPY_SIZEOF_INTP is 8, and it is 4 here; list numpy under requirements.host"},
		"numpy's recipe forgets the file": {
			header: eight, used: []string{include}, host: "build: {cross-build-env: true, cross-build-files: [numpy/other.h]}\n",
			message: "name the file in build.cross-build-files of the recipe numpy",
		},
		"the target's header lies there": {
			header: eight, used: []string{include}, host: "build: {cross-build-env: true, cross-build-files: [numpy/_core/include/numpy/_numpyconfig.h]}\n",
		},
		"headers that fit every machine":       {header: "#ifdef __LP64__\n#define SIZEOF_LONG 8\n#else\n#define SIZEOF_LONG 4\n#endif\n#define SIZEOF_LONG_LONG 8\n#define SIZEOF_DOUBLE 8\n", used: []string{include}},
		"nothing was compiled with them":       {header: eight},
		"another folder was":                   {header: eight, used: []string{site + "mypyc/lib-rt", "include/absent"}},
		"somebody names all of site-packages":  {header: eight, used: []string{strings.TrimSuffix(site, "/")}},
		"a header that no package has brought": {header: eight, used: []string{site + "made/up"}},
	} {
		t.Run(story, func(t *testing.T) {
			s := newStage(t, func(_ context.Context, j job.Job, work string, _ io.Writer) (job.Result, engine.Result) {
				if j.Kind != job.Build {
					return job.Result{}, engine.Result{}
				}
				return job.Result{Wheel: filepath.Base(pureWheel(t, filepath.Join(work, "dist"))), Headers: c.used}, engine.Result{}
			})
			played := s.fake.Container
			s.fake.Container = func(ctx context.Context, spec engine.Spec, out io.Writer) engine.Result {
				for _, m := range spec.Mounts {
					if m.Target == job.Env && m.Writable {
						writeFiles(t, m.Source, map[string]string{
							header: c.header, site + "mypyc/lib-rt/CPy.h": "", site + "made/up/x.h": eight,
							site + "numpy-2.4.6.dist-info/RECORD": "numpy/__init__.py,,\nnumpy/_core/include/numpy/_numpyconfig.h,sha256=x,1\n",
						})
					}
				}
				return played(ctx, spec, out)
			}
			s.builder.Resolver = &pinned{version: "2.4.6", url: server.URL + "/numpy.whl"}
			if c.host != "" {
				numpy := recipeOf(t, "numpy", "source: {path: src}\n"+c.host)
				numpy.Version = "2.4.6"
				target := wheeltest.Write(t, t.TempDir(), wheeltest.Spec{Name: "numpy", Version: "2.4.6", Tag: "cp315-cp315-pyemscripten_2026_5_wasm32", Files: map[string]string{
					"numpy/_core/include/numpy/_numpyconfig.h": strings.ReplaceAll(eight, "8", "4"), "numpy/other.h": "",
				}})
				s.job.Hosts = []build.Host{{Recipe: numpy, Files: []build.File{{Artifact: record.Artifact{Filename: filepath.Base(target), Kind: record.KindWheel, Digest: "sha256:1"}, Path: target}}}}
			}
			out, err := s.build()
			if err != nil {
				t.Fatal(err)
			}
			switch f := out.Record.Failure; {
			case c.message == "" && f != nil:
				t.Errorf("failed: %+v", f)
			case c.message != "" && (f == nil || !strings.Contains(f.Message, c.message)):
				t.Errorf("%+v, want a failure that says %q", f, c.message)
			}
		})
	}
}
