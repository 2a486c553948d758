package cli

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
)

// wasmill runs a command against a farm and returns what it printed and how it ended.
func wasmill(t *testing.T, farm api.Farm, args ...string) (string, error) {
	t.Helper()
	out, _, err := wasmillStreams(t, farm, append([]string{"-q"}, args...)...)
	return out, err
}

// wasmillStreams is wasmill with what it says on standard error too.
func wasmillStreams(t *testing.T, farm api.Farm, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	srv := httptest.NewServer(api.Handler(farm))
	t.Cleanup(srv.Close)
	var out, told bytes.Buffer
	a := &app{out: &out, err: &told}
	cmd := a.root()
	command.Prepare(cmd)
	cmd.SetArgs(append([]string{"--server", srv.URL, "--data", t.TempDir()}, args...))
	err = cmd.ExecuteContext(context.Background())
	return out.String(), told.String(), err
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// recipesOf writes a folder of recipes without sources, each of which may need others to run.
func recipesOf(t *testing.T, needs map[string][]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, run := range needs {
		text := "package:\n  name: " + name + "\n  version: \"1.0\"\nsource:\n  url: https://example.org/" + name + "-1.0.tar.gz\n  sha256: " + strings.Repeat("a", 64) + "\n"
		if len(run) > 0 {
			text += "requirements:\n  run: [" + strings.Join(run, ", ") + "]\n"
		}
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "meta.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A run in which one recipe fails: its dependent is skipped with the cause, the others pass, and the command's end
// says that recipes, not the farm, failed.
func TestARunWithAFailureIsToldWhole(t *testing.T) {
	fake := &api.Fake{
		Planned: []api.Action{
			{Recipe: "a", Version: "1.0", Kind: "build", Status: "queued"},
			{Recipe: "b", Version: "1.0", Kind: "build", Status: "queued", Needs: []string{"a"}},
			{Recipe: "c", Version: "1.0", Kind: "reuse", Status: "cached", Size: 2048, Tests: &api.Tests{Imports: 1, Passed: 3, Skipped: 1}},
		},
		Script: func(looks int, run *api.Run) {
			switch looks {
			case 0:
				run.Actions[0].Status, run.Actions[0].Phase = "running", "compile"
			case 1:
				run.Actions[0].Status, run.Actions[0].Cause, run.Actions[0].Seconds = "failed", "x.c:3: error: unknown type name 'foo'", 1.25
				run.Actions[1].Status, run.Actions[1].Cause = "skipped", "needs a, which failed"
				run.State = "failed"
			}
		},
	}
	dir := recipesOf(t, map[string][]string{"a": nil, "b": {"a"}, "c": nil})
	out, err := wasmill(t, fake, "submit", "--wait", "--recipes", dir, "*")
	if err != command.ErrFailed {
		t.Errorf("err = %v", err)
	}
	golden(t, "failed-run.txt", out)
}

// What a script makes of the exit status: 1 is about the recipes, 3 is worth another try, 70 is a defect.
func TestTheEndOfARunIsTheEndOfTheCommand(t *testing.T) {
	passed := api.Action{Recipe: "a", Status: "passed"}
	failed := api.Action{Recipe: "b", Status: "failed", Cause: "it does not compile"}
	away := api.Action{Recipe: "c", Status: "failed", Cause: "the registry does not answer", Fault: "unavailable"}
	full := api.Action{Recipe: "d", Status: "failed", Cause: "the disk is full", Fault: "exhausted"}
	defect := api.Action{Recipe: "e", Status: "failed", Cause: "nil", Fault: "internal"}
	skipped := api.Action{Recipe: "f", Status: "skipped", Cause: "needs c"}
	for name, c := range map[string]struct {
		run  api.Run
		want int
	}{
		"all passed":                       {api.Run{State: "passed", Actions: []api.Action{passed}}, 0},
		"a recipe failed":                  {api.Run{State: "failed", Actions: []api.Action{passed, failed}}, 1},
		"a recipe failed, another's build": {api.Run{State: "failed", Actions: []api.Action{away, failed}}, 1},
		"only the machinery failed":        {api.Run{State: "failed", Actions: []api.Action{passed, away, full, skipped}}, 3},
		"one of the errors is a defect":    {api.Run{State: "failed", Actions: []api.Action{away, defect, full}}, 70},
		"the run could not be planned":     {api.Run{State: "failed", Error: "the database is away", Fault: "unavailable"}, 3},
		"what was asked for is not there":  {api.Run{State: "failed", Error: "no recipe x", Fault: "not-found"}, 2},
		"somebody canceled it":             {api.Run{State: "canceled", Actions: []api.Action{passed, failed}}, 130},
	} {
		t.Run(name, func(t *testing.T) {
			farm := &api.Fake{Planned: c.run.Actions, Script: func(_ int, run *api.Run) {
				run.State, run.Error, run.Fault = c.run.State, c.run.Error, c.run.Fault
			}}
			srv := httptest.NewServer(api.Handler(farm))
			defer srv.Close()
			a := &app{out: io.Discard, err: io.Discard}
			cmd := a.root()
			cmd.SetErr(io.Discard)
			dir := recipesOf(t, map[string][]string{"a": nil})
			if got := command.Run(cmd, []string{"--server", srv.URL, "-q", "submit", "--wait", "--recipes", dir, "*"}); got != c.want {
				t.Errorf("exit status %d, want %d", got, c.want)
			}
		})
	}
}

func TestWhenAllIsCachedTheTableSaysSo(t *testing.T) {
	fake := &api.Fake{
		Planned: []api.Action{{Recipe: "a", Version: "1.0", Kind: "reuse", Status: "cached", Size: 10240, Tests: &api.Tests{Imports: 1, Passed: 3}}},
	}
	out, err := wasmill(t, fake, "build", "--recipes", recipesOf(t, map[string][]string{"a": nil}), "--out", t.TempDir(), "a")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "cached.txt", out)
	if runs, _ := fake.Runs(context.Background(), 10); len(runs) != 0 {
		t.Errorf("nothing was to be done, and %d runs were started", len(runs))
	}
}

// Mistakes are told before anything is sent to the farm.
func TestMistakesEndWithWordsAndAKind(t *testing.T) {
	dir := recipesOf(t, map[string][]string{"a": nil, "b": {"nowhere"}, "markupsafe": nil})
	for name, c := range map[string]struct {
		args []string
		kind fault.Kind
		say  string
	}{
		"no recipe":                        {[]string{"submit", "--recipes", dir}, fault.Invalid, "at least one recipe"},
		"a wrong flag":                     {[]string{"submit", "--recipies", dir, "a"}, fault.Invalid, "unknown flag"},
		"a misspelt recipe":                {[]string{"submit", "--recipes", dir, "markupsave"}, fault.NotFound, "did you mean `markupsafe`?"},
		"a missing need":                   {[]string{"submit", "--recipes", dir, "b"}, fault.Invalid, "nowhere"},
		"no folder":                        {[]string{"plan", "--recipes", dir + "/none", "a"}, fault.NotFound, "--recipes"},
		"no such run":                      {[]string{"run", "show", "none"}, fault.NotFound, "no run none"},
		"a lock of ourselves":              {[]string{"toolchain", "lock", "x"}, fault.Invalid, "--toolchains"},
		"a project without pyproject.toml": {[]string{"plan", "./"}, fault.NotFound, "pyproject.toml"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &api.Fake{}
			_, err := wasmill(t, fake, c.args...)
			if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%v (%v), want %v with %q", err, fault.KindOf(err), c.kind, c.say)
			}
			if runs, _ := fake.Runs(context.Background(), 1); len(runs) > 0 {
				t.Error("a run was started")
			}
		})
	}
}

func TestASchedule(t *testing.T) {
	fake := &api.Fake{}
	dir := recipesOf(t, map[string][]string{"a": nil})
	if _, err := wasmill(t, fake, "schedule", "add", "nightly", "--cron", "5 2 * * *", "--recipes", dir, "*"); err != nil {
		t.Fatal(err)
	}
	if _, err := wasmill(t, fake, "schedule", "pause", "nightly"); err != nil {
		t.Fatal(err)
	}
	out, err := wasmill(t, fake, "schedule", "list")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schedules.txt", out)
}

func TestALogIsPrintedWhole(t *testing.T) {
	fake := &api.Fake{Logs: map[string][]byte{"a": []byte("one\ntwo\n")}}
	if out, err := wasmill(t, fake, "logs", "a"); err != nil || out != "one\ntwo\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// Who waits for a run hears why nothing goes on, and again only when that changes.
func TestWhoWaitsHearsWhyNothingGoesOn(t *testing.T) {
	stuck := "no worker takes builds of the class small: w1 is drained by ada (a new disk): `wasmill worker undrain w1`"
	explained := api.Explanation{Recipe: "a", Now: "waits for a worker: " + stuck, Stuck: stuck, Wait: &api.Wait{For: api.WaitWorker}}
	farm := &api.Fake{Explained: map[string]api.Explanation{"r/a": explained}}
	run := api.Run{ID: "r", State: "running", Actions: []api.Action{{Recipe: "a", Status: "queued"}}}
	begin := time.Date(2030, 1, 2, 3, 0, 0, 0, time.UTC)
	s := standstill{since: begin}
	for _, step := range []struct {
		after   time.Duration
		changed bool
		change  func()
		want    string
	}{
		{time.Second, false, nil, ""}, // it may go on yet
		{3 * time.Second, false, nil, "a: " + explained.Now},
		{10 * time.Second, false, nil, ""}, // that is known
		{70 * time.Second, false, nil, "a: " + explained.Now},
		{80 * time.Second, false, func() {
			farm.Explained["r/a"] = api.Explanation{Recipe: "a", Now: "waits for a slot", Wait: &api.Wait{For: api.WaitSlot}}
		}, "a: waits for a slot"},
		{90 * time.Second, true, func() { run.Actions[0].Status = "running" }, ""},
		{100 * time.Second, false, func() { farm.Explained["r/a"] = api.Explanation{Recipe: "a", Now: "running: compile"} }, ""},
		{120 * time.Second, false, nil, ""}, // it takes long
		{130 * time.Second, false, func() {
			farm.Explained["r/a"] = api.Explanation{Recipe: "a", Now: "running: compile. But w1 gave no sign for 40 s", Stuck: "w1 gave no sign for 40 s"}
		}, "a: running: compile. But w1 gave no sign for 40 s"},
		{140 * time.Second, false, func() {
			farm.Explained["r/a"] = api.Explanation{Recipe: "a", Now: "running: compile. But w1 gave no sign for 50 s", Stuck: "w1 gave no sign for 50 s"}
		}, ""}, // that it takes longer is no news
	} {
		if step.change != nil {
			step.change()
		}
		if got := s.look(t.Context(), farm, run, step.changed, begin.Add(step.after)); got != step.want {
			t.Errorf("after %s: %q, want %q", step.after, got, step.want)
		}
	}
}

func TestSelectedRecipesInAList(t *testing.T) {
	for names, want := range map[string]string{"a": "a", "a b c d": "a b c d", "a b c d e": "a b c and 2 more"} {
		if got := selected(strings.Fields(names)); got != want {
			t.Errorf("%s: %s, want %s", names, got, want)
		}
	}
}
