package cli

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/toolchain"
	"github.com/wasmill/wasmill/internal/wheel"
)

// defaultToolchain is what is built with unless --toolchain names another.
const defaultToolchain = "pyemscripten_2026_5"

// writtenRecipe is a recipe that was begun.
type writtenRecipe struct {
	Recipe  string `json:"recipe"`
	Version string `json:"version"`
	File    string `json:"file"`
}

func (a *app) recipeSkeleton() *cobra.Command {
	dir, stdout, needs, dry := "recipes", false, false, false
	cmd := &cobra.Command{
		Use:   "skeleton NAME[==VERSION]",
		Short: "Write a recipe to begin with from what the package index says",
		Long: `Writes a recipe for a release on the package index. A project whose wheels are all for any platform is hosted again
from its wheel; any other is built from its source archive. Source and wheel are looked into, without running anything:
the build system, the modules, which of them are compiled, and the libraries that the build seems to link. Libraries that
the folder has recipes for are put under requirements.host, others are named in a comment.`,
		Example: "  wasmill recipe skeleton markupsafe\n  wasmill recipe skeleton --needs httpx        # and for what it requires and has no recipe\n  wasmill recipe skeleton --stdout lz4==4.4.4",
		Args:    command.Arguments(1, 1, "a project's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := (&targets{recipes: dir}).set(false)
			if err != nil {
				return err
			}
			target, err := a.environment()
			if err != nil {
				return err
			}
			s, err := a.skeleton(cmd.Context(), args[0], nil, set, target, whole)
			if err != nil {
				return err
			}
			if stdout {
				_, err := a.out.Write(s.Meta)
				return err
			}
			made := []*recipe.Skeleton{s}
			if needs {
				more, err := a.requirements(cmd.Context(), set, target, []*recipe.Recipe{s.Recipe})
				if err != nil {
					return err
				}
				made = append(made, more...)
			}
			var written []writtenRecipe
			for _, s := range made {
				file, err := writeSkeleton(dir, s, dry)
				if err != nil {
					return err
				}
				written = append(written, writtenRecipe{s.Recipe.Name, s.Recipe.Version, file})
			}
			return a.print(written, func(w io.Writer) error {
				for i, r := range written {
					if dry {
						if _, err := fmt.Fprintf(w, "%s: would be written, for %s %s\n", r.File, r.Recipe, r.Version); err != nil {
							return err
						}
						continue
					}
					text := r.File + ": for what it requires"
					if i == 0 {
						text = fmt.Sprintf("%s: look through it, add tests beside it, then `wasmill build %s`", r.File, r.Recipe)
					}
					if _, err := fmt.Fprintln(w, text); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&dir, "recipes", dir, "folder of recipes to write to")
	dryFlag(cmd, &dry, "written", "write")
	cmd.Flags().BoolVar(&stdout, "stdout", false, "print it and write nothing")
	cmd.Flags().BoolVar(&needs, "needs", false, "write recipes for what it requires at run time too, where the folder has none")
	return cmd
}

func writeSkeleton(dir string, s *recipe.Skeleton, dry bool) (string, error) {
	file := filepath.Join(dir, s.Recipe.Name, recipe.MetaFile)
	if _, err := os.Stat(file); err == nil {
		return "", fault.Errorf(fault.Conflict, "%s is there already; --stdout prints the skeleton instead", file)
	}
	if dry {
		return file, nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", fmt.Errorf("writing the skeleton: %w", err)
	}
	if err := os.WriteFile(file, s.Meta, 0o644); err != nil {
		return "", fmt.Errorf("writing the skeleton: %w", err)
	}
	return file, nil
}

// care is how much of a release goes into its skeleton.
type care int

const (
	whole    care = iota // the files are fetched and looked into
	direct               // only the source is, which is needed anyway: a build finds the rest out by itself
	required             // direct, and a wheel for any platform is preferred to building
)

// skeleton makes a recipe for "NAME", of the newest release within wanted, or for "NAME==VERSION" from the package index, with the
// requirements that it has on target.
func (a *app) skeleton(ctx context.Context, project string, wanted wheel.Specifier, set *recipe.Set, target wheel.Environment, how care) (*recipe.Skeleton, error) {
	name, version, _ := strings.Cut(project, "==")
	release, err := recipe.FetchRelease(ctx, get, a.index, strings.TrimSpace(name), strings.TrimSpace(version), wanted)
	if err != nil {
		return nil, err
	}
	if how == required {
		release.Rehost()
	}
	evidence := recipe.Evidence{
		Target:          target,
		Known:           func(name string) bool { return set.Get(name) != nil },
		CompiledAgainst: func(name string) bool { r := set.Get(name); return r != nil && r.Build.CrossBuildEnv },
	}
	dir, err := datadir.Open(a.data)
	if err != nil {
		return nil, err
	}
	fetcher := &fetch.Fetcher{Cache: dir.Downloads(), Index: a.index}
	if release.Archive() {
		if evidence.Source, err = lookAtSource(ctx, fetcher, release, dir.Scratch()); err != nil {
			return nil, err
		}
	}
	if w := release.Wheel; how == whole && w.Name != "" && w.Size < maxLook {
		if evidence.Wheel, err = lookAtWheel(ctx, fetcher, w); err != nil {
			return nil, err
		}
	}
	return release.Skeleton(evidence)
}

// maxLook is how large a wheel may be that is fetched only to be looked at.
const maxLook = 64 << 20

func lookAtSource(ctx context.Context, fetcher *fetch.Fetcher, release *recipe.Release, scratch string) (*recipe.SourceFacts, error) {
	archive, err := fetcher.Get(ctx, fetch.Source{URL: release.Source.URL, SHA256: release.Source.SHA256})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(scratch, "look-*")
	if err != nil {
		return nil, fmt.Errorf("looking into %s: %w", release.Source.Name, err)
	}
	defer os.RemoveAll(dir)
	if err := fetch.Unpack(archive, filepath.Join(dir, "source"), fetch.Unpacking{}); err != nil {
		return nil, fmt.Errorf("looking into %s: %w", release.Source.Name, err)
	}
	facts := recipe.LookAtSource(os.DirFS(filepath.Join(dir, "source")))
	return &facts, nil
}

func lookAtWheel(ctx context.Context, fetcher *fetch.Fetcher, file recipe.ReleaseFile) (*recipe.WheelFacts, error) {
	path, err := fetcher.Get(ctx, fetch.Source{URL: file.URL, SHA256: file.SHA256})
	if err != nil {
		return nil, err
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "looking into %s: %w", file.Name, err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	facts := recipe.LookAtWheel(names)
	return &facts, nil
}

// environment is what packages see of the toolchain that is built with unless told otherwise.
func (a *app) environment() (wheel.Environment, error) {
	python, err := a.targetPython()
	if err != nil {
		return nil, err
	}
	return wheel.Emscripten(python), nil
}

// targetPython is the Python of the toolchain that is built with unless told otherwise: it decides which requirements a
// package has.
func (a *app) targetPython() (string, error) {
	dir, err := datadir.Open(a.data)
	if err != nil {
		return "", err
	}
	folder, err := command.Toolchains(a.toolchains, dir)
	if err != nil {
		return "", err
	}
	list, err := toolchain.List(folder)
	if err != nil {
		return "", err
	}
	for _, t := range list {
		if t.Spec.Name == defaultToolchain || len(list) == 1 {
			return t.Spec.Facts.Python, nil
		}
	}
	return "", fault.Errorf(fault.NotFound, "there is no toolchain %s in %s", defaultToolchain, folder)
}

// requirements makes recipes for what recipes require at run time and the set has not, and for what these require: of each the
// newest release within what all of them ask for. What the index doesn't have either stays missing, and is told by whoever looks at
// the whole.
func (a *app) requirements(ctx context.Context, set *recipe.Set, target wheel.Environment, given []*recipe.Recipe) ([]*recipe.Skeleton, error) {
	known := map[string]bool{}
	for _, r := range given {
		known[recipe.Canonical(r.Name)] = true
	}
	for _, x := range set.Excluded() { // that somebody has disabled is no reason to take it from elsewhere
		known[recipe.Canonical(x.Recipe.Name)] = true
	}
	asked := wishes{}
	asked.add(given, target)
	// What is found late may ask for less of what was chosen before. Then it is chosen anew; that ends, as every round asks for more.
	for made := map[string]*recipe.Skeleton{}; ; {
		var order []*recipe.Skeleton
		seen := maps.Clone(known)
		for queue := slices.Clone(given); len(queue) > 0; queue = queue[1:] {
			for _, need := range queue[0].Requirements.Run {
				name := recipe.Canonical(need)
				if seen[name] || set.Get(name) != nil {
					continue
				}
				seen[name] = true
				s := made[name]
				if s == nil || !asked.admit(s.Recipe) {
					var err error
					s, err = a.skeleton(ctx, name, asked[name].within, set, target, required)
					if fault.KindOf(err) == fault.NotFound && err != nil {
						continue
					}
					if err != nil && len(asked[name].by) > 0 {
						err = fmt.Errorf("%w; it is required by %s", err, strings.Join(asked[name].by, ", "))
					}
					if err != nil {
						return nil, err
					}
					made[name] = s
					asked.add([]*recipe.Recipe{s.Recipe}, target)
				}
				order, queue = append(order, s), append(queue, s.Recipe)
			}
		}
		if !slices.ContainsFunc(order, func(s *recipe.Skeleton) bool { return !asked.admit(s.Recipe) }) {
			a.tellOthers(set, asked)
			return order, nil
		}
	}
}

// tellOthers says where the folder's recipe is of a version that is not what was asked for: it is taken nevertheless, for whoever
// wrote it may have had reasons.
func (a *app) tellOthers(set *recipe.Set, asked wishes) {
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if r := set.Get(name); r != nil && !asked.admit(r) && !a.quiet {
			fmt.Fprintf(a.err, "%s is taken as the recipe has it, %s, which is not what is required by %s\n", r.Name, r.Version, strings.Join(asked[name].by, ", "))
		}
	}
}

// wishes are the versions that a package is required in, by its canonical name.
type wishes map[string]wish

type wish struct {
	within wheel.Specifier
	by     []string // who requires it so: "httpx 0.28.1 (>=4)"
}

func (w wishes) add(recipes []*recipe.Recipe, target wheel.Environment) {
	for _, r := range recipes {
		for _, req := range r.RequiresOn(target) {
			if len(req.Specifier) == 0 {
				continue
			}
			name := recipe.Canonical(req.Name)
			is := w[name]
			is.within = append(is.within, req.Specifier...)
			is.by = append(is.by, fmt.Sprintf("%s (%s)", strings.TrimSpace(r.Name+" "+r.Version), req.Specifier))
			w[name] = is
		}
	}
}

// admit says whether a recipe's version is one that is asked for. A version that can't be compared is.
func (w wishes) admit(r *recipe.Recipe) bool {
	v, err := wheel.ParseVersion(r.Version)
	return err != nil || w[recipe.Canonical(r.Name)].within.Admits(v)
}

// fromIndex is requirements for recipes that nobody has written, and says what it takes from the index.
func (a *app) fromIndex(ctx context.Context, set *recipe.Set, target wheel.Environment, given []*recipe.Recipe) (found []*recipe.Recipe, err error) {
	made, err := a.requirements(ctx, set, target, given)
	if err != nil {
		return nil, err
	}
	for _, s := range made {
		if !a.quiet {
			fmt.Fprintf(a.err, "%s %s is required and has no recipe: taken from the index\n", s.Recipe.Name, s.Recipe.Version)
		}
		found = append(found, s.Recipe)
	}
	return found, nil
}
