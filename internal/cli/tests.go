package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/term"
)

func (a *app) testsCommand() *cobra.Command {
	junit, on := "", ""
	cmd := &cobra.Command{
		Use:   "tests RECIPE|KEY",
		Short: "Show what the tests of a build came to: the newest of a recipe, or the one with a key",
		Long: `Shows which tests of a build did not pass and why, what they needed, what is expected to fail, and, where the recipe
asks for the comparison (wasmill.test.native), which tests end otherwise under the machine's own CPython.`,
		Example: `  wasmill tests markupsafe
  wasmill tests markupsafe --toolchain wasip1_cp313
  wasmill tests markupsafe --junit report.xml   # for a continuous integration
  wasmill tests markupsafe --json | jq '.[].native.differences'`,
		Args: command.Arguments(1, 1, "a recipe's name or a build's key"),
		RunE: a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
			b, err := farm.Build(ctx, buildOf(args[0], on))
			if err != nil {
				return err
			}
			if len(b.Tests) == 0 {
				return fault.Errorf(fault.NotFound, "the build of %s was not tested: it is a %s build", b.Recipe, b.Outcome)
			}
			if junit != "" {
				if err := writeJUnit(ctx, farm, &b, junit, a.out); err != nil || junit == "-" {
					return err
				}
			}
			return a.print(b.Tests, func(w io.Writer) error { return testReport(w, &b) })
		}),
	}
	onToolchain(cmd, &on)
	cmd.Flags().StringVar(&junit, "junit", junit, "write the tests as JUnit XML to this file; - is standard output")
	return cmd
}

func writeJUnit(ctx context.Context, farm api.Farm, b *record.Build, file string, out io.Writer) error {
	if b.JUnit == nil {
		return fault.Errorf(fault.NotFound, "the build has no JUnit report: it is from before there were any; build it again with --no-cache")
	}
	r, err := farm.OpenBlob(ctx, b.JUnit.Digest)
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("reading the JUnit report: %w", err)
	}
	if file == "-" {
		_, err = out.Write(text)
	} else {
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		return fault.Errorf(fault.Invalid, "writing the JUnit report: %w", err)
	}
	return nil
}

// testReport is a test for people: counts, then whatever is not as it should be.
func testReport(w io.Writer, b *record.Build) error {
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	for i := range b.Tests {
		if i > 0 {
			line("")
		}
		testIn(line, b, &b.Tests[i])
	}
	if len(b.Audit) > 0 {
		line("\nthe audit says:")
	}
	for _, f := range b.Audit {
		line("  %s: %s", f.Severity, f)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// testIn is the test in one runtime.
func testIn(line func(format string, args ...any), b *record.Build, t *record.Test) {
	line("%s %s %s in %s", b.Recipe, b.Version, t.Outcome, t.Runtime)
	line("%s, %.1f s", counts(t), t.Seconds)
	if n := t.Needs; n != nil {
		stack := ""
		if n.StackLimit > 0 { // it can't be seen everywhere
			stack = fmt.Sprintf(", stack %s of %s", term.Bytes(n.Stack), term.Bytes(n.StackLimit))
		}
		line("memory %s%s", term.Bytes(n.Memory), stack)
	}
	if t.Failure != nil {
		line("\n%s: %s", t.Failure.Kind, t.Failure.Message)
	}
	for _, kind := range []struct {
		outcome record.Outcome
		title   string
	}{{record.Failed, "failed"}, {record.Expected, "failed as expected"}, {record.Skipped, "skipped"}} {
		title := "\n" + kind.title + ":"
		for _, c := range append(append([]record.Case{}, t.Imports...), t.Cases...) {
			if c.Outcome != kind.outcome {
				continue
			}
			if title != "" {
				line("%s", title)
				title = ""
			}
			line("  %s: %s", c.Name, strings.ReplaceAll(c.Message, "\n", "\n    "))
		}
	}
	nativeReport(line, t.Native)
	if len(t.Notes) > 0 {
		line("\nto look at:")
	}
	for _, note := range t.Notes {
		line("  %s", note)
	}
}

func counts(t *record.Test) string {
	words := fmt.Sprintf("%d imports, %d tests passed", len(t.Imports), t.Passed)
	for _, c := range []struct {
		n    int
		what string
	}{{t.Failed, "failed"}, {t.Expected, "failed as expected"}, {t.Skipped, "skipped"}} {
		if c.n > 0 {
			words += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	return words
}

func nativeReport(line func(format string, args ...any), n *record.Native) {
	if n == nil {
		return
	}
	if n.Wheel != "" {
		line("\nnatively (%s, %s): %d passed, %d failed, %d skipped", n.Runtime, n.Wheel, n.Passed, n.Failed, n.Skipped)
	}
	if n.Reason != "" {
		line("\nno native comparison: %s", n.Reason)
	}
	for _, d := range n.Differences {
		text := fmt.Sprintf("%s natively, %s in the runtime: %s", or(d.Native, "not run"), or(d.Runtime, "not run"), d.Name)
		if d.Message != "" {
			text += ": " + d.Message
		}
		line("  %s", strings.ReplaceAll(text, "\n", "\n    "))
	}
}

func or(o, empty record.Outcome) record.Outcome {
	if o == "" {
		return empty
	}
	return o
}
