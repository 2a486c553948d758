// Package cli is the wasmill command: flags, words for people, exit statuses. What it does is done by a farm
// (api.Farm), which runs in this process or answers at an address.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
	"github.com/wasmill/wasmill/internal/version"
)

// errFailed is the end of a command whose recipes, not the farm, failed: everything was said already, and the
// status is 1.
var errFailed = errors.New("some recipes failed")

// app is what the commands share: where to print, and the flags that all have.
type app struct {
	out, err   io.Writer
	data       string // the folder with registry, database and caches
	server     string // address of an orchestrator
	toolchains string // folder of toolchains; empty: those of this program
	json       bool
	quiet      bool
}

// Main runs the command and returns its exit status (docs/reference/exit-status.md).
func Main(args []string) int {
	ctx, stop := signalContext()
	defer stop()
	a := &app{out: os.Stdout, err: os.Stderr}
	return a.end(ctx, a.root(), args)
}

// signalContext ends when a person or a supervisor asks the program to.
func signalContext() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// end carries out a command, says what went wrong and decides the exit status: the one place that does.
func (a *app) end(ctx context.Context, cmd *cobra.Command, args []string) int {
	cmd.SetArgs(args)
	cmd.SetOut(a.out)
	cmd.SetErr(a.err)
	err := cmd.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFailed):
		return 1
	case ctx.Err() != nil:
		fmt.Fprintf(a.err, "%s: interrupted\n", cmd.Name())
		return fault.Canceled.ExitStatus()
	}
	fmt.Fprintf(a.err, "%s: %v\n", cmd.Name(), err)
	return fault.KindOf(err).ExitStatus()
}

func (a *app) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wasmill",
		Short: "Build Python packages for WebAssembly, test them, serve them",
		Long: `Wasmill cross-compiles Python packages to WebAssembly in containers without network, tests the wheels under
Pyodide, and serves an index that pip, uv and micropip install from.

Exit status: 0 all went well · 1 a recipe failed · 2 the input or the request is wrong · 3 an engine, registry or
server that is needed does not answer, or a disk is full · 70 a defect of wasmill · 130 interrupted.`,
		Version:       version.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fault.Errorf(fault.Invalid, "%w (see `%s --help`)", err, c.CommandPath())
	})
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.data, "data", defaultData(), "folder with the registry, the database and the caches ($WASMILL_DATA)")
	flags.StringVar(&a.server, "server", os.Getenv("WASMILL_SERVER"), "address of an orchestrator ($WASMILL_SERVER)")
	flags.StringVar(&a.toolchains, "toolchains", os.Getenv("WASMILL_TOOLCHAINS"), "folder of toolchains instead of those of this program ($WASMILL_TOOLCHAINS)")
	flags.BoolVar(&a.json, "json", false, "print JSON on standard output")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress on standard error")
	cmd.AddCommand(a.buildCommand(), a.submitCommand(), a.planCommand(), a.runsCommand(), a.runCommand(), a.logsCommand(),
		a.recipeCommand(), a.toolchainCommand(), a.scheduleCommand(), a.workersCommand(), a.upCommand(), a.indexCommand())
	return cmd
}

// defaultData follows the XDG base directory specification.
func defaultData() string {
	if dir := os.Getenv("WASMILL_DATA"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "wasmill")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	return filepath.Join(home, ".local", "share", "wasmill")
}

func (a *app) progress() *term.Progress { return term.NewProgress(a.err, a.quiet) }

// print writes v as JSON where that was asked for, and otherwise calls text.
func (a *app) print(v any, text func(w io.Writer) error) error {
	if !a.json {
		return text(a.out)
	}
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// arguments checks the number of arguments and says what is missing in the command's own words.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least {
			return fault.Errorf(fault.Invalid, "%s needs %s (see `%s --help`)", cmd.CommandPath(), what, cmd.CommandPath())
		}
		if most >= 0 && len(args) > most {
			return fault.Errorf(fault.Invalid, "%s takes only %s, not %q (see `%s --help`)", cmd.CommandPath(), what, args[most], cmd.CommandPath())
		}
		return nil
	}
}
