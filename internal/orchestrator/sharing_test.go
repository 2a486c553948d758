package orchestrator

import (
	"slices"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/workflows"
)

// A failure stands for all runs of the same inputs, unless they ask for another try.
func TestAFailureIsTriedAgainWhereThatIsAskedFor(t *testing.T) {
	o := start(t, t.TempDir())
	req := requestOf(t, o, map[string]string{"lib": ""})
	begin(t, o, "one", req)
	key := buildAs(t, o, "one", "lib", record.Failed).Key
	for name, c := range map[string]struct {
		change func(*api.RunRequest)
		want   workflows.Kind
	}{
		"a submission":                {func(*api.RunRequest) {}, workflows.KindReuse},
		"a nightly":                   {func(r *api.RunRequest) { r.Lane = "nightly" }, workflows.KindReuse},
		"somebody waits":              {func(r *api.RunRequest) { r.Lane = "interactive" }, workflows.KindBuild},
		"a submission with the flag":  {func(r *api.RunRequest) { r.RetryFailed = true }, workflows.KindBuild},
		"a nightly without the cache": {func(r *api.RunRequest) { r.Lane, r.NoCache = "nightly", true }, workflows.KindBuild},
	} {
		t.Run(name, func(t *testing.T) {
			req := req
			c.change(&req)
			if got := begin(t, o, "run "+name, req)["lib"].Kind; got != c.want {
				t.Errorf("it is planned to %s, want %s", got, c.want)
			}
			if c.want != workflows.KindBuild {
				return
			}
			act, err := activities{o}.Resolve(t.Context(), workflows.ResolveInput{RunID: "run " + name, Recipe: "lib"})
			if err != nil || act.Kind != c.want || act.Key != key { // the lane is not in the key
				t.Errorf("it is resolved to %s under %s, %v; want %s", act.Kind, act.Key, err, key)
			}
		})
	}
}

// A dependency that was built again to the same bytes lets what is built with it stand; one that came out otherwise doesn't.
func TestADependencyThatComesOutAsBeforeStopsTheSpread(t *testing.T) {
	o := start(t, t.TempDir())
	recipes := map[string]string{"lib": "", "app": "requirements:\n  host: [lib]\n", "tool": "requirements:\n  host: [app]\n"}
	counted := func(run string) (built []string) {
		req := requestOf(t, o, recipes)
		begin(t, o, run, req)
		for _, name := range []string{"lib", "app", "tool"} {
			change := build(t, o, run, name)
			if change.State == workflows.Passed {
				built = append(built, name)
			}
			if err := (activities{o}).Record(t.Context(), workflows.RecordInput{RunID: run, Changes: []workflows.Change{change}}); err != nil {
				t.Fatal(err)
			}
		}
		return built
	}
	for _, story := range []struct {
		name, lib string
		want      []string
	}{
		{"the first run", "", []string{"lib", "app", "tool"}},
		{"lib has another script", "build:\n  script: cd .\n", []string{"lib"}},
		{"and yet another", "build:\n  script: echo\n", []string{"lib"}},
		{"the first one again", "", nil},
	} {
		recipes["lib"] = story.lib
		if built := counted(story.name); !slices.Equal(built, story.want) {
			t.Errorf("%s: built %v, want %v", story.name, built, story.want)
		}
	}
}

// A build serves each run that has joined it: the one that publishes finds it on the index, also where the run that has
// started it does not publish.
func TestAJoinedBuildIsPublishedByTheRunThatPublishes(t *testing.T) {
	o := start(t, t.TempDir())
	req := requestOf(t, o, map[string]string{"lib": ""})
	req.Publish = false
	begin(t, o, "quiet", req)
	req.Publish = true
	begin(t, o, "loud", req)
	var shared []string
	for _, run := range []string{"quiet", "loud"} {
		act, err := activities{o}.Resolve(t.Context(), workflows.ResolveInput{RunID: run, Recipe: "lib"})
		if err != nil {
			t.Fatal(err)
		}
		shared = append(shared, act.Key+act.Shared)
	}
	if shared[0] != shared[1] || shared[0] == "" {
		t.Errorf("the two runs would build for themselves: %q", shared)
	}
	change := build(t, o, "quiet", "lib")
	if page := read(t, o.URL()+"/simple/"); strings.Contains(page, "lib") {
		t.Errorf("published too early:\n%s", page)
	}
	change.Joined = true
	if err := (activities{o}).Record(t.Context(), workflows.RecordInput{RunID: "loud", Changes: []workflows.Change{change}}); err != nil {
		t.Fatal(err)
	}
	if page := read(t, o.URL()+"/simple/"); !strings.Contains(page, "lib") {
		t.Errorf("not published:\n%s", page)
	}
}

// As a build starts, it is looked once more whether the key has passed.
func TestWhatWasBuiltSinceTheDecisionIsFound(t *testing.T) {
	o := start(t, t.TempDir())
	req := requestOf(t, o, map[string]string{"lib": "", "bad": ""})
	begin(t, o, "one", req)
	passed, failed := build(t, o, "one", "lib").Key, buildAs(t, o, "one", "bad", record.Failed).Key
	for key, want := range map[string]record.Outcome{passed: record.Passed, failed: "", "unknown": ""} {
		got, err := activities{o}.Built(t.Context(), workflows.Task{RunID: "one", Key: key})
		if err != nil || got.Outcome != want {
			t.Errorf("%s: %q, %v; want %q", key, got.Outcome, err, want)
		}
	}
}
