//go:build engine

package e2e

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// The tests with farms of their own mostly wait, for signs of life that don't come: they run beside each other.

// gated is a set of recipes of which one waits at its gate and one needs it.
func gated(t testing.TB) *recipes {
	s := newRecipes(t)
	s.extension(t, "slow", "build:\n  script: "+gate+"\n")
	s.extension(t, "after-slow", "requirements:\n  run: [slow]\n")
	return s
}

// A worker that is killed in the middle of a build loses the attempt and nothing else: another worker makes the next,
// and no container is left.
func TestWorkerIsKilled(t *testing.T) {
	t.Parallel()
	f, c := newFarm(t, t, registry(t)), docker(t)
	first := f.join(t, t)
	id := f.begin(t, gated(t), "*")
	waiting(t, c, first.dir, 1)
	first.end(syscall.SIGKILL)

	second := f.join(t, t)
	waiting(t, c, second.dir, 1)
	openAll(t, second.dir)
	run := f.ends(t, id)
	passed(t, run)
	slow := action(t, run, "slow")
	if slow.Worker != second.name || slow.Attempt < 1 {
		t.Errorf("made by %s in attempt %d, want %s", slow.Worker, slow.Attempt, second.name)
	}
	if b := f.record(t, slow); b.Attempt < 2 || b.Worker != second.name {
		t.Errorf("the record says attempt %d by %s", b.Attempt, b.Worker)
	}
	if got := f.projects(t); !slices.Equal(got, []string{"after-slow", "slow"}) {
		t.Errorf("on the index: %v", got)
	}
	// The next attempt, on the same engine, has removed what the killed one left.
	noContainers(t, first.dir)
	noContainers(t, second.dir)
}

// The same worker, started again, takes up what it was killed over.
func TestWorkerComesBack(t *testing.T) {
	t.Parallel()
	f, c := newFarm(t, t, registry(t)), docker(t)
	w := f.join(t, t)
	id := f.begin(t, gated(t), "*")
	old := waiting(t, c, w.dir, 1)[0]
	w.end(syscall.SIGKILL)
	w.start(t)
	for _, each := range containers(t, c, w.dir) {
		if each.ID == old.ID {
			t.Error("the container of the killed process is still there")
		}
	}
	waiting(t, c, w.dir, 1)
	openAll(t, w.dir)
	passed(t, f.ends(t, id))
	noContainers(t, w.dir)
}

// An orchestrator that is killed in the middle of a run goes on with it after its restart, and so do the builds.
func TestOrchestratorIsKilled(t *testing.T) {
	t.Parallel()
	f, c := newFarm(t, t, registry(t)), docker(t)
	w := f.join(t, t)
	s := gated(t)
	id := f.begin(t, s, "*")
	waiting(t, c, w.dir, 1)
	f.orchestrator.end(syscall.SIGKILL)
	f.wasmill(t, "runs").expect(t, 3, "no orchestrator answers at "+f.url)

	time.Sleep(15 * time.Second) // longer than a worker may be silent while there is somebody to hear it
	f.start(t)
	openAll(t, w.dir)
	run := f.ends(t, id)
	passed(t, run)
	if b := f.record(t, action(t, run, "slow")); b.Attempt != 1 {
		t.Errorf("the build that went on meanwhile was thrown away: attempt %d", b.Attempt)
	}
	if got := f.projects(t); !slices.Equal(got, []string{"after-slow", "slow"}) {
		t.Errorf("on the index: %v", got)
	}
	again, status := f.submit(t, s, "*")
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	for _, act := range again.Actions {
		if act.Status != "cached" {
			t.Errorf("%s: %s", act.Recipe, act.Status)
		}
	}
	noContainers(t, w.dir)
}
