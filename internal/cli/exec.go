package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/wasi"
)

func (a *app) execCommand() *cobra.Command {
	var dirs, env []string
	var limits wasi.Limits
	memory := ""
	cmd := &cobra.Command{
		Use:   "exec [flags] FILE [ARG…]",
		Short: "Run a program for WASI here, in this process, within limits",
		Long: `Runs a program for WASI (preview 1), such as what ` + "`wasmill app`" + ` makes, with wazero in this process. Its machine code is kept in the
data folder, so that only the first start compiles. All behind FILE are the program's arguments; flags go before it. It sees its
arguments, the three streams, and what --dir and --env name: nothing else of this machine. A FILE that isn't there and looks like
none is an app of the farm, RECIPE@TOOLCHAIN or a key, which is downloaded once.

The exit status is the program's; 134 where it traps, 124 and 137 where a limit stops it, and that of wasmill's own errors
where it was never run.`,
		Example: `  wasmill exec hello.wasm --name you
  wasmill exec hello-app@wasip1_cp313 --name you                     # the last that the farm has made
  wasmill exec python.wasm -c 'import msgpack; print(msgpack.packb(1))'
  wasmill exec --dir .:/work:ro --env LANG=C app.wasm /work/in.txt   # the current folder, to read, as /work
  wasmill exec --memory 256MiB --time 10s app.wasm                   # one that nobody here knows`,
		Args: command.Arguments(1, -1, "a program"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := a.program(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			config := wasi.Config{Args: append([]string{filepath.Base(file)}, args[1:]...), Stdin: os.Stdin, Stdout: a.out, Stderr: a.err, Limits: limits}
			if memory != "" {
				n, err := recipe.ParseSize(memory)
				if err != nil {
					return fault.Errorf(fault.Invalid, "--memory: %w", err)
				}
				config.Limits.Memory = int64(n)
			}
			for _, d := range dirs {
				folder, err := folderOf(d)
				if err != nil {
					return err
				}
				config.Folders = append(config.Folders, folder)
			}
			for _, e := range env {
				if name, _, given := strings.Cut(e, "="); !given {
					value, set := os.LookupEnv(name)
					if !set {
						return fault.Errorf(fault.Invalid, "--env %s: there is no such variable here; give a value, %s=…", name, name)
					}
					e = name + "=" + value
				}
				config.Env = append(config.Env, e)
			}
			dir, err := datadir.Open(a.data)
			if err != nil {
				return err
			}
			engine, err := wasi.NewEngine(dir.Compiled())
			if err != nil {
				return err
			}
			defer engine.Close()
			program, err := engine.LoadFile(cmd.Context(), file)
			if err != nil {
				return err
			}
			defer program.Close()
			result, err := program.Run(cmd.Context(), config)
			if err != nil {
				return err
			}
			if result.End != wasi.Exited {
				fmt.Fprintf(a.err, "wasmill: %s: %s\n", config.Args[0], result)
			}
			return command.Ended(result.ExitStatus())
		},
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.StringArrayVar(&dirs, "dir", nil, "a folder that the program sees: HOST, HOST:GUEST or HOST:GUEST:ro (repeatable)")
	flags.StringArrayVar(&env, "env", nil, "a variable of its environment: NAME=VALUE, or NAME for the one here (repeatable)")
	flags.StringVar(&memory, "memory", "", "the most memory that it may have, such as 256MiB; at most 4 GiB")
	flags.DurationVar(&limits.Time, "time", 0, "how long it may run, such as 10s; no limit unless given")
	return cmd
}

// folderOf reads HOST[:GUEST[:ro]].
func folderOf(text string) (wasi.Folder, error) {
	host, rest, named := strings.Cut(text, ":")
	guest, mode, moded := strings.Cut(rest, ":")
	if !named {
		guest = filepath.ToSlash(host)
	}
	if host == "" || guest == "" || moded && mode != "ro" && mode != "rw" {
		return wasi.Folder{}, fault.Errorf(fault.Invalid, "--dir %s: it is HOST, HOST:GUEST or HOST:GUEST:ro", text)
	}
	return wasi.Folder{Host: host, Guest: guest, Writable: mode != "ro"}, nil
}
