//go:build engine

package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/wasmill/wasmill/internal/api"
)

// onServers is a farm on the servers of `make test-scaled`.
func onServers(t *testing.T) *farm {
	t.Helper()
	if !scaled() {
		t.Skip("WASMILL_TEST_TEMPORAL names no cluster: `make test-scaled` has one")
	}
	return newFarm(t, t, registry(t))
}

// A database has one orchestrator. A second one says who it is, and takes over when that is gone, with all that it knew.
func TestADatabaseHasOneOrchestrator(t *testing.T) {
	f := onServers(t)
	f.join(t, t)
	s := newRecipes(t)
	s.extension(t, "built-before", "")
	run, _ := f.submit(t, s, "*")
	passed(t, run)

	listen := freeAddress(t)
	other := &farm{url: "http://" + listen, dir: dataFolder(t, t), Client: api.NewClient(listen), args: slices.Clone(f.args), http: f.http}
	for i, flag := range other.args {
		switch flag {
		case "--data":
			other.args[i+1] = other.dir
		case "--listen":
			other.args[i+1] = listen
		}
	}
	p := start(t, nil, program(t, "orchestrator"), other.args...)
	<-p.ended
	result{p.cmd.ProcessState.ExitCode(), "", p.String()}.expect(t, 2, "another orchestrator has it (wasmill ", "stop that one")

	f.orchestrator.end(syscall.SIGKILL)
	other.start(t)
	t.Cleanup(func() { other.orchestrator.end(syscall.SIGTERM) })
	if again, err := other.Run(t.Context(), run.ID); err != nil || again.State != "passed" {
		t.Errorf("the run of the one before: %+v, %v", again, err)
	}
	other.join(t, t)
	if again, _ := other.submit(t, s, "*"); action(t, again, "built-before").Status != "cached" {
		t.Errorf("what was built before: %+v", again.Actions)
	}
}

// Six builds go on at a time on three workers; one of these is killed, and the others finish what it had.
func TestThreeWorkers(t *testing.T) {
	f := onServers(t)
	c, s := docker(t), newRecipes(t)
	workers := []*worker{f.join(t, t), f.join(t, t), f.join(t, t)}
	for _, name := range strings.Fields("six-a six-b six-c six-d six-e six-f") {
		s.extension(t, name, "build:\n  script: "+gate+"\n")
	}
	id := f.begin(t, s, "*")
	for _, w := range workers {
		waiting(t, c, w.dir, 2)
	}
	workers[0].end(syscall.SIGKILL)
	for _, w := range workers[1:] {
		openAll(t, w.dir)
	}
	passed(t, f.ends(t, id))
	if names := f.projects(t); len(names) != 6 {
		t.Errorf("on the index: %v", names)
	}
	workers[0].start(t) // and removes the containers that the one before it has left
	noContainers(t, workers[0].dir)
}
