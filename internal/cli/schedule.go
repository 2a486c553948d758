package cli

import (
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Runs that start by themselves: nightly rebuilds",
		Long: `A schedule starts a run at the times of its cron expression (UTC). A run that is still going on when the next is
due is not doubled, and after a failure of the farm itself the schedule pauses.`,
	}
	cmd.AddCommand(a.scheduleAdd(), a.scheduleList())
	for _, c := range []struct {
		use, short string
		change     api.ScheduleChange
		done       string
	}{
		{"trigger", "Start a schedule's run now", api.Trigger, "started"},
		{"pause", "Start no more runs until resumed", api.Pause, "paused"},
		{"resume", "Start runs again", api.Resume, "resumed"},
		{"remove", "Forget a schedule; its runs stay", api.Remove, "removed"},
	} {
		dry := false
		change := &cobra.Command{
			Use:     c.use + " NAME",
			Short:   c.short,
			Example: "  wasmill schedule " + c.use + " nightly",
			Args:    command.Arguments(1, 1, "the name of a schedule"),
			RunE: func(cmd *cobra.Command, args []string) error {
				farm, err := a.running()
				if err != nil {
					return err
				}
				if dry {
					return a.showSchedule(cmd.Context(), farm, args[0], c.change)
				}
				return farm.ChangeSchedule(cmd.Context(), args[0], c.change)
			},
		}
		dryFlag(change, &dry, c.done, "change")
		cmd.AddCommand(change)
	}
	return cmd
}

func (a *app) scheduleAdd() *cobra.Command {
	t, cron, dry := targets{}, "0 2 * * *", false
	cmd := &cobra.Command{
		Use:     "add NAME [RECIPE…]",
		Short:   "Make a schedule, or replace the one of this name",
		Example: "  wasmill schedule add nightly --cron '0 2 * * *' --recipes ./recipes '*'",
		Args:    command.Arguments(1, -1, "a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			farm, err := a.running()
			if err != nil {
				return err
			}
			selected := args[1:]
			if len(selected) == 0 {
				selected = []string{"*"}
			}
			req, err := t.request(cmd.Context(), a, farm, selected)
			if err != nil {
				return err
			}
			req.Lane, req.Publish = "nightly", true
			s := api.Schedule{Name: args[0], Cron: cron, Run: req}
			if dry {
				return a.showAdd(cmd.Context(), farm, s)
			}
			return farm.AddSchedule(cmd.Context(), s)
		},
	}
	t.flags(cmd)
	dryFlag(cmd, &dry, "added", "add")
	cmd.Flags().StringVar(&cron, "cron", cron, "minute hour day month weekday, UTC")
	return cmd
}

func (a *app) scheduleList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the schedules",
		Example: "  wasmill schedule list --json",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			farm, err := a.running()
			if err != nil {
				return err
			}
			schedules, err := farm.Schedules(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(schedules, func(w io.Writer) error {
				rows := [][]string{{"schedule", "recipes", "toolchain", "lane", "cron", "state", "next", "last"}}
				for _, s := range schedules {
					state := "active"
					if s.Paused {
						state = "paused"
					}
					lane := s.Run.Lane
					if !s.Run.Publish {
						lane += ", does not publish"
					}
					rows = append(rows, []string{s.Name, strings.Join(s.Run.Select, " "), s.Run.Toolchain, lane, s.Cron, state, when(s.Next), when(s.Last)})
				}
				return term.Table(w, rows)
			})
		},
	}
}

func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}
