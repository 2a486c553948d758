package build_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// stage is a builder whose containers are played by a Go function, in the place of the driver.
type stage struct {
	t        *testing.T
	fake     *engine.Fake
	builder  *build.Builder
	resolved [][]string // requirements, one entry for each resolution
	job      build.Job
}

// play answers a job. work is the container's /work as the worker sees it.
type play func(ctx context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result)

func newStage(t *testing.T, p play) *stage {
	dir := t.TempDir()
	s := &stage{t: t}
	s.fake = &engine.Fake{Container: func(ctx context.Context, spec engine.Spec, out io.Writer) engine.Result {
		work := spec.Mounts[0].Source
		data, err := os.ReadFile(filepath.Join(work, "job.json"))
		if err != nil {
			t.Error(err)
		}
		var j job.Job
		if err := json.Unmarshal(data, &j); err != nil {
			t.Error(err)
		}
		result, ended := p(ctx, j, work, out)
		if result.Schema = job.Schema; ctx.Err() == nil && ended.ExitStatus == 0 {
			data, _ := json.Marshal(result)
			if err := os.WriteFile(filepath.Join(work, "result.json"), data, 0o644); err != nil {
				t.Error(err)
			}
		}
		return ended
	}}
	driver := filepath.Join(dir, "wasmcc")
	if err := os.WriteFile(driver, []byte("driver"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.builder = &build.Builder{
		Engine: s.fake, Fetcher: &fetch.Fetcher{Cache: filepath.Join(dir, "cache")}, Resolver: s,
		Registry: "127.0.0.1:1", Envs: filepath.Join(dir, "envs"), Work: filepath.Join(dir, "work"), Wasmcc: driver,
	}
	source := filepath.Join(dir, "project")
	writeFiles(t, source, map[string]string{"pyproject.toml": "[build-system]\nrequires = [\"setuptools\"]\n[project]\nname = \"story\"\nversion = \"1.0\"\n[tool.wasmill]\npure = true\n"})
	r, err := recipe.FromProject(source)
	if err != nil {
		t.Fatal(err)
	}
	s.job = build.Job{
		Recipe: r, Attempt: "attempt-1", Out: t.TempDir(), Limits: build.LimitsOf(r, r.Wasmill.Class),
		Toolchain: toolchain.Image{Name: "test", Build: "toolchains/test@sha256:" + strings.Repeat("a", 64), Facts: toolchain.Facts{
			PlatformTag: "pyemscripten_2026_5_wasm32", Python: "3.15", ExtSuffix: ".cpython-315-wasm32-emscripten.so", ExcludeNewer: time.Unix(1e9, 0),
		}},
	}
	return s
}

// Resolve implements build.Resolver: every requirement is a lock without packages.
func (s *stage) Resolve(_ context.Context, requirements, _ []string, target fetch.Target) (*fetch.Lock, error) {
	s.resolved = append(s.resolved, requirements)
	if slices.Contains(requirements, "impossible") {
		return nil, &fault.Error{Kind: fault.Invalid, Err: &fetch.UnresolvableError{Requirements: requirements, Reason: "there is none\nat all"}}
	}
	return &fetch.Lock{Requirements: requirements, ExcludeNewer: target.ExcludeNewer}, nil
}

func (s *stage) build() (*build.Output, error) { return s.builder.Build(s.t.Context(), s.job) }

// passing leaves a pure wheel, as the driver does.
func passing(t *testing.T) play {
	return func(_ context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
		if j.Kind == job.MakeEnv {
			return job.Result{}, engine.Result{}
		}
		fmt.Fprintf(out, "%scompile\nbuilding\n", job.PhaseMarker)
		return job.Result{Wheel: filepath.Base(pureWheel(t, filepath.Join(work, "dist"))), PeakMemory: 7}, engine.Result{}
	}
}

func pureWheel(t *testing.T, dir string) string {
	return wheeltest.Write(t, dir, wheeltest.Spec{Name: "story", Version: "1.0", Files: map[string]string{"story.py": "x = 1\n"}})
}

// nativeWheel has one extension module, story._c.
func nativeWheel(t *testing.T, dir string) string {
	module := wasmtest.Module{Exports: []wasm.Export{{Name: "PyInit__c", Kind: wasm.Func, Signature: ":i"}}}
	return wheeltest.Write(t, dir, wheeltest.Spec{Name: "story", Version: "1.0", Tag: "cp315-cp315-pyemscripten_2026_5_wasm32", Files: map[string]string{
		"story/_c.cpython-315-wasm32-emscripten.so": string(module.Bytes()),
	}})
}

// A build may link modules that are not for everybody, as those of its own tests.
func TestAModuleThatWasLinkedNeedNotBeInTheWheel(t *testing.T) {
	s := newStage(t, func(_ context.Context, j job.Job, work string, _ io.Writer) (job.Result, engine.Result) {
		if j.Kind != job.Build {
			return job.Result{}, engine.Result{}
		}
		w := filepath.Base(nativeWheel(t, filepath.Join(work, "dist")))
		return job.Result{Wheel: w, Links: []string{"_c.cpython-315-wasm32-emscripten.so", "_tests.cpython-315-wasm32-emscripten.so"}}, engine.Result{}
	})
	var log bytes.Buffer
	s.job.Recipe.Wasmill.Pure, s.job.Log = false, &log
	out, err := s.build()
	if err != nil || out.Record.Failure != nil {
		t.Fatalf("%v %+v", err, out.Record.Failure)
	}
	if !strings.Contains(log.String(), "linked _tests.cpython-315-wasm32-emscripten.so, and has not put it into the wheel") {
		t.Errorf("the log does not tell: %s", log.String())
	}
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
