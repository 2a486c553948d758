package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/cli/orchestratord"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/orchestrator"
	"github.com/wasmill/wasmill/internal/telemetry"
	"github.com/wasmill/wasmill/internal/worker"
)

func (a *app) upCommand() *cobra.Command {
	slots, where, security := worker.DefaultSlots(), false, orchestratord.Security{}
	cfg := orchestrator.Config{
		Listen: orchestrator.DefaultListen, RegistryListen: orchestrator.DefaultRegistry, TemporalListen: orchestrator.DefaultTemporal,
	}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run a whole farm in this process: orchestrator, worker, index",
		Long: `Runs an orchestrator and one worker until it is interrupted. Another worker on this machine joins with
` + "`worker --orchestrator URL --data FOLDER`" + `, with a folder of its own. Workers on other machines need an address
that they reach, with a certificate, and a token: see --listen, --tls-cert and ` + "`wasmill token`" + `. Everything is kept in the folder of --data.`,
		Example: "  wasmill up\n  wasmill up --listen 127.0.0.1:8080 --slots 4\n  wasmill up --where    # the address of the farm that has the data folder",
		Args:    command.Arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := datadir.Open(a.data)
			if err != nil {
				return err
			}
			if where {
				return a.where(dir)
			}
			return a.up(cmd.Context(), dir, cfg, &security, slots)
		},
	}
	cmd.Flags().StringVar(&cfg.Listen, "listen", cfg.Listen, "address of the API and the index")
	cmd.Flags().StringVar(&cfg.RegistryListen, "registry-listen", cfg.RegistryListen, "address of the embedded registry")
	cmd.Flags().StringVar(&cfg.TemporalListen, "temporal-listen", cfg.TemporalListen, "address of the embedded Temporal server (loopback)")
	command.MetricsFlags(cmd.Flags(), &cfg.MetricsListen, "they are beside the API too")
	security.Flags(cmd.Flags())
	command.MirrorsFlag(cmd.Flags(), &a.mirrors)
	command.CacheFlag(cmd.Flags(), &a.cache, worker.DefaultCache)
	command.CratesFlag(cmd.Flags(), &a.crates)
	command.ReproduceFlag(cmd.Flags(), &cfg.Reproduce)
	cmd.Flags().IntVar(&slots, "slots", slots, "how many small builds run at a time; half as many medium and a quarter as many large ones beside them")
	cmd.Flags().BoolVar(&where, "where", false, "print the address of the farm that is running and end")
	return cmd
}

func (a *app) where(dir datadir.Dir) error {
	owner, ok := dir.Owner()
	if !ok {
		return fault.Errorf(fault.Unavailable, "no farm is running on %s: start one with `wasmill up`", dir.Root())
	}
	return a.print(owner, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, owner.API)
		return err
	})
}

func (a *app) up(ctx context.Context, dir datadir.Dir, cfg orchestrator.Config, security *orchestratord.Security, slots int) error {
	log, err := command.DaemonLog()
	if err != nil {
		return err
	}
	if cfg.Security, err = security.Read(log); err != nil {
		return err
	}
	cfg.Log, cfg.Metrics = log, telemetry.NewRegistry()
	o, err := a.orchestratorAt(ctx, dir, cfg)
	if err != nil {
		return err
	}
	defer o.Close()
	if err := o.StartTemporal(ctx); err != nil {
		return err
	}
	w, err := a.worker(ctx, o, worker.Config{Slots: worker.Spread(slots), Log: log, Metrics: cfg.Metrics})
	if err != nil {
		return err
	}
	defer w.Close()
	fmt.Fprintf(a.err, "farm     %s\nindex    %s/simple/\nregistry %s\nworker   %s, %d slots\n", o.URL(), o.URL(), o.Registry(), w.Name(), slots)
	defer fmt.Fprintln(a.err, "stopping: builds that are under way are tried again after the next start")
	return w.Wait(ctx)
}
