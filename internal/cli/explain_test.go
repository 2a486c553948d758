package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/compare"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/toolchain"
)

func TestAnExplanationIsRead(t *testing.T) {
	at, starts := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), 250.0
	farm := &api.Fake{Explained: map[string]api.Explanation{
		"/app": {
			Run: "run-1", Lane: "nightly", State: "running", Recipe: "app", Version: "1.1", Kind: "build", Status: "queued",
			Why: "source changed: 111111111111 → 999999999999", Now: "waits for a slot of the class small",
			Last: &api.PastBuild{Key: strings.Repeat("a", 64), Version: "1.0", Outcome: "passed", Finished: at},
			Changes: []plan.Change{
				{Field: "source", Old: "sha256:" + strings.Repeat("1", 64), New: "sha256:" + strings.Repeat("9", 64)},
				{Field: "patch", Name: "wasm.patch", New: "sha256:" + strings.Repeat("7", 64)},
				{Field: "builder", Old: "1 (333333333333)", New: "2 (444444444444)"},
			},
			Wait: &api.Wait{
				For: api.WaitSlot, Class: "small", Slots: 1, Starts: &starts, Guessed: 2, Ahead: 12,
				Running: []api.Standing{{Run: "run-0", Lane: "submission", Recipe: "numpy", Status: "running", Phase: "compile", Worker: "w1", Seconds: 40, Usual: 300}},
				Before:  []api.Standing{{Run: "run-0", Lane: "submission", Recipe: "scipy", Status: "queued"}},
			},
		},
		"run-0/app": {
			Run: "run-0", Lane: "nightly", State: "passed", Recipe: "app", Version: "1.0", Kind: "reuse", Status: "cached", Why: "an earlier build had the same inputs", Now: "cached",
			Built: &api.PastBuild{Key: strings.Repeat("a", 64), Version: "1.0", Outcome: "passed", Finished: at, Run: "run-00", Reason: "no earlier build"},
		},
		"run-0/top": {
			Run: "run-0", Lane: "nightly", State: "failed", Recipe: "top", Version: "1.0", Kind: "build", Status: "skipped", Why: "no earlier build",
			Now: "skipped: it needs lib, which failed", Root: &api.Standing{Recipe: "lib", Status: "failed", Cause: "it does not compile"},
		},
	}}
	var page strings.Builder
	for _, args := range [][]string{{"explain", "app"}, {"explain", "app", "--run", "run-0"}, {"explain", "--run", "run-0", "top"}} {
		out, err := wasmill(t, farm, args...)
		if err != nil {
			t.Fatal(err)
		}
		page.WriteString("$ wasmill " + strings.Join(args, " ") + "\n" + out + "\n")
	}
	golden(t, "explained.txt", page.String())

	out, err := wasmill(t, farm, "explain", "--json", "app")
	var e api.Explanation
	if err != nil || json.Unmarshal([]byte(out), &e) != nil || e.Changes[1].Name != "wasm.patch" || *e.Wait.Starts != 250 {
		t.Errorf("%v, %s", err, out)
	}
	if _, err := wasmill(t, farm, "explain", "nobody"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a recipe of no run: %v", err)
	}
}

func TestTwoRunsAreCompared(t *testing.T) {
	farm := &api.Fake{}
	farm.Keep(api.Run{ID: "monday", State: "passed", Actions: []api.Action{
		{Recipe: "numpy", Version: "2.4.0", Status: "passed", Seconds: 300, Size: 9 << 20, Digest: "sha256:" + strings.Repeat("1", 64)},
		{Recipe: "scipy", Version: "1.0", Status: "cached", Size: 1 << 20, Digest: "sha256:" + strings.Repeat("2", 64)},
		{Recipe: "lxml", Version: "6.0", Status: "failed", Cause: "it does not compile"},
		{Recipe: "gone", Version: "1.0", Status: "passed"},
		{Recipe: "same", Version: "1.0", Status: "passed", Seconds: 3, Size: 100, Digest: "sha256:3"},
		{Recipe: "away", Version: "1.0", Status: "passed"},
	}})
	farm.Keep(api.Run{ID: "tuesday", State: "failed", Actions: []api.Action{
		{Recipe: "numpy", Version: "2.4.1", Status: "passed", Seconds: 420.5, Size: 10 << 20, Digest: "sha256:" + strings.Repeat("4", 64), Reason: "source changed: 111111111111 → 999999999999"},
		{Recipe: "scipy", Version: "1.0", Status: "failed", Cause: "undefined symbol: dgemm_"},
		{Recipe: "lxml", Version: "6.0", Status: "passed", Seconds: 60},
		{Recipe: "same", Version: "1.0", Status: "cached", Size: 100, Digest: "sha256:3"},
		{Recipe: "new", Version: "1.0", Status: "failed"},
		{Recipe: "away", Version: "1.0", Status: "failed", Fault: "unavailable", Cause: "the registry does not answer"},
	}})
	out, err := wasmill(t, farm, "compare", "monday", "tuesday")
	if err != command.ErrFailed {
		t.Errorf("something newly fails, and the error is %v", err)
	}
	golden(t, "compared.txt", out)

	out, err = wasmill(t, farm, "compare", "--json", "tuesday", "monday")
	var c compare.Comparison
	if json.Unmarshal([]byte(out), &c) != nil || len(c.Failing) != 1 || c.Failing[0].Recipe != "lxml" || err != command.ErrFailed {
		t.Errorf("the other way round: %v, %s", err, out)
	}
	if out, err = wasmill(t, farm, "compare", "monday", "monday"); err != nil || out != "6 recipes compared: 0 newly failing, 0 newly passing, 0 slower, 0 larger, 0 with changed bytes\n" {
		t.Errorf("a run with itself: %v, %s", err, out)
	}
	if _, err = wasmill(t, farm, "compare", "monday", "never"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a run that is not there: %v", err)
	}
}

// Another lock: one input is newer, one is new, one is gone.
func TestWhatAnotherLockChanges(t *testing.T) {
	in := func(name, version string) toolchain.Input {
		return toolchain.Input{Kind: toolchain.Deb, Name: name, Version: version, SHA256: name + version}
	}
	before, after := &toolchain.Lock{Inputs: []toolchain.Input{in("same", "1"), in("gone", "1"), in("newer", "1")}}, &toolchain.Lock{Inputs: []toolchain.Input{in("newer", "2"), in("new", "1"), in("same", "1")}}
	want := []changedInput{{"deb", "newer", "1", "2"}, {"deb", "new", "", "1"}, {"deb", "gone", "1", ""}}
	if diff := cmp.Diff(want, changedInputs(before, after)); diff != "" {
		t.Error(diff)
	}
	if n := len(changedInputs(nil, after)); n != 3 {
		t.Errorf("without a lock before, %d inputs are new", n)
	}
}

// reading are the commands that change nothing that stays, so that a dry run of them would be the run itself.
var reading = []string{
	"app show", "audit", "check", "compare", "diff", "exec", "explain", "index check", "journal", "logs", "plan", "quarantine list", "recipe check", "run show", "runs", "runtime list", "runtime probe", "runtime show", "schedule list", "schedule releases", "source get", "source list",
	"tests", "token list", "toolchain list", "toolchain verify", "top", "up", "workers",
}

// A command that changes something has --dry-run; one that is new says on which side it is.
func TestEveryCommandReadsOrHasADryRun(t *testing.T) {
	left := slices.Clone(reading)
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			look(sub)
		}
		name := strings.TrimPrefix(cmd.CommandPath(), "wasmill ")
		if !cmd.Runnable() || cmd.Name() == "help" || strings.HasPrefix(name, "completion") {
			return
		}
		i := slices.Index(left, name)
		if dry := cmd.Flags().Lookup("dry-run") != nil; dry == (i >= 0) {
			t.Errorf("wasmill %s: has --dry-run: %v; only reads: %v", name, dry, i >= 0)
		}
		if i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	look((&app{}).root())
	if len(left) > 0 {
		t.Errorf("there are no such commands: %v", left)
	}
}

// Whatever changes something can be asked first what it would do, and then nothing is done.
func TestDryRuns(t *testing.T) {
	farm := &api.Fake{Planned: []api.Action{
		{Recipe: "a", Version: "1.0", Kind: "build", Status: "planned", Reason: "no earlier build", Wants: &api.Wants{Lock: true}},
		{Recipe: "b", Version: "1.0", Kind: "reuse", Status: "cached", Reason: "cached"},
	}}
	farm.Keep(api.Run{ID: "r", State: "running", Actions: []api.Action{{Status: "running"}, {Status: "queued"}, {Status: "planned"}, {Status: "passed"}}})
	farm.Keep(api.Run{ID: "over", State: "passed"})
	if err := farm.AddSchedule(t.Context(), api.Schedule{Name: "weekly", Cron: "0 2 * * 0"}); err != nil {
		t.Fatal(err)
	}
	dir, kept := recipesOf(t, map[string][]string{"a": nil, "b": nil}), filepath.Join(t.TempDir(), "kept")
	given := kept + "-not"
	for file, text := range map[string]string{kept: "kept", given: "not kept"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := farm.PutSource(t.Context(), "kept", strings.NewReader("kept")); err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	for _, args := range [][]string{
		{"plan", "--recipes", dir},
		{"build", "--dry-run", "--recipes", dir, "*"},
		{"submit", "--dry-run", "--recipes", dir, "*"},
		{"run", "cancel", "--dry-run", "r"},
		{"run", "cancel", "--dry-run", "over"},
		{"run", "pause", "--dry-run", "r"},
		{"run", "limit", "--dry-run", "over", "2"},
		{"schedule", "add", "--dry-run", "nightly", "--recipes", dir},
		{"schedule", "add", "--dry-run", "weekly", "--cron", "5 2 * * 0", "--recipes", dir},
		{"schedule", "trigger", "--dry-run", "weekly"},
		{"schedule", "pause", "--dry-run", "weekly"},
		{"schedule", "resume", "--dry-run", "weekly"},
		{"schedule", "remove", "--dry-run", "weekly"},
		{"source", "add", "--dry-run", kept, given},
	} {
		out, err := wasmill(t, farm, args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		shown := strings.NewReplacer(dir, "recipes", filepath.Dir(kept), "downloads").Replace(strings.Join(args, " "))
		page.WriteString("$ wasmill " + shown + "\n" + out + "\n")
	}
	golden(t, "dry-runs.txt", page.String())

	if run, _ := farm.Run(t.Context(), "r"); run.State != "running" {
		t.Errorf("the run is %s", run.State)
	}
	runs, _ := farm.Runs(t.Context(), 9)
	schedules, _ := farm.Schedules(t.Context())
	sources, _ := farm.Sources(t.Context())
	if len(runs) != 2 || len(schedules) != 1 || schedules[0].Paused || schedules[0].Cron != "0 2 * * 0" || len(sources) != 1 {
		t.Errorf("something was done: %d runs, schedules %+v, %d sources", len(runs), schedules, len(sources))
	}
	if _, err := wasmill(t, farm, "schedule", "remove", "--dry-run", "never"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a schedule that is not there: %v", err)
	}
}
