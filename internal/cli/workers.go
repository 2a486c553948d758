package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/explain"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) workersCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "workers",
		Short:   "List the workers that have joined, what they do and when they will be empty",
		Example: "  wasmill workers\n  wasmill workers --json | jq '.[] | select(.state != \"active\")'",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, _ []string) error {
			workers, err := farm.Workers(ctx)
			if err != nil {
				return err
			}
			return a.print(workers, func(w io.Writer) error {
				rows := [][]string{{"worker", "state", "classes", "slots>", "builds>", "empty in", "last seen", "why"}}
				for _, wk := range workers {
					rows = append(rows, []string{wk.Name, string(wk.State), strings.Join(wk.Classes, " "), fmt.Sprint(wk.Slots), fmt.Sprint(len(wk.Builds)),
						emptyIn(wk), time.Since(wk.LastSeen).Round(time.Second).String() + " ago", whyNot(wk)})
				}
				return term.Table(w, rows)
			})
		}),
	}
}

// emptyIn is when nothing will run on a worker any more, if nothing new comes.
func emptyIn(w api.Worker) string {
	switch {
	case len(w.Builds) == 0:
		return "-"
	case w.Empty == nil:
		return "unknown"
	default:
		return "about " + explain.Span(*w.Empty)
	}
}

// whyNot is why a worker takes nothing.
func whyNot(w api.Worker) string {
	if w.Reason == "" && w.By == "" {
		return ""
	}
	text := cmp.Or(w.Reason, "no reason given")
	if w.By != "" {
		text += " (" + w.By + ")"
	}
	if w.Since != nil {
		text += ", since " + w.Since.Local().Format(time.DateTime)
	}
	return text
}

func (a *app) workerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Drain a worker, so that it can be stopped, or let it work again",
	}
	cmd.AddCommand(a.drainCommand(), a.undrainCommand())
	return cmd
}

func (a *app) drainCommand() *cobra.Command {
	dry, wait, reason := false, false, ""
	cmd := &cobra.Command{
		Use:   "drain NAME",
		Short: "Let a worker take nothing new, and finish what it has",
		Long: `It is given nothing from that moment on, and hears of it within five seconds. What runs on it goes on, without a limit; once
it is drained it can be stopped, and nothing is lost. It stays drained, also when it is started anew, until ` + "`wasmill worker undrain`" + `.

The signal SIGTERM drains a worker, too, but only as long as its flag --drain allows; what still runs then is given up, and
built again on another.`,
		Example: "  wasmill worker drain builder-2 --reason 'a new disk'\n  wasmill worker drain builder-2 --wait && ssh builder-2 poweroff",
		Args:    command.Arguments(1, 1, "the name of a worker"),
		RunE: func(cmd *cobra.Command, args []string) error {
			farm, err := a.running()
			if err != nil {
				return err
			}
			if dry {
				return a.showOrder(cmd.Context(), farm, args[0], "drained")
			}
			w, err := farm.OrderWorker(cmd.Context(), args[0], api.Order{Rest: true, Reason: reason, By: whoami()})
			if err != nil {
				return err
			}
			if wait {
				if w, err = a.drained(cmd.Context(), farm, w); err != nil {
					return err
				}
			}
			others, err := farm.Workers(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(w, func(out io.Writer) error {
				_, err := fmt.Fprintln(out, drainInWords(w)+untaken(w, others))
				return err
			})
		},
	}
	dryFlag(cmd, &dry, "drained", "drain")
	cmd.Flags().BoolVar(&wait, "wait", false, "return when nothing runs on the worker any more")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who see the list of workers")
	return cmd
}

func (a *app) undrainCommand() *cobra.Command {
	dry := false
	cmd := &cobra.Command{
		Use:     "undrain NAME",
		Short:   "Let a worker take builds again that was drained, or has taken itself out",
		Example: "  wasmill worker undrain builder-2",
		Args:    command.Arguments(1, 1, "the name of a worker"),
		RunE: func(cmd *cobra.Command, args []string) error {
			farm, err := a.running()
			if err != nil {
				return err
			}
			if dry {
				return a.showOrder(cmd.Context(), farm, args[0], "active")
			}
			w, err := farm.OrderWorker(cmd.Context(), args[0], api.Order{By: whoami()})
			if err != nil {
				return err
			}
			return a.print(w, func(out io.Writer) error {
				if w.State == api.Gone {
					_, err := fmt.Fprintf(out, "%s takes builds when it is there again; it was last seen %s ago\n", w.Name, time.Since(w.LastSeen).Round(time.Second))
					return err
				}
				_, err := fmt.Fprintf(out, "%s takes builds\n", w.Name)
				return err
			})
		},
	}
	dryFlag(cmd, &dry, "let to work again", "change")
	return cmd
}

// drained waits until nothing runs on a worker that was told to drain.
func (a *app) drained(ctx context.Context, farm api.Farm, w api.Worker) (api.Worker, error) {
	p := a.progress()
	defer p.Close()
	for shown := ""; ; {
		switch w.State {
		case api.Drained:
			return w, nil
		case api.Gone:
			return w, fault.Errorf(fault.Unavailable, "worker %s was last seen %s ago: what ran on it is built again on another", w.Name, time.Since(w.LastSeen).Round(time.Second))
		case api.Active, api.Out:
			return w, fault.Errorf(fault.Conflict, "worker %s is %s again: somebody has taken the drain back", w.Name, w.State)
		}
		if words := fmt.Sprint(w.State, len(w.Builds)); words != shown {
			p.Line("%s", drainInWords(w))
			shown = words
		}
		select {
		case <-ctx.Done():
			return w, ctx.Err()
		case <-time.After(time.Second):
		}
		list, err := farm.Workers(ctx)
		if err != nil {
			return w, err
		}
		i := slices.IndexFunc(list, func(o api.Worker) bool { return o.Name == w.Name })
		if i < 0 {
			return w, fault.Errorf(fault.NotFound, "the farm has forgotten worker %s", w.Name)
		}
		w = list[i]
	}
}

func drainInWords(w api.Worker) string {
	switch {
	case w.State == api.Drained:
		return w.Name + " is drained: nothing runs on it, and it can be stopped"
	case w.State == api.Gone:
		return fmt.Sprintf("%s was last seen %s ago; it takes nothing when it is there again", w.Name, time.Since(w.LastSeen).Round(time.Second))
	case len(w.Builds) == 0:
		return w.Name + " takes nothing new; nothing is known to run on it"
	}
	var names []string
	for _, b := range w.Builds {
		names = append(names, b.Recipe)
	}
	when := "nobody can tell when it is empty: one of them was never built, or takes longer than it ever did"
	if w.Empty != nil {
		when = "it is empty in about " + explain.Span(*w.Empty)
	}
	return fmt.Sprintf("%s takes nothing new; on it runs %s; %s", w.Name, strings.Join(names, ", "), when)
}

// untaken says which classes nobody takes now that a worker does not; empty where others take them all.
func untaken(w api.Worker, workers []api.Worker) string {
	var classes []string
	for _, class := range w.Classes {
		if explain.Nobody(workers, class, time.Now()) != "" {
			classes = append(classes, class)
		}
	}
	if len(classes) == 0 {
		return ""
	}
	return fmt.Sprintf("\nno other worker takes %s builds: those, and the tests of what is built, wait until `wasmill worker undrain %s`, or until another is started",
		strings.Join(classes, " and "), w.Name)
}

// showOrder says what an order would change.
func (a *app) showOrder(ctx context.Context, farm api.Farm, name, would string) error {
	list, err := farm.Workers(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(w api.Worker) bool { return w.Name == name })
	if i < 0 {
		return fault.Errorf(fault.NotFound, "no worker %q has ever joined: `wasmill workers` lists those that have", name)
	}
	w := list[i]
	return a.print(w, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "%s is %s with %d builds (empty in: %s), and would be %s\n", name, w.State, len(w.Builds), emptyIn(w), would)
		return err
	})
}

// whoami is whom others are told of as the one who did something.
func whoami() string {
	name := username()
	if host, err := os.Hostname(); err == nil && name != "" {
		return name + "@" + host
	}
	return name
}

// username is the one of who runs this command; empty where the machine knows none.
func username() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}
