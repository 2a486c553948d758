// Package cli is the wasmill command: flags, words for people, exit statuses. What it does is done by a farm
// (api.Farm), which runs in this process or answers at an address.
package cli

import (
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/term"
	"github.com/wasmill/wasmill/internal/version"
)

// app is what the commands share: where to print, and the flags that all have.
type app struct {
	out, err   io.Writer
	data       string // the folder with registry, database and caches
	server     string // address of an orchestrator
	toolchains string // folder of toolchains; empty: those of this program
	index      string // simple index for releases, sources and build requirements
	mirrors    []string
	cache      int64 // GiB that a worker's caches may take
	crates     string
	json       bool
	quiet      bool
	access     command.Access
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	a := &app{out: os.Stdout, err: os.Stderr}
	return command.Run(a.root(), args)
}

func (a *app) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wasmill",
		Short: "Build Python packages for WebAssembly, test them, serve them",
		Long: `Wasmill cross-compiles Python packages to WebAssembly in containers without network, tests the wheels under
Pyodide, and serves an index that pip, uv and micropip install from.

Exit status: 0 all went well · 1 a recipe failed, an audit found errors · 2 the input or the request is wrong · 3 an engine, registry or
server that is needed does not answer, or a disk is full · 70 a defect of wasmill · 77 a token is missing, of no use, or not for this ·
130 interrupted.`,
		Version: version.Version,
	}
	cmd.SetOut(a.out)
	cmd.SetErr(a.err)
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.data, "data", command.DefaultData(), "folder with the registry, the database and the caches ($WASMILL_DATA)")
	flags.StringVar(&a.server, "server", os.Getenv("WASMILL_SERVER"), "address of an orchestrator ($WASMILL_SERVER)")
	flags.StringVar(&a.toolchains, "toolchains", os.Getenv("WASMILL_TOOLCHAINS"), "folder of toolchains instead of those of this program ($WASMILL_TOOLCHAINS)")
	flags.StringVar(&a.index, "index", command.DefaultIndex(), "simple index for releases, sources and build requirements ($WASMILL_INDEX)")
	a.access.Flags(flags)
	flags.BoolVar(&a.json, "json", false, "print JSON on standard output")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress on standard error")
	cmd.AddCommand(a.buildCommand(), a.submitCommand(), a.planCommand(), a.runsCommand(), a.runCommand(), a.logsCommand(), a.testsCommand(),
		a.recipeCommand(), a.sourceCommand(), a.toolchainCommand(), a.scheduleCommand(), a.workersCommand(), a.workerCommand(), a.topCommand(), a.upCommand(), a.indexCommand(),
		a.auditCommand(), a.explainCommand(), a.compareCommand(), a.diffCommand(), a.gcCommand(), a.pinCommand(), a.unpinCommand(), a.tokenCommand(),
		a.journalCommand(), a.quarantineCommand(), a.checkCommand(), a.runtimeCommand(), a.appCommand(), a.execCommand())
	return cmd
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
