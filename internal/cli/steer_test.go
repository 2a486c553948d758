package cli

import (
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
)

func TestARunIsHeldBack(t *testing.T) {
	farm := &api.Fake{}
	farm.Keep(api.Run{ID: "r", State: "running"})
	farm.Keep(api.Run{ID: "over", State: "passed"})
	step := func(want api.Run, args ...string) {
		t.Helper()
		if _, err := wasmill(t, farm, args...); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		run, err := farm.Run(t.Context(), "r")
		if err != nil || (run.Paused == nil) != (want.Paused == nil) || run.Limit != want.Limit {
			t.Errorf("after %v: %+v, %v", args, run, err)
		}
	}
	paused := &api.Paused{}
	step(api.Run{Paused: paused}, "run", "pause", "r", "--reason", "the machines are needed")
	step(api.Run{Paused: paused, Limit: 3}, "run", "limit", "r", "3")
	if run, _ := farm.Run(t.Context(), "r"); run.Paused.Reason != "the machines are needed" || run.Paused.By == "" {
		t.Errorf("the pause is %+v", run.Paused)
	}
	step(api.Run{Limit: 3}, "run", "resume", "r")
	step(api.Run{}, "run", "limit", "r", "0")

	for _, c := range []struct {
		kind fault.Kind
		args []string
	}{
		{fault.Conflict, []string{"run", "pause", "over"}},
		{fault.NotFound, []string{"run", "resume", "never"}},
		{fault.Invalid, []string{"run", "limit", "r", "-1"}},
		{fault.Invalid, []string{"run", "limit", "r", "two"}},
	} {
		if _, err := wasmill(t, farm, c.args...); fault.KindOf(err) != c.kind || err == nil {
			t.Errorf("%v: %v (%v)", c.args, err, fault.KindOf(err))
		}
	}
}

func TestStatesInWords(t *testing.T) {
	at := time.Date(2026, 1, 5, 10, 0, 0, 0, time.Local)
	for want, run := range map[string]api.Run{
		"passed":                          {State: "passed"},
		"running, limited to 2 at a time": {State: "running", Limit: 2},
		"running, paused by ada@host since 2026-01-05 10:00:00 (a new disk), limited to 2 at a time": {
			State: "running", Limit: 2, Paused: &api.Paused{Since: at, By: "ada@host", Reason: "a new disk"},
		},
	} {
		if got := stateInWords(run); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
