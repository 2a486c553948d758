package worker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/archive"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

func TestABuildLeavesAllThatComesAfterIt(t *testing.T) {
	s := newStage(t, compiles(t))
	out, res := s.mustBuild()
	b := res.Record
	if out.Outcome != record.Passed || out.Key != b.Key || b.Attempt != 1 || b.Worker != "w1" || b.Recipe != "story" {
		t.Errorf("%+v of %+v", out, b)
	}
	// The lock that the worker made is handed on under the name that the plan gave it, and is in the key.
	if res.Lock == nil || res.LockKey != "key of the lock" || res.Inputs.Lock != record.Digest(res.Lock.Digest()) || b.Key != plan.Key(res.Inputs) {
		t.Errorf("lock %+v under %q, inputs %+v, key %s", res.Lock, res.LockKey, res.Inputs, b.Key)
	}
	if len(b.Artifacts) != 2 || b.Artifacts[1].Kind != record.KindTests || s.read(b.Artifacts[1].Digest) == "" {
		t.Fatalf("artifacts: %+v", b.Artifacts)
	}
	a := b.Artifacts[0]
	want := &record.Wheel{Project: "story", Version: "1.0", Imports: []string{"story"}, Depends: []string{"other-dep"}}
	if diff := cmp.Diff(want, a.Wheel); diff != "" || a.Filename != "story-1.0-py3-none-any.whl" {
		t.Errorf("%s (-want +got):\n%s", a.Filename, diff)
	}
	if wheel := s.read(a.Digest); int64(len(wheel)) != a.Size || !strings.HasPrefix(wheel, "PK") {
		t.Errorf("the wheel in the registry has %d bytes, not %d", len(wheel), a.Size)
	}
	if text := s.read(a.Metadata); !strings.Contains(text, "Name: story\n") {
		t.Errorf("METADATA in the registry:\n%s", text)
	}
	if text := s.read(b.Log.Digest); !strings.Contains(text, "building\n") || text != s.liveLog() {
		t.Errorf("the log in the registry is %q, and the farm was sent %q", text, s.liveLog())
	}
	if text := s.read(b.Provenance.Digest); !strings.Contains(text, strings.TrimPrefix(string(a.Digest), "sha256:")) {
		t.Errorf("the provenance is not about the wheel:\n%s", text)
	}
	left, err := os.ReadDir(s.cfg.Dir.Work())
	if err != nil || len(left) > 0 {
		t.Errorf("left in the work folder: %v, %v", left, err)
	}
}

// Who has a lock is not asked for one, and the plan's key stands.
func TestABuildUsesTheLockThatItIsGiven(t *testing.T) {
	s := newStage(t, compiles(t))
	s.job.Lock = &fetch.Lock{Requirements: []string{}, Packages: []fetch.LockedWheel{}}
	s.job.Inputs.Lock = record.Digest(s.job.Lock.Digest())
	s.task.Key = plan.Key(s.job.Inputs)
	out, res := s.mustBuild()
	if out.Key != s.task.Key || res.Lock != nil || res.LockKey != "" {
		t.Errorf("key %s, want %s; lock %+v", out.Key, s.task.Key, res.Lock)
	}
}

func TestAPackageThatDoesNotCompileIsAResult(t *testing.T) {
	s := newStage(t, func(_ context.Context, _ job.Job, _ string, out io.Writer) (job.Result, engine.Result) {
		_, _ = io.WriteString(out, "x.c:1: error\n")
		return job.Result{Failure: &record.Failure{Phase: record.PhaseCompile, Kind: record.CompileFailed, Message: "it does not compile"}}, engine.Result{}
	})
	out, res := s.mustBuild()
	if out.Outcome != record.Failed || out.Failure == nil || out.Failure.Message != "it does not compile" {
		t.Errorf("%+v", out)
	}
	if res.Record.Provenance != nil || len(res.Record.Artifacts) > 0 || !strings.Contains(s.read(res.Record.Log.Digest), "x.c:1: error") {
		t.Errorf("%+v", res.Record)
	}
	if res.Lock == nil {
		t.Error("the lock of a failed build is worth keeping, and was not handed on")
	}
	if last := s.farm.Reported[len(s.farm.Reported)-1]; last.Outcome != "failed" {
		t.Errorf("the farm was told %+v", last)
	}
}

// Those who look on see each phase, under the key as soon as it is known, and how it ended.
func TestAttemptsAreReported(t *testing.T) {
	s := newStage(t, compiles(t))
	out, _ := s.mustBuild()
	var phases []record.Phase
	for _, a := range s.farm.Reported {
		if a.ID != "build-1" || a.Run != "run-1" || a.Recipe != "story" || a.Worker != "w1" || a.Number != 1 || a.Log != s.logName() {
			t.Errorf("%+v", a)
		}
		if len(phases) == 0 || phases[len(phases)-1] != a.Phase {
			phases = append(phases, a.Phase)
		}
	}
	if phases[0] != record.PhaseFetch || !slices.Contains(phases, record.PhaseCompile) || !slices.Contains(s.phases, record.PhaseCompile) {
		t.Errorf("the farm saw %v, the workflow %v", phases, s.phases)
	}
	first, last := s.farm.Reported[0], s.farm.Reported[len(s.farm.Reported)-1]
	if first.Key != "planned" || first.Outcome != "" || last.Key != out.Key || last.Outcome != "passed" {
		t.Errorf("first %+v, last %+v", first, last)
	}
}

// A farm that can't be told anything loses its onlookers, not its build.
func TestAFarmThatDoesNotListenDoesNotStopABuild(t *testing.T) {
	s := newStage(t, compiles(t))
	s.cfg.Farm = deafFarm{s.farm}
	out, res := s.mustBuild()
	if out.Outcome != record.Passed || !strings.Contains(s.read(res.Record.Log.Digest), "building") {
		t.Errorf("%+v", out)
	}
}

type deafFarm struct{ *api.Fake }

var errDeaf = fault.Errorf(fault.Unavailable, "the farm does not answer")

func (deafFarm) ReportAttempt(context.Context, api.Attempt) error                  { return errDeaf }
func (deafFarm) AppendLog(context.Context, string, string, int64, io.Reader) error { return errDeaf }

// The container of a worker that was killed is still there when the next attempt begins, on the same engine.
func TestTheNextAttemptRemovesTheContainerOfTheOneBefore(t *testing.T) {
	s := newStage(t, compiles(t))
	lost, other := make(chan error, 1), make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	begun := make(chan bool, 2)
	plays := s.engine.Container
	s.engine.Container = func(ctx context.Context, spec engine.Spec, out io.Writer) engine.Result {
		if spec.Labels["stuck"] == "" {
			return plays(ctx, spec, out)
		}
		begun <- true
		<-ctx.Done()
		return engine.Result{}
	}
	run := func(task string, ended chan error) {
		_, err := s.engine.Run(ctx, engine.Spec{
			Image: "127.0.0.1:1/" + image, Command: []string{"sleep"}, User: "1000:1000", Labels: map[string]string{taskLabel: task, "stuck": "yes"},
		}, io.Discard)
		ended <- err
	}
	go run("build", lost)
	go run("another", other)
	<-begun
	<-begun
	if out, err := s.build(2); err != nil || s.result(out).Record.Attempt != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	if err := <-lost; err == nil {
		t.Error("the container of the first attempt is still there")
	}
	select {
	case err := <-other:
		t.Errorf("another task's container was removed: %v", err)
	default:
	}
	stop()
	<-other
	for _, spec := range s.engine.Specs() {
		if spec.Labels["stuck"] == "" && (spec.Labels[taskLabel] != "build" || spec.Labels[ownerLabel] != "w1") {
			t.Errorf("labels: %v", spec.Labels)
		}
	}
}

func TestAnEngineThatGoesAwayIsAnError(t *testing.T) {
	s := newStage(t, nil)
	s.engine.Container = func(context.Context, engine.Spec, io.Writer) engine.Result {
		s.engine.Stop()
		return engine.Result{}
	}
	if out, err := s.build(1); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%+v, %v", out, err)
	}
	if last := s.farm.Reported[len(s.farm.Reported)-1]; last.Outcome != "unavailable" {
		t.Errorf("the farm was told %+v", last)
	}
}

func TestAJobThatCannotBe(t *testing.T) {
	for story, c := range map[string]struct {
		change func(*stage)
		kind   fault.Kind
		say    string
	}{
		"a recipe that is not in the pack": {func(s *stage) { s.job.Recipe = "nowhere" }, fault.Internal, "nowhere"},
		"a pack that is not there":         {func(s *stage) { s.job.Recipes = record.Digest("sha256:" + strings.Repeat("0", 64)) }, fault.NotFound, ""},
		"a driver that is not there":       {func(s *stage) { s.job.Builder = record.Digest("sha256:" + strings.Repeat("0", 64)) }, fault.NotFound, "drives builds"},
		"another uv than was asked for":    {func(s *stage) { s.job.UV.SHA256 = strings.Repeat("0", 64) }, fault.Invalid, "uv"},
		"a toolchain that is not there":    {func(s *stage) { s.job.Toolchain = "toolchains/x@sha256:" + strings.Repeat("0", 64) }, fault.NotFound, "toolchains/x"},
	} {
		t.Run(story, func(t *testing.T) {
			s := newStage(t, compiles(t))
			c.change(s)
			if out, err := s.build(1); err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%+v, %v (%v)", out, err, fault.KindOf(err))
			}
			if s.engine.Calls("Run") > 0 {
				t.Error("a container was run")
			}
		})
	}
}

func TestATestAddsToTheBuildsResult(t *testing.T) {
	s := newStage(t, compiles(t))
	dep := s.put("PK the wheel of a dependency")
	s.job.Deps = []record.Artifact{{Filename: "other_dep-2-py3-none-any.whl", Digest: dep.Digest, Size: dep.Size}}
	out, before := s.mustBuild()
	buildLog := s.liveLog()
	s.farm.Logs[s.logName()] = append(s.farm.Logs[s.logName()], "what an attempt that was killed had printed"...)
	s.runtime.Play = func(_ context.Context, job runtimes.Job) (*record.Test, error) {
		for file, want := range map[string]string{job.Artifact.Path: s.read(before.Record.Artifacts[0].Digest), job.Deps[0].Path: "PK the wheel of a dependency"} {
			if text, err := os.ReadFile(file); err != nil || string(text) != want {
				t.Errorf("%s is another file, %v", filepath.Base(file), err)
			}
		}
		_, err := io.WriteString(job.Log, "1 passed\n")
		return &record.Test{Outcome: record.Passed, Runtime: "played", Passed: 1, Seconds: 2.5}, err
	}
	out, err := s.test(out.Record, 2)
	if err != nil {
		t.Fatal(err)
	}
	res := s.result(out)
	b := res.Record
	if out.Outcome != record.Passed || out.Key != before.Record.Key || len(b.Tests) != 1 || b.Tests[0].Passed != 1 || b.Tests[0].Runtime != "played" || b.Tests[0].In != recipe.Node {
		t.Errorf("%+v of %+v", out, b.Tests)
	}
	if last := b.Phases[len(b.Phases)-1]; last.Phase != record.PhaseTest || last.Seconds != 2.5 {
		t.Errorf("phases: %v", b.Phases)
	}
	if res.LockKey != before.LockKey || res.Lock == nil || *b.Log != *before.Record.Log || b.Attempt != 1 {
		t.Errorf("what the build had left is lost: %+v", res)
	}
	// The test's log stands behind the build's, and what the attempt before had printed there is gone.
	if s.read(b.TestLog.Digest) != "1 passed\n" || s.liveLog() != buildLog+"1 passed\n" {
		t.Errorf("the farm was sent %q", s.liveLog())
	}
	job := s.runtime.Jobs()[0]
	if !slices.Equal(job.Imports, []string{"story"}) || !slices.Equal(job.Tests, []string{"test_story.py"}) || !strings.HasPrefix(job.Image, s.address+"/runtimes/test@") {
		t.Errorf("%+v", job)
	}
	if last := s.farm.Reported[len(s.farm.Reported)-1]; last.ID != "test-2" || last.Key != b.Key || last.Outcome != "passed" || last.Phase != record.PhaseTest {
		t.Errorf("the farm was told %+v", last)
	}
}

func TestATestThatFailsFailsTheBuild(t *testing.T) {
	s := newStage(t, compiles(t))
	built, _ := s.mustBuild()
	s.runtime.Play = func(context.Context, runtimes.Job) (*record.Test, error) {
		return &record.Test{Outcome: record.Failed, Failure: &record.Failure{Phase: record.PhaseTest, Kind: record.TestFailed, Message: "1 of 2 tests failed"}}, nil
	}
	out, err := s.test(built.Record, 1)
	if err != nil || out.Outcome != record.Failed || out.Failure == nil || out.Failure.Kind != record.TestFailed {
		t.Fatalf("%+v, %v", out, err)
	}
	if b := s.result(out).Record; len(b.Artifacts) != 2 || b.Failure.Message != "1 of 2 tests failed" {
		t.Errorf("%+v", b)
	}
}

// What passes under node may fail in a page: the record has both.
func TestATestInTwoRuntimes(t *testing.T) {
	s := newStage(t, compiles(t))
	s.job.Runtimes, s.job.Browser = []string{recipe.Node, recipe.Chromium}, "toolchains/test@sha256:"+strings.Repeat("c", 64)
	built, _ := s.mustBuild()
	s.runtime.Play = func(_ context.Context, job runtimes.Job) (*record.Test, error) {
		if job.Browser == "" {
			return &record.Test{Outcome: record.Passed, Passed: 2, Seconds: 1}, nil
		}
		if want := s.address + "/" + s.job.Browser; job.Browser != want {
			t.Errorf("the browser is in %s, want %s", job.Browser, want)
		}
		return &record.Test{Outcome: record.Failed, Passed: 1, Seconds: 2, Failure: &record.Failure{Phase: record.PhaseTest, Kind: record.ImportFailed, Message: "too large"}}, nil
	}
	out, err := s.test(built.Record, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := s.result(out).Record
	if len(b.Tests) != 2 || b.Tests[0].In != recipe.Node || b.Tests[1].In != recipe.Chromium || b.Tests[1].Failure.Message != "too large" {
		t.Fatalf("%+v", b.Tests)
	}
	if b.Outcome != record.Failed || b.Failure.Message != "in chromium: too large" || b.Counts().Passed != 3 || b.Phases[len(b.Phases)-1].Seconds != 3 {
		t.Errorf("%+v", b)
	}
	if report := s.read(b.JUnit.Digest); !strings.Contains(report, `in chromium"`) {
		t.Errorf("%s", report)
	}
}

// Where nothing is loaded, the test gets the Python that the package is to be linked into, and what runs it.
func TestATestOfWhatIsLinked(t *testing.T) {
	s := newStage(t, compiles(t))
	s.tests = map[string]runtimes.Runtime{recipe.Wazero: s.runtime}
	facts := &s.toolchains[image].Facts
	facts.Target, facts.Interpreter, facts.PlatformTag, facts.PythonTag, facts.LLVM = toolchain.WASI, "python", "wasi_wasm32", "cp313", "/llvm"
	s.job.Recipes = s.pack(map[string]string{
		"python/meta.yaml": "package: {name: python, version: '3.13.5'}\nsource: {path: .}\nbuild: {type: static_library, script: make}\n",
		"story/meta.yaml":  "package: {name: story, version: '1.0', top-level: [story]}\nsource: {path: src}\nrequirements: {run: [Other_Dep]}\nwasmill: {pure: true}\n",
	})
	var library bytes.Buffer
	if err := archive.Write(&library, nil, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	python := s.put(library.String())
	s.job.Runtimes, s.job.Runner = []string{recipe.Wazero}, s.put("the runner").Digest
	s.job.Hosts = []jobs.Host{{Recipe: "python", Artifacts: []record.Artifact{{Filename: "python.tar.gz", Kind: record.KindLibrary, Digest: python.Digest, Size: python.Size}}}}
	built, before := s.mustBuild()
	of := before.Record.Package()
	if of == nil || of.Kind != record.KindStatic || of.Wheel == nil || before.Record.Wheel() != nil {
		t.Fatalf("%+v", before.Record)
	}
	if diff := cmp.Diff(&record.Wheel{Project: "story", Version: "1.0", Imports: []string{"story"}, Depends: []string{"other-dep"}}, of.Wheel); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.runtime.Play = func(_ context.Context, job runtimes.Job) (*record.Test, error) {
		i := job.Interpreter
		if i == nil || i.Version != "3.13.5" || i.Linker.LLVM != "/llvm" || i.Archive.Digest != python.Digest || filepath.Base(i.Archive.Path) != "python.tar.gz" {
			t.Fatalf("%+v", i)
		}
		if text, err := os.ReadFile(i.Runner); err != nil || string(text) != "the runner" {
			t.Errorf("%q, %v", text, err)
		}
		return &record.Test{Outcome: record.Failed, Failure: &record.Failure{Phase: record.PhaseTest, Kind: record.ImportFailed, Message: "importing story: no"}}, nil
	}
	out, err := s.test(built.Record, 1)
	if err != nil {
		t.Fatal(err)
	}
	if b := s.result(out).Record; b.Outcome != record.Failed || b.Failure.Message != "importing story: no" || b.Tests[0].In != recipe.Wazero || b.TestLog == nil || b.JUnit == nil {
		t.Errorf("%+v", b)
	}
	runner := s.job.Runner
	s.job.Runner = ""
	if _, err := s.test(built.Record, 1); err == nil || !strings.Contains(err.Error(), "the farm has no wasirun") {
		t.Errorf("a farm without a runner: %v", err)
	}
	s.job.Runner, s.job.Hosts = runner, nil
	if _, err := s.test(built.Record, 1); err == nil || !strings.Contains(err.Error(), "brings no build of python") {
		t.Errorf("a job without Python: %v", err)
	}
}

func TestARuntimeInTroubleIsAnError(t *testing.T) {
	s := newStage(t, compiles(t))
	built, _ := s.mustBuild()
	s.runtime.Play = func(context.Context, runtimes.Job) (*record.Test, error) { return nil, engine.ErrDown }
	if out, err := s.test(built.Record, 1); !errors.Is(err, engine.ErrDown) {
		t.Errorf("%+v, %v", out, err)
	}
	if last := s.farm.Reported[len(s.farm.Reported)-1]; last.Outcome != "unavailable" {
		t.Errorf("the farm was told %+v", last)
	}
}

// Nothing is tested with a dependency that is not what the orchestrator named.
func TestDependenciesAreVerified(t *testing.T) {
	for story, spoil := range map[string]func(s *stage, hex string) error{
		"its bytes were changed": func(s *stage, hex string) error {
			return os.WriteFile(s.blobFile(hex), []byte("PK another wheel, as long"), 0o644)
		},
		"it is not there": func(s *stage, hex string) error { return os.Remove(s.blobFile(hex)) },
	} {
		t.Run(story, func(t *testing.T) {
			s := newStage(t, compiles(t))
			built, _ := s.mustBuild()
			dep := s.put("PK the wheel, as it was b")
			s.job.Deps = []record.Artifact{{Filename: "other_dep-2-py3-none-any.whl", Digest: dep.Digest, Size: dep.Size}}
			if err := spoil(s, strings.TrimPrefix(string(dep.Digest), "sha256:")); err != nil {
				t.Fatal(err)
			}
			if out, err := s.test(built.Record, 1); err == nil || !strings.Contains(err.Error(), "other_dep-2") {
				t.Errorf("%+v, %v", out, err)
			}
			if len(s.runtime.Jobs()) > 0 {
				t.Error("it was tested all the same")
			}
		})
	}
}

// blobFile is where the registry keeps a blob.
func (s *stage) blobFile(hex string) string {
	return filepath.Join(s.registry, "docker", "registry", "v2", "blobs", "sha256", hex[:2], hex, "data")
}

// A job document that is damaged is a defect of ours, not of the package.
func TestADamagedResultIsRefused(t *testing.T) {
	s := newStage(t, compiles(t))
	if out, err := s.test(s.put("{").Digest, 1); fault.KindOf(err) != fault.Internal || err == nil {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := jobs.Get[jobs.Result](t.Context(), s.blobs, "sha256:nonsense"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}
