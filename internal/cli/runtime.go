package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/probe"
	"github.com/wasmill/wasmill/internal/term"
	"github.com/wasmill/wasmill/internal/world"
)

func (a *app) runtimeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runtime",
		Short: "What runtimes provide, as it was measured on them",
		Long: `A runtime is where an artifact runs: Pyodide under node or in a page of Chromium, or something that runs programs for
WASI. What each provides was found by probes, small modules and programs that either go well on it or don't, and is part of this
program. ` + "`wasmill check`" + ` holds artifacts against it.`,
	}
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the runtimes",
		Example: "  wasmill runtime list\n  wasmill runtime list --json | jq '.[].name'",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			all := world.Runtimes()
			return a.print(all, func(w io.Writer) error {
				rows := [][]string{{"RUNTIME", "LOADS", "MEASURED ON", ""}}
				for _, r := range all {
					rows = append(rows, []string{r.Name, strings.Join(r.Loaders, ", "), strings.Join(r.Versions, ", "), r.About})
				}
				return term.Table(w, rows)
			})
		},
	}
	show := &cobra.Command{
		Use:     "show RUNTIME",
		Short:   "Show what a runtime provides and what it lacks",
		Example: "  wasmill runtime show node20\n  wasmill runtime show wazero --json | jq .answers",
		Args:    command.Arguments(1, 1, "a runtime"),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := world.Find(args[0])
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) error { return writeRuntime(w, r) })
		},
	}
	cmd.AddCommand(list, show, a.probeCommand())
	return cmd
}

func writeRuntime(w io.Writer, r world.Runtime) error {
	fmt.Fprintf(w, "%s: %s\nmeasured on %s; loads %s\n\n", r.Name, r.About, strings.Join(r.Versions, ", "), strings.Join(r.Loaders, ", "))
	var rows [][]string
	for _, name := range r.Names() {
		answer := r.Answers[name]
		has := "no"
		if answer.Has {
			has = "yes"
		}
		if answer.Limit > 0 {
			has = "up to " + term.Bytes(answer.Limit)
		}
		rows = append(rows, []string{name, has, answer.Why})
	}
	return term.Table(w, rows)
}

func (a *app) probeCommand() *cobra.Command {
	program, image, abi := "", "", ""
	cmd := &cobra.Command{
		Use:   "probe RUNTIME",
		Short: "Measure what a runtime provides",
		Long: `Runs the probes on a real runtime of this machine and prints what they found; with --json in the form of the files in
internal/world/runtimes, from which ` + "`wasmill runtime show`" + ` and ` + "`wasmill check`" + ` read. node and wasmtime are fetched by their hash where
--program names none; wasmtime needs a python3, and Chromium is the machine's, or that of a container image. Pyodide is the release
of the newest ABI, or of --abi.

Known runtimes: ` + strings.Join(probe.Names(), ", ") + `.

Exit status: 0 it was measured · 2 no such runtime, or none for this machine · 3 it can't be downloaded, or doesn't start.`,
		Example: `  wasmill runtime probe wazero
  wasmill runtime probe node24 --program $(which node) --json    # this machine's node
  wasmill runtime probe chromium --program /usr/bin/chromium
  wasmill runtime probe chromium --image REGISTRY/toolchains/NAME@sha256:…`,
		Args: command.Arguments(1, 1, "a runtime"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if abi != "" {
				known, err := audit.FindABI(abi)
				if err != nil {
					return err
				}
				abi = known.PlatformTag
			}
			dir, err := datadir.Open(a.data)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(dir.Scratch(), 0o755); err != nil {
				return fmt.Errorf("making a folder to probe in: %w", err)
			}
			work, err := os.MkdirTemp(dir.Scratch(), "probe-")
			if err != nil {
				return fmt.Errorf("making a folder to probe in: %w", err)
			}
			defer os.RemoveAll(work)
			p := &probe.Prober{Fetcher: &fetch.Fetcher{Cache: dir.Downloads()}, Dir: work, Program: program, ABI: abi}
			if image != "" {
				docker, err := engine.NewDocker()
				if err != nil {
					return err
				}
				defer docker.Close()
				p.InImage = probe.InContainer(docker, image)
			}
			r, err := p.Run(ctx, args[0])
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) error { return writeRuntime(w, r) })
		},
	}
	cmd.Flags().StringVar(&program, "program", "", "the runtime's program, instead of what is fetched or found: a node, the python3 for wasmtime, a Chromium")
	cmd.Flags().StringVar(&image, "image", "", "container image with Chromium and a python3, with its digest")
	cmd.Flags().StringVar(&abi, "abi", "", "ABI of the Pyodide to take, by its platform tag or the part 2026_0 of it")
	return cmd
}
