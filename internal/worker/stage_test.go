package worker

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
	"github.com/wasmill/wasmill/workflows"
)

// stage is a worker whose containers and runtime are played, on a registry in a folder and a farm in memory. It has not
// joined Temporal: the tests call the activities as the workflow does.
type stage struct {
	*testing.T
	*Worker
	farm     *api.Fake
	engine   *engine.Fake
	runtime  *runtimes.Fake
	registry string // its folder
	job      jobs.Job
	task     workflows.Task

	mu     sync.Mutex
	phases []record.Phase // as they were reported to the workflow
}

// play is a build container.
type play func(ctx context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result)

const image = "toolchains/test@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// orchestrator keeps what the worker gives it in the registry from which the worker reads.
type orchestrator struct {
	*api.Fake
	blobs *store.Blobs
}

func (o orchestrator) PutBlob(ctx context.Context, r io.Reader) (record.Blob, error) {
	return o.blobs.Put(ctx, "application/octet-stream", r)
}

func newStage(t *testing.T, p play) *stage {
	t.Helper()
	dir, err := datadir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	registry, err := store.StartRegistry(t.Context(), dir.Registry(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registry.Close() })
	blobs, err := store.NewBlobs(registry.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{T: t, farm: &api.Fake{}, runtime: &runtimes.Fake{}, registry: dir.Registry()}
	s.engine = &engine.Fake{Container: func(ctx context.Context, spec engine.Spec, out io.Writer) engine.Result {
		return s.container(ctx, p, spec, out)
	}}
	s.Worker = &Worker{
		cfg:   Config{Dir: dir, Farm: s.farm, Engine: s.engine, Name: "w1", Log: zap.NewNop()},
		stand: newStand(&fakeCrew{}), blobs: content{blobs, orchestrator{s.farm, blobs}}, address: registry.Addr(), tests: map[string]runtimes.Runtime{recipe.Node: s.runtime, recipe.Chromium: s.runtime},
		fetcher: &fetch.Fetcher{Cache: dir.Downloads()},
		toolchains: map[string]*toolchain.Image{image: {
			Name: "test", Build: image, Runtime: "runtimes/test@sha256:" + strings.Repeat("b", 64),
			Facts: toolchain.Facts{PlatformTag: "pyemscripten_2026_5_wasm32", Python: "3.15", ExtSuffix: ".cpython-315-wasm32-emscripten.so", ExcludeNewer: time.Unix(1e9, 0)},
		}},
	}
	s.job = jobs.Job{
		Recipes: s.pack(nil), Recipe: "story", Toolchain: image, Builder: s.put("the driver").Digest, UV: s.uv("", nil),
		Inputs: plan.Inputs{Toolchain: "sha256:of-the-toolchain"}, LockKey: "key of the lock", Runtimes: []string{recipe.Node},
	}
	s.task = workflows.Task{RunID: "run-1", Build: "build/story", Recipe: "story", Toolchain: "test", Key: "planned"}
	return s
}

func (s *stage) container(ctx context.Context, p play, spec engine.Spec, out io.Writer) engine.Result {
	if p == nil || len(spec.Mounts) == 0 {
		return engine.Result{}
	}
	work := spec.Mounts[0].Source
	text, err := os.ReadFile(filepath.Join(work, "job.json"))
	if err != nil {
		s.Error(err)
	}
	var j job.Job
	if err := json.Unmarshal(text, &j); err != nil {
		s.Error(err)
	}
	result, ended := job.Result{}, engine.Result{}
	if j.Kind != job.MakeEnv {
		result, ended = p(ctx, j, work, out)
	}
	result.Schema = job.Schema
	if ctx.Err() == nil && ended.ExitStatus == 0 {
		text, _ := json.Marshal(result)
		if err := os.WriteFile(filepath.Join(work, "result.json"), text, 0o644); err != nil {
			s.Error(err)
		}
	}
	return ended
}

// compiles leaves a pure wheel.
func compiles(t *testing.T) play {
	return func(_ context.Context, _ job.Job, work string, out io.Writer) (job.Result, engine.Result) {
		fmt.Fprintf(out, "%scompile\nbuilding\n", job.PhaseMarker)
		file := wheeltest.Write(t, filepath.Join(work, "dist"), wheeltest.Spec{Name: "story", Version: "1.0", Files: map[string]string{"story.py": "x = 1\n", "tests/__init__.py": ""}})
		return job.Result{Wheel: filepath.Base(file)}, engine.Result{}
	}
}

// pack uploads the recipe of a pure package that lies beside it and has no build requirements. Some files of the set of
// recipes may be others.
func (s *stage) pack(changed map[string]string) record.Digest {
	s.Helper()
	dir := s.TempDir()
	files := map[string]string{
		"story/meta.yaml":          "package: {name: story, version: '1.0'}\nsource: {path: src}\nrequirements: {run: [Other_Dep]}\nwasmill: {pure: true}\n",
		"story/src/pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = \"b\"\n[project]\nname = \"story\"\nversion = \"1.0\"\n",
		"story/src/story.py":       "x = 1\n",
		"story/test_story.py":      "def test_x(): import story\n",
	}
	maps.Copy(files, changed)
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			s.Fatal(err)
		}
	}
	set, err := recipe.LoadSet(dir)
	if err != nil {
		s.Fatal(err)
	}
	var pack bytes.Buffer
	if err := recipe.Pack(&pack, set.Recipes()); err != nil {
		s.Fatal(err)
	}
	return s.put(pack.String()).Digest
}

// uv is a wheel with something in the place of the resolver, which a build without requirements does not start. Its server
// has further files, by name.
func (s *stage) uv(program string, more map[string]string) fetch.Source {
	s.Helper()
	var text bytes.Buffer
	archive := zip.NewWriter(&text)
	tool, err := archive.Create("uv-1.0.data/scripts/uv")
	if err != nil {
		s.Fatal(err)
	}
	if _, err := io.WriteString(tool, program); err != nil {
		s.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		s.Fatal(err)
	}
	const name = "/uv-1.0-py3-none-any.whl"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := more[strings.TrimPrefix(r.URL.Path, "/")]
		switch {
		case r.URL.Path == name:
			_, _ = w.Write(text.Bytes())
		case ok:
			_, _ = io.WriteString(w, file)
		default:
			http.NotFound(w, r)
		}
	}))
	s.Cleanup(server.Close)
	s.fetcher.Index = server.URL + "/simple/" // has nothing
	sum := sha256.Sum256(text.Bytes())
	return fetch.Source{URL: server.URL + name, SHA256: hex.EncodeToString(sum[:]), Package: "uv"}
}

func (s *stage) put(text string) record.Blob {
	s.Helper()
	blob, err := s.blobs.Put(s.Context(), "text/plain", strings.NewReader(text))
	if err != nil {
		s.Fatal(err)
	}
	return blob
}

func (s *stage) read(digest record.Digest) string {
	s.Helper()
	r, err := s.blobs.Open(s.Context(), digest)
	if err != nil {
		s.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

// send gives the job to the registry, as the orchestrator does.
func (s *stage) send() {
	s.Helper()
	digest, err := jobs.Put(s.Context(), s.blobs, s.job)
	if err != nil {
		s.Fatal(err)
	}
	s.task.Job = digest
}

func (s *stage) attempt(step string, number int) workflows.Attempt {
	return workflows.Attempt{ID: fmt.Sprintf("%s-%d", step, number), Number: number, Report: func(p workflows.Progress) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.phases = append(s.phases, p.Phase)
	}}
}

// build is one attempt of the Build activity.
func (s *stage) build(number int) (workflows.BuildResult, error) {
	s.Helper()
	s.send()
	return activities{s.Worker}.Build(s.Context(), s.task, s.attempt("build", number))
}

func (s *stage) mustBuild() (workflows.BuildResult, *jobs.Result) {
	s.Helper()
	out, err := s.build(1)
	if err != nil {
		s.Fatal(err)
	}
	return out, s.result(out)
}

// test is one attempt of the Test activity, after a build.
func (s *stage) test(after record.Digest, number int) (workflows.BuildResult, error) {
	s.Helper()
	s.send()
	s.task.Record = after
	return activities{s.Worker}.Test(s.Context(), s.task, s.attempt("test", number))
}

func (s *stage) result(out workflows.BuildResult) *jobs.Result {
	s.Helper()
	res, err := jobs.Get[jobs.Result](s.Context(), s.blobs, out.Record)
	if err != nil {
		s.Fatal(err)
	}
	return res
}

func (s *stage) liveLog() string { return string(s.farm.Logs[s.logName()]) }

func (s *stage) logName() string { return jobs.LogName("story", s.task.Job, "run-1") }
