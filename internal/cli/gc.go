package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) gcCommand() *cobra.Command {
	req, age, runs, journal := api.Collect{Keep: 3}, "30d", "90d", "365d"
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Forget old builds and give their space back",
		Long: `Forgets builds that nothing keeps, and frees the bytes that nothing names any more: wheels, logs, recipes and jobs of runs
that have ended. A build is kept
  published   while one of its files is on the index
  pinned      until ` + "`wasmill unpin`" + `
  in-flight   while a run that goes on names it, or may, as it was built or used since the run began
  newest      as the last of its recipe on its toolchain, also where it failed
  last-good   as one of the --keep last of its recipe on its toolchain that passed
  recent      if it was built or used within --older-than
Of runs that ended before --runs-older-than only that there was one, and how it ended, is kept, and where each build was made that stays:
` + "`run show`, `explain --run` and `compare`" + ` say so of such a run. The journal keeps what is younger than --journal-older-than.
Sources (` + "`wasmill source`" + `) and images stay. Bytes that somebody has asked for within the last hour, or since the first run in
flight began, stay until a later gc: no reader and no build loses what it is about to read. What is forgotten can be built
again. In a registry that is not the farm's own (orchestrator --registry) the manifests are deleted, and the registry's own
garbage collection frees the bytes: docs/scaled.md says how and when.`,
		Example: `  wasmill gc --dry-run
  wasmill gc --keep 1 --older-than 7d
  wasmill gc --json | jq '.freed_bytes'`,
		Args: command.Arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := parseAge("--older-than", age)
			if err != nil {
				return err
			}
			if req.Keep < 0 {
				return fault.Errorf(fault.Invalid, "--keep %d: at least 0 builds can be kept", req.Keep)
			}
			req.OlderThan = int64(d / time.Second)
			for _, more := range []struct {
				flag, text string
				to         *int64
			}{{"--runs-older-than", runs, &req.RunsOlderThan}, {"--journal-older-than", journal, &req.JournalOlderThan}} {
				if d, err = parseAge(more.flag, more.text); err != nil {
					return err
				}
				*more.to = int64(d / time.Second)
			}
			return a.onFarm(func(ctx context.Context, farm api.Farm, _ []string) error {
				done, err := farm.Collect(ctx, req)
				if err != nil {
					return err
				}
				return a.print(done, func(w io.Writer) error { return collectedLines(w, done) })
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would be removed and remove nothing")
	cmd.Flags().IntVar(&req.Keep, "keep", req.Keep, "how many builds that passed stay, of each recipe on each toolchain")
	cmd.Flags().StringVar(&runs, "runs-older-than", runs, "forget what runs did that ended longer ago, and attempts of before: 90d; 0 forgets none")
	cmd.Flags().StringVar(&journal, "journal-older-than", journal, "forget what the journal says of before: 365d; 0 forgets nothing")
	cmd.Flags().StringVar(&age, "older-than", age, "what was built or used within this time stays: 30d, 12h, 0")
	return cmd
}

// parseAge reads a duration that may be in days.
func parseAge(flag, text string) (time.Duration, error) {
	unit := time.Duration(1)
	hours := text
	if days, ok := strings.CutSuffix(text, "d"); ok {
		unit, hours = 24, days+"h"
	}
	d, err := time.ParseDuration(hours)
	if err != nil || d < 0 || d > 100*365*time.Hour*24/unit {
		return 0, fault.Errorf(fault.Invalid, "%s %q is no time: say 30d, 12h or 0", flag, text)
	}
	return d * unit, nil
}

func collectedLines(w io.Writer, c api.Collected) (err error) {
	if len(c.Removed) > 0 {
		rows := [][]string{{"recipe", "version", "outcome", "last used", "key"}}
		for _, b := range c.Removed {
			rows = append(rows, []string{b.Recipe, b.Version, b.Outcome, b.Used.UTC().Format(time.DateOnly), b.Key[:min(12, len(b.Key))]})
		}
		if err := term.Table(w, rows); err != nil {
			return err
		}
	}
	removed, freed := "removed", "freed"
	defer func() {
		if err == nil && c.Runs+c.Attempts+c.Entries > 0 {
			_, err = fmt.Fprintf(w, "runs: %d %s, attempts: %d, entries of the journal: %d\n", c.Runs, removed, c.Attempts, c.Entries)
		}
	}()
	if c.DryRun {
		removed, freed = "would be removed", "would be freed"
	}
	total, why := 0, []string{}
	for _, root := range slices.Sorted(maps.Keys(c.Kept)) {
		total += c.Kept[root]
		why = append(why, fmt.Sprintf("%d %s", c.Kept[root], root))
	}
	kept := fmt.Sprint(total, " kept")
	if total > 0 {
		kept += ": " + strings.Join(why, ", ")
	}
	if c.Registry != "" {
		_, err = fmt.Fprintf(w, "builds: %d %s, %s\n%d manifests %s; the registry at %s frees their bytes when it collects its own garbage\n",
			len(c.Removed), removed, kept, c.Tags, removed, c.Registry)
		return err
	}
	_, err = fmt.Fprintf(w, "builds: %d %s, %s\n%s %s, %s kept\n", len(c.Removed), removed, kept, term.Bytes(c.FreedBytes), freed, term.Bytes(c.KeptBytes))
	return err
}

func (a *app) pinCommand() *cobra.Command {
	dry := false
	cmd := &cobra.Command{
		Use:   "pin [RECIPE|KEY…]",
		Short: "Keep builds from gc, or list what is kept so",
		Long: `Keeps a build, by its key, or all builds of a recipe, by its name, from ` + "`wasmill gc`" + ` until ` + "`wasmill unpin`" + `. Without arguments it
lists what is pinned.`,
		Example: "  wasmill pin numpy\n  wasmill pin $(wasmill run show --json RUN | jq -r '.actions[] | select(.recipe == \"lz4\") | .key')\n  wasmill pin",
		Args:    command.Arguments(0, -1, "recipes or keys"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			list, err := farm.Pins(ctx)
			if err != nil {
				return err
			}
			for _, name := range args {
				if !dry {
					err = farm.Pin(ctx, name)
				} else if _, err = farm.Build(ctx, name); !isPinned(list, name) {
					list = append(list, api.Pin{Name: name, Created: time.Now().UTC()})
				}
				if err != nil {
					return err
				}
			}
			return a.pinned(ctx, farm, list, dry)
		}),
	}
	dryFlag(cmd, &dry, "pinned", "pin")
	return cmd
}

func (a *app) unpinCommand() *cobra.Command {
	dry := false
	cmd := &cobra.Command{
		Use:     "unpin RECIPE|KEY…",
		Short:   "Let gc remove builds that were pinned",
		Example: "  wasmill unpin numpy",
		Args:    command.Arguments(1, -1, "at least one recipe or key"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			list, err := farm.Pins(ctx)
			if err != nil {
				return err
			}
			for _, name := range args {
				if !dry {
					err = farm.Unpin(ctx, name)
				} else if !isPinned(list, name) {
					err = fault.Errorf(fault.NotFound, "%s is not pinned: `wasmill pin` shows what is", name)
				}
				if err != nil {
					return err
				}
				list = slices.DeleteFunc(list, func(p api.Pin) bool { return p.Name == name })
			}
			return a.pinned(ctx, farm, list, dry)
		}),
	}
	dryFlag(cmd, &dry, "unpinned", "unpin")
	return cmd
}

func isPinned(list []api.Pin, name string) bool {
	return slices.ContainsFunc(list, func(p api.Pin) bool { return p.Name == name })
}

// pinned prints what is pinned now, or after a dry run would be.
func (a *app) pinned(ctx context.Context, farm api.Farm, would []api.Pin, dry bool) error {
	list := would
	if !dry {
		var err error
		if list, err = farm.Pins(ctx); err != nil {
			return err
		}
	}
	return a.print(list, func(w io.Writer) error {
		for _, p := range list {
			if _, err := fmt.Fprintln(w, p.Name); err != nil {
				return err
			}
		}
		return nil
	})
}
