//go:build engine

package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/wasmill/wasmill/internal/api"
)

// of are all containers of a worker, running or not.
func (w *worker) of(t testing.TB, c *client.Client) []container.Summary {
	t.Helper()
	list, err := c.ContainerList(context.Background(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "wasmill.worker="+w.name))})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// left is what a worker has under way: containers by ID, folders of attempts and of environments in the making.
func (w *worker) left(t testing.TB, c *client.Client) (what []string) {
	t.Helper()
	for _, each := range w.of(t, c) {
		what = append(what, "container "+each.ID)
	}
	for _, pattern := range []string{"work/*", "environments/.making-*"} {
		found, err := filepath.Glob(filepath.Join(w.dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		what = append(what, found...)
	}
	return what
}

// at waits until a recipe of a run is in a phase, with a container of the worker that looks as it should.
func (f *farm) at(t testing.TB, w *worker, run, recipe, phase string, looks func(container.Summary) bool) {
	t.Helper()
	c := docker(t)
	eventually(t, recipe+" is in the phase "+phase, func() bool {
		got, err := f.Run(t.Context(), run)
		if err != nil {
			return false
		}
		i := slices.IndexFunc(got.Actions, func(a api.Action) bool { return a.Recipe == recipe })
		if i < 0 || got.Actions[i].Phase != phase {
			return false
		}
		return looks == nil || slices.ContainsFunc(w.of(t, c), func(each container.Summary) bool { return each.State == "running" && looks(each) })
	})
}

// stuckSource serves half of a file, and tells when whoever asked has gone.
func stuckSource(t testing.TB) (url string, gone <-chan struct{}) {
	left := make(chan struct{}, 10)
	ctx, stop := context.WithCancel(context.Background())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(make([]byte, 500000))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			left <- struct{}{}
		case <-ctx.Done():
		}
	}))
	t.Cleanup(func() { stop(); server.Close() })
	return server.URL, left
}

// A run that is canceled leaves nothing behind, whatever its build is doing, and the slot is free for the next.
func TestACanceledRunLeavesNothing(t *testing.T) {
	t.Parallel()
	f, c := newFarm(t, t, registry(t)), docker(t)
	dir := dataFolder(t, t)
	if err := os.Remove(filepath.Join(dir, "environments")); err != nil { // the first build makes its own
		t.Fatal(err)
	}
	w := f.worker(t, t, dir)
	w.args = append(w.args, "--slots", "1")
	w.start(t)
	t.Cleanup(func() { w.end(syscall.SIGTERM) })
	url, gone := stuckSource(t)

	for _, story := range []struct {
		name  string
		write func(s *recipes, name string)
		wait  func(run, name string)
		after func(t *testing.T)
	}{
		{name: "making-an-environment", write: func(s *recipes, name string) {
			s.extension(t, name, "")
		}, wait: func(run, name string) {
			f.at(t, w, run, name, "env", func(c container.Summary) bool { return strings.Contains(workFolder(c), "/.making-") })
		}},
		{name: "fetching", write: func(s *recipes, name string) {
			s.add(t, name, "source:\n  url: "+url+"/"+name+"-1.0.tar.gz\n  sha256: "+someHash+"\n", nil)
		}, wait: func(run, name string) {
			f.at(t, w, run, name, "fetch", nil)
		}, after: func(t *testing.T) {
			select {
			case <-gone:
			case <-time.After(10 * time.Second):
				t.Error("the download goes on")
			}
		}},
		{name: "compiling", write: func(s *recipes, name string) {
			s.extension(t, name, "build:\n  script: "+gate+"\n")
		}, wait: func(string, string) {
			waiting(t, c, w.dir, 1)
		}},
		{name: "testing", write: func(s *recipes, name string) {
			s.extension(t, name, "")
			write(t, filepath.Join(s.dir, name), map[string]string{"test_" + module(name) + ".py": "import time\n\ndef test():\n    time.sleep(600)\n"})
		}, wait: func(run, name string) {
			f.at(t, w, run, name, "test", func(container.Summary) bool { return true })
		}},
	} {
		t.Run(story.name, func(t *testing.T) {
			s := newRecipes(t)
			story.write(s, story.name)
			s.extension(t, "behind-"+story.name, "")
			id := f.begin(t, s, story.name)
			story.wait(id, story.name)
			behind := f.begin(t, s, "behind-"+story.name)
			had := w.left(t, c)
			if len(had) == 0 {
				t.Fatal("nothing is under way")
			}

			f.wasmill(t, "run", "cancel", id).expect(t, 0)
			run := f.ends(t, id)
			now := w.left(t, c)
			if run.State != "canceled" || action(t, run, story.name).Status != "canceled" {
				t.Errorf("the run: %s %s; %+v", run.State, run.Error, run.Actions)
			}
			for _, each := range had {
				if slices.Contains(now, each) {
					t.Errorf("when the run has ended there is still %s", each)
				}
			}
			if story.after != nil {
				story.after(t)
			}
			passed(t, f.ends(t, behind))
			eventually(t, "nothing is left", func() bool { return len(w.left(t, c)) == 0 })
			if got := f.projects(t); slices.Contains(got, story.name) || !slices.Contains(got, "behind-"+story.name) {
				t.Errorf("on the index: %v", got)
			}
		})
	}

	t.Run("a build that another run wants goes on", func(t *testing.T) {
		s := newRecipes(t)
		s.extension(t, "shared", "build:\n  script: "+gate+"\n")
		one, two := f.begin(t, s, "*"), f.begin(t, s, "*")
		at := waiting(t, c, w.dir, 1)
		eventually(t, "both runs wait for it", func() bool {
			run, err := f.Run(t.Context(), two)
			return err == nil && len(run.Actions) == 1 && run.Actions[0].Status == "queued"
		})
		f.wasmill(t, "run", "cancel", one).expect(t, 0)
		if run := f.ends(t, one); run.State != "canceled" {
			t.Errorf("the canceled one: %s %s", run.State, run.Error)
		}
		if now := w.of(t, c); len(now) != 1 || now[0].ID != at[0].ID || now[0].State != "running" {
			t.Errorf("of the build is left: %+v", now)
		}
		open(t, at...)
		openAll(t, w.dir) // the script runs twice
		run := f.ends(t, two)
		passed(t, run)
		if b := f.record(t, action(t, run, "shared")); b.Attempt != 1 {
			t.Errorf("it was made in attempt %d", b.Attempt)
		}
		eventually(t, "nothing is left", func() bool { return len(w.left(t, c)) == 0 })
	})

	t.Run("both runs that want a build are canceled", func(t *testing.T) {
		s := newRecipes(t)
		s.extension(t, "nobodys", "build:\n  script: "+gate+"\n")
		one, two := f.begin(t, s, "*"), f.begin(t, s, "*")
		waiting(t, c, w.dir, 1)
		for _, id := range []string{one, two} {
			f.wasmill(t, "run", "cancel", id).expect(t, 0)
			if run := f.ends(t, id); run.State != "canceled" {
				t.Errorf("%s: %s %s", id, run.State, run.Error)
			}
		}
		if now := w.left(t, c); len(now) > 0 {
			t.Errorf("when both have ended there is still %v", now)
		}
	})
}

// A worker that is drained while it builds finishes what it has in hand and takes nothing new; another one goes on with it.
func TestADrainedWorkerFinishesWhatItHas(t *testing.T) {
	t.Parallel()
	f, c := newFarm(t, t, registry(t)), docker(t)
	one := func() *worker {
		w := f.worker(t, t, dataFolder(t, t))
		w.args = append(w.args, "--slots", "1")
		w.start(t)
		t.Cleanup(func() { w.end(syscall.SIGTERM) })
		return w
	}
	w := one()
	s := newRecipes(t)
	s.extension(t, "begun", "build:\n  script: "+gate+"\n")
	s.extension(t, "not-begun", "")
	first := f.begin(t, s, "begun")
	waiting(t, c, w.dir, 1)
	second := f.begin(t, s, "not-begun")

	f.wasmill(t, "worker", "drain", w.name, "--reason", "a new disk").expect(t, 0)
	state := func() string {
		workers, err := f.Workers(t.Context())
		i := slices.IndexFunc(workers, func(each api.Worker) bool { return each.Name == w.name })
		if err != nil || i < 0 {
			return ""
		}
		return string(workers[i].State)
	}
	eventually(t, "the worker is draining", func() bool { return state() == "draining" })
	time.Sleep(2 * api.Heartbeat) // it hears of that with its next sign of life, and is given nothing until then either
	if n := len(w.of(t, c)); n != 1 {
		t.Errorf("%d containers while it drains", n)
	}
	openAll(t, w.dir)
	eventually(t, "the worker is drained", func() bool { return state() == "drained" })
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if now := w.left(t, c); len(now) > 0 {
			t.Fatalf("a drained worker has under way: %v", now)
		}
	}
	f.wasmill(t, "explain", "--run", second, "not-begun").expect(t, 0, "drained")

	other := one()
	run := f.ends(t, first)
	passed(t, run)
	if b := f.record(t, action(t, run, "begun")); b.Worker != w.name || b.Attempt != 1 {
		t.Errorf("it was made by %s in attempt %d, want %s in the first", b.Worker, b.Attempt, w.name)
	}
	run = f.ends(t, second)
	passed(t, run)
	if b := f.record(t, action(t, run, "not-begun")); b.Worker != other.name {
		t.Errorf("what was not begun was made by %s, want %s", b.Worker, other.name)
	}
	eventually(t, "nothing is left", func() bool { return len(w.left(t, c)) == 0 && len(other.left(t, c)) == 0 })
}
