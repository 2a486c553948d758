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
	"github.com/wasmill/wasmill/internal/explain"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) explainCommand() *cobra.Command {
	run := ""
	cmd := &cobra.Command{
		Use:   "explain RECIPE",
		Short: "Say why a recipe is built, reused, skipped, or not built yet",
		Long: `Answers two questions about a recipe of a run: why it is built, reused or skipped, with every field of the key that is not
what it was in the last build; and where it stands: what it waits for, what has the slots of its class, what is before it
in the queue, and when it should start. Without --run it is the newest run with the recipe, one that goes on before all
others.

The estimate takes each build to need as long as the last time, and one that was never built as long as others usually do.`,
		Example: "  wasmill explain numpy\n  wasmill explain numpy --run 20260105-101500-k3f9\n  wasmill explain --json numpy | jq '.changes[] | {field, name, old, new}'",
		Args:    command.Arguments(1, 1, "the name of a recipe"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			e, err := farm.Explain(ctx, run, args[0])
			if err != nil {
				return err
			}
			return a.print(e, func(w io.Writer) error { return explanationText(w, &e) })
		}),
	}
	cmd.Flags().StringVar(&run, "run", "", "the ID of a run")
	return cmd
}

func explanationText(w io.Writer, e *api.Explanation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s in run %s (%s, %s): %s\n\n", e.Recipe, e.Version, e.Run, e.Lane, e.State, e.Status)
	fmt.Fprintf(&b, "why  %s\n", e.Why)
	fmt.Fprintf(&b, "now  %s\n", e.Now)
	if e.Last != nil {
		fmt.Fprintf(&b, "\nthe last build: %s\n", pastInWords(e.Last))
	}
	if len(e.Changes) > 0 {
		rows := [][]string{{"changed since", "", "old", "new"}}
		for _, c := range e.Changes {
			rows = append(rows, []string{c.Field, c.Name, plan.Short(c.Old), plan.Short(c.New)})
		}
		b.WriteString("\n")
		if err := term.Table(&b, rows); err != nil {
			return err
		}
	}
	if e.Built != nil {
		fmt.Fprintf(&b, "\nthe build that stands: %s\n", pastInWords(e.Built))
	}
	if e.Root != nil {
		fmt.Fprintf(&b, "\n`wasmill explain --run %s %s` and `wasmill logs %s` tell more\n", e.Run, e.Root.Recipe, e.Root.Recipe)
	}
	if e.Wait != nil {
		if err := waitText(&b, e.Wait); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func pastInWords(p *api.PastBuild) string {
	text := fmt.Sprintf("%s, %s %s, key %.12s", p.Version, p.Outcome, p.Finished.UTC().Format(time.DateTime+" UTC"), p.Key)
	if p.Run != "" {
		text += ", in run " + p.Run
	}
	if p.Reason != "" {
		text += ", because: " + p.Reason
	}
	return text
}

// waitText shows what something waits for, recipe by recipe.
func waitText(w io.Writer, wait *api.Wait) error {
	running := "running in class " + wait.Class
	if wait.For == api.WaitBuild {
		running = "the build that it waits for"
	}
	for _, s := range []struct {
		title string
		list  []api.Standing
	}{{"it needs", wait.Needs}, {running, wait.Running}, {"before it", wait.Before}} {
		if len(s.list) == 0 {
			continue
		}
		rows := [][]string{{s.title, "status", "since>", "usually>", "worker", "lane", "run"}}
		for _, x := range s.list {
			since, usual := "", ""
			if x.Seconds > 0 {
				since = explain.Span(x.Seconds)
			}
			if x.Usual > 0 {
				usual = explain.Span(x.Usual)
			}
			rows = append(rows, []string{x.Recipe, strings.TrimSpace(x.Status + " " + x.Phase), since, usual, x.Worker, x.Lane, x.Run})
		}
		fmt.Fprintln(w)
		if err := term.Table(w, rows); err != nil {
			return err
		}
	}
	if more := wait.Ahead - len(wait.Before); more > 0 {
		fmt.Fprintf(w, "and %d more before it\n", more)
	}
	switch {
	case wait.Starts == nil && wait.For == api.WaitBuild:
	case wait.Starts == nil:
		fmt.Fprintf(w, "\nestimated start: unknown, as long as no worker serves all that comes before\n")
	case wait.Guessed > 0:
		fmt.Fprintf(w, "\nestimated start: in %s (a guess in part: builds that were never built before: %d)\n", explain.Span(*wait.Starts), wait.Guessed)
	default:
		fmt.Fprintf(w, "\nestimated start: in %s\n", explain.Span(*wait.Starts))
	}
	return nil
}
