package cli

import (
	"context"

	"go.uber.org/zap"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/orchestrator"
)

// farm is the farm that a command speaks to: the one that --server names, else the one that has the data folder, else
// one in this process for as long as the command runs. done ends what was started.
func (a *app) farm(ctx context.Context) (farm api.Farm, done func(), err error) {
	if a.server != "" {
		return api.NewClient(a.server), func() {}, nil
	}
	dir, err := datadir.Open(a.data)
	if err != nil {
		return nil, nil, err
	}
	if owner, ok := dir.Owner(); ok {
		return api.NewClient(owner.API), func() {}, nil
	}
	o, err := a.orchestrator(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	return o, o.Close, nil
}

// onFarm makes a command of what asks a farm; it has the farm of app.farm for as long as it takes.
func (a *app) onFarm(do func(ctx context.Context, farm api.Farm, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		farm, done, err := a.farm(cmd.Context())
		if err != nil {
			return err
		}
		defer done()
		return do(cmd.Context(), farm, args)
	}
}

// running is a farm that runs by itself: what is given to it outlives this command.
func (a *app) running() (api.Farm, error) {
	if a.server != "" {
		return api.NewClient(a.server), nil
	}
	dir, err := datadir.Open(a.data)
	if err != nil {
		return nil, err
	}
	owner, ok := dir.Owner()
	if !ok {
		return nil, fault.Errorf(fault.Unavailable, "no farm is running on %s: start one with `wasmill up`, or name another with --server", dir.Root())
	}
	return api.NewClient(owner.API), nil
}

// orchestrator starts one in this process that is only heard by it.
func (a *app) orchestrator(ctx context.Context, dir datadir.Dir) (*orchestrator.Orchestrator, error) {
	const any = "127.0.0.1:0"
	return a.orchestratorAt(ctx, dir, orchestrator.Config{Listen: any, RegistryListen: any, TemporalListen: any, Forget: true, Log: zap.NewNop()})
}

func (a *app) orchestratorAt(ctx context.Context, dir datadir.Dir, cfg orchestrator.Config) (*orchestrator.Orchestrator, error) {
	var err error
	cfg.Dir, cfg.Index, cfg.Mirrors, cfg.Crates = dir, a.index, a.mirrors, a.crates
	if cfg.Wrapper, err = command.Wrapper(); err != nil {
		return nil, err
	}
	if cfg.Toolchains, err = command.Toolchains(a.toolchains, dir); err != nil {
		return nil, err
	}
	return orchestrator.Start(ctx, cfg)
}
