package runtimes_test

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

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/runtimes/runtimestest"
)

var image = "127.0.0.1:5000/runtime@sha256:" + strings.Repeat("a", 64)

// node plays the Runtime image: it takes snapshots, and what a test container does is told by a function that has
// its /job and /out folders.
func node(play func(ctx context.Context, job, out string, log io.Writer) engine.Result) *engine.Fake {
	return &engine.Fake{Container: func(ctx context.Context, spec engine.Spec, log io.Writer) engine.Result {
		folder := map[string]string{}
		for _, m := range spec.Mounts {
			folder[m.Target] = m.Source
		}
		if spec.Command[len(spec.Command)-1] == "snapshot" {
			tell(folder["/out"], `{"event": "done"}`)
			return engine.Result{}
		}
		return play(ctx, folder["/job"], folder["/out"], log)
	}}
}

func tell(out string, lines ...string) {
	if err := os.WriteFile(filepath.Join(out, "events.jsonl"), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		panic(err)
	}
}

func passing(_ context.Context, _, out string, log io.Writer) engine.Result {
	io.WriteString(log, "hello\n")
	tell(out, `{"event": "runtime", "name": "pyodide"}`,
		`{"event": "end", "phase": "import", "name": "tiny", "outcome": "passed"}`,
		`{"event": "end", "phase": "test", "name": "test_tiny.py::test", "outcome": "passed"}`, `{"event": "done"}`)
	return engine.Result{}
}

func pyodide(t *testing.T, e engine.Engine) *runtimes.Pyodide {
	return &runtimes.Pyodide{Engine: e, Cache: filepath.Join(t.TempDir(), "cache"), Work: filepath.Join(t.TempDir(), "work")}
}

func tiny(t *testing.T) runtimes.Job {
	return runtimes.Job{
		Image:    image,
		Artifact: runtimestest.Wheel(t, t.TempDir(), "tiny", "1.0", map[string]string{"tiny.py": ""}),
		Imports:  []string{"tiny"},
	}
}

func TestPyodideOnAFakeEngine(t *testing.T) {
	runtimestest.Test(t, pyodide(t, node(passing)), image, "")
}

// The container sees the wheels and the tests, not the recipe, and what it saw is gone afterwards.
func TestStage(t *testing.T) {
	var seen []string
	e := node(func(ctx context.Context, job, out string, log io.Writer) engine.Result {
		err := filepath.WalkDir(job, func(path string, d os.DirEntry, err error) error {
			if name, _ := filepath.Rel(job, path); err == nil && !d.IsDir() {
				seen = append(seen, name)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return passing(ctx, job, out, log)
	})
	p := pyodide(t, e)
	job := tiny(t)
	job.Deps = []runtimes.Wheel{runtimestest.Wheel(t, t.TempDir(), "Some_Dep", "2.0", map[string]string{"dep.py": ""})}
	job.TestDir = runtimestest.Tests(t, map[string]string{
		"meta.yaml": "", "test_tiny.py": "", "conftest.py": "", "data/x.bin": "", "patches/0001.patch": "",
	})
	job.Tests = []string{"test_tiny.py"}
	job.Labels = map[string]string{"run": "7"}
	job.Limits.Memory = 1 << 30
	if _, err := p.Test(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"browser.py", "chromium.py", "client.mjs", "client.py", "clientpage.mjs", "host.py", "install.py", "installation.mjs", "job.json", "node.mjs", "page.mjs", "run.mjs", "run.py", "runtime.mjs", "tests/conftest.py", "tests/data/x.bin", "tests/test_tiny.py",
		"wasi.py",
		"wheels/Some_Dep-2.0-py3-none-any.whl", "wheels/tiny-1.0-py3-none-any.whl",
	}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(seen))); diff != "" {
		t.Error(diff)
	}
	if left, _ := os.ReadDir(p.Work); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	spec := e.Specs()[1]
	if spec.User != "1000:1000" || spec.Memory != 1<<30 || spec.Labels["run"] != "7" {
		t.Errorf("spec %+v", spec)
	}
	for _, m := range spec.Mounts {
		if m.Writable != (m.Target == "/out") {
			t.Errorf("mount %+v", m)
		}
	}
}

// A snapshot that has been made is one, also when node then hangs.
func TestNodeHangsBehindItsSnapshot(t *testing.T) {
	runtimes.SetSnapshotTime(t, time.Millisecond)
	e := node(passing)
	plays := e.Container
	e.Container = func(ctx context.Context, spec engine.Spec, log io.Writer) engine.Result {
		result := plays(ctx, spec, log)
		if spec.Command[len(spec.Command)-1] == "snapshot" {
			<-ctx.Done()
		}
		return result
	}
	if verdict, err := pyodide(t, e).Test(t.Context(), tiny(t)); err != nil || verdict.Failure != nil {
		t.Errorf("%+v, %v", verdict, err)
	}
}

// The snapshot is made once for each image.
func TestSnapshotIsMadeOnce(t *testing.T) {
	e := node(passing)
	p := pyodide(t, e)
	job := tiny(t)
	for _, want := range []int{2, 3, 5} { // containers so far
		if want == 5 {
			job.Image = strings.Replace(job.Image, ":a", ":b", 1)
		}
		if _, err := p.Test(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		if got := e.Calls("Run"); got != want {
			t.Errorf("%d containers, want %d", got, want)
		}
	}
}

// An error says nothing about the package, a record does.
func TestTrouble(t *testing.T) {
	t.Run("the wheel is not the one that was meant", func(t *testing.T) {
		job := tiny(t)
		job.Artifact.Digest = record.Digest("sha256:" + strings.Repeat("0", 64))
		_, err := pyodide(t, node(passing)).Test(t.Context(), job)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "its digest is sha256:") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("the engine goes away", func(t *testing.T) {
		var e *engine.Fake
		e = node(func(ctx context.Context, _, _ string, _ io.Writer) engine.Result {
			e.Stop()
			<-ctx.Done()
			return engine.Result{}
		})
		if _, err := pyodide(t, e).Test(t.Context(), tiny(t)); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("error %v", err)
		}
	})
	t.Run("node does not start", func(t *testing.T) {
		e := node(func(_ context.Context, _, _ string, log io.Writer) engine.Result {
			io.WriteString(log, "node: not found")
			return engine.Result{ExitStatus: 127}
		})
		_, err := pyodide(t, e).Test(t.Context(), tiny(t))
		if fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), "127: node: not found") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("the log's writer fails", func(t *testing.T) {
		job := tiny(t)
		job.Log = brokenPipe{}
		if _, err := pyodide(t, node(passing)).Test(t.Context(), job); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("too much output is the package's fault", func(t *testing.T) {
		e := node(func(ctx context.Context, _, out string, log io.Writer) engine.Result {
			tell(out, `{"event": "runtime"}`, `{"event": "start", "phase": "import", "name": "tiny"}`)
			for ctx.Err() == nil {
				io.WriteString(log, "nonsense\n")
			}
			return engine.Result{}
		})
		job := tiny(t)
		var log bytes.Buffer
		job.Log, job.Limits.Log = &log, 1000
		got, err := pyodide(t, e).Test(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if got.Failure == nil || got.Failure.Kind != record.LogLimit || log.Len() != 1000 {
			t.Errorf("failure %s: %s, %d bytes of log", got.Failure.Kind, got.Failure.Message, log.Len())
		}
	})
	t.Run("events that lead out of the folder are not read", func(t *testing.T) {
		secret := filepath.Join(t.TempDir(), "secret")
		e := node(func(_ context.Context, _, out string, _ io.Writer) engine.Result {
			os.WriteFile(secret, []byte(`{"event": "runtime"} {"event": "done"}`), 0o600)
			os.Symlink(secret, filepath.Join(out, "events.jsonl"))
			return engine.Result{}
		})
		if got, err := pyodide(t, e).Test(t.Context(), tiny(t)); err == nil {
			t.Errorf("got %+v", got)
		}
	})
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
