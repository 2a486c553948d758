package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

// dryFlag adds --dry-run, which all commands have that change something, in words that fit: what would be done, and
// what is not.
func dryFlag(cmd *cobra.Command, dry *bool, done, do string) {
	cmd.Flags().BoolVar(dry, "dry-run", false, "say what would be "+done+" and "+do+" nothing")
}

// showPlan prints what a run would do.
func (a *app) showPlan(ctx context.Context, farm api.Farm, req api.RunRequest) error {
	actions, err := farm.Plan(ctx, req)
	if err != nil {
		return err
	}
	return a.print(actions, func(w io.Writer) error {
		rows := [][]string{{"recipe", "version", "action", "reason"}}
		for _, act := range actions {
			rows = append(rows, []string{act.Recipe, act.Version, act.Kind, act.Reason})
		}
		return term.Table(w, rows)
	})
}

// planInWords is a plan in one line.
func planInWords(actions []api.Action) string {
	n := map[string]int{}
	for _, act := range actions {
		n[act.Kind]++
	}
	return fmt.Sprintf("a run now would build %d, reuse %d, skip %d", n["build"], n["reuse"], n["skip"])
}

// showCancel says what canceling a run would stop.
func (a *app) showCancel(ctx context.Context, farm api.Farm, id string) error {
	run, err := farm.Run(ctx, id)
	if err != nil {
		return err
	}
	return a.print(run, func(w io.Writer) error {
		if run.State != "running" {
			_, err := fmt.Fprintf(w, "run %s has ended (%s); there is nothing to cancel\n", id, run.State)
			return err
		}
		running, waiting := 0, 0
		for _, act := range run.Actions {
			switch act.Status {
			case "running":
				running++
			case "planned", "queued":
				waiting++
			}
		}
		_, err := fmt.Fprintf(w, "run %s would be canceled; of its %d recipes, running and stopped: %d, waiting and left out: %d, done and kept: %d\n",
			id, len(run.Actions), running, waiting, len(run.Actions)-running-waiting)
		return err
	})
}

// changedSchedule is what would become of a schedule.
type changedSchedule struct {
	Schedule api.Schedule  `json:"schedule"`
	Change   string        `json:"change"`
	Before   *api.Schedule `json:"before,omitempty"` // of one that is replaced
	Plan     []api.Action  `json:"plan,omitempty"`   // of a run now
}

// showSchedule says what would become of a schedule that is there.
func (a *app) showSchedule(ctx context.Context, farm api.Farm, name string, change api.ScheduleChange) error {
	s, err := findSchedule(ctx, farm, name)
	if err != nil {
		return err
	}
	if s == nil {
		return fault.Errorf(fault.NotFound, "there is no schedule %q: `wasmill schedule list` shows those that are", name)
	}
	return a.print(changedSchedule{Schedule: *s, Change: string(change)}, func(w io.Writer) error {
		done := map[api.ScheduleChange]string{api.Trigger: "triggered", api.Pause: "paused", api.Resume: "resumed", api.Remove: "removed"}[change]
		note := ""
		switch {
		case change == api.Pause && s.Paused:
			note = "; it is paused already"
		case change == api.Resume && !s.Paused:
			note = "; it is not paused"
		case change != api.Trigger && s.Next != nil && !s.Paused:
			note = "; its next run is due " + when(s.Next)
		}
		_, err := fmt.Fprintf(w, "schedule %s (%s) would be %s%s\n", name, s.Cron, done, note)
		return err
	})
}

// showAdd says what adding a schedule would come to.
func (a *app) showAdd(ctx context.Context, farm api.Farm, s api.Schedule) error {
	out := changedSchedule{Schedule: s, Change: "add"}
	var err error
	if out.Before, err = findSchedule(ctx, farm, s.Name); err != nil {
		return err
	}
	if out.Before != nil {
		out.Change = "replace"
	}
	if err := farm.CheckSchedule(ctx, s); err != nil {
		return err
	}
	now := "a run now would ask the index for newer releases"
	if s.Run.Upstream == "" {
		if out.Plan, err = farm.Plan(ctx, s.Run); err != nil {
			return err
		}
		now = planInWords(out.Plan)
	}
	return a.print(out, func(w io.Writer) error {
		what := fmt.Sprintf("schedule %s (%s) would be added", s.Name, s.Cron)
		if out.Before != nil {
			what = fmt.Sprintf("schedule %s (%s) would be replaced (%s)", s.Name, out.Before.Cron, s.Cron)
		}
		_, err := fmt.Fprintf(w, "%s; %s\n", what, now)
		return err
	})
}

func findSchedule(ctx context.Context, farm api.Farm, name string) (*api.Schedule, error) {
	list, err := farm.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(list, func(s api.Schedule) bool { return s.Name == name }); i >= 0 {
		return &list[i], nil
	}
	return nil, nil
}
