package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// DB runs the contract of store.DB against the databases that open gives, an empty one each time.
func DB(t *testing.T, open func(t *testing.T) store.DB) {
	for name, story := range map[string]func(*testing.T, store.DB){
		"the life of a run":                     runLife,
		"a large plan keeps its order":          largePlan,
		"runs are listed newest first":          runList,
		"late news of an action is dropped":     lateNews,
		"what is not there is not found":        nothingThere,
		"a build is remembered":                 buildRemembered,
		"a key has one artifact":                oneArtifact,
		"many builds at once":                   manyBuilds,
		"the latest build is the one used last": latestBuild,
		"the history is what a plan needs":      history,
		"what builds have taken":                costs,
		"quarantine":                            quarantine,
		"the first lock stands":                 firstLock,
		"publishing":                            publishing,
		"publishing is all or nothing":          publishingAtomic,
		"readers see whole publications":        publishingConsistent,
		"the life of an attempt":                attemptLife,
		"workers are seen":                      workersSeen,
		"odd texts are kept readably":           oddTexts,
		"settings are kept":                     settingsKept,
		"each release is tried once":            releasesTried,
		"what waits, and for how long":          waiting,
		"runs that wait for one build":          joining,
		"writers do not disturb each other":     manyWriters,
		"what nothing keeps is forgotten":       garbage,
		"builds that were made twice":           reproductions,
		"the life of a token":                   tokenLife,
		"who has done what":                     journalKept,
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			story(t, db)
		})
	}
}

// At is a time, some minutes into the stories.
func At(minutes int) time.Time {
	return time.Date(2030, 1, 2, 3, 4, 5, 678_000, time.UTC).Add(time.Duration(minutes) * time.Minute)
}

func smallPlan() *plan.Plan {
	failed := plan.Build{Key: key("b"), Outcome: record.Failed, Failure: "compile-failed: no"}
	return &plan.Plan{
		Toolchain: plan.Toolchain{Name: "tc", Digest: Digest([]byte("tc"))},
		Actions: []plan.Action{
			{Recipe: "z-first", Version: "1", Kind: plan.KindBuild, Reason: "no earlier build"},
			{Recipe: "a", Version: "2", Kind: plan.KindReuse, Reason: "cached", Key: key("a"), Needs: []string{"z-first"}},
			{Recipe: "b", Version: "3", Kind: plan.KindReuse, Reason: "failed before", Key: key("b"), Reused: &failed},
			{Recipe: "c", Version: "4", Kind: plan.KindSkip, Reason: "needs b", Cause: "b", Needs: []string{"a", "b"}},
		},
	}
}

func runLife(t *testing.T, db store.DB) {
	ctx := t.Context()
	want := store.Run{ID: "r1", Lane: "nightly", Workflow: "run/r1", Request: json.RawMessage(`{"select":["*"]}`), Created: At(0)}
	for range 2 {
		must(t, db.CreateRun(ctx, want))
	}
	wantRun(t, db, want, nil)

	want.Plan, want.Started = smallPlan(), At(1)
	must(t, db.PlanRun(ctx, "r1", want.Plan, At(1)))
	must(t, db.PlanRun(ctx, "r1", &plan.Plan{}, At(2))) // a retried activity may have planned anew
	actions := []store.RunAction{
		{Recipe: "z-first", Version: "1", Action: plan.KindBuild, Reason: "no earlier build", Status: store.Planned},
		{Recipe: "a", Version: "2", Action: plan.KindReuse, Reason: "cached", Key: key("a"), Needs: []string{"z-first"}, Status: store.Cached, Ended: At(1)},
		{Recipe: "b", Version: "3", Action: plan.KindReuse, Reason: "failed before", Key: key("b"), Status: store.Failed, Cause: "compile-failed: no", Ended: At(1)},
		{Recipe: "c", Version: "4", Action: plan.KindSkip, Reason: "needs b", Needs: []string{"a", "b"}, Status: store.Skipped, Cause: "needs b", Ended: At(1)},
	}
	wantRun(t, db, want, actions)

	news := store.RunAction{Recipe: "z-first", Status: store.Running, Phase: record.PhaseCompile, Attempt: 1, Worker: "w1", Key: key("z"), Started: At(3)}
	must(t, db.UpdateAction(ctx, "r1", news))
	news.Status, news.Phase, news.Key, news.Seconds, news.Ended = store.Passed, "", "", 61.5, At(4)
	must(t, db.UpdateAction(ctx, "r1", news))
	actions[0].Status, actions[0].Attempt, actions[0].Worker, actions[0].Key = store.Passed, 1, "w1", key("z")
	actions[0].Seconds, actions[0].Started, actions[0].Ended = 61.5, At(3), At(4)
	wantRun(t, db, want, actions)

	broken := store.RunAction{Recipe: "c", Status: store.Failed, Cause: "the registry is away", Fault: "unavailable", Ended: At(4)}
	must(t, db.UpdateAction(ctx, "r1", broken))
	actions[3].Status, actions[3].Cause, actions[3].Fault, actions[3].Ended = broken.Status, broken.Cause, broken.Fault, broken.Ended
	wantRun(t, db, want, actions)

	canceled := store.RunAction{Recipe: "c", Status: store.Canceled, Attempt: 1, Ended: At(4)}
	must(t, db.UpdateAction(ctx, "r1", canceled))
	must(t, db.UpdateAction(ctx, "r1", store.RunAction{Recipe: "c", Status: store.Running, Attempt: 2, Started: At(5)}))
	actions[3].Status, actions[3].Attempt, actions[3].Cause, actions[3].Fault = canceled.Status, 1, "", ""
	wantRun(t, db, want, actions)

	again := store.RunAction{Recipe: "b", Status: store.Running, Attempt: 3, Worker: "w1", Started: At(3)}
	must(t, db.UpdateAction(ctx, "r1", again))
	must(t, db.UpdateAction(ctx, "r1", store.RunAction{Recipe: "b", Status: store.Planned}))
	must(t, db.UpdateAction(ctx, "r1", store.RunAction{Recipe: "b", Status: store.Queued, Started: At(4)}))
	for i := range actions {
		if actions[i].Recipe == "b" {
			actions[i].Status, actions[i].Started, actions[i].Cause, actions[i].Ended = store.Queued, At(4), "", time.Time{}
		}
	}
	wantRun(t, db, want, actions)

	want.Control = store.RunControl{Paused: At(5), By: "ada", Reason: "the machine is needed", Limit: 3}
	must(t, db.ControlRun(ctx, "r1", want.Control))
	wantRun(t, db, want, actions)
	if err := db.ControlRun(ctx, "never", store.RunControl{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("holding back a run that nobody knows: %v", err)
	}

	must(t, db.FinishRun(ctx, "r1", store.RunEnd{Outcome: "failed", Error: "the registry is away", Fault: "unavailable"}, At(5)))
	must(t, db.FinishRun(ctx, "r1", store.RunEnd{Outcome: "canceled", Error: "too late"}, At(6)))
	want.Outcome, want.Error, want.Fault, want.Finished = "failed", "the registry is away", "unavailable", At(5)
	wantRun(t, db, want, actions)
}

func wantRun(t *testing.T, db store.DB, want store.Run, actions []store.RunAction) {
	t.Helper()
	run, got, err := db.Run(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, run); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(actions, got); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	head, err := db.Head(t.Context(), want.ID)
	must(t, err)
	want.Plan = nil
	if diff := cmp.Diff(want, head); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
	got, err = db.Actions(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(actions, got); diff != "" {
		t.Errorf("actions alone (-want +got):\n%s", diff)
	}
	if len(actions) < 3 {
		return
	}
	got, err = db.Actions(t.Context(), want.ID, actions[2].Recipe, "unknown", actions[0].Recipe)
	must(t, err)
	if diff := cmp.Diff([]store.RunAction{actions[0], actions[2]}, got); diff != "" {
		t.Errorf("some actions (-want +got):\n%s", diff)
	}
}

func largePlan(t *testing.T, db store.DB) {
	want := &plan.Plan{}
	for i := range 1234 {
		want.Actions = append(want.Actions, plan.Action{Recipe: fmt.Sprint("recipe-", 7919*i%1234), Kind: plan.KindBuild})
	}
	must(t, db.CreateRun(t.Context(), store.Run{ID: "r", Created: At(0)}))
	must(t, db.PlanRun(t.Context(), "r", want, At(0)))
	_, actions, err := db.Run(t.Context(), "r")
	must(t, err)
	if len(actions) != len(want.Actions) {
		t.Fatalf("%d actions, want %d", len(actions), len(want.Actions))
	}
	for i, a := range actions {
		if a.Recipe != want.Actions[i].Recipe {
			t.Fatalf("action %d is of %s, want %s", i, a.Recipe, want.Actions[i].Recipe)
		}
	}
}

func runList(t *testing.T, db store.DB) {
	for i := range 5 {
		must(t, db.CreateRun(t.Context(), store.Run{ID: fmt.Sprint("r", i), Created: At(i % 3)}))
	}
	for limit, want := range map[int][]string{0: {"r2", "r1", "r4", "r0", "r3"}, 2: {"r2", "r1"}} {
		runs, err := db.Runs(t.Context(), limit)
		must(t, err)
		var got []string
		for _, r := range runs {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}

func lateNews(t *testing.T, db store.DB) {
	must(t, db.CreateRun(t.Context(), store.Run{ID: "r", Created: At(0)}))
	must(t, db.PlanRun(t.Context(), "r", smallPlan(), At(0)))
	for _, step := range []struct {
		what    string
		status  store.Status
		attempt int
		want    store.Status
	}{
		{"it begins", store.Running, 1, store.Running},
		{"its worker is lost, another begins", store.Running, 2, store.Running},
		{"the lost one ends after all", store.Failed, 1, store.Running},
		{"the second passes", store.Passed, 2, store.Passed},
		{"a heartbeat comes late", store.Running, 2, store.Passed},
		{"it is tried again", store.Queued, 3, store.Queued},
	} {
		must(t, db.UpdateAction(t.Context(), "r", store.RunAction{Recipe: "z-first", Status: step.status, Attempt: step.attempt}))
		_, actions, err := db.Run(t.Context(), "r")
		must(t, err)
		if actions[0].Status != step.want {
			t.Errorf("%s: the status is %s, want %s", step.what, actions[0].Status, step.want)
		}
	}
}

// A compiler's last words may be no text at all, and are noted where that does not matter.
func oddTexts(t *testing.T, db store.DB) {
	ctx := t.Context()
	const odd = "ld: cut off in a sign \xe2\x82, then \x00, \U0001f642 and \\"
	must(t, db.CreateRun(ctx, store.Run{ID: "r", Created: At(0)}))
	must(t, db.PlanRun(ctx, "r", smallPlan(), At(0)))
	must(t, db.UpdateAction(ctx, "r", store.RunAction{Recipe: "z-first", Status: store.Failed, Attempt: 1, Cause: odd}))
	must(t, db.FinishRun(ctx, "r", store.RunEnd{Outcome: "failed", Error: odd}, At(1)))
	run, actions, err := db.Run(ctx, "r")
	must(t, err)
	for what, got := range map[string]string{"cause": actions[0].Cause, "error": run.Error} {
		if !strings.Contains(got, "ld: cut off in a sign ") || !strings.Contains(got, "\U0001f642 and \\") {
			t.Errorf("the %s reads %q", what, got)
		}
	}
}

func nothingThere(t *testing.T, db store.DB) {
	ctx := t.Context()
	must(t, db.CreateRun(ctx, store.Run{ID: "there", Created: At(0)}))
	_, _, run := db.Run(ctx, "x")
	_, build := db.Build(ctx, "x")
	_, latest := db.LatestBuild(ctx, "x", "", "")
	_, lock := db.Lock(ctx, "x")
	_, attempt := db.Attempt(ctx, "x")
	_, setting := db.Setting(ctx, "x")
	for what, err := range map[string]error{
		"Run": run, "Build": build, "LatestBuild": latest, "Lock": lock, "Attempt": attempt, "Setting": setting,
		"PlanRun":      db.PlanRun(ctx, "x", smallPlan(), At(0)),
		"UpdateAction": db.UpdateAction(ctx, "there", store.RunAction{Recipe: "x"}),
		"FinishRun":    db.FinishRun(ctx, "x", store.RunEnd{Outcome: "passed"}, At(0)),
		"Heartbeat":    db.Heartbeat(ctx, "x", "", At(0)),
		"EndAttempt":   db.EndAttempt(ctx, "x", "passed", nil, At(0)),
	} {
		wantKind(t, what, err, fault.NotFound)
	}
	wantKind(t, "CreateRun without an id", db.CreateRun(ctx, store.Run{}), fault.Invalid)
	_, err := db.PutBuild(ctx, store.Build{})
	wantKind(t, "PutBuild without a key", err, fault.Invalid)
	if c, err := db.Catalog(ctx, "x"); err != nil || c.Generation != 0 || c.Files != nil {
		t.Errorf("Catalog of what was never published: %v, %v", c, err)
	}
}

func attemptLife(t *testing.T, db store.DB) {
	ctx := t.Context()
	want := store.Attempt{ID: "t1", Recipe: "h3", Run: "r", Worker: "w", Number: 1, LogPath: "logs/t1", Started: At(0), Heartbeat: At(0)}
	for range 2 {
		must(t, db.BeginAttempt(ctx, want))
	}
	must(t, db.BeginAttempt(ctx, store.Attempt{ID: "t2", Recipe: "h3", Number: 2, Started: At(9)}))
	must(t, db.Heartbeat(ctx, "t1", key("h3"), At(2)))
	must(t, db.Heartbeat(ctx, "t1", "", At(1)))
	want.Key, want.Heartbeat = key("h3"), At(2)
	check := func() {
		t.Helper()
		got, err := db.Attempt(ctx, "t1")
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("attempt (-want +got):\n%s", diff)
		}
	}
	check()
	want.Log, want.Outcome, want.Ended = &record.Blob{Digest: Digest([]byte("log")), Size: 3}, "passed", At(3)
	must(t, db.EndAttempt(ctx, "t1", "passed", want.Log, At(3)))
	must(t, db.EndAttempt(ctx, "t1", "failed", nil, At(4)))
	must(t, db.Heartbeat(ctx, "t1", "", At(5)))
	check()

	ids := func(list []store.Attempt, err error) (ids []string) {
		t.Helper()
		must(t, err)
		for _, a := range list {
			ids = append(ids, a.ID)
		}
		return ids
	}
	for what, c := range map[string]struct{ got, want []string }{
		"of the recipe": {ids(db.Attempts(ctx, "h3", 0)), []string{"t2", "t1"}},
		"the newest":    {ids(db.Attempts(ctx, "h3", 1)), []string{"t2"}},
		"of the key":    {ids(db.Attempts(ctx, key("h3"), 0)), []string{"t1"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func workersSeen(t *testing.T, db store.DB) {
	ctx := t.Context()
	order := store.WorkerOrder{Rest: true, Reason: "a new disk", By: "ada", At: At(1)}
	if err := db.OrderWorker(ctx, "b", order); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an order to a worker that nobody knows: %v", err)
	}
	see := func(w store.Worker, want store.WorkerOrder) {
		t.Helper()
		got, err := db.SeeWorker(ctx, w)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order to %s (-want +got):\n%s", w.Name, diff)
		}
	}
	see(store.Worker{Name: "b", Classes: []string{"small"}, Slots: 1, LastSeen: At(0)}, store.WorkerOrder{})
	see(store.Worker{Name: "a", Classes: []string{"small"}, Slots: 1, LastSeen: At(1)}, store.WorkerOrder{})
	must(t, db.OrderWorker(ctx, "b", store.WorkerOrder{Reason: "an order that the next one replaces", At: At(0)}))
	must(t, db.OrderWorker(ctx, "b", order))
	told := store.Worker{Name: "b", Classes: []string{"small", "large"}, Slots: 2, Version: "2", LastSeen: At(2), State: "draining", Reason: "a new disk", By: "ada", Since: At(2), Heard: At(1)}
	see(told, order)
	see(store.Worker{Name: "b", LastSeen: At(1)}, order) // a sign that comes late tells nothing new
	got, err := db.Workers(ctx)
	must(t, err)
	want := []store.Worker{
		{Name: "a", Classes: []string{"small"}, Slots: 1, FirstSeen: At(1), LastSeen: At(1)},
		{
			Name: "b", Classes: []string{"small", "large"}, Slots: 2, Version: "2", FirstSeen: At(0), LastSeen: At(2),
			State: "draining", Reason: "a new disk", By: "ada", Since: At(2), Heard: At(1), Order: order,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("workers (-want +got):\n%s", diff)
	}
}

func releasesTried(t *testing.T, db store.DB) {
	ctx := t.Context()
	first := store.Release{Schedule: "upstream", Recipe: "toolz", Version: "2.0", Replaced: "1.0", Run: "r1", Meta: Digest([]byte("meta")), Found: At(1)}
	again := first
	again.Run, again.Found = "r2", At(2)
	other := store.Release{Schedule: "another", Recipe: "toolz", Version: "2.0", Replaced: "1.0", Run: "r3", Found: At(1)}
	lost := store.Release{Schedule: "upstream", Recipe: "lost", Problem: "not there", Found: At(2)}
	lostAgain := lost
	lostAgain.Found = At(3)
	for _, list := range [][]store.Release{{first, other, lost}, {again}, {lostAgain}, nil} {
		must(t, db.PutReleases(ctx, list))
	}
	got, err := db.Releases(ctx, "upstream")
	must(t, err)
	if diff := cmp.Diff([]store.Release{lostAgain, first}, got); diff != "" {
		t.Errorf("releases (-want +got):\n%s", diff)
	}

	old := store.Answer{Recipe: "toolz", About: "a", ETag: "e", Problem: "not there", Asked: At(1)}
	last := store.Answer{Recipe: "toolz", About: "b", ETag: "f", Version: "2.0", Meta: "package:\n", Asked: At(2)}
	none := store.Answer{Recipe: "lz4", About: "c", Asked: At(1)}
	for _, list := range [][]store.Answer{{old, none}, {last}, nil} {
		must(t, db.PutAnswers(ctx, "upstream", list))
	}
	must(t, db.PutAnswers(ctx, "another", []store.Answer{old}))
	answers, err := db.Answers(ctx, "upstream")
	must(t, err)
	if diff := cmp.Diff(map[string]store.Answer{"toolz": last, "lz4": none}, answers); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func settingsKept(t *testing.T, db store.DB) {
	for _, value := range []string{"one", "two"} {
		must(t, db.SetSetting(t.Context(), "s", value))
		if got, err := db.Setting(t.Context(), "s"); err != nil || got != value {
			t.Errorf("Setting: %q, %v; want %q", got, err, value)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
