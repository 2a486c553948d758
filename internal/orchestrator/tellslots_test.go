package orchestrator

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/client"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/workflows"
)

// told is a Temporal that only hears what runs are told.
type told struct {
	client.Client
	mu   sync.Mutex
	away bool
	by   map[string][]map[workflows.Class]int // by workflow
}

func (c *told) SignalWorkflow(_ context.Context, workflow, _, _ string, slots any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		return errors.New("no server")
	}
	c.by[workflow] = append(c.by[workflow], slots.(map[workflows.Class]int))
	return nil
}

// heard waits for as many messages, and a while for one too many.
func (c *told) heard(t *testing.T, want map[string][]map[workflows.Class]int) {
	t.Helper()
	n := func() (n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, each := range c.by {
			n += len(each)
		}
		return n
	}
	all := 0
	for _, each := range want {
		all += len(each)
	}
	for end := time.Now().Add(10 * time.Second); n() < all && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	}
	time.Sleep(100 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if diff := cmp.Diff(want, c.by); diff != "" {
		t.Errorf("runs were told: %s", diff)
	}
}

// Runs that go on hear how many slots there are when that changes, once; and as soon as they can be told where they could not.
func TestRunsHearOfSlots(t *testing.T) {
	o := start(t, t.TempDir())
	req := requestOf(t, o, map[string]string{"lib": ""})
	begin(t, o, "goes-on", req)
	carryOut(t, o, "over", req, "lib")
	joins := func(name string, slots int, state api.WorkerState) {
		t.Helper()
		if _, err := o.ReportWorker(t.Context(), api.Worker{Name: name, Classes: []string{"small"}, ClassSlots: map[string]int{"small": slots}, Slots: slots, State: state}); err != nil {
			t.Fatal(err)
		}
	}
	joins("w1", 2, api.Active)
	c := &told{by: map[string][]map[workflows.Class]int{}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); o.tellSlots(ctx, c, 10*time.Millisecond) }()
	defer func() { stop(); <-ended }()

	small := func(n int) map[workflows.Class]int {
		return map[workflows.Class]int{workflows.Small: n, workflows.Medium: 0, workflows.Large: 0}
	}
	want := map[string][]map[workflows.Class]int{"run/goes-on": {small(2)}}
	c.heard(t, want)

	c.mu.Lock()
	c.away = true
	c.mu.Unlock()
	joins("w2", 3, api.Active)
	c.heard(t, want)
	c.mu.Lock()
	c.away = false
	c.mu.Unlock()
	want["run/goes-on"] = append(want["run/goes-on"], small(5))
	c.heard(t, want)

	joins("w1", 2, api.Draining)
	want["run/goes-on"] = append(want["run/goes-on"], small(3))
	c.heard(t, want)
}
