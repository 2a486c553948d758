package cli

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Runs that start by themselves: nightly rebuilds",
		Long: `A schedule starts a run at the times of its cron expression (UTC). A run that is still going on when the next is
due is not doubled, and after a failure of the farm itself the schedule pauses.`,
	}
	cmd.AddCommand(a.scheduleAdd(), a.scheduleList(), a.scheduleReleases())
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
				done, err := farm.ChangeSchedule(cmd.Context(), args[0], c.change)
				if err != nil || c.change != api.Trigger {
					return err
				}
				return a.print(done, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "run %s: `wasmill run show %s` shows how it goes, as soon as it is planned\n", done.Run, done.Run)
					return err
				})
			},
		}
		dryFlag(change, &dry, c.done, "change")
		cmd.AddCommand(change)
	}
	return cmd
}

func (a *app) scheduleAdd() *cobra.Command {
	t, cron, dry := targets{}, "0 2 * * *", false
	refresh, upstream, dependents, publish := false, false, false, false
	cmd := &cobra.Command{
		Use:   "add NAME [RECIPE…]",
		Short: "Make a schedule, or replace the one of this name",
		Long: `A schedule builds the recipes as they are now, and publishes what passes.

With --refresh each run locks the build requirements anew, as of its day; what then has the same wheels as before is not built
again. The runs of other schedules, and submissions, build with the same from then on.

With --upstream each run asks the index for newer releases of the recipes, and builds those recipes updated to them, each release
once: no pre-releases, nothing yanked, and only what has a source archive for this Python. Nothing is published unless --publish is
given. ` + "`wasmill schedule releases NAME`" + ` tells which recipes can be updated as they are, whose patches no longer apply, and which fail.`,
		Example: "  wasmill schedule add nightly --cron '0 2 * * *' --recipes ./recipes '*'\n  wasmill schedule add weekly --cron '0 4 * * 0' --refresh '*'\n  wasmill schedule add upstream --cron '0 6 * * *' --upstream --dependents '*'",
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
			if dependents && !upstream || upstream && refresh {
				return fault.Errorf(fault.Invalid, "--dependents goes with --upstream, and --refresh does not")
			}
			req.Lane, req.Publish, req.Refresh, req.Dependents = "nightly", !upstream || publish, refresh, dependents
			if upstream {
				req.Upstream = args[0]
			}
			s := api.Schedule{Name: args[0], Cron: cron, Run: req}
			if dry {
				return a.showAdd(cmd.Context(), farm, s)
			}
			return farm.AddSchedule(cmd.Context(), s)
		},
	}
	t.flags(cmd)
	dryFlag(cmd, &dry, "added", "add")
	cmd.Flags().BoolVar(&refresh, "refresh", false, "lock build requirements anew, as of the day of each run")
	cmd.Flags().BoolVar(&upstream, "upstream", false, "try newer releases of the recipes, each once")
	cmd.Flags().BoolVar(&dependents, "dependents", false, "with --upstream: build the recipes that need an updated one, too")
	cmd.Flags().BoolVar(&publish, "publish", false, "with --upstream: publish what passes")
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
					if s.Run.Refresh {
						lane += ", refreshes"
					}
					if s.Run.Upstream != "" {
						lane += ", newer releases"
					}
					if !s.Run.Publish {
						lane += ", does not publish"
					}
					rows = append(rows, []string{s.Name, selected(s.Run.Select), s.Run.Toolchain, lane, s.Cron, state, when(s.Next), when(s.Last)})
				}
				return term.Table(w, rows)
			})
		},
	}
}

func (a *app) scheduleReleases() *cobra.Command {
	return &cobra.Command{
		Use:     "releases NAME",
		Short:   "Tell what has become of the newer releases that a schedule has tried",
		Example: "  wasmill schedule releases upstream\n  wasmill schedule releases upstream --json | jq '.[] | select(.outcome == \"updates\")'",
		Args:    command.Arguments(1, 1, "the name of a schedule"),
		RunE: func(cmd *cobra.Command, args []string) error {
			farm, err := a.running()
			if err != nil {
				return err
			}
			list, err := farm.Releases(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(list, func(w io.Writer) error {
				rows := [][]string{{"recipe", "from", "to", "outcome", "run", "why"}}
				for _, r := range list {
					rows = append(rows, []string{r.Recipe, r.From, cmp.Or(r.To, "-"), r.Outcome, cmp.Or(r.Run, "-"), r.Reason})
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
