package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) runsCommand() *cobra.Command {
	limit := 20
	cmd := &cobra.Command{
		Use:     "runs",
		Short:   "List the newest runs",
		Example: "  wasmill runs\n  wasmill runs --limit 100 --json | jq '.[].state'",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, _ []string) error {
			runs, err := farm.Runs(ctx, limit)
			if err != nil {
				return err
			}
			return a.print(runs, func(w io.Writer) error {
				rows := [][]string{{"run", "lane", "state", "created", "took>", "selected"}}
				for _, r := range runs {
					took := time.Since(r.Created)
					if r.Finished != nil {
						took = r.Finished.Sub(r.Created)
					}
					rows = append(rows, []string{r.ID, r.Lane, stateInWords(r), r.Created.Local().Format(time.DateTime),
						took.Round(100 * time.Millisecond).String(), selected(r.Select)})
				}
				return term.Table(w, rows)
			})
		}),
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "how many")
	return cmd
}

// selected names recipes, but not thousands of them.
func selected(names []string) string {
	const most = 4
	if len(names) <= most {
		return strings.Join(names, " ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most-1], " "), len(names)-most+1)
}

func (a *app) runCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "run", Short: "Look at a run, hold it back, or cancel it"}
	show := &cobra.Command{
		Use:     "show ID",
		Short:   "Show a run with its recipes, and why it does not go on where it does not",
		Example: "  wasmill run show 20260105-101500-k3f9",
		Args:    command.Arguments(1, 1, "the ID of a run"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			run, err := farm.Run(ctx, args[0])
			if err != nil {
				return err
			}
			return a.print(run, func(w io.Writer) error {
				if err := runTable(w, run); err != nil || run.State != "running" {
					return err
				}
				if e := held(ctx, farm, run); e != nil {
					_, err = fmt.Fprintf(w, "%s: %s\n", e.Recipe, e.Now)
				}
				return err
			})
		}),
	}
	dry := false
	cancel := &cobra.Command{
		Use:     "cancel ID",
		Short:   "Cancel a run; its containers are killed, what has passed stays",
		Example: "  wasmill run cancel 20260105-101500-k3f9\n  wasmill run cancel --dry-run 20260105-101500-k3f9    # what it would stop",
		Args:    command.Arguments(1, 1, "the ID of a run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			farm, err := a.running()
			if err != nil {
				return err
			}
			if dry {
				return a.showCancel(cmd.Context(), farm, args[0])
			}
			return farm.CancelRun(cmd.Context(), args[0])
		},
	}
	dryFlag(cancel, &dry, "stopped", "stop")
	cmd.AddCommand(show, a.pauseCommand(), a.resumeCommand(), a.limitCommand(), cancel)
	return cmd
}

func (a *app) logsCommand() *cobra.Command {
	follow, on := false, ""
	cmd := &cobra.Command{
		Use:     "logs [-f] RECIPE|KEY",
		Short:   "Print the log of a build: the newest of a recipe, or the one with a key",
		Example: "  wasmill logs markupsafe\n  wasmill logs -f numpy\n  wasmill logs markupsafe --toolchain wasip1_cp313",
		Args:    command.Arguments(1, 1, "a recipe's name or a build's key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			farm, done, err := a.farm(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			return printLog(cmd, farm, a.out, buildOf(args[0], on), follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the build has ended")
	onToolchain(cmd, &on)
	return cmd
}

// onToolchain adds the flag that says of which toolchain the newest build is meant.
func onToolchain(cmd *cobra.Command, on *string) {
	cmd.Flags().StringVar(on, "toolchain", "", "the newest build on this toolchain, instead of the newest on any")
}

// buildOf is how the API is asked for the newest build of a recipe on a toolchain; an empty one is any.
func buildOf(keyOrRecipe, toolchain string) string {
	if toolchain, _, _ = strings.Cut(toolchain, "@"); toolchain != "" {
		keyOrRecipe += "@" + toolchain
	}
	return keyOrRecipe
}

func printLog(cmd *cobra.Command, farm api.Farm, out io.Writer, build string, follow bool) error {
	var offset int64
	for {
		part, err := farm.Log(cmd.Context(), build, offset)
		if err != nil {
			return err
		}
		if _, err := out.Write(part.Text); err != nil {
			return fmt.Errorf("printing the log: %w", err)
		}
		more := part.Offset > offset
		offset = part.Offset
		switch {
		case more:
		case part.Ended || !follow:
			return nil
		default:
			select {
			case <-cmd.Context().Done():
				return cmd.Context().Err()
			case <-time.After(pollEvery):
			}
		}
	}
}
