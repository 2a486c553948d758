package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
)

func TestWorkersAreDrained(t *testing.T) {
	now, soon := time.Now(), 125.0
	farm := &api.Fake{Seen: []api.Worker{
		{Name: "idle", State: api.Active, Classes: []string{"small"}, Slots: 2, LastSeen: now},
		{Name: "busy", State: api.Active, Classes: []string{"small", "medium"}, Slots: 3, LastSeen: now, Empty: &soon, Builds: []api.WorkerBuild{{Recipe: "numpy"}, {Recipe: "toolz"}}},
		{Name: "broken", State: api.Out, Classes: []string{"small"}, Slots: 2, LastSeen: now, Reason: "the engine does not answer", By: "the worker itself"},
	}}
	var page strings.Builder
	for _, args := range [][]string{
		{"workers"}, {"worker", "drain", "--dry-run", "busy"}, {"worker", "drain", "idle", "--wait"}, {"worker", "drain", "busy"},
		{"worker", "undrain", "idle"}, {"worker", "undrain", "--dry-run", "broken"}, {"worker", "undrain", "broken"},
	} {
		out, err := wasmill(t, farm, args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		page.WriteString("$ wasmill " + strings.Join(args, " ") + "\n" + out + "\n")
	}
	golden(t, "workers.txt", page.String())
	if order := farm.Orders["busy"]; !order.Rest || order.By == "" {
		t.Errorf("the busy worker was told %+v", order)
	}
	for _, verb := range []string{"drain", "undrain"} {
		if _, err := wasmill(t, farm, "worker", verb, "nobody"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s of a worker that is not there: %v", verb, err)
		}
	}
}
