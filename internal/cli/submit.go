package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) submitCommand() *cobra.Command {
	t, wait := targets{publish: true, lane: "submission"}, false
	cmd := &cobra.Command{
		Use:   "submit [flags] NAME… | NAME==VERSION | PROJECT-DIR",
		Short: "Give recipes to a farm that is running, and publish what passes",
		Example: `  wasmill submit --recipes ./recipes markupsafe
  wasmill submit --server http://farm:7470 --wait '*'`,
		Args: command.Arguments(1, -1, "at least one recipe"),
		RunE: func(cmd *cobra.Command, args []string) error {
			farm, err := a.running()
			if err != nil {
				return err
			}
			req, err := t.request(cmd.Context(), a, farm, args)
			if err != nil {
				return err
			}
			run, err := farm.StartRun(cmd.Context(), req)
			if err != nil {
				return err
			}
			if !wait {
				return a.print(run, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "run %s: `wasmill run show %s` shows how it goes\n", run.ID, run.ID)
					return err
				})
			}
			if run, err = a.follow(cmd.Context(), farm, run.ID); err != nil {
				return err
			}
			if err := a.print(run, func(w io.Writer) error { return runTable(w, run) }); err != nil {
				return err
			}
			return outcome(run)
		},
	}
	t.flags(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "show the run until it has ended; the exit status is then the run's")
	cmd.Flags().StringVar(&t.lane, "lane", t.lane, "priority: interactive, submission, nightly, migration")
	return cmd
}

func (a *app) planCommand() *cobra.Command {
	t := targets{lane: "interactive"}
	cmd := &cobra.Command{
		Use:     "plan [flags] NAME… | NAME==VERSION | PROJECT-DIR",
		Short:   "Say what a build would do, and why, without doing it",
		Example: "  wasmill plan --recipes ./recipes '*'\n  wasmill plan --json markupsafe | jq '.[].reason'",
		Args:    command.Arguments(1, -1, "at least one recipe"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			req, err := t.request(ctx, a, farm, args)
			if err != nil {
				return err
			}
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
		}),
	}
	t.flags(cmd)
	return cmd
}
