//go:build integration

package orchestrator

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// Which runs go on, and what schedules will ask for, is Temporal's to say: what they need stays, however old it is, and goes
// when they do not go on any more.
func TestWhatRunsInTemporalNeedIsNoGarbage(t *testing.T) {
	dir := t.TempDir()
	o := startWith(t, dir, func(cfg *Config) { cfg.TemporalListen = "127.0.0.1:0" })
	ctx := t.Context()
	// Recipes of their own, so that each is a blob that nothing else needs.
	packs := map[string]api.RunRequest{}
	for _, name := range []string{"running", "lost", "scheduled", "loose"} {
		req := requestOf(t, o, map[string]string{name: ""})
		req.Publish = false
		packs[name] = req
	}
	c, err := o.temporalClient(ctx)
	if err != nil {
		t.Fatal(err)
	}
	in := workflows.RunInput{RunID: "running", Request: asked(t, o, packs["running"]), Lane: workflows.Submission, Toolchain: "pyemscripten_2026_5"}
	if err := workflows.StartRun(ctx, c, in); err != nil { // nobody builds it
		t.Fatal(err)
	}
	about, err := json.Marshal(packs["scheduled"])
	if err != nil {
		t.Fatal(err)
	}
	in.RunID, in.Request = "", asked(t, o, packs["scheduled"])
	if err := workflows.CreateSchedule(ctx, c, "yearly", "0 0 1 1 *", in, string(about)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if now, err := o.Run(ctx, "running"); err == nil && len(now.Actions) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the run is not planned")
		}
	}
	// A run that the database believes to go on, and Temporal does not know.
	lost := store.Run{ID: "lost", Lane: "submission", Request: []byte(`{"recipes": "` + string(packs["lost"].Recipes) + `"}`), Created: time.Now().Add(-72 * time.Hour)}
	if err := o.db.CreateRun(ctx, lost); err != nil {
		t.Fatal(err)
	}
	there := func(digest record.Digest) bool {
		t.Helper()
		r, err := o.blobs.Open(ctx, digest)
		if err != nil {
			if fault.KindOf(err) != fault.NotFound {
				t.Fatal(err)
			}
			return false
		}
		_ = r.Close()
		return true
	}
	collect := func(want map[string]bool) {
		t.Helper()
		// A schedule is in the server's list a second or two after it was made or removed.
		deadline := time.Now().Add(20 * time.Second)
		for {
			list, err := o.Schedules(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if (len(list) == 1) == want["scheduled"] {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the server lists %d schedules", len(list))
			}
			time.Sleep(100 * time.Millisecond)
		}
		twoDaysPass(t, dir)
		if _, err := o.Collect(ctx, api.Collect{}); err != nil {
			t.Fatal(err)
		}
		for name, stays := range want {
			if got := there(packs[name].Recipes); got != stays {
				t.Errorf("the recipes of %s are there: %v", name, got)
			}
		}
	}
	collect(map[string]bool{"running": true, "scheduled": true, "lost": false, "loose": false})

	if err := o.CancelRun(ctx, "running"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		now, err := o.Run(ctx, "running")
		if err != nil {
			t.Fatal(err)
		}
		if now.State != "running" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the canceled run is %s", now.State)
		}
	}
	if _, err := o.ChangeSchedule(ctx, "yearly", api.Remove); err != nil {
		t.Fatal(err)
	}
	collect(map[string]bool{"running": false, "scheduled": false})
}
