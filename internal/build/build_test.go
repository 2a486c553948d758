package build_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/build"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// A project may lie in its recipe's folder. Its files are in the record once, as the source.
func TestEachInputIsRecordedOnce(t *testing.T) {
	s := newStage(t, passing(t))
	dir := filepath.Join(t.TempDir(), "story")
	writeFiles(t, dir, map[string]string{
		"meta.yaml":            "package: {name: story, version: '1.0'}\nsource: {path: src}\nwasmill: {pure: true}\n",
		"src/pyproject.toml":   "[build-system]\nrequires = [\"setuptools\"]\n[project]\nname = \"story\"\nversion = \"1.0\"\n",
		"src/story.py":         "x = 1\n",
		"src/dist/old.tar.gz":  "no part of the source, but a script could see it",
		"data/more.txt":        "more",
		"test_story.py":        "def test(): pass\n",
		"src/__pycache__/x.py": "",
	})
	r, err := recipe.Load(filepath.Join(dir, recipe.MetaFile))
	if err != nil {
		t.Fatal(err)
	}
	s.job.Recipe = r
	out, err := s.build()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, in := range out.Record.Inputs {
		got = append(got, in.Kind+" "+in.Name)
	}
	slices.Sort(got)
	want := []string{"builder wasmcc", "extra data/more.txt", "extra src/dist/old.tar.gz", "recipe story", "source src", "toolchain test"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
}

// A package that has nothing to compile need not say so. C files beside it, of its tests and its documentation, are not it.
func TestAPurePackageNeedNotSaySo(t *testing.T) {
	s := newStage(t, passing(t))
	s.job.Recipe.Wasmill.Pure = false
	writeFiles(t, s.job.Recipe.Dir, map[string]string{"tests/data/x.c": "", "docs/example.cpp": ""})
	out, err := s.build()
	if err != nil || out.Record.Outcome != record.Passed {
		t.Errorf("%v %+v", err, out.Record.Failure)
	}
}

// aged resolves as its day wants it.
type aged struct {
	*stage
	wheels map[time.Time][]fetch.LockedWheel
}

func (a aged) Resolve(ctx context.Context, requirements, constraints []string, target fetch.Target) (*fetch.Lock, error) {
	lock, err := a.stage.Resolve(ctx, requirements, constraints, target)
	if err == nil {
		lock.Packages = a.wheels[target.ExcludeNewer]
	}
	return lock, err
}

// Requirements that are locked again, and come out as the same wheels, stop a build before it begins.
func TestTheSameWheelsOnALaterDayBuildNothing(t *testing.T) {
	first, second, third := time.Unix(1e9, 0), time.Unix(2e9, 0), time.Unix(3e9, 0)
	wheels := []fetch.LockedWheel{{Name: "setuptools", File: "setuptools.whl"}}
	for name, story := range map[string]struct {
		day       time.Time
		asked     []string // by the build of before
		unchanged bool
	}{
		"the same wheels":                {second, []string{"setuptools", "asked by the backend"}, true},
		"other wheels":                   {third, []string{"setuptools"}, false},
		"what can't be had together now": {third, []string{"impossible"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, passing(t))
			s.builder.Resolver = aged{s, map[time.Time][]fetch.LockedWheel{second: wheels, third: nil}}
			s.job.Before = &fetch.Lock{Requirements: story.asked, ExcludeNewer: first, Packages: wheels}
			s.job.Toolchain.Facts.ExcludeNewer = story.day
			out, err := s.build()
			if err != nil || out.Record.Failure != nil {
				t.Fatalf("%v, %+v", err, out)
			}
			if out.Unchanged != story.unchanged || (s.fake.Calls("Run") == 0) != story.unchanged || (out.Path == "") != story.unchanged {
				t.Errorf("unchanged: %t, with %d containers, left %q", out.Unchanged, s.fake.Calls("Run"), out.Path)
			}
			if out.Lock == nil || !out.Lock.ExcludeNewer.Equal(story.day) {
				t.Errorf("the lock is %+v", out.Lock)
			}
			if diff := cmp.Diff(story.asked, s.resolved[0]); diff != "" {
				t.Errorf("locked first (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFirstBuildMakesItsEnvironmentOnce(t *testing.T) {
	s := newStage(t, passing(t))
	var phases []record.Phase
	s.job.OnPhase = func(p record.Phase) { phases = append(phases, p) }
	first, err := s.build()
	if err != nil || first.Record.Outcome != record.Passed {
		t.Fatalf("%v %+v", err, first)
	}
	if diff := cmp.Diff([]record.Phase{"fetch", "lock", "env", "prepare", "compile", "pack", "audit"}, phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	if first.Record.PeakMemory != 7 || len(first.Record.Artifacts) != 1 || len(first.Record.Inputs) == 0 {
		t.Errorf("record: %+v", first.Record)
	}
	if n := s.fake.Calls("Run"); n != 2 {
		t.Errorf("%d containers, want one for the environment and one for the build", n)
	}
	s.job.Lock = first.Lock
	if second, err := s.build(); err != nil || !bytes.Equal(contents(t, first.Path), contents(t, second.Path)) {
		t.Errorf("a second build: %v", err)
	}
	if s.fake.Calls("Run") != 3 || len(s.resolved) != 1 {
		t.Errorf("%d containers and %d resolutions after two builds; lock and environment were ready", s.fake.Calls("Run"), len(s.resolved))
	}
}

func contents(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTwoBuildersMakeAnEnvironmentOnce(t *testing.T) {
	envs := 0
	s := newStage(t, func(ctx context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
		if j.Kind == job.MakeEnv {
			envs++ // under the lock
		}
		return passing(t)(ctx, j, work, out)
	})
	var wait sync.WaitGroup
	for n := range 4 {
		j := s.job
		j.Attempt, j.Out, j.Lock = fmt.Sprintf("attempt-%d", n), t.TempDir(), &fetch.Lock{}
		wait.Go(func() {
			if out, err := s.builder.Build(t.Context(), j); err != nil || out.Record.Outcome != record.Passed {
				t.Errorf("%v %+v", err, out)
			}
		})
	}
	wait.Wait()
	if envs != 1 {
		t.Errorf("the environment was made %d times", envs)
	}
}

func TestTheBackendAsksForMore(t *testing.T) {
	s := newStage(t, func(ctx context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
		if j.Ask {
			return job.Result{Requires: []string{"cython"}}, engine.Result{}
		}
		return passing(t)(ctx, j, work, out)
	})
	out, err := s.build()
	if err != nil || out.Record.Outcome != record.Passed {
		t.Fatalf("%v %+v", err, out)
	}
	if diff := cmp.Diff([][]string{{"setuptools"}, {"setuptools", "cython"}}, s.resolved); diff != "" {
		t.Errorf("resolutions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"setuptools", "cython"}, out.Lock.Requirements); diff != "" {
		t.Errorf("the lock that is kept (-want +got):\n%s", diff)
	}
}

func TestTheContainerIsShutIn(t *testing.T) {
	s := newStage(t, passing(t))
	if _, err := s.build(); err != nil {
		t.Fatal(err)
	}
	for _, spec := range s.fake.Specs() {
		if spec.Memory != 2<<30 || spec.Pids != 1024 || spec.Time != recipe.DefaultTimeout || strings.HasPrefix(spec.User, "0:") || spec.Labels[build.AttemptLabel] != "attempt-1" {
			t.Errorf("%+v", spec)
		}
		for _, m := range spec.Mounts {
			if m.Writable && m.Target != job.Work && (m.Target != job.Env || spec.Mounts[2].Target != job.Wheels) {
				t.Errorf("%s is writable", m.Target)
			}
		}
	}
}

func TestOutcomes(t *testing.T) {
	failure := func(kind record.FailureKind) job.Result {
		return job.Result{Failure: &record.Failure{Phase: record.PhaseCompile, Kind: kind, Message: "the build backend failed in build_wheel: exit status 1"}}
	}
	for _, c := range []struct {
		story   string
		play    play
		change  func(*stage)
		kind    record.FailureKind
		message string
	}{
		{story: "the compiler complains", play: func(_ context.Context, _ job.Job, _ string, out io.Writer) (job.Result, engine.Result) {
			fmt.Fprint(out, "a.c:1:2: error: no\nmore")
			return failure(record.CompileFailed), engine.Result{}
		}, kind: record.CompileFailed, message: "exit status 1: a.c:1:2: error: no"},
		{story: "the network is missed", play: func(_ context.Context, _ job.Job, _ string, out io.Writer) (job.Result, engine.Result) {
			fmt.Fprintln(out, "curl: (6) Could not resolve host: example.org")
			return failure(record.ScriptFailed), engine.Result{}
		}, kind: record.ScriptFailed, message: "it tried to use the network, which builds do not have (curl: (6)"},
		{story: "a compiler is killed for memory", play: func(context.Context, job.Job, string, io.Writer) (job.Result, engine.Result) {
			r := failure(record.CompileFailed)
			r.OOMKills = 1
			return r, engine.Result{OOMKilled: true}
		}, kind: record.OutOfMemory, message: "2 GiB"},
		{story: "all is killed for memory", play: func(context.Context, job.Job, string, io.Writer) (job.Result, engine.Result) {
			return job.Result{}, engine.Result{ExitStatus: 137, OOMKilled: true}
		}, kind: record.OutOfMemory, message: "2 GiB"},
		{story: "forks are refused", play: func(context.Context, job.Job, string, io.Writer) (job.Result, engine.Result) {
			r := failure(record.CompileFailed)
			r.RefusedPids = 3
			return r, engine.Result{}
		}, kind: record.OutOfPids, message: "1024 processes"},
		{story: "it takes too long", change: func(s *stage) { s.job.Limits.Time = time.Millisecond }, play: func(ctx context.Context, _ job.Job, _ string, _ io.Writer) (job.Result, engine.Result) {
			<-ctx.Done()
			return job.Result{}, engine.Result{}
		}, kind: record.OutOfTime, message: "longer than 1ms"},
		{story: "it prints without end", change: func(s *stage) { s.job.Limits.Log = 1 << 20 }, play: func(ctx context.Context, _ job.Job, _ string, out io.Writer) (job.Result, engine.Result) {
			for ctx.Err() == nil {
				fmt.Fprintln(out, strings.Repeat("x", 1000))
			}
			return job.Result{}, engine.Result{}
		}, kind: record.LogLimit, message: "more than 1 MiB"},
		{story: "no wheel comes out", play: func(context.Context, job.Job, string, io.Writer) (job.Result, engine.Result) {
			return job.Result{}, engine.Result{}
		}, kind: record.CompileFailed, message: "no wheel"},
		{story: "the wheel is a link to a secret", play: func(_ context.Context, _ job.Job, work string, _ io.Writer) (job.Result, engine.Result) {
			_ = os.Symlink("/etc/passwd", filepath.Join(work, "dist", "story-1.0-py3-none-any.whl"))
			return job.Result{Wheel: "story-1.0-py3-none-any.whl"}, engine.Result{}
		}, kind: record.CompileFailed, message: "something else than a file"},
		{story: "the wheel's name leads out", play: func(context.Context, job.Job, string, io.Writer) (job.Result, engine.Result) {
			return job.Result{Wheel: "../../x.whl"}, engine.Result{}
		}, kind: record.CompileFailed, message: "no wheel"},
		{story: "it falls back to a pure wheel", change: func(s *stage) {
			s.job.Recipe.Wasmill.Pure = false
			writeFiles(s.t, s.job.Recipe.Dir, map[string]string{"src/_speed.pyx": ""})
		}, kind: record.SilentFallback, message: "src/_speed.pyx"},
		{story: "it says nothing of the module that it could not compile", change: func(s *stage) { s.job.Recipe.Wasmill.Pure = false },
			play: func(_ context.Context, _ job.Job, work string, _ io.Writer) (job.Result, engine.Result) {
				return job.Result{Wheel: filepath.Base(pureWheel(t, filepath.Join(work, "dist"))), Modules: []string{"story._speed"}}, engine.Result{}
			}, kind: record.SilentFallback, message: "announced the extension module story._speed"},
		{story: "it tried to compile something", change: func(s *stage) { s.job.Recipe.Wasmill.Pure = false },
			play: func(_ context.Context, _ job.Job, work string, _ io.Writer) (job.Result, engine.Result) {
				r := job.Result{Wheel: filepath.Base(pureWheel(t, filepath.Join(work, "dist")))}
				r.Compilers.Commands = 1
				return r, engine.Result{}
			}, kind: record.SilentFallback, message: "the build called a compiler"},
		{story: "the wheel is over its budget", change: func(s *stage) { s.job.Recipe.Wasmill.MaxSize = 100 },
			kind: record.AuditFailed, message: "story-1.0-py3-none-any.whl: size-budget: has "},
		{story: "it keeps to itself that a module could not be linked", change: func(s *stage) { s.job.Recipe.Wasmill.Pure = false },
			play: func(_ context.Context, _ job.Job, work string, _ io.Writer) (job.Result, engine.Result) {
				w := filepath.Base(nativeWheel(t, filepath.Join(work, "dist")))
				const other = "_speed.cpython-315-wasm32-emscripten.so"
				return job.Result{Wheel: w, Links: []string{"_c.cpython-315-wasm32-emscripten.so", other}, Unlinked: []string{other}}, engine.Result{}
			}, kind: record.SilentFallback, message: "failed to link _speed.cpython-315-wasm32-emscripten.so"},
		{story: "requirements that no wheels satisfy", change: func(s *stage) {
			s.job.Recipe.Requirements.BuildExtras, s.job.Lock = []string{"impossible"}, nil
		},
			kind: record.Requirements, message: "there is none"},
	} {
		t.Run(c.story, func(t *testing.T) {
			// A first build, which passes, leaves the environment ready: it is the second that runs into what the story tells.
			played := passing(t)
			s := newStage(t, func(ctx context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
				return played(ctx, j, work, out)
			})
			first, err := s.build()
			if err != nil {
				t.Fatal(err)
			}
			s.job.Lock = first.Lock
			if c.play != nil {
				played = c.play
			}
			if c.change != nil {
				c.change(s)
			}
			out, err := s.build()
			if err != nil {
				t.Fatal(err)
			}
			f := out.Record.Failure
			if out.Record.Outcome != record.Failed || f == nil || f.Kind != c.kind || !strings.Contains(f.Message, c.message) || out.Path != "" {
				t.Errorf("outcome %s, %+v", out.Record.Outcome, f)
			}
		})
	}
}

func TestTroubleIsAnError(t *testing.T) {
	t.Run("the engine dies midway", func(t *testing.T) {
		var s *stage
		s = newStage(t, func(ctx context.Context, _ job.Job, _ string, _ io.Writer) (job.Result, engine.Result) {
			s.fake.Stop()
			<-ctx.Done()
			return job.Result{}, engine.Result{}
		})
		if _, err := s.build(); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%v", err)
		}
	})
	t.Run("somebody cancels", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newStage(t, func(inside context.Context, _ job.Job, _ string, _ io.Writer) (job.Result, engine.Result) {
			cancel()
			<-inside.Done()
			return job.Result{}, engine.Result{}
		})
		if _, err := s.builder.Build(ctx, s.job); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if left, err := os.ReadDir(s.builder.Work); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
	t.Run("the driver leaves no result", func(t *testing.T) {
		s := newStage(t, func(context.Context, job.Job, string, io.Writer) (job.Result, engine.Result) {
			return job.Result{}, engine.Result{ExitStatus: 1}
		})
		if _, err := s.build(); fault.KindOf(err) != fault.Internal {
			t.Errorf("%v", err)
		}
	})
	t.Run("the image is unknown", func(t *testing.T) {
		s := newStage(t, passing(t))
		s.fake.Images = []string{"another"}
		if _, err := s.build(); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%v", err)
		}
	})
}

func TestTheLogIsKeptUpToItsLimit(t *testing.T) {
	s := newStage(t, func(ctx context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
		if j.Kind == job.Build {
			fmt.Fprint(out, "head\n"+strings.Repeat("x", 5000)+"\n"+strings.Repeat("y", 2<<20))
		}
		return passing(t)(ctx, j, work, out)
	})
	var log bytes.Buffer
	s.job.Log, s.job.Limits.Log = &log, 1<<20
	if _, err := s.build(); err != nil {
		t.Fatal(err)
	}
	text := log.String()
	if !strings.Contains(text, "head\n") || len(text) > 1<<20+500 || !strings.HasSuffix(text, "y\n==> stopped: the build printed more than 1 MiB\n") {
		t.Errorf("%d bytes, ends with %q", len(text), text[max(0, len(text)-80):])
	}
}
