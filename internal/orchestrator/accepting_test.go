package orchestrator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// given is a task that a worker was given, and an honest result of it.
func given(t *testing.T, o *Orchestrator, run, name string) (workflows.Task, jobs.Result) {
	t.Helper()
	act, err := activities{o}.Resolve(t.Context(), workflows.ResolveInput{RunID: run, Recipe: name})
	if err != nil {
		t.Fatal(err)
	}
	job, err := jobs.Get[jobs.Job](t.Context(), o.blobs, act.Job)
	if err != nil {
		t.Fatal(err)
	}
	wheel, err := o.blobs.Put(t.Context(), store.MediaTypeWheel, strings.NewReader("the wheel of "+name))
	if err != nil {
		t.Fatal(err)
	}
	res := jobs.Result{Inputs: job.Inputs, Record: record.Build{
		Schema: record.Schema, Recipe: name, Version: "1.0", Outcome: record.Passed, Worker: "w1",
		Toolchain: record.Toolchain{Name: "pyemscripten_2026_5", Digest: job.Inputs.Toolchain},
		Artifacts: []record.Artifact{{
			Filename: name + "-1.0-py3-none-any.whl", Kind: record.KindWheel, Digest: wheel.Digest, Size: wheel.Size,
			Wheel: &record.Wheel{Project: name, Version: "1.0", Imports: []string{name}},
		}},
	}}
	if job.Lock == nil {
		res.Lock = &fetch.Lock{Packages: []fetch.LockedWheel{{Name: "setuptools", Version: "80"}}}
		res.LockKey, res.Inputs.Lock = job.LockKey, record.Digest(res.Lock.Digest())
	}
	res.Record.Key = plan.Key(res.Inputs)
	return workflows.Task{RunID: run, Build: "build/" + name, Recipe: name, Job: act.Job, Grant: act.Grant}, res
}

func (o *Orchestrator) storeResult(t *testing.T, task workflows.Task, res jobs.Result) error {
	t.Helper()
	digest, err := jobs.Put(t.Context(), o.blobs, res)
	if err != nil {
		t.Fatal(err)
	}
	task.Record = digest
	return activities{o}.Store(t.Context(), task)
}

// What a worker may claim to have made: only what its task asks for. All that is forged leaves no build and no file on the index.
func TestOnlyWhatWasGivenIsStored(t *testing.T) {
	o := start(t, t.TempDir())
	begin(t, o, "one", requestOf(t, o, map[string]string{"lib": "", "other": ""}))
	otherTask, other := given(t, o, "one", "other")
	if err := o.storeResult(t, otherTask, other); err != nil {
		t.Fatal(err)
	}
	expired, err := o.key.Sign(access.Grant{Run: "one", Recipe: "lib", Expires: time.Now().Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := access.ParseKey(access.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	before := indexed(t, o)
	for name, c := range map[string]struct {
		forge func(task *workflows.Task, res *jobs.Result)
		say   string
	}{
		"without a grant":           {func(task *workflows.Task, _ *jobs.Result) { task.Grant = "" }, "none of the farm's"},
		"with the grant of another": {func(task *workflows.Task, _ *jobs.Result) { task.Grant = otherTask.Grant }, "one for other"},
		"with an expired grant":     {func(task *workflows.Task, _ *jobs.Result) { task.Grant = expired }, "too long ago"},
		"with a grant of its own making": {func(task *workflows.Task, _ *jobs.Result) {
			task.Grant, _ = stranger.Sign(access.Grant{Run: "one", Recipe: "lib", Job: task.Job, Expires: time.Now().Add(time.Hour)})
		}, "none of the farm's"},
		"for another run":      {func(task *workflows.Task, _ *jobs.Result) { task.RunID = "two" }, "in run one"},
		"for another job":      {func(task *workflows.Task, _ *jobs.Result) { task.Job = otherTask.Job }, "grant of this task"},
		"of another recipe":    {func(_ *workflows.Task, res *jobs.Result) { res.Record.Recipe = "other" }, `recipe "other"`},
		"of another version":   {func(_ *workflows.Task, res *jobs.Result) { res.Record.Version = "9.0" }, `version "9.0"`},
		"of another toolchain": {func(_ *workflows.Task, res *jobs.Result) { res.Record.Toolchain.Name = "tc" }, `toolchain "tc"`},
		"of another image": {func(_ *workflows.Task, res *jobs.Result) {
			res.Record.Toolchain.Digest = record.Digest("sha256:" + strings.Repeat("0", 64))
		}, "one of the image"},
		"under another's key": {func(_ *workflows.Task, res *jobs.Result) { res.Record.Key = other.Record.Key }, "not that of its inputs"},
		"with another's inputs and key": {func(_ *workflows.Task, res *jobs.Result) {
			res.Inputs, res.Record.Key = other.Inputs, other.Record.Key
		}, "inputs"},
		"reported under another key": {func(task *workflows.Task, _ *jobs.Result) { task.Key = other.Record.Key }, "reported under the key"},
		"with a lock for another's requirements": {func(_ *workflows.Task, res *jobs.Result) {
			res.Lock, res.LockKey = &fetch.Lock{}, "another's"
		}, "not asked for"},
		"with a lock for tests": {func(_ *workflows.Task, res *jobs.Result) {
			res.TestLock, res.TestLockKey = &fetch.Lock{}, "another's"
		}, "not asked for"},
		"with another's wheel by its file name": {func(_ *workflows.Task, res *jobs.Result) {
			res.Record.Artifacts[0].Filename = "other-1.0-py3-none-any.whl"
		}, "not one of the project"},
		"with another's project": {func(_ *workflows.Task, res *jobs.Result) {
			res.Record.Artifacts[0].Filename, res.Record.Artifacts[0].Wheel.Project = "other-9.0-py3-none-any.whl", "Other"
		}, "on the index from recipe other"},
		"with a file that climbs out": {func(_ *workflows.Task, res *jobs.Result) {
			res.Record.Artifacts[0].Filename = "../lib-1.0-py3-none-any.whl"
		}, "not the name of a file"},
		"with two wheels": {func(_ *workflows.Task, res *jobs.Result) {
			res.Record.Artifacts = append(res.Record.Artifacts, res.Record.Artifacts[0])
		}, "2 wheels"},
		"with an outcome of its own": {func(_ *workflows.Task, res *jobs.Result) { res.Record.Outcome = "wonderful" }, "outcome"},
	} {
		t.Run(name, func(t *testing.T) {
			task, res := given(t, o, "one", "lib")
			c.forge(&task, &res)
			if err := o.storeResult(t, task, res); fault.KindOf(err) != fault.Forbidden || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%v (%v), want %q", err, fault.KindOf(err), c.say)
			}
		})
	}
	t.Run("with bytes that nobody brought", func(t *testing.T) {
		task, res := given(t, o, "one", "lib")
		res.Record.Artifacts[0].Digest = record.Digest("sha256:" + strings.Repeat("0", 64))
		if err := o.storeResult(t, task, res); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%v", err)
		}
	})
	if after := indexed(t, o); after != before {
		t.Errorf("the index was changed:\n%s\n%s", before, after)
	}
	if _, err := o.Build(t.Context(), "lib"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a forged build is remembered: %v", err)
	}
	task, res := given(t, o, "one", "lib")
	if err := o.storeResult(t, task, res); err != nil {
		t.Errorf("the honest one: %v", err)
	}
}

// indexed is what is on the index.
func indexed(t *testing.T, o *Orchestrator) string {
	t.Helper()
	all, err := o.db.Catalog(t.Context(), "pyemscripten_2026_5")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(all.Files)
}

// Over the API a worker reports on the task that it was given, and on no other.
func TestReportsAreOfTheTaskThatWasGiven(t *testing.T) {
	o := startSecured(t, nil)
	begin(t, o, "one", requestOf(t, o, map[string]string{"lib": "", "other": ""}))
	mine, _ := given(t, o, "one", "lib")
	theirs, _ := given(t, o, "one", "other")
	worker := api.NewClient(o.URL(), api.WithToken(tokenOf(t, o, access.Worker)))
	name := func(task workflows.Task) string { return jobs.LogName(task.Recipe, task.Job, task.RunID) }
	attempt := func(task workflows.Task, id string) api.Attempt {
		return api.Attempt{ID: id, Run: task.RunID, Recipe: task.Recipe, Worker: "w1", Number: 1, Log: name(task), Phase: record.PhaseCompile, Grant: task.Grant}
	}
	say := func(log, grant string) error {
		return worker.AppendLog(t.Context(), log, grant, 0, strings.NewReader("hello\n"))
	}
	if err := say(name(mine), mine.Grant); err != nil {
		t.Error(err)
	}
	for _, task := range []workflows.Task{mine, theirs} {
		if err := worker.ReportAttempt(t.Context(), attempt(task, "of "+task.Recipe)); err != nil {
			t.Error(err)
		}
	}
	foreign, ended := attempt(mine, "of lib"), attempt(mine, "of other")
	foreign.Recipe, ended.Outcome = "other", "passed"
	for what, err := range map[string]error{
		"another's log":                  say(name(theirs), mine.Grant),
		"a log without a grant":          say(name(mine), ""),
		"an attempt at another's recipe": worker.ReportAttempt(t.Context(), foreign),
		"the end of another's attempt":   worker.ReportAttempt(t.Context(), ended),
		"an attempt of people's":         api.NewClient(o.URL(), api.WithToken(tokenOf(t, o, access.Operator))).ReportAttempt(t.Context(), attempt(mine, "of lib")),
		"a token for itself":             second(worker.CreateToken(t.Context(), api.TokenRequest{Role: "operator"})),
		"a run":                          second(worker.StartRun(t.Context(), api.RunRequest{})),
	} {
		if fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
