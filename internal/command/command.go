// Package command is what the project's programs share: how a command is carried out, which exit status it ends with,
// where data is kept, and what is installed beside the program.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/reproduce"
	"github.com/wasmill/wasmill/internal/telemetry"
)

// ErrFailed is the end of a command whose recipes or wheels, not the farm, failed: everything was said already, and the
// status is 1.
var ErrFailed = errors.New("some recipes or wheels failed")

// Status is the exit status of a program that a command has run, and so the command's own.
type Status int

func (s Status) Error() string { return fmt.Sprintf("the program ended with status %d", int(s)) }

// Ended is the end of a command that has run a program.
func Ended(status int) error {
	if status == 0 {
		return nil
	}
	return Status(status)
}

// Prepare lets errors be ours to print, and gives those of flags a kind.
func Prepare(cmd *cobra.Command) {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fault.Errorf(fault.Invalid, "%w (see `%s --help`)", err, c.CommandPath())
	})
}

// Run carries out a command until it ends or a person or a supervisor asks the program to stop, says on standard error
// what went wrong, and returns the exit status (docs/reference/exit-status.md): the one place that decides it.
func Run(cmd *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	Prepare(cmd)
	cmd.SetArgs(args)
	err := execute(ctx, cmd)
	var program Status
	switch {
	case err == nil:
		return 0
	case errors.As(err, &program):
		return int(program)
	case errors.Is(err, ErrFailed):
		return 1
	case ctx.Err() != nil:
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: interrupted\n", cmd.Name())
		return fault.Canceled.ExitStatus()
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", cmd.Name(), err)
	return fault.KindOf(err).ExitStatus()
}

// execute carries out a command, and sends its traces where the environment says so.
func execute(ctx context.Context, cmd *cobra.Command) error {
	name := cmd.Name()
	if name != "wasmill" {
		name = "wasmill-" + name
	}
	stop, err := telemetry.StartTraces(ctx, name)
	if err != nil {
		return err
	}
	defer stop()
	return cmd.ExecuteContext(ctx)
}

// MetricsFlags are those of the address for an operator's tools.
func MetricsFlags(flags *pflag.FlagSet, to *telemetry.Listen, otherwise string) {
	flags.StringVar(&to.Address, "metrics-listen", "", "address that serves /metrics, /healthz and /readyz; "+otherwise+". Only on loopback to whoever asks, unless one of the next two is given")
	flags.StringVar(&to.TokenFile, "metrics-token-file", "", "file with the bearer token that --metrics-listen asks of those who want /metrics")
	flags.BoolVar(&to.Public, "metrics-public", false, "let --metrics-listen tell whoever reaches it, where a network policy or a firewall says who that is")
}

// CacheFlag bounds what a worker keeps, in GiB.
func CacheFlag(flags *pflag.FlagSet, gib *int64, usual int64) {
	flags.Int64Var(gib, "cache", usual>>30, "how many GiB build environments and downloads may take together; what was not used for longest goes, 0 is no bound")
}

// Arguments checks the number of arguments and says what is missing in the command's own words; most < 0 is no limit.
func Arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least {
			return fault.Errorf(fault.Invalid, "%s needs %s (see `%s --help`)", cmd.CommandPath(), what, cmd.CommandPath())
		}
		if most >= 0 && len(args) > most {
			return fault.Errorf(fault.Invalid, "%s takes %s, not %q (see `%s --help`)", cmd.CommandPath(), what, args[most], cmd.CommandPath())
		}
		return nil
	}
}

// DefaultData is where data is kept unless told otherwise: $WASMILL_DATA, or as the XDG base directory specification
// has it.
func DefaultData() string {
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

// DefaultIndex is where releases, sources and build requirements are looked for: $WASMILL_INDEX, or PyPI.
func DefaultIndex() string {
	if index := os.Getenv("WASMILL_INDEX"); index != "" {
		return index
	}
	return fetch.DefaultIndex
}

// CratesFlag is the flag of where Rust's packages are.
func CratesFlag(flags *pflag.FlagSet, to *string) {
	crates := fetch.DefaultCrates
	if set := os.Getenv("WASMILL_CRATES"); set != "" {
		crates = set
	}
	flags.StringVar(to, "crates", crates, "base address of the files of crates.io, for recipes in Rust ($WASMILL_CRATES)")
}

// MirrorsFlag is the flag of the addresses that are tried last for every source.
func MirrorsFlag(flags *pflag.FlagSet, to *[]string) {
	flags.StringArrayVar(to, "mirror", strings.Fields(os.Getenv("WASMILL_MIRRORS")),
		"address to try where a source's own fails, with {sha256} and {file} in it; may be repeated ($WASMILL_MIRRORS)")
}

// ReproduceFlag is the flag of which builds a farm makes twice; it sets the default.
func ReproduceFlag(flags *pflag.FlagSet, to *reproduce.Policy) {
	if err := to.Set(reproduce.Default); err != nil {
		panic(err) // a constant
	}
	flags.Var(to, "reproduce", "which builds are made twice, on two workers where there are two, to see whether the same comes out: "+reproduce.Form+
		". Interactive runs make none twice, and only nightly ones take a sample, unless a run says otherwise")
}

// DaemonLog is how a daemon tells its operator what is wrong: JSON lines on standard error.
func DaemonLog() (*zap.Logger, error) {
	log, err := zap.NewProduction(zap.WithCaller(false))
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return log, nil
}

// Wrapper is the compiler wrapper, which runs in the builds' containers. It is installed beside this program.
func Wrapper() (string, error) {
	path, err := beside("wasmcc")
	if err != nil {
		return "", fault.Errorf(fault.Unavailable, "the compiler wrapper is missing (%w): install wasmcc beside this program, as `make build` does", err)
	}
	return path, nil
}

// Runner is the program that runs tests under WASI in containers, where it is installed beside this program. Without it nothing is tested
// there; all else works.
func Runner() string {
	path, err := beside("wasirun")
	if err != nil {
		return ""
	}
	return path
}

// beside is another program in this one's folder.
func beside(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	path := filepath.Join(filepath.Dir(self), name)
	_, err = os.Stat(path)
	return path, err
}
