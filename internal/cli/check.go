package cli

import (
	"context"
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
	run, wit, markdown := "", false, false
	cmd := &cobra.Command{
		Use:   "check ARTIFACT… | check --run ID",
		Short: "Say on which runtimes an artifact can work, and what the others lack",
		Long: `Holds what a wheel, a side module (.so), a program for WASI (.wasm) or a package that is linked into one (.tar.gz) requires, read from its bytes, against what
runtimes provide, as it was measured on them (` + "`wasmill runtime show`" + `). Nothing is run. For each thing that is missing it says
who in the artifact needs it. Without --runtime all runtimes are in the answer, as a table. With --run it is the table of all artifacts
that a run of the farm has made or reused, from their records; a name that is no file, RECIPE@TOOLCHAIN or a key, is one build of the farm.

"partly": everything loads, and calls that need what is missing fail; a package may well do without them.
Whether each symbol of an Emscripten ABI is there is what ` + "`wasmill audit`" + ` says. docs/reference/worlds.md has the words.

Exit status: 0 it can work on the runtimes that were named, at least partly · 1 it can't on one of them · 2 what was asked for
is wrong: no such file, an unknown runtime, something that no runtime loads.`,
		Example: `  wasmill check dist/*.whl
  wasmill check --runtime node20 --runtime chromium dist/*.whl
  wasmill check --runtime wazero app.wasm --json
  wasmill check markupsafe@wasip1_cp313 --runtime wazero     # what the farm built last
  wasmill check --run 20260105-101500-k3f9 --markdown >> "$GITHUB_STEP_SUMMARY"
  wasmill check --wit app.wasm > app.wit       # what it imports, as a world of the component model`,
		Args: func(cmd *cobra.Command, args []string) error {
			if run != "" {
				return command.Arguments(0, 0, "no artifacts with --run")(cmd, args)
			}
			return command.Arguments(1, -1, "wheels, side modules (.so) or programs (.wasm)")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if wit && run == "" {
				return a.wit(args)
			}
			required, err := a.required(cmd.Context(), args, run)
			if err != nil {
				return err
			}
			return a.check(required, names, markdown)
		},
	}
	cmd.Flags().StringVar(&run, "run", "", "the wheels of this run, instead of files")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "the table as Markdown")
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

// required reads what files require, or the records of a run.
func (a *app) required(ctx context.Context, files []string, run string) (all []artifactCheck, err error) {
	for _, file := range files {
		if onlyOnFarm(file) {
			built, err := a.requiredBuilt(ctx, file)
			if err != nil {
				return nil, err
			}
			all = append(all, built...)
			continue
		}
		requires, err := audit.Requires(file)
		if err != nil {
			return nil, err
		}
		all = append(all, artifactCheck{Artifact: file, Requires: requires})
	}
	if run == "" {
		return all, nil
	}
	farm, err := a.running()
	if err != nil {
		return nil, err
	}
	r, err := farm.Run(ctx, run)
	if err != nil {
		return nil, err
	}
	for _, action := range r.Actions {
		if action.Artifact == "" || action.Key == "" {
			continue
		}
		build, err := farm.Build(ctx, action.Key)
		if err != nil {
			return nil, err
		}
		for _, artifact := range build.Artifacts {
			if artifact.Requires != nil {
				all = append(all, artifactCheck{Artifact: artifact.Filename, Requires: *artifact.Requires})
			}
		}
	}
	if len(all) == 0 {
		return nil, fault.Errorf(fault.NotFound, "no record of the run %s says what its artifacts require: none has passed yet, or all are from before this was read", run)
	}
	return all, nil
}

func (a *app) check(all []artifactCheck, names []string, markdown bool) error {
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
	can := true
	for i := range all {
		for _, r := range on {
			missing := world.Check(all[i].Requires, r)
			verdict := world.VerdictOf(missing)
			if missing == nil {
				missing = []world.Missing{}
			}
			all[i].Runtimes = append(all[i].Runtimes, runtimeCheck{r.Name, verdict, missing})
			can = can && verdict != world.No
		}
	}
	err := a.print(all, func(w io.Writer) error {
		switch {
		case markdown:
			return markdownChecks(w, all)
		case len(names) > 0:
			return writeChecks(w, all)
		}
		return term.Table(w, checkRows(all))
	})
	if err == nil && len(names) > 0 && !can {
		return command.ErrFailed
	}
	return err
}

// writeChecks says what the runtimes lack that were named.
func writeChecks(w io.Writer, all []artifactCheck) error {
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

// checkRows are the table of artifacts and runtimes.
func checkRows(all []artifactCheck) [][]string {
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
	return rows
}

// markdownChecks is the same table for a page, and below it what is missing where the artifact could be loaded at all.
func markdownChecks(w io.Writer, all []artifactCheck) error {
	for i, row := range checkRows(all) {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(w, "|%s\n", strings.Repeat(" --- |", len(row)))
		}
	}
	fmt.Fprintln(w)
	for _, c := range all {
		for _, r := range c.Runtimes {
			for _, m := range r.Missing {
				if !strings.HasPrefix(m.Name, "loader ") {
					fmt.Fprintf(w, "- `%s` on %s: %s\n", filepath.Base(c.Artifact), r.Runtime, code.Replace(m.String()))
				}
			}
		}
	}
	return nil
}

// code keeps what runtimes say from being taken for Markdown.
var code = strings.NewReplacer("`", "'", "|", "/", "<", "&lt;", "\n", " ", "_", "\\_", "*", "\\*", "[", "\\[")

func verdictWords(r runtimeCheck) string {
	switch r.Verdict {
	case world.Yes:
		return "can work on " + r.Runtime
	case world.Partly:
		return "loads on " + r.Runtime + ", and calls that need what is missing fail"
	}
	return "can't work on " + r.Runtime
}
