package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/term"
	"github.com/wasmill/wasmill/internal/toolchain"
)

func (a *app) indexCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "index", Short: "Try what the farm serves"}
	cmd.AddCommand(a.indexCheck())
	return cmd
}

// checked is what became of one recipe's installation.
type checked struct {
	Recipe    string   `json:"recipe"`
	Installed []string `json:"installed"`
	Error     string   `json:"error,omitempty"`
}

func (a *app) indexCheck() *cobra.Command {
	t, runtime := targets{lane: "interactive"}, recipe.Node
	cmd := &cobra.Command{
		Use:   "check [flags] NAME…",
		Short: "Install recipes from the served index with micropip and import them",
		Long: `Installs each recipe into a fresh Pyodide, under node or in a page of Chromium, with micropip and from the farm's index,
as a user would, and imports its modules. The container has the host's network: it is a client, not a build.`,
		Example: "  wasmill index check '*'\n  wasmill index check --runtime chromium markupsafe\n  wasmill index check --server http://farm:7470 markupsafe",
		Args:    command.Arguments(1, -1, "at least one recipe"),
		RunE: func(cmd *cobra.Command, args []string) error {
			farm, err := a.running()
			if err != nil {
				return err
			}
			req, err := t.request(cmd.Context(), a, farm, args)
			if err != nil {
				return err
			}
			results, err := a.checkIndex(cmd.Context(), farm, req, runtime)
			if err != nil {
				return err
			}
			if err := a.print(results, func(w io.Writer) error { return checkTable(w, results) }); err != nil {
				return err
			}
			for _, r := range results {
				if r.Error != "" {
					return command.ErrFailed
				}
			}
			return nil
		},
	}
	t.which(cmd)
	cmd.Flags().StringVar(&runtime, "runtime", runtime, "where to install: node or chromium")
	return cmd
}

func (a *app) checkIndex(ctx context.Context, farm api.Farm, req api.RunRequest, runtime string) ([]checked, error) {
	client, err := a.client(ctx, farm, req.Toolchain, runtime)
	if err != nil {
		return nil, err
	}
	base, err := a.base()
	if err != nil {
		return nil, err
	}
	base, end, err := a.access.Nearby(base)
	if err != nil {
		return nil, err
	}
	defer end()
	p := a.progress()
	defer p.Close()
	var results []checked
	for i, name := range req.Select {
		p.Update("install", int64(i), int64(len(req.Select)), false, name)
		b, err := farm.Build(ctx, buildOf(name, req.Toolchain))
		if err != nil {
			return nil, err
		}
		w := b.Wheel()
		if w == nil || w.Wheel == nil {
			continue // a library: nothing that an installer could install
		}
		r, imports := checked{Recipe: name}, w.Wheel.Imports
		got, err := client.Micropip(ctx, base+"/simple", []string{name}, imports)
		if err != nil {
			return nil, err
		}
		for _, d := range got.Installed {
			r.Installed = append(r.Installed, d.Name+" "+d.Version)
		}
		r.Error = got.Error
		results = append(results, r)
	}
	p.Done("install", fmt.Sprintf("%d recipes", len(results)))
	return results, nil
}

// client runs in the runtime of a toolchain that the farm's registry has.
func (a *app) client(ctx context.Context, farm api.Farm, name, runtime string) (*runtimes.Client, error) {
	if runtime != recipe.Node && runtime != recipe.Chromium {
		return nil, fault.Errorf(fault.Invalid, "there is no runtime %s; there are %s and %s", runtime, recipe.Node, recipe.Chromium)
	}
	join, err := farm.Join(ctx)
	if err != nil {
		return nil, err
	}
	list, err := farm.Toolchains(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		if t.Name != name || !t.Baked {
			continue
		}
		if toolchain.Target(t.Target).Static() {
			return nil, fault.Errorf(fault.Invalid, "toolchain %s makes no wheels: what it makes is linked, and no client installs it", name)
		}
		image, err := toolchain.Open(ctx, join.Registry, "toolchains/"+t.Name+"@"+t.Digest, a.access.Remote(join).Options()...)
		if err != nil {
			return nil, err
		}
		docker, err := engine.NewDocker(engine.WithKeychain(a.access.Remote(join)))
		if err != nil {
			return nil, err
		}
		dir, err := datadir.Open(a.data)
		if err != nil {
			return nil, err
		}
		client := &runtimes.Client{Engine: docker, Image: join.Registry + "/" + image.Runtime, Work: dir.Scratch()}
		if runtime == recipe.Node {
			return client, nil
		}
		for _, e := range t.Extensions {
			if e.Runtime == runtime && e.Baked {
				client.Browser = join.Registry + "/toolchains/" + t.Name + "@" + e.Digest
			}
		}
		if client.Browser == "" {
			return nil, fault.Errorf(fault.NotFound, "the farm has no image with %s: `wasmill toolchain bake --extension %s %s` makes it", runtime, runtime, t.Name)
		}
		tools := &runtimes.Tools{Fetcher: &fetch.Fetcher{Cache: dir.Downloads()}, Dir: dir.Environments()}
		client.Pyodide = &runtimes.Pyodide{Engine: docker, Cache: dir.Environments(), Work: dir.Scratch(), Tools: tools.Folder}
		return client, nil
	}
	return nil, fault.Errorf(fault.NotFound, "the farm has no baked toolchain %s", name)
}

// base is the address of the farm that is running.
func (a *app) base() (string, error) {
	if a.server != "" {
		return strings.TrimRight(a.server, "/"), nil
	}
	dir, err := datadir.Open(a.data)
	if err != nil {
		return "", err
	}
	owner, ok := dir.Owner()
	if !ok {
		return "", fault.Errorf(fault.Unavailable, "no farm is running on %s", dir.Root())
	}
	return owner.API, nil
}

func checkTable(w io.Writer, results []checked) error {
	rows := [][]string{{"recipe", "micropip", "installed"}}
	for _, r := range results {
		if r.Error != "" {
			rows = append(rows, []string{r.Recipe, "failed", r.Error})
			continue
		}
		rows = append(rows, []string{r.Recipe, "installed", strings.Join(r.Installed, ", ")})
	}
	return term.Table(w, rows)
}
