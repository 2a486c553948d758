package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
)

func (a *app) pauseCommand() *cobra.Command {
	reason := ""
	cmd := &cobra.Command{
		Use:   "pause ID",
		Short: "Start nothing new of a run until it is resumed; what runs goes on",
		Long: `What waits for a slot already is withdrawn, and what a worker builds goes on to its end. A paused run stays paused when the farm is
started anew; it can be canceled. Builds that another run wants, too, go on for that run.`,
		Example: "  wasmill run pause 20260105-101500-k3f9 --reason 'the machines are needed until noon'",
		Args:    command.Arguments(1, 1, "the ID of a run"),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who ask why nothing happens")
	return a.steers(cmd, "paused", "pause", func([]string) (api.Steering, error) {
		yes := true
		return api.Steering{Pause: &yes, Reason: reason}, nil
	})
}

func (a *app) resumeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "resume ID",
		Short:   "Let a paused run go on",
		Example: "  wasmill run resume 20260105-101500-k3f9",
		Args:    command.Arguments(1, 1, "the ID of a run"),
	}
	return a.steers(cmd, "resumed", "resume", func([]string) (api.Steering, error) {
		no := false
		return api.Steering{Pause: &no}, nil
	})
}

func (a *app) limitCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "limit ID N",
		Short:   "Build no more than N recipes of a run at a time; 0 lifts the limit",
		Long:    "What runs already goes on, also where that is more than N.",
		Example: "  wasmill run limit 20260105-101500-k3f9 2\n  wasmill run limit 20260105-101500-k3f9 0    # as many as there are slots",
		Args:    command.Arguments(2, 2, "the ID of a run and a number of builds"),
	}
	return a.steers(cmd, "limited", "limit", func(args []string) (api.Steering, error) {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 0 {
			return api.Steering{}, fault.Errorf(fault.Invalid, "%q is no number of builds: give 1 or more, or 0 for no limit", args[1])
		}
		return api.Steering{Limit: &n}, nil
	})
}

// steers makes a command of what is wanted of a run.
func (a *app) steers(cmd *cobra.Command, done, do string, wanted func(args []string) (api.Steering, error)) *cobra.Command {
	dry := false
	dryFlag(cmd, &dry, done, do)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := wanted(args)
		if err != nil {
			return err
		}
		s.By = whoami()
		farm, err := a.running()
		if err != nil {
			return err
		}
		if dry {
			return a.showSteering(cmd.Context(), farm, args[0], done)
		}
		run, err := farm.SteerRun(cmd.Context(), args[0], s)
		if err != nil {
			return err
		}
		run.Actions = nil
		return a.print(run, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "run %s is %s\n", run.ID, stateInWords(run))
			return err
		})
	}
	return cmd
}

// showSteering says what is held back, and what is not.
func (a *app) showSteering(ctx context.Context, farm api.Farm, id, done string) error {
	run, err := farm.Run(ctx, id)
	if err != nil {
		return err
	}
	return a.print(run, func(w io.Writer) error {
		if run.State != "running" {
			_, err := fmt.Fprintf(w, "run %s has ended (%s); it can't be %s\n", id, run.State, done)
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
		_, err := fmt.Fprintf(w, "run %s is %s, and would be %s; of its %d recipes, running and going on: %d, waiting: %d\n",
			id, stateInWords(run), done, len(run.Actions), running, waiting)
		return err
	})
}

// stateInWords is a run's state with what holds it back.
func stateInWords(run api.Run) string {
	text := run.State
	if run.Paused != nil {
		text += ", paused"
		if run.Paused.By != "" {
			text += " by " + run.Paused.By
		}
		text += " since " + run.Paused.Since.Local().Format(time.DateTime)
		if run.Paused.Reason != "" {
			text += " (" + run.Paused.Reason + ")"
		}
	}
	if run.Limit > 0 {
		text += fmt.Sprintf(", limited to %d at a time", run.Limit)
	}
	return text
}
