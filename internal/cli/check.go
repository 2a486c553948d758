package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/term"
	"github.com/wasmill/wasmill/internal/world"
)

// artifactCheck is one artifact held against runtimes.
type artifactCheck struct {
	Artifact string          `json:"artifact"` // path, as it was given
	Requires record.Requires `json:"requires"`
	Runtimes []runtimeCheck  `json:"runtimes"`
}

type runtimeCheck struct {
	Runtime string          `json:"runtime"`
	Verdict world.Verdict   `json:"verdict"`
	Missing []world.Missing `json:"missing"`
}

func (a *app) checkCommand() *cobra.Command {
	var names []string
	wit := false
	cmd := &cobra.Command{
		Use:   "check ARTIFACT…",
		Short: "Say on which runtimes an artifact can work, and what the others lack",
		Long: `Holds what a wheel, a side module (.so) or a program for WASI (.wasm) requires, read from its bytes, against what
runtimes provide, as it was measured on them (` + "`wasmill runtime show`" + `). Nothing is run. For each thing that is missing it says
who in the artifact needs it. Without --runtime all runtimes are in the answer, as a table.

"partly": everything loads, and calls that need what is missing fail; a package may well do without them.
Whether each symbol of an Emscripten ABI is there is what ` + "`wasmill audit`" + ` says. docs/reference/worlds.md has the words.

Exit status: 0 it can work on the runtimes that were named, at least partly · 1 it can't on one of them · 2 what was asked for
is wrong: no such file, an unknown runtime, something that no runtime loads.`,
		Example: `  wasmill check dist/*.whl
  wasmill check --runtime node20 --runtime chromium dist/*.whl
  wasmill check --runtime wazero app.wasm --json
  wasmill check --wit app.wasm > app.wit       # what it imports, as a world of the component model`,
		Args: command.Arguments(1, -1, "wheels, side modules (.so) or programs (.wasm)"),
		RunE: func(_ *cobra.Command, args []string) error {
			if wit {
				return a.wit(args)
			}
			return a.check(args, names)
		},
	}
	cmd.Flags().StringArrayVar(&names, "runtime", nil, "a runtime to hold it against; may be given again")
	cmd.Flags().BoolVar(&wit, "wit", false, "print what one artifact imports as WIT, instead")
	return cmd
}

func (a *app) wit(files []string) error {
	if len(files) > 1 {
		return fault.Errorf(fault.Invalid, "--wit takes one artifact, not %d", len(files))
	}
	_, modules, err := audit.Artifact(files[0])
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.out, world.WIT(filepath.Base(files[0]), modules))
	return err
}

func (a *app) check(files, names []string) error {
	on := world.Runtimes()
	if len(names) > 0 {
		on = nil
		for _, name := range names {
			r, err := world.Find(name)
			if err != nil {
				return err
			}
			on = append(on, r)
		}
	}
	var all []artifactCheck
	can := true
	for _, file := range files {
		requires, err := audit.Requires(file)
		if err != nil {
			return err
		}
		c := artifactCheck{Artifact: file, Requires: requires}
		for _, r := range on {
			missing := world.Check(requires, r)
			verdict := world.VerdictOf(missing)
			if missing == nil {
				missing = []world.Missing{}
			}
			c.Runtimes = append(c.Runtimes, runtimeCheck{r.Name, verdict, missing})
			can = can && verdict != world.No
		}
		all = append(all, c)
	}
	if err := a.print(all, func(w io.Writer) error { return writeChecks(w, all, len(names) > 0) }); err != nil {
		return err
	}
	if len(names) > 0 && !can {
		return command.ErrFailed
	}
	return nil
}

// writeChecks is for people: a table of all runtimes, or what those that were named lack.
func writeChecks(w io.Writer, all []artifactCheck, named bool) error {
	if named {
		for _, c := range all {
			for _, r := range c.Runtimes {
				fmt.Fprintf(w, "%s: %s\n", filepath.Base(c.Artifact), verdictWords(r))
				for _, m := range r.Missing {
					fmt.Fprintf(w, "  %s\n", m)
				}
			}
		}
		return nil
	}
	head := []string{"ARTIFACT"}
	for _, r := range all[0].Runtimes {
		head = append(head, strings.ToUpper(r.Runtime))
	}
	rows := [][]string{head}
	for _, c := range all {
		row := []string{filepath.Base(c.Artifact)}
		for _, r := range c.Runtimes {
			row = append(row, string(r.Verdict))
		}
		rows = append(rows, row)
	}
	return term.Table(w, rows)
}

func verdictWords(r runtimeCheck) string {
	switch r.Verdict {
	case world.Yes:
		return "can work on " + r.Runtime
	case world.Partly:
		return "loads on " + r.Runtime + ", and calls that need what is missing fail"
	}
	return "can't work on " + r.Runtime
}
