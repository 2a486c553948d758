package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"go.temporal.io/sdk/client"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/workflows"
)

// AddSchedule implements api.Farm.
func (o *Orchestrator) AddSchedule(ctx context.Context, s api.Schedule) error {
	o.garbage.RLock()
	defer o.garbage.RUnlock()
	if err := o.CheckSchedule(ctx, s); err != nil { // before the one of this name is gone
		return err
	}
	in, err := o.runInput(ctx, s.Run)
	if err != nil {
		return err
	}
	c, err := o.temporalClient(ctx)
	if err != nil {
		return err
	}
	if err := workflows.DeleteSchedule(ctx, c, s.Name); err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	about, err := json.Marshal(s.Run)
	if err != nil {
		return fmt.Errorf("keeping schedule %s: %w", s.Name, err)
	}
	if err := workflows.CreateSchedule(ctx, c, s.Name, s.Cron, in, string(about)); err != nil {
		return err
	}
	if s.Paused {
		return workflows.PauseSchedule(ctx, c, s.Name, "created so")
	}
	return nil
}

// scheduleName is what a schedule may be called: its name is in the IDs of its runs, in addresses and in names of files.
var scheduleName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,59}$`)

// CheckSchedule implements api.Farm.
func (o *Orchestrator) CheckSchedule(ctx context.Context, s api.Schedule) error {
	if !scheduleName.MatchString(s.Name) {
		return fault.Errorf(fault.Invalid, "%q is no name for a schedule: up to 60 lower case letters, digits, dots, dashes and underscores", s.Name)
	}
	if s.Run.Upstream != "" && s.Run.Upstream != s.Name {
		return fault.Errorf(fault.Invalid, "schedule %s can't remember releases for schedule %s", s.Name, s.Run.Upstream)
	}
	fields := strings.Fields(s.Cron)
	if len(fields) > 0 && strings.HasPrefix(fields[0], "CRON_TZ=") { // another zone than UTC
		fields = fields[1:]
	}
	if len(fields) != 5 {
		return fault.Errorf(fault.Invalid, "%q is no cron expression: give five fields, minute hour day month weekday, such as \"0 2 * * *\"", s.Cron)
	}
	c, err := o.temporalClient(ctx)
	if err != nil {
		return err
	}
	return workflows.CheckCron(ctx, c, s.Cron)
}

// Schedules implements api.Farm.
func (o *Orchestrator) Schedules(ctx context.Context) ([]api.Schedule, error) {
	c, err := o.temporalClient(ctx)
	if err != nil {
		return nil, err
	}
	list, err := workflows.ListSchedules(ctx, c)
	if err != nil {
		return nil, err
	}
	out := []api.Schedule{}
	for _, s := range list {
		shown := api.Schedule{Name: s.Name, Cron: s.Cron, Paused: s.Paused}
		if err := json.Unmarshal([]byte(s.About), &shown.Run); s.About != "" && err != nil {
			return nil, fault.Errorf(fault.Internal, "reading schedule %s: %w", s.Name, err)
		}
		if len(s.Next) > 0 {
			shown.Next = &s.Next[0]
		}
		if s.Last != nil {
			shown.Last = &s.Last.At
		}
		out = append(out, shown)
	}
	return out, nil
}

// ChangeSchedule implements api.Farm.
func (o *Orchestrator) ChangeSchedule(ctx context.Context, name string, change api.ScheduleChange) (done api.ChangedSchedule, err error) {
	c, err := o.temporalClient(ctx)
	if err != nil {
		return done, err
	}
	do, ok := map[api.ScheduleChange]func(context.Context, client.Client, string) error{
		api.Trigger: func(ctx context.Context, c client.Client, name string) (err error) {
			done.Run, err = workflows.TriggerSchedule(ctx, c, name)
			return err
		},
		api.Pause: func(ctx context.Context, c client.Client, name string) error {
			return workflows.PauseSchedule(ctx, c, name, "on request")
		},
		api.Resume: workflows.ResumeSchedule,
		api.Remove: workflows.DeleteSchedule,
	}[change]
	if !ok {
		return done, fault.Errorf(fault.Invalid, "a schedule can be triggered, paused, resumed or removed, not %q", change)
	}
	err = do(ctx, c, name)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return done, fault.Errorf(fault.NotFound, "there is no schedule %q: `wasmill schedule list` shows those that are", name)
	}
	return done, err
}
