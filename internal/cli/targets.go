package cli

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/reproduce"
	"github.com/wasmill/wasmill/internal/wheel"
)

// targets turns what a person names on the command line into a request: recipes of a folder, a release on the package
// index, a project's folder.
type targets struct {
	recipes   string
	toolchain string
	lane      string
	noCache   bool
	retry     bool
	publish   bool
	runtimes  []string
	reproduce string
}

// which are the flags that say what is meant; flags, all of a command that builds.
func (t *targets) which(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.recipes, "recipes", "recipes", "folder of recipes")
	cmd.Flags().StringVar(&t.toolchain, "toolchain", cmp.Or(t.toolchain, defaultToolchain), "toolchain to build with")
}

func (t *targets) flags(cmd *cobra.Command) {
	t.which(cmd)
	cmd.Flags().StringSliceVar(&t.runtimes, "runtime", nil, "test in this runtime, too, whatever the recipes say: chromium (repeatable)")
	t.how(cmd)
}

// how are the flags that say what counts as built.
func (t *targets) how(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.noCache, "no-cache", false, "build even what was built before")
	cmd.Flags().BoolVar(&t.retry, "retry-failed", false, "build again what failed before with the same inputs; the lane interactive always does")
	cmd.Flags().StringVar(&t.reproduce, "reproduce", "", "which builds are made twice, to see whether the same comes out, instead of what the farm does in this lane: "+reproduce.Form)
}

// request is a run of what is named.
func (t *targets) request(ctx context.Context, a *app, farm api.Farm, args []string) (api.RunRequest, error) {
	req := t.options()
	n, err := t.find(ctx, a, farm, args)
	if err != nil {
		return req, err
	}
	return req, n.upload(ctx, farm, &req)
}

func (t *targets) options() api.RunRequest {
	return api.RunRequest{Toolchain: t.toolchain, Lane: t.lane, NoCache: t.noCache, RetryFailed: t.retry, Publish: t.publish, Runtimes: t.runtimes, Reproduce: t.reproduce}
}

// named is what targets come to.
type named struct {
	set    *recipe.Set      // of the folder, on the toolchain
	chosen []*recipe.Recipe // of the set
	given  []*recipe.Recipe // that were made for targets
	found  []*recipe.Recipe // that were made for what these need
}

// find loads and checks the recipes here, before anything is sent, so that a mistake in one is told at once.
func (t *targets) find(ctx context.Context, a *app, farm api.Farm, args []string) (n named, err error) {
	if t.reproduce != "" {
		if _, err := reproduce.Parse(t.reproduce); err != nil {
			return n, err
		}
	}
	var given []*recipe.Recipe
	var patterns, releases []string
	for _, arg := range args {
		switch {
		case strings.Contains(arg, "=="):
			releases = append(releases, arg)
		case isProject(arg):
			r, err := recipe.FromProject(arg)
			if err != nil {
				return n, err
			}
			given = append(given, r)
		default:
			patterns = append(patterns, arg)
		}
	}
	set, err := t.set(len(patterns) > 0)
	if err != nil {
		return n, err
	}
	var environment wheel.Environment
	if set, environment, err = t.on(ctx, a, farm, set); err != nil {
		return n, err
	}
	for _, project := range given {
		project.CompileAgainst(set)
		project.RunOn(environment)
	}
	chosen, err := set.Select(patterns...)
	if err != nil {
		return n, err
	}
	for _, release := range releases {
		s, err := a.skeleton(ctx, release, nil, set, environment, direct)
		if err != nil {
			return n, err
		}
		given = append(given, s.Recipe)
	}
	found, err := a.fromIndex(ctx, set, environment, given)
	if err != nil {
		return n, err
	}
	return named{set, chosen, given, found}, nil
}

// isProject says whether an argument is a folder rather than the name of a recipe: it looks like a path, or there is a
// project of that name here.
func isProject(arg string) bool {
	if arg == "." || arg == ".." || strings.ContainsRune(arg, os.PathSeparator) {
		return true
	}
	for _, file := range []string{"pyproject.toml", "setup.py"} {
		if _, err := os.Stat(filepath.Join(arg, file)); err == nil {
			return true
		}
	}
	return false
}

// set is the folder of recipes. Where no recipe of it was asked for, it may be absent.
func (t *targets) set(needed bool) (*recipe.Set, error) {
	if _, err := os.Stat(t.recipes); err != nil && !needed {
		return recipe.NewSet()
	} else if err != nil {
		return nil, fault.Errorf(fault.NotFound, "no folder of recipes at %s: name one with --recipes (%w)", t.recipes, err)
	}
	return recipe.LoadSet(t.recipes)
}

// on is the set as it is on the toolchain that is named, and what packages see there, which decides what they require. One that the
// farm does not have is for the farm to refuse.
func (t *targets) on(ctx context.Context, a *app, farm api.Farm, set *recipe.Set) (*recipe.Set, wheel.Environment, error) {
	list, err := farm.Toolchains(ctx)
	if err != nil {
		return nil, nil, err
	}
	name, _, _ := strings.Cut(t.toolchain, "@")
	for _, tc := range list {
		if tc.Name != name {
			continue
		}
		if tc.Interpreter != "" && set.Get(tc.Interpreter) == nil {
			if set, err = a.withInterpreter(set, tc.Interpreter); err != nil {
				return nil, nil, err
			}
			if set.Get(tc.Interpreter) == nil {
				return nil, nil, fault.Errorf(fault.NotFound, "on the toolchain %s packages are compiled against the Python that the recipe %s makes, and %s has none: name the folder that does with --recipes", name, tc.Interpreter, t.recipes)
			}
		}
		return set.On(recipe.Platform{Target: tc.Target, Interpreter: tc.Interpreter}), wheel.OnTarget(tc.Target, tc.Python), nil
	}
	environment, err := a.environment()
	return set, environment, err
}

// withInterpreter adds this program's own recipe of a toolchain's Python, and what that needs, to a folder that lacks it. What the folder
// has of these goes before.
func (a *app) withInterpreter(set *recipe.Set, name string) (*recipe.Set, error) {
	dir, err := datadir.Open(a.data)
	if err != nil {
		return nil, err
	}
	folder, err := command.Recipes(dir)
	if err != nil {
		return nil, err
	}
	own, err := recipe.LoadSet(folder)
	if err != nil || own.Get(name) == nil {
		return set, err
	}
	needed, err := own.Closure([]*recipe.Recipe{own.Get(name)})
	if err != nil {
		return nil, err
	}
	return set.With(slices.DeleteFunc(needed, func(r *recipe.Recipe) bool { return set.Get(r.Name) != nil })...)
}

// upload sends what was chosen and all that it needs, and nothing else of the folder.
func (n named) upload(ctx context.Context, farm api.Farm, req *api.RunRequest) error {
	set := n.set
	if len(n.given)+len(n.found) > 0 {
		var err error
		// A recipe that was made for a target goes before one of the same name in the folder.
		if set, err = set.With(append(slices.Clone(n.given), n.found...)...); err != nil {
			return err
		}
	}
	named := append(slices.Clone(n.given), n.chosen...)
	all, err := set.Closure(named)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	if err := recipe.Pack(&packed, all); err != nil {
		return err
	}
	blob, err := farm.PutBlob(ctx, &packed)
	if err != nil {
		return err
	}
	req.Recipes = blob.Digest
	for _, r := range named {
		req.Select = append(req.Select, r.Name)
	}
	return nil
}
