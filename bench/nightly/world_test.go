package nightly

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wasmill/wasmill/workflows"
)

// An attempt that is given up leaves its slot to the next: the night goes on, and is as long as one attempt of each recipe.
func TestAnAttemptThatIsGivenUpLeavesItsSlot(t *testing.T) {
	w := newWorld([]workflows.Action{{Recipe: "a"}}, map[string]Times{"a": {Build: 10, Test: 1}}, 1)
	given, giveUp := context.WithCancel(t.Context())
	lost := make(chan error)
	go func() { lost <- w.begin(given, "a", 7, false) }()
	<-w.ready
	giveUp()
	if err := <-lost; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	go func() {
		_, _ = w.Build(t.Context(), workflows.Task{Recipe: "a"}, workflows.Attempt{})
		_, _ = w.Test(t.Context(), workflows.Task{Recipe: "a"}, workflows.Attempt{})
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stalls, err := w.turn(ctx, func(int) {})
	if err != nil || stalls > 0 || w.now != 11 {
		t.Errorf("%.0f s with %d stalls: %v", w.now, stalls, err)
	}
}
