package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/recipe"
)

func (a *app) submitCommand() *cobra.Command {
	t, wait, dry, unpublished := targets{lane: "submission"}, false, false, false
	cmd := &cobra.Command{
		Use:   "submit [flags] NAME… | NAME==VERSION | PROJECT-DIR",
		Short: "Give recipes to a farm that is running, and publish what passes",
		Example: `  wasmill submit --recipes ./recipes markupsafe
  wasmill submit --dry-run '*'      # what would be built, and why
  wasmill submit --retry-failed lz4 # a failure, too, is remembered: try it again
  wasmill submit --server http://farm:7470 --wait '*'`,
		Args: command.Arguments(1, -1, "at least one recipe"),
		RunE: func(cmd *cobra.Command, args []string) error {
			farm, err := a.running()
			if err != nil {
				return err
			}
			t.publish = !unpublished
			req, err := t.request(cmd.Context(), a, farm, args)
			if err != nil {
				return err
			}
			if dry {
				return a.showPlan(cmd.Context(), farm, req)
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
			if err := a.print(run, func(w io.Writer) error { return a.published(w, run, t.publish) }); err != nil {
				return err
			}
			return outcome(run)
		},
	}
	t.flags(cmd)
	dryFlag(cmd, &dry, "built", "start")
	cmd.Flags().BoolVar(&unpublished, "no-publish", false, "build and test only, and leave the index as it is; the token of a submitter is enough for this")
	cmd.Flags().BoolVar(&wait, "wait", false, "show the run until it has ended; the exit status is then the run's")
	cmd.Flags().StringVar(&t.lane, "lane", t.lane, "priority: interactive, submission, nightly, migration")
	return cmd
}

// published is the table of a run, and where the apps are that it has published.
func (a *app) published(w io.Writer, run api.Run, publish bool) error {
	if err := runTable(w, run); err != nil || !publish {
		return err
	}
	for _, act := range run.Actions {
		if (act.Status != "passed" && act.Status != "cached") || !strings.HasSuffix(act.Artifact, ".wasm") {
			continue
		}
		base, err := a.base()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s/apps/%s/%s  %s\n", base, recipe.Canonical(act.Recipe), url.PathEscape(act.Artifact), act.Digest); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) planCommand() *cobra.Command {
	t := targets{lane: "interactive"}
	cmd := &cobra.Command{
		Use:   "plan [flags] [NAME… | NAME==VERSION | PROJECT-DIR]",
		Short: "Say what a build would do, and why, without doing it",
		Long: `Says of each recipe that is named, or of all of the folder, and of what they need: is it to be built, does an earlier
build stand, or is it skipped, and why. With --json also the keys, what each of them needs, and what a key that is not
known yet depends on.`,
		Example: `  wasmill plan --recipes ./recipes
  wasmill plan --json markupsafe | jq '.[] | {recipe, kind, key, reason, needs, wants}'`,
		Args: command.Arguments(0, -1, ""),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			if len(args) == 0 {
				args = []string{"*"}
			}
			req, err := t.request(ctx, a, farm, args)
			if err != nil {
				return err
			}
			return a.showPlan(ctx, farm, req)
		}),
	}
	t.flags(cmd)
	return cmd
}
