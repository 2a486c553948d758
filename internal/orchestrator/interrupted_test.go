package orchestrator

import (
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/workflows"
)

// A command that is killed takes its run with it; whoever has the data folder next says so. A run of a farm that was stopped
// goes on.
func TestARunOfAKilledCommandIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	o := start(t, dir)
	ctx := t.Context()
	begin(t, o, "of a farm", requestOf(t, o, map[string]string{"lib": ""}))
	o.cfg.Forget = true
	begin(t, o, "of a command", requestOf(t, o, map[string]string{"lib": "", "app": "requirements:\n  run: [lib]\n"}))
	tell := workflows.RecordInput{RunID: "of a command", Changes: []workflows.Change{{Recipe: "lib", State: workflows.Queued, At: time.Now()}}}
	if err := (activities{o}).Record(ctx, tell); err != nil {
		t.Fatal(err)
	}
	o.Close() // what a kill leaves in the database is the same

	o = start(t, dir)
	run, err := o.Run(ctx, "of a command")
	if err != nil || run.State != "canceled" || !strings.Contains(run.Error, "interrupted") || run.Finished == nil {
		t.Errorf("the command's run is %+v, %v", run, err)
	}
	for _, a := range run.Actions {
		if a.Status != string(store.Canceled) {
			t.Errorf("%s is %s", a.Recipe, a.Status)
		}
	}
	if run, err := o.Run(ctx, "of a farm"); err != nil || run.State != "running" {
		t.Errorf("the farm's run is %s, %v", run.State, err)
	}
}
