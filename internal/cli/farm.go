package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

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
		farm, err := a.named()
		return farm, func() {}, err
	}
	dir, err := datadir.Open(a.data)
	if err != nil {
		return nil, nil, err
	}
	if owner, ok := dir.Owner(); ok {
		farm, err := a.owners(dir, owner)
		return farm, func() {}, err
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

// outliving is onFarm for work that this process can do itself. Where the farm is another command on the same data folder,
// it ends when that command ends, and the work is begun again: what is built already is not built again.
func (a *app) outliving(do func(ctx context.Context, farm api.Farm, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		for {
			lost := false
			err := a.onFarm(func(ctx context.Context, farm api.Farm, args []string) error {
				err := do(ctx, farm, args)
				lost = err != nil && a.lost(ctx, farm, err)
				return err
			})(cmd, args)
			if !lost {
				return err
			}
			fmt.Fprintln(a.err, "wasmill: the command that had the data folder has ended; going on without it")
		}
	}
}

// lost says whether an error comes of a farm that has left the data folder: nobody has it now, or another that answers.
func (a *app) lost(ctx context.Context, farm api.Farm, err error) bool {
	_, remote := farm.(*api.Client)
	if !remote || a.server != "" || fault.KindOf(err) != fault.Unavailable {
		return false
	}
	dir, err := datadir.Open(a.data)
	if err != nil {
		return false
	}
	// It stops answering before it gives the folder back.
	for range 100 {
		if release, err := dir.Claim(); err == nil {
			release()
			return true
		}
		if owner, ok := dir.Owner(); ok {
			if farm, err := a.owners(dir, owner); err == nil {
				if _, err := farm.Join(ctx); err == nil {
					return true
				}
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(100 * time.Millisecond):
		}
	}
	return false
}

// running is a farm that runs by itself: what is given to it outlives this command.
func (a *app) running() (api.Farm, error) {
	if a.server != "" {
		return a.named()
	}
	dir, err := datadir.Open(a.data)
	if err != nil {
		return nil, err
	}
	owner, ok := dir.Owner()
	if !ok {
		return nil, fault.Errorf(fault.Unavailable, "no farm is running on %s: start one with `wasmill up`, or name another with --server", dir.Root())
	}
	return a.owners(dir, owner)
}

// named is the farm at the address of --server.
func (a *app) named() (api.Farm, error) {
	return a.access.Client(a.server)
}

// owners is the farm that has the data folder. Who can read the folder need not be told how to be let in.
func (a *app) owners(dir datadir.Dir, owner datadir.Owner) (api.Farm, error) {
	return a.access.Beside(dir, owner)
}

// orchestrator starts one in this process that is only heard by it.
func (a *app) orchestrator(ctx context.Context, dir datadir.Dir) (*orchestrator.Orchestrator, error) {
	const any = "127.0.0.1:0"
	return a.orchestratorAt(ctx, dir, orchestrator.Config{Listen: any, RegistryListen: any, TemporalListen: any, Forget: true, Log: zap.NewNop()})
}

func (a *app) orchestratorAt(ctx context.Context, dir datadir.Dir, cfg orchestrator.Config) (*orchestrator.Orchestrator, error) {
	var err error
	cfg.Dir, cfg.Index, cfg.Mirrors, cfg.Crates = dir, a.index, a.mirrors, a.crates
	if cfg.Roots, err = a.access.Roots(); err != nil {
		return nil, err
	}
	cfg.Runner = command.Runner()
	if cfg.Wrapper, err = command.Wrapper(); err != nil {
		return nil, err
	}
	if cfg.Toolchains, err = command.Toolchains(a.toolchains, dir); err != nil {
		return nil, err
	}
	return orchestrator.Start(ctx, cfg)
}
