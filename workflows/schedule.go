package workflows

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/wasmill/wasmill/internal/fault"
)

// Schedule is a run that is started again and again.
type Schedule struct {
	Name   string      `json:"name"`
	Cron   string      `json:"cron"` // five fields, in UTC; CRON_TZ=… before them names another zone
	Paused bool        `json:"paused,omitempty"`
	Note   string      `json:"note,omitempty"` // why it is paused
	Next   []time.Time `json:"next,omitempty"` // the next starts
	Last   *StartedRun `json:"last,omitempty"`
	About  string      `json:"about,omitempty"` // as CreateSchedule was told
}

// StartedRun is a run that a schedule has started.
type StartedRun struct {
	RunID string    `json:"run_id"`
	At    time.Time `json:"at"`
}

// What a list of schedules tells of each, besides what the server knows: of the expression it keeps only what it has
// made of it, and a run's input is not in a list.
const (
	cronMemo  = "cron"
	aboutMemo = "about"
)

// CreateSchedule starts a run like in at every time of cron; each gets a RunID of name and time. A run that is due while
// the one before goes on is left out. After a time away, only starts missed within the last hour are caught up. A run
// that can't be carried out pauses the schedule; failed recipes don't. The error is fault.Conflict when the name is taken
// and fault.Invalid for a cron expression that can't be read. ListSchedules tells about again, whatever it means.
func CreateSchedule(ctx context.Context, c client.Client, name, cron string, in RunInput, about string) error {
	if in.RunID != "" {
		return fault.Errorf(fault.Internal, "creating schedule %s: its runs can't all be %s", name, in.RunID)
	}
	_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID:             name,
		Spec:           client.ScheduleSpec{CronExpressions: []string{cron}},
		Overlap:        enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow:  time.Hour,
		PauseOnFailure: true,
		Memo:           map[string]any{cronMemo: cron, aboutMemo: about},
		Action: &client.ScheduleWorkflowAction{
			ID:                  RunWorkflowID(name), // the server appends the time
			Workflow:            runWorkflow,
			Args:                []any{in},
			TaskQueue:           FarmQueue,
			WorkflowTaskTimeout: workflowTaskTimeout,
			Priority:            in.Lane.buildPriority(),
		},
	})
	return fromTemporal(err)
}

// checkPrefix is that of schedules that are made only to see whether the server takes them.
const checkPrefix = "check/"

// CheckCron is fault.Invalid for a cron expression that CreateSchedule would not take. Only the server knows.
func CheckCron(ctx context.Context, c client.Client, cron string) error {
	h, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID:     checkPrefix + rand.Text(),
		Spec:   client.ScheduleSpec{CronExpressions: []string{cron}},
		Paused: true,
		Action: &client.ScheduleWorkflowAction{ID: checkPrefix, Workflow: runWorkflow, TaskQueue: FarmQueue},
	})
	if err != nil {
		return fromTemporal(err)
	}
	return fromTemporal(h.Delete(ctx))
}

// ListSchedules gives all schedules by name. A change shows up in it within a second or two.
func ListSchedules(ctx context.Context, c client.Client) ([]Schedule, error) {
	entries, err := c.ScheduleClient().List(ctx, client.ScheduleListOptions{})
	if err != nil {
		return nil, fromTemporal(err)
	}
	var list []Schedule
	for entries.HasNext() {
		e, err := entries.Next()
		if err != nil {
			return nil, fromTemporal(err)
		}
		if strings.HasPrefix(e.ID, checkPrefix) {
			continue
		}
		s := Schedule{Name: e.ID, Paused: e.Paused, Note: e.Note, Next: e.NextActionTimes}
		for memo, into := range map[string]*string{cronMemo: &s.Cron, aboutMemo: &s.About} {
			p := e.Memo.GetFields()[memo]
			if p == nil {
				continue
			}
			if err := converter.GetDefaultDataConverter().FromPayload(p, into); err != nil {
				return nil, fault.Errorf(fault.Internal, "reading schedule %s: %w", e.ID, err)
			}
		}
		if n := len(e.RecentActions); n > 0 {
			last := e.RecentActions[n-1]
			s.Last = &StartedRun{At: last.ActualTime}
			if w := last.StartWorkflowResult; w != nil {
				s.Last.RunID = runIDOf(w.WorkflowID)
			}
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Schedule) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// DeleteSchedule forgets a schedule; a run of it goes on.
func DeleteSchedule(ctx context.Context, c client.Client, name string) error {
	return fromTemporal(c.ScheduleClient().GetHandle(ctx, name).Delete(ctx))
}

// TriggerSchedule starts a run of the schedule now, even in a pause, and says which. It is fault.Conflict while one goes on.
func TriggerSchedule(ctx context.Context, c client.Client, name string) (runID string, err error) {
	h := c.ScheduleClient().GetHandle(ctx, name)
	before, err := h.Describe(ctx)
	if err != nil {
		return "", fromTemporal(err)
	}
	if going := before.Info.RunningWorkflows; len(going) > 0 {
		return "", fault.Errorf(fault.Conflict, "a run of schedule %s goes on: %s", name, runIDOf(going[0].WorkflowID))
	}
	if err := h.Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
		return "", fromTemporal(err)
	}
	// The answer of Describe comes after the scheduler has looked at the trigger (see patch), but maybe before it has acted.
	for range triggerLooks {
		now, err := h.Describe(ctx)
		if err != nil {
			return "", fromTemporal(err)
		}
		if n := len(now.Info.RecentActions); now.Info.NumActions > before.Info.NumActions && n > 0 {
			if w := now.Info.RecentActions[n-1].StartWorkflowResult; w != nil {
				return runIDOf(w.WorkflowID), nil
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(triggerPause):
		}
	}
	return "", fault.Errorf(fault.Unavailable, "schedule %s was triggered, and the server does not say that a run has begun: look at the list of runs", name)
}

// How often, and after how long, a schedule is looked at to see the run that was asked for.
const (
	triggerLooks = 50
	triggerPause = 100 * time.Millisecond
)

// PauseSchedule starts no runs until ResumeSchedule; a run of it goes on.
func PauseSchedule(ctx context.Context, c client.Client, name, why string) error {
	h := c.ScheduleClient().GetHandle(ctx, name)
	return patch(ctx, h, true, func() error { return h.Pause(ctx, client.SchedulePauseOptions{Note: why}) })
}

// ResumeSchedule ends a pause, also one that a failed run began.
func ResumeSchedule(ctx context.Context, c client.Client, name string) error {
	h := c.ScheduleClient().GetHandle(ctx, name)
	return patch(ctx, h, false, func() error { return h.Unpause(ctx, client.ScheduleUnpauseOptions{}) })
}

// patch changes whether a schedule is paused and makes sure of it. The server keeps only the last of several patches that
// come before its scheduler looks at them; the answer of Describe comes after it has.
func patch(ctx context.Context, h client.ScheduleHandle, paused bool, change func() error) error {
	const tries = 5
	for range tries {
		if err := change(); err != nil {
			return fromTemporal(err)
		}
		now, err := h.Describe(ctx)
		if err != nil {
			return fromTemporal(err)
		}
		if now.Schedule.State.Paused == paused {
			return nil
		}
	}
	return fault.Errorf(fault.Unavailable, "changing schedule %s: the server does not take the change", h.GetID())
}
