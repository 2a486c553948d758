// Package workerd is the command of the worker daemon: flags, and the wiring of package worker. It stands apart from
// the other commands because a worker has no use for a Temporal server in its program.
package workerd

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/worker"
)

// Command is `worker`.
func Command() *cobra.Command {
	data, url, slots, cache, let, classes := "", "", worker.DefaultSlots(), int64(0), command.Access{}, []string(nil)
	cfg := worker.Config{Drain: 30 * time.Second}
	cmd := &cobra.Command{
		Use:     "worker --orchestrator URL",
		Short:   "Build and test for a farm",
		Example: "  worker --orchestrator http://127.0.0.1:7470\n  worker --orchestrator https://farm:7470 --token-file builder-2.token --name builder-2 --slots 8\n  worker --orchestrator http://farm:7470 --metrics-listen 127.0.0.1:7473\n  worker --orchestrator http://farm:7470 --class large --slots 1",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if url == "" {
				return fault.Errorf(fault.Invalid, "name the orchestrator with --orchestrator URL")
			}
			if cfg.Slots, err = worker.SpreadOver(classes, slots); err != nil {
				return err
			}
			if cfg.Dir, err = datadir.Open(data); err != nil {
				return err
			}
			if cfg.Log, err = command.DaemonLog(); err != nil {
				return err
			}
			farm, err := let.Client(url)
			if err != nil {
				return err
			}
			if cfg.Token, err = let.Token(); err != nil {
				return err
			}
			if cfg.Relay, err = let.Relay(url); err != nil {
				return err
			}
			cfg.Remote = let.Remote(api.Join{}) // the worker logs in when it knows where
			docker, err := engine.NewDocker(engine.WithKeychain(cfg.Remote))
			if err != nil {
				return err
			}
			defer docker.Close()
			cfg.Farm, cfg.Engine, cfg.Cache = farm, docker, cache<<30
			w, err := worker.Start(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer w.Close()
			fmt.Fprintf(cmd.ErrOrStderr(), "worker %s has joined %s with %d slots\n", w.Name(), url, slots)
			return w.Wait(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&data, "data", command.DefaultData(), "folder for what the worker keeps ($WASMILL_DATA)")
	flags.StringVar(&url, "orchestrator", os.Getenv("WASMILL_SERVER"), "address of the orchestrator ($WASMILL_SERVER)")
	flags.StringVar(&cfg.Name, "name", "", "name of this worker, unique in the farm (default: of host and data folder)")
	flags.IntVar(&slots, "slots", slots, "how many small builds run at a time; half as many medium and a quarter as many large ones beside them")
	flags.StringArrayVar(&classes, "class", nil, "take builds of this class only, small, medium or large, as many at a time as --slots says; may be repeated (default: all)")
	let.Flags(flags)
	command.CacheFlag(flags, &cache, worker.DefaultCache)
	command.MetricsFlags(flags, &cfg.MetricsListen, "none unless it is given")
	flags.DurationVar(&cfg.Drain, "drain", cfg.Drain, "how long builds may go on when the worker is stopped")
	return cmd
}
