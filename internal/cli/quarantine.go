package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) quarantineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Keep recipes that fail and pass in turns out of nightlies",
		Long: `A recipe in quarantine is not built by runs of the lanes nightly and migration, and does not fail them: its last good build
stands, also for those that need it. Runs of the lanes submission and interactive build it, as whoever asks may have mended it.

The farm puts a recipe into quarantine by itself for 14 days when, within its last 10 builds, it has twice come out otherwise
than the time before, with the same key. Its owners are then those whom it names in extra.recipe-maintainers, or the farm's
operators where it names nobody. Trouble with the machinery does not count. After a quarantine, only builds that came
later do.`,
	}
	cmd.AddCommand(a.quarantineListCommand(), a.quarantineAddCommand(), a.quarantineLiftCommand())
	return cmd
}

func (a *app) quarantineListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List what is in quarantine, why, and until when",
		Example: "  wasmill quarantine list\n  wasmill quarantine list --json | jq -r '.[] | select(.automatic) | .recipe'",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, _ []string) error {
			list, err := farm.Quarantines(ctx)
			if err != nil {
				return err
			}
			return a.quarantined(list)
		}),
	}
}

func (a *app) quarantineAddCommand() *cobra.Command {
	q, length, dry := api.Quarantine{}, "14d", false
	cmd := &cobra.Command{
		Use:     "add RECIPE",
		Short:   "Put a recipe into quarantine, or change the one that it is in",
		Example: "  wasmill quarantine add numpy --reason 'test_fft is flaky, see issue 12' --owner ada --for 7d",
		Args:    command.Arguments(1, 1, "the name of a recipe"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := parseAge("--for", length)
			if err != nil {
				return err
			}
			if d == 0 {
				return fault.Errorf(fault.Invalid, "--for %q is no time: say 14d or 12h", length)
			}
			if q.Reason == "" {
				return fault.Errorf(fault.Invalid, "say with --reason why %s is not to be built", args[0])
			}
			if q.Owner == "" {
				q.Owner = username()
			}
			return a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
				q.Recipe, q.Until = args[0], time.Now().Add(d).UTC()
				list, err := farm.Quarantines(ctx)
				if err != nil {
					return err
				}
				if dry {
					list = slices.DeleteFunc(list, func(other api.Quarantine) bool { return other.Recipe == q.Recipe })
					return a.quarantined(append(list, q))
				}
				if err := farm.Quarantine(ctx, q); err != nil {
					return err
				}
				if list, err = farm.Quarantines(ctx); err != nil {
					return err
				}
				return a.quarantined(list)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&q.Reason, "reason", "", "why it is not to be built")
	cmd.Flags().StringVar(&q.Owner, "owner", "", "who looks after it (default: you)")
	cmd.Flags().StringVar(&length, "for", length, "after which time it ends by itself: 14d, 12h")
	dryFlag(cmd, &dry, "put into quarantine", "put")
	return cmd
}

func (a *app) quarantineLiftCommand() *cobra.Command {
	dry := false
	cmd := &cobra.Command{
		Use:     "lift RECIPE…",
		Short:   "Let nightlies build recipes again",
		Example: "  wasmill quarantine lift numpy",
		Args:    command.Arguments(1, -1, "at least one recipe"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			list, err := farm.Quarantines(ctx)
			if err != nil {
				return err
			}
			for _, recipe := range args {
				if !slices.ContainsFunc(list, func(q api.Quarantine) bool { return q.Recipe == recipe }) {
					return fault.Errorf(fault.NotFound, "%s is not in quarantine: `wasmill quarantine list` shows what is", recipe)
				}
				if !dry {
					if err := farm.LiftQuarantine(ctx, recipe); err != nil {
						return err
					}
				}
				list = slices.DeleteFunc(list, func(q api.Quarantine) bool { return q.Recipe == recipe })
			}
			return a.quarantined(list)
		}),
	}
	dryFlag(cmd, &dry, "lifted", "lift")
	return cmd
}

// quarantined prints what is in quarantine now, or after a dry run would be.
func (a *app) quarantined(list []api.Quarantine) error {
	return a.print(list, func(w io.Writer) error {
		if len(list) == 0 {
			_, err := fmt.Fprintln(w, "nothing is in quarantine")
			return err
		}
		rows := [][]string{{"recipe", "until", "owner", "found by", "reason"}}
		for _, q := range list {
			by := "a person"
			if q.Automatic {
				by = "the farm"
			}
			rows = append(rows, []string{q.Recipe, q.Until.UTC().Format(time.DateOnly), q.Owner, by, q.Reason})
		}
		return term.Table(w, rows)
	})
}
