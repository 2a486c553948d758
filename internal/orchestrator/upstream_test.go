package orchestrator

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/workflows"
)

// anIndex is a package index with source archives, each of a line: a file name and what else is said of it.
func anIndex(t *testing.T, projects map[string][]map[string]any) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		files, ok := projects[strings.Trim(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		for _, f := range files {
			f["url"], f["hashes"] = "https://files.example.org/"+f["filename"].(string), map[string]string{"sha256": strings.Repeat("b", 64)}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"files": files})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func file(name string, more ...any) map[string]any {
	f := map[string]any{"filename": name}
	for i := 0; i < len(more); i += 2 {
		f[more[i].(string)] = more[i+1]
	}
	return f
}

// Newer releases are tried once, with what needs them; the report says what became of them.
func TestNewerReleasesAreTriedOnce(t *testing.T) {
	o := start(t, t.TempDir())
	ctx := t.Context()
	projects := map[string][]map[string]any{
		"lib":   {file("lib-1.0.tar.gz"), file("lib-1.9.tar.gz"), file("lib-1.10.tar.gz"), file("lib-2.0b1.tar.gz"), file("lib-3.0.tar.gz", "yanked", true), file("lib-4.0.tar.gz", "requires-python", "<3")},
		"app":   {file("app-1.0.tar.gz"), file("app-0.9.tar.gz")},
		"stale": {file("stale-1.1.tar.gz")}, "alone": {file("alone-1.0.tar.gz")},
		"wheel": {file("wheel-2.0-py3-none-any.whl")},
	}
	o.cfg.Index = anIndex(t, projects)
	req := requestOf(t, o, map[string]string{
		"lib": "", "app": "requirements:\n  run: [lib]\n", "stale": "", "wheel": "", "gone": "", "alone": "requirements:\n  run: [stale]\n",
	})
	req.Upstream, req.Dependents, req.Publish = "upstream", true, false

	tries := func(run string) map[string]string {
		t.Helper()
		begin(t, o, run, req)
		got := map[string]string{}
		shown, err := o.Run(ctx, run)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range shown.Actions {
			got[a.Recipe] = a.Version
		}
		return got
	}
	want := map[string]string{"lib": "1.10", "app": "1.0", "stale": "1.1", "alone": "1.0"}
	if diff := cmp.Diff(want, tries("one")); diff != "" {
		t.Errorf("the first run builds (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, tries("one")); diff != "" { // an activity may be tried again
		t.Errorf("the first run, planned again, builds (-want +got):\n%s", diff)
	}
	for name, outcome := range map[string]record.Outcome{"lib": record.Passed, "stale": record.Failed} {
		change := buildAs(t, o, "one", name, outcome)
		if err := (activities{o}).Record(ctx, workflows.RecordInput{RunID: "one", Changes: []workflows.Change{change}}); err != nil {
			t.Fatal(err)
		}
	}
	report := func() map[string][3]string {
		t.Helper()
		list, err := o.Releases(ctx, "upstream")
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][3]string{}
		for _, r := range list {
			got[r.Recipe+" "+r.To] = [3]string{r.From, r.Outcome, r.Run}
		}
		return got
	}
	wantReport := map[string][3]string{
		"lib 1.10": {"1.0", api.AsItIs, "one"}, "stale 1.1": {"1.0", api.Breaks, "one"},
		"gone ": {"1.0", api.NotTried, ""}, "wheel ": {"1.0", api.NotTried, ""},
	}
	if diff := cmp.Diff(wantReport, report()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}

	if got := tries("two"); len(got) != 0 {
		t.Errorf("nothing is new, and the second run builds %v", got)
	}
	projects["lib"] = append(projects["lib"], file("lib-1.11.tar.gz"))
	if diff := cmp.Diff(map[string]string{"lib": "1.11", "app": "1.0"}, tries("three")); diff != "" {
		t.Errorf("after another release, the third run builds (-want +got):\n%s", diff)
	}
	wantReport["lib 1.11"] = [3]string{"1.0", api.GoingOn, "three"}
	if diff := cmp.Diff(wantReport, report()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if _, err := o.StartRun(ctx, req); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("a run of newer releases without a schedule: %v", err)
	}
}

// A refresh locks anew, as of its day. Where that gives the same wheels, nothing is built; and what it has found stands for the
// runs after it.
func TestARefreshLocksAnew(t *testing.T) {
	o := start(t, t.TempDir())
	req := requestOf(t, o, map[string]string{"lib": ""})
	carryOut(t, o, "nightly", req, "lib")
	key := func(run string) (lock, key string, kind plan.Kind) {
		t.Helper()
		r, actions, err := o.db.Run(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		return r.Plan.Actions[0].LockKey, actions[0].Key, r.Plan.Actions[0].Kind
	}
	firstLock, firstKey, _ := key("nightly")

	weekly := req
	weekly.Refresh = true
	begin(t, o, "weekly", weekly)
	lock, _, kind := key("weekly")
	if lock == firstLock || kind != plan.KindBuild {
		t.Errorf("the refresh plans to %s, with the lock %s of before", kind, lock)
	}
	// The worker that is given the job locks as of today; here it comes to the same wheels.
	build(t, o, "weekly", "lib")
	act, err := activities{o}.Resolve(t.Context(), workflows.ResolveInput{RunID: "weekly", Recipe: "lib"})
	if err != nil || act.Kind != workflows.KindReuse || act.Key != firstKey {
		t.Errorf("with the same wheels it is to %s %s, %v; want the build of before", act.Kind, act.Key, err)
	}

	begin(t, o, "nightly after", req)
	if after, afterKey, kind := key("nightly after"); after != lock || kind != plan.KindReuse || afterKey != firstKey {
		t.Errorf("the run after the refresh is to %s %s with lock %s, want the lock %s", kind, afterKey, after, lock)
	}
	trial := weekly
	trial.Publish = false
	now := time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := o.date(t.Context(), &trial, now); err != nil || !trial.AsOf.Equal(time.Date(2099, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("a refresh is as of %v, %v", trial.AsOf, err)
	}
	if err := o.refreshed(t.Context(), &trial); err != nil {
		t.Fatal(err)
	}
	later := req
	if err := o.date(t.Context(), &later, now); err != nil || later.AsOf.Equal(*trial.AsOf) {
		t.Errorf("a refresh that publishes nothing moves the day of others to %v, %v", later.AsOf, err)
	}
}

func TestScheduleNames(t *testing.T) {
	o := start(t, t.TempDir())
	for name, s := range map[string]api.Schedule{
		"no name":              {Cron: "0 2 * * *"},
		"a name with a slash":  {Name: "a/b", Cron: "0 2 * * *"},
		"too few fields":       {Name: "nightly", Cron: "0 2 * *"},
		"words":                {Name: "nightly", Cron: "whenever"},
		"of another schedule":  {Name: "nightly", Cron: "0 2 * * *", Run: api.RunRequest{Upstream: "weekly"}},
		"no expression at all": {Name: "nightly"},
	} {
		if err := o.CheckSchedule(t.Context(), s); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
