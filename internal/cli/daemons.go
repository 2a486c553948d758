package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/orchestrator"
	"github.com/wasmill/wasmill/internal/worker"
)

// Orchestrator runs the daemon of that name and returns its exit status.
func Orchestrator(args []string) int {
	return daemon(args, func(a *app) *cobra.Command {
		cfg := orchestrator.Config{
			Listen: orchestrator.DefaultListen, RegistryListen: orchestrator.DefaultRegistry, TemporalListen: orchestrator.DefaultTemporal,
		}
		cmd := &cobra.Command{
			Use:     "orchestrator",
			Short:   "Plan, remember, serve the API and the index; workers build",
			Example: "  orchestrator\n  orchestrator --temporal temporal:7233 --registry registry:5000",
			RunE: func(cmd *cobra.Command, _ []string) error {
				dir, err := datadir.Open(a.data)
				if err != nil {
					return err
				}
				if cfg.Log, err = daemonLog(); err != nil {
					return err
				}
				o, err := a.orchestratorAt(cmd.Context(), dir, cfg)
				if err != nil {
					return err
				}
				defer o.Close()
				if err := o.StartTemporal(cmd.Context()); err != nil {
					return err
				}
				fmt.Fprintf(a.err, "farm     %s\nindex    %s/simple/\nregistry %s\n", o.URL(), o.URL(), o.Registry())
				<-cmd.Context().Done()
				return nil
			},
		}
		flags := cmd.Flags()
		flags.StringVar(&a.toolchains, "toolchains", os.Getenv("WASMILL_TOOLCHAINS"), "folder of toolchains instead of those of this program")
		flags.StringVar(&cfg.Listen, "listen", cfg.Listen, "address of the API and the index")
		flags.StringVar(&cfg.RegistryListen, "registry-listen", cfg.RegistryListen, "address of the embedded registry")
		flags.StringVar(&cfg.TemporalListen, "temporal-listen", cfg.TemporalListen, "address of the embedded Temporal server (loopback)")
		flags.StringVar(&cfg.Registry, "registry", "", "address of an external registry instead of the embedded one")
		flags.StringVar(&cfg.Temporal, "temporal", "", "address of an external Temporal cluster instead of the embedded server")
		return cmd
	})
}

// Worker runs the daemon of that name and returns its exit status.
func Worker(args []string) int {
	return daemon(args, func(a *app) *cobra.Command {
		url, name, slots, drain := "", "", defaultSlots(), 30*time.Second
		cmd := &cobra.Command{
			Use:     "worker --orchestrator URL",
			Short:   "Build and test for a farm",
			Example: "  worker --orchestrator http://127.0.0.1:7470\n  worker --orchestrator http://farm:7470 --name builder-2 --slots 8",
			RunE: func(cmd *cobra.Command, _ []string) error {
				if url == "" {
					return fault.Errorf(fault.Invalid, "name the orchestrator with --orchestrator URL")
				}
				dir, err := datadir.Open(a.data)
				if err != nil {
					return err
				}
				log, err := daemonLog()
				if err != nil {
					return err
				}
				docker, err := engine.NewDocker()
				if err != nil {
					return err
				}
				defer docker.Close()
				w, err := worker.Start(cmd.Context(), worker.Config{
					Dir: dir, Farm: api.NewClient(url), Engine: docker, Slots: worker.Spread(slots), Name: name, Drain: drain, Log: log,
				})
				if err != nil {
					return err
				}
				defer w.Close()
				fmt.Fprintf(a.err, "worker %s has joined %s with %d slots\n", w.Name(), url, slots)
				return until(cmd.Context(), w)
			},
		}
		flags := cmd.Flags()
		flags.StringVar(&url, "orchestrator", os.Getenv("WASMILL_SERVER"), "address of the orchestrator ($WASMILL_SERVER)")
		flags.StringVar(&name, "name", "", "name of this worker, unique in the farm (default: host and data folder)")
		flags.IntVar(&slots, "slots", slots, "how many builds run at a time")
		flags.DurationVar(&drain, "drain", drain, "how long builds may go on when the worker is stopped")
		return cmd
	})
}

// until waits for the end of a worker: nil when it was asked to stop.
func until(ctx context.Context, w *worker.Worker) error {
	select {
	case err := <-w.Failed():
		return err
	case <-ctx.Done():
		return nil
	}
}

func daemon(args []string, make func(*app) *cobra.Command) int {
	ctx, stop := signalContext()
	defer stop()
	a := &app{out: os.Stdout, err: os.Stderr}
	cmd := make(a)
	cmd.Args = arguments(0, 0, "no arguments")
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.Flags().StringVar(&a.data, "data", defaultData(), "folder for what this daemon keeps ($WASMILL_DATA)")
	return a.end(ctx, cmd, args)
}
