//go:build engine

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/diff"
	"github.com/wasmill/wasmill/internal/record"
)

// stamping is a source whose build writes the time and a random number into a module in Python and into a constant in C.
func stamping(name string) map[string]string {
	m := module(name)
	files := project(name, map[string]string{
		"setup.py": fmt.Sprintf("import os, time\nfrom setuptools import Extension, setup\n"+
			"with open('%[1]s_stamp.py', 'w') as f:\n    f.write('# generated\\nBUILT = %%d\\n' %% time.time_ns())\n"+
			"with open('stamp.h', 'w') as f:\n    f.write('#define STAMP \"' + os.urandom(16).hex() + '\"\\n')\n"+
			"setup(py_modules=['%[1]s_stamp'], ext_modules=[Extension('%[1]s', ['%[1]s.c'])])\n", m),
	})
	files[m+".c"] = strings.Replace("#include \"stamp.h\"\n"+files[m+".c"], `METH_NOARGS, NULL}`, `METH_NOARGS, STAMP}`, 1)
	return files
}

// again submits with a policy, and waits for the end.
func again(t testing.TB, f *farm, s *recipes, policy string, names ...string) (api.Run, int) {
	t.Helper()
	r := wasmillWithin(t, 2*patience, f.asks(),
		append([]string{"submit", "--wait", "--json", "--reproduce", policy, "--recipes", s.dir}, names...)...)
	return read[api.Run](t, r), r.status
}

// Two workers make a build each; what they gave is on the index only if it is the same, or if nobody minds.
func TestBuildsAreMadeTwice(t *testing.T) {
	t.Parallel()
	f, from, s := newFarm(t, t, registry(t)), newSources(t), newRecipes(t)
	one, two := f.join(t, t), f.join(t, t)
	workers := []string{one.name, two.name}
	slices.Sort(workers)
	known := "wasmill:\n  not-reproducible: it writes the time\n"
	s.extension(t, "good", "")
	s.add(t, "stamped", from.archive(t, "stamped", stamping("stamped")), nil)
	s.add(t, "known", from.archive(t, "known", stamping("known"))+known, nil)

	run, status := again(t, f, s, "new", "*")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	if diff := cmp.Diff([]string{"good", "known"}, f.projects(t)); diff != "" {
		t.Errorf("on the index: %s", diff)
	}

	// The same from both.
	good := f.record(t, action(t, run, "good"))
	r := good.Reproduction
	if r == nil || !r.Same || !r.Blocks || r.SameWorker || action(t, run, "good").Reproduced != "same" {
		t.Fatalf("good: %+v", r)
	}
	both := []string{good.Worker, r.Worker}
	slices.Sort(both)
	if diff := cmp.Diff(workers, both); diff != "" {
		t.Errorf("made by %s", diff)
	}
	if len(r.Varied) != 2 || r.Seconds <= 0 || len(good.Tests) == 0 {
		t.Errorf("%+v", r)
	}

	// Other bytes: the failure names the file, and the section.
	bad := action(t, run, "stamped")
	failed := f.record(t, bad)
	if bad.Status != "failed" || failed.Failure.Kind != record.NotReproducible || len(failed.Tests) != 0 {
		t.Fatalf("%+v, %+v", bad, failed.Failure)
	}
	for _, words := range []string{"stamped_stamp.py", "data"} {
		if !strings.Contains(bad.Cause, words) {
			t.Errorf("it does not name %s: %s", words, bad.Cause)
		}
	}
	out := filepath.Join(t.TempDir(), "both")
	show := f.wasmill(t, "diff", "stamped", "--out", out)
	show.expect(t, 1, "-BUILT = ", "+BUILT = ", "section data: ", "segment ", "is not published", "on "+failed.Worker)
	for _, folder := range []string{"first", "second"} {
		if list, err := os.ReadDir(filepath.Join(out, folder)); err != nil || len(list) != 1 || list[0].Name() != failed.Artifacts[0].Filename {
			t.Errorf("%s: %v, %v", folder, list, err)
		}
	}
	file := failed.Artifacts[0].Filename
	files := f.wasmill(t, "diff", "--json", filepath.Join(out, "first", file), filepath.Join(out, "second", file))
	files.expect(t, 1)
	report := read[api.Difference](t, f.wasmill(t, "diff", "stamped", "--json")).Report
	mine := read[diff.Report](t, files)
	if d := cmp.Diff(report, &mine); d != "" {
		t.Errorf("the farm's report is not that of the two files:\n%s", d)
	}
	f.wasmill(t, "diff", filepath.Join(out, "first", file), filepath.Join(out, "first", file)).expect(t, 0, "equal")
	f.wasmill(t, "logs", "stamped").expect(t, 0, "==> building a second time", "==> the second build gave other bytes")

	// Where the recipe says why, a difference is noted, the first build is published, and tested.
	tolerated := f.record(t, action(t, run, "known"))
	if r := tolerated.Reproduction; r == nil || r.Same || r.Known != "it writes the time" || r.Difference == nil || tolerated.Outcome != record.Passed || len(tolerated.Tests) == 0 {
		t.Errorf("known: %+v", r)
	}

	// What is cached is not built again; the failure, too, stands, until nobody minds.
	second, _ := again(t, f, s, "all", "*")
	for _, a := range second.Actions {
		if a.Kind != "reuse" {
			t.Errorf("%s is to be built again: %s", a.Recipe, a.Reason)
		}
	}
	third, status := again(t, f, s, "new,warn", "stamped")
	if a := action(t, third, "stamped"); status != 0 || a.Status != "passed" || a.Reproduced != "different" || !strings.Contains(a.Reason, "tolerated") {
		t.Errorf("%d, %+v", status, a)
	}
	if diff := cmp.Diff([]string{"good", "known", "stamped"}, f.projects(t)); diff != "" {
		t.Errorf("on the index: %s", diff)
	}
}

// A worker that is killed between its build and the second one does not keep the farm waiting for another that there is not:
// the next one makes it. Alone it then makes both itself.
func TestTheFirstWorkerIsKilledBeforeTheSecondBuild(t *testing.T) {
	t.Parallel()
	f, c, s := newFarm(t, t, registry(t)), docker(t), newRecipes(t)
	first := f.join(t, t)
	s.extension(t, "slow", "build:\n  script: "+gate+"\n")
	r := f.wasmill(t, "submit", "--json", "--reproduce", "all", "--recipes", s.dir, "slow")
	r.expect(t, 0)
	id := read[api.Run](t, r).ID
	attempt := func(at container.Summary) string { return filepath.Dir(workFolder(at)) }
	build := attempt(waiting(t, c, first.dir, 1)[0])
	var second container.Summary // on the same worker: there is no other
	eventually(t, "the second build waits at its gate", func() bool {
		at := waiting(t, c, first.dir, 1)[0]
		if attempt(at) == build {
			open(t, at)
			return false
		}
		second = at
		return true
	})
	first.end(syscall.SIGKILL)
	other := f.join(t, t)
	waiting(t, c, other.dir, 1)
	openAll(t, other.dir)
	run := f.ends(t, id)
	passed(t, run)
	b := f.record(t, action(t, run, "slow"))
	if r := b.Reproduction; r == nil || !r.Same || r.SameWorker || b.Worker != first.name || r.Worker != other.name {
		t.Errorf("first on %s, want %s; then %+v", b.Worker, first.name, b.Reproduction)
	}
	if left, err := c.ContainerInspect(context.Background(), second.ID); err == nil {
		t.Errorf("the killed worker's second container is still there: %s", left.State.Status)
	}
	noContainers(t, other.dir)

	alone, status := again(t, f, withExtension(t, "alone"), "all", "alone")
	if r := f.record(t, action(t, alone, "alone")).Reproduction; status != 0 || r == nil || !r.Same || !r.SameWorker {
		t.Errorf("%d, %+v", status, r)
	}
}

func withExtension(t testing.TB, name string) *recipes {
	s := newRecipes(t)
	s.extension(t, name, "")
	return s
}
