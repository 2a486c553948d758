package cli

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
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
			s, err := a.skeleton(cmd.Context(), args[0], set, target, whole)
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

// skeleton makes a recipe for "NAME" or "NAME==VERSION" from the package index, with the requirements that it has on target.
func (a *app) skeleton(ctx context.Context, project string, set *recipe.Set, target wheel.Environment, how care) (*recipe.Skeleton, error) {
	name, version, _ := strings.Cut(project, "==")
	release, err := recipe.FetchRelease(ctx, get, a.index, strings.TrimSpace(name), strings.TrimSpace(version))
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

// requirements makes recipes for what recipes require at run time and the set has not, and for what these require. What the
// index doesn't have either stays missing, and is told by whoever looks at the whole.
func (a *app) requirements(ctx context.Context, set *recipe.Set, target wheel.Environment, given []*recipe.Recipe) (made []*recipe.Skeleton, err error) {
	seen := map[string]bool{}
	for _, r := range given {
		seen[recipe.Canonical(r.Name)] = true
	}
	for _, x := range set.Excluded() { // that somebody has disabled is no reason to take it from elsewhere
		seen[recipe.Canonical(x.Recipe.Name)] = true
	}
	for queue := slices.Clone(given); len(queue) > 0; queue = queue[1:] {
		for _, need := range queue[0].Requirements.Run {
			name := recipe.Canonical(need)
			if seen[name] || set.Get(name) != nil {
				continue
			}
			seen[name] = true
			s, err := a.skeleton(ctx, name, set, target, required)
			if fault.KindOf(err) == fault.NotFound && err != nil {
				continue
			}
			if err != nil {
				return nil, err
			}
			made, queue = append(made, s), append(queue, s.Recipe)
		}
	}
	return made, nil
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
