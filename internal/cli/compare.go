package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/compare"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) compareCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "compare RUN RUN",
		Short: "Say what has changed from one run to another",
		Long: `Compares two runs, the earlier one first: which recipes fail that did not fail before, which pass now, which took longer
to build (by a quarter and five seconds at least), whose files are larger (by a hundredth and a KiB at least) or have other
bytes. A recipe that is skipped does not pass. What was canceled, what goes on, and what the farm failed at is not compared.

Exit status: 0 nothing fails that did not before · 1 something does · 2 and above as for all commands.`,
		Example: `  wasmill compare 20260104-020000-a1b2 20260105-020000-k3f9
  wasmill compare --json 20260104-020000-a1b2 20260105-020000-k3f9 | jq -r '.newly_failing[].recipe'`,
		Args: command.Arguments(2, 2, "the IDs of two runs"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			before, err := farm.Run(ctx, args[0])
			if err != nil {
				return err
			}
			after, err := farm.Run(ctx, args[1])
			if err != nil {
				return err
			}
			c := compare.Runs(before, after)
			if err := a.print(c, func(w io.Writer) error { return comparisonText(w, &c) }); err != nil {
				return err
			}
			if c.Worse() {
				return command.ErrFailed
			}
			return nil
		}),
	}
}

func comparisonText(w io.Writer, c *compare.Comparison) error {
	sections := []struct {
		title  string
		list   []compare.Change
		before func(compare.Side) string
		why    bool
	}{
		{"newly failing", c.Failing, func(s compare.Side) string { return s.Status }, true},
		{"newly passing", c.Passing, func(s compare.Side) string { return s.Status }, false},
		{"slower", c.Slower, func(s compare.Side) string { return fmt.Sprintf("%.1f s", s.Seconds) }, false},
		{"larger", c.Larger, func(s compare.Side) string { return term.Bytes(s.Size) }, false},
		{"changed bytes", c.Bytes, func(s compare.Side) string { return plan.Short(s.Digest) }, true},
		{"not compared", c.Unknown, func(s compare.Side) string { return s.Status }, true},
	}
	for _, s := range sections {
		if len(s.list) == 0 {
			continue
		}
		rows := [][]string{{s.title, "version", "before>", "after>", ""}}
		for _, ch := range s.list {
			version, why := ch.After.Version, ""
			if ch.Before.Version != version {
				version = ch.Before.Version + " → " + version
			}
			if s.why {
				why = ch.Why
			}
			rows = append(rows, []string{ch.Recipe, version, s.before(ch.Before), s.before(ch.After), why})
		}
		if err := term.Table(w, rows); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	for _, s := range []struct {
		run  string
		list []compare.Side
	}{{c.Before, c.OnlyBefore}, {c.After, c.OnlyAfter}} {
		if len(s.list) == 0 {
			continue
		}
		var names []string
		for _, side := range s.list {
			names = append(names, side.Recipe+" ("+side.Status+")")
		}
		fmt.Fprintf(w, "only in run %s: %s\n", s.run, strings.Join(names, ", "))
	}
	_, err := fmt.Fprintf(w, "%d recipes compared: %d newly failing, %d newly passing, %d slower, %d larger, %d with changed bytes\n",
		c.Compared, len(c.Failing), len(c.Passing), len(c.Slower), len(c.Larger), len(c.Bytes))
	return err
}
