package cli

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/orchestrator"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/internal/worker"
)

func (a *app) buildCommand() *cobra.Command {
	t, out, slots, dry := targets{lane: "interactive"}, "dist", worker.DefaultSlots(), false
	cmd := &cobra.Command{
		Use:   "build [flags] NAME… | NAME==VERSION | PROJECT-DIR",
		Short: "Build and test recipes here, without a server, and write the wheels to a folder",
		Long: `Builds and tests recipes of a folder, a release on the package index, or a project's folder, and what they need, in
this process, and writes the wheels of what was named to --out. What was built before with the same inputs is not built
again. A toolchain that is not baked yet is baked first, once. Where a farm has the data folder, it does the work; if that is
another build which ends first, this one goes on by itself.`,
		Example: `  wasmill build .                                # the project here
  wasmill build markupsafe==3.0.3                # a release
  wasmill build --recipes ./recipes lz4 xxhash   # recipes by name
  wasmill build '*' --json | jq '.actions[] | select(.status == "failed")'
  wasmill build '*' '!tag:rust'                  # all but those with a tag
  wasmill build tag:core --no-cache
  wasmill build --toolchain wasip1_cp313 markupsafe --out wasi    # for WASI: archives to be linked, no wheel`,
		Args: command.Arguments(1, -1, "a recipe, a release or a project's folder"),
		RunE: a.outliving(func(ctx context.Context, farm api.Farm, args []string) error {
			req, err := t.request(ctx, a, farm, args)
			if err != nil {
				return err
			}
			if dry {
				return a.showPlan(ctx, farm, req)
			}
			run, err := a.carryOut(ctx, farm, req, slots)
			if err != nil {
				return err
			}
			if err := writeWheels(ctx, farm, run, out); err != nil {
				return err
			}
			if err := a.print(run, func(w io.Writer) error { return runTable(w, run) }); err != nil {
				return err
			}
			return outcome(run)
		}),
	}
	t.flags(cmd)
	command.MirrorsFlag(cmd.Flags(), &a.mirrors)
	command.CacheFlag(cmd.Flags(), &a.cache, worker.DefaultCache)
	command.CratesFlag(cmd.Flags(), &a.crates)
	dryFlag(cmd, &dry, "built", "build")
	cmd.Flags().StringVar(&out, "out", out, "folder for the wheels")
	cmd.Flags().IntVar(&slots, "slots", slots, "how many small builds run at a time; half as many medium and a quarter as many large ones beside them")
	return cmd
}

// carryOut does what a request makes necessary. Where that is nothing, neither Temporal nor an engine is touched.
func (a *app) carryOut(ctx context.Context, farm api.Farm, req api.RunRequest, slots int) (api.Run, error) {
	actions, err := farm.Plan(ctx, req)
	if err != nil {
		return api.Run{}, err
	}
	if done := nothingToDo(actions); done {
		return api.Run{State: "passed", Lane: req.Lane, Select: req.Select, Created: time.Now(), Actions: actions}, nil
	}
	if o, ok := farm.(*orchestrator.Orchestrator); ok {
		w, err := a.lone(ctx, o, req, slots)
		if err != nil {
			return api.Run{}, err
		}
		defer w.Close()
	}
	run, err := farm.StartRun(ctx, req)
	if err != nil {
		return run, err
	}
	return a.follow(ctx, farm, run.ID)
}

func nothingToDo(actions []api.Action) bool {
	for _, act := range actions {
		if act.Status != "cached" {
			return false
		}
	}
	return true
}

// lone gives an orchestrator of this process the images that a request needs, and a worker.
func (a *app) lone(ctx context.Context, o *orchestrator.Orchestrator, req api.RunRequest, slots int) (*worker.Worker, error) {
	lacking, err := o.Lacking(ctx, req)
	if err != nil {
		return nil, err
	}
	for _, extension := range lacking {
		name, _, _ := strings.Cut(req.Toolchain, "@")
		err := a.bakeInto(ctx, o.Registry(), o.Remote(), name, func(tc *toolchain.Toolchain, opts toolchain.BakeOptions) (err error) {
			if extension == "" {
				_, err = tc.Bake(ctx, opts)
			} else {
				_, err = tc.BakeExtension(ctx, extension, opts)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return a.worker(ctx, o, worker.Config{Slots: worker.Spread(slots), Log: zap.NewNop()})
}

// worker starts a worker of an orchestrator of this process.
func (a *app) worker(ctx context.Context, o *orchestrator.Orchestrator, cfg worker.Config) (_ *worker.Worker, err error) {
	if cfg.Dir, err = datadir.Open(a.data); err != nil {
		return nil, err
	}
	if cfg.Engine, err = engine.NewDocker(engine.WithKeychain(o.Remote())); err != nil {
		return nil, err
	}
	cfg.Farm, cfg.Remote, cfg.Relay, cfg.Cache = o, o.Remote(), o.Relay(), a.cache<<30
	return worker.Start(ctx, cfg)
}

// writeWheels puts the wheels of the recipes that were named into a folder. Each is written aside and then renamed.
func writeWheels(ctx context.Context, farm api.Farm, run api.Run, out string) error {
	named := map[string]bool{}
	for _, name := range run.Select {
		named[name] = true
	}
	for _, act := range run.Actions {
		if act.Digest == "" || (act.Status != "passed" && act.Status != "cached") || (!named[act.Recipe] && !named["*"]) {
			continue
		}
		if err := save(ctx, farm, record.Artifact{Filename: act.Artifact, Digest: record.Digest(act.Digest)}, out); err != nil {
			return err
		}
	}
	return nil
}
