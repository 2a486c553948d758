package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/static"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
	"github.com/wasmill/wasmill/internal/wheel"
)

// Host is a recipe of which the build uses what came out.
type Host struct {
	Recipe *recipe.Recipe
	Files  []File
}

// File is an artifact that lies on this machine, its bytes verified.
type File struct {
	record.Artifact
	Path string
}

// file is the host's artifact of a kind.
func (h Host) file(kind string) (File, bool) {
	i := slices.IndexFunc(h.Files, func(f File) bool { return f.Kind == kind })
	if i < 0 {
		return File{}, false
	}
	return h.Files[i], true
}

// unpackLibraries lays what the host dependencies have installed over each other, in their order, in a folder that no
// container sees: each gets a copy, and what goes into wheels comes from here.
func (a *attempt) unpackLibraries() error {
	a.libs = filepath.Join(a.dir, "libraries")
	if err := os.MkdirAll(a.libs, 0o755); err != nil {
		return diskError(err)
	}
	for i, h := range a.job.Hosts {
		f, ok := h.file(record.KindLibrary)
		if !ok {
			continue
		}
		dir := filepath.Join(a.dir, fmt.Sprintf("library%d", i))
		if err := fetch.Unpack(f.Path, dir, fetch.Unpacking{Folder: "."}); err != nil {
			return fmt.Errorf("unpacking the library %s: %w", h.Recipe.Name, err)
		}
		err := copyTree(dir, a.libs, func(name string) {
			a.log.sayf("library %s replaces %s", h.Recipe.Name, name)
		})
		if err != nil {
			return fmt.Errorf("laying out the library %s: %w", h.Recipe.Name, diskError(err))
		}
	}
	return nil
}

// copyTree copies files and links into a folder. replaced, if set, hears of those that take the place of others.
func copyTree(from, to string, replaced func(name string)) error {
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		dest := filepath.Join(to, name)
		if d.IsDir() {
			return os.MkdirAll(dest, 0o755)
		}
		if err := os.Remove(dest); err == nil && replaced != nil {
			replaced(name)
		}
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(file)
			if err != nil {
				return err
			}
			return os.Symlink(target, dest)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return copyFile(file, dest, 0o644|info.Mode()&0o111)
	})
}

// sharedLibraries is the folder from which wheels are completed, or empty where there is nothing for them.
func (a *attempt) sharedLibraries() string {
	dir := filepath.Join(a.libs, "lib")
	if found, err := filepath.Glob(filepath.Join(dir, "*.so*")); err != nil || len(found) == 0 {
		return ""
	}
	return dir
}

// pins are the packages that builds see from another machine's point of view: their native copies shall be of the same
// versions.
func (a *attempt) pins() (requirements, constraints []string) {
	for _, h := range a.job.Hosts {
		r := h.Recipe
		if !r.Build.CrossBuildEnv {
			continue
		}
		constraints = append(constraints, r.Pin())
		listed := slices.ContainsFunc(a.job.Recipe.Requirements.Host, func(name string) bool { return recipe.Canonical(name) == recipe.Canonical(r.Name) })
		if listed && !r.Build.CrossBuildEnvSkipInstall {
			requirements = append(requirements, r.Name)
		}
	}
	return requirements, constraints
}

// overlay is what of a host's package takes the place of the native copy's files.
type overlay struct {
	host  Host
	from  File // a wheel, or a package where nothing is loaded
	files []string
}

// overlays are what builds see of packages with cross-build-env instead of their native copies: the recipe's
// cross-build-files. Where the index had no native copy of the same version, the other headers and static libraries come
// too: they must fit those.
func (a *attempt) overlays(lock *fetch.Lock) ([]overlay, error) {
	var all []overlay
	for _, h := range a.job.Hosts {
		f, ok := h.file(record.KindWheel)
		if !ok {
			f, ok = h.file(record.KindStatic)
		}
		files := h.Recipe.Build.CrossBuildFiles
		if !ok || !h.Recipe.Build.CrossBuildEnv || len(files) == 0 {
			continue
		}
		i := slices.IndexFunc(lock.Packages, func(p fetch.LockedWheel) bool { return recipe.Canonical(p.Name) == recipe.Canonical(h.Recipe.Name) })
		if i < 0 && !h.Recipe.Build.CrossBuildEnvSkipInstall {
			continue // nothing in the environment asks for it
		}
		o := overlay{host: h, from: f, files: slices.Clone(files)}
		if i < 0 || lock.Packages[i].Version != h.Recipe.Version {
			more, err := developmentFiles(f)
			if err != nil {
				return nil, err
			}
			o.files = append(o.files, more...)
		}
		slices.Sort(o.files)
		o.files = slices.Compact(o.files)
		all = append(all, o)
	}
	return all, nil
}

func developmentFiles(of File) ([]string, error) {
	brought, err := of.brought(func(name string) bool {
		return slices.Contains([]string{".h", ".hpp", ".hh", ".pxd", ".pxi", ".a", ".pc"}, path.Ext(name))
	})
	return slices.Sorted(maps.Keys(brought)), err
}

// brought are files of a package by their places in site-packages.
func (f File) brought(wanted func(name string) bool) (map[string][]byte, error) {
	if f.Kind == record.KindStatic {
		return static.SiteFiles(f.Path, wanted)
	}
	w, err := wheel.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	files := map[string][]byte{}
	for _, file := range w.Files {
		if !wanted(file.Name) {
			continue
		}
		if files[file.Name], err = w.ReadFile(file.Name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// id tells overlays apart in the name of an environment.
func (o overlay) id() string { return string(o.from.Digest) + " " + strings.Join(o.files, " ") }

// apply writes the files into an environment's site-packages.
func (o overlay) apply(env, python string) error {
	brought, err := o.from.brought(func(name string) bool {
		return slices.ContainsFunc(o.files, func(file string) bool { return path.Clean(file) == name })
	})
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(env)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range o.files {
		data, ok := brought[path.Clean(name)]
		if !ok {
			return fail(record.PhaseEnv, record.CompileFailed, "build.cross-build-files of %s names %s, which its %s %s does not have",
				o.host.Recipe.Name, name, o.from.Kind, o.from.Filename)
		}
		to := path.Join("lib/python"+python+"/site-packages", path.Clean(name))
		if err := root.MkdirAll(path.Dir(to), 0o755); err != nil {
			return diskError(err)
		}
		if err := root.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := root.WriteFile(to, data, 0o644); err != nil {
			return diskError(err)
		}
	}
	return nil
}

// resolve locks requirements with the pins of the host dependencies. A pin to a version of which the index has no wheel for
// this machine is given up: tools of another version do, since what is compiled against comes from the host's own wheel.
func (a *attempt) resolve(ctx context.Context, requirements []string, target fetch.Target) (*fetch.Lock, error) {
	more, pins := a.pins()
	requirements = slices.Concat(requirements, more, a.job.Recipe.Tools())
	constraints := a.job.Recipe.Requirements.Constraint
	lock, err := a.Resolver.Resolve(ctx, requirements, slices.Concat(constraints, pins), target)
	if len(pins) == 0 || !errors.As(err, new(*fetch.UnresolvableError)) {
		return lock, err
	}
	kept := slices.DeleteFunc(slices.Clone(pins), func(pin string) bool {
		_, err := a.Resolver.Resolve(ctx, []string{pin}, nil, target)
		if err != nil {
			a.log.sayf("%s has no wheel for the build machine: its native copy may be of another version", pin)
		}
		return err != nil
	})
	return a.Resolver.Resolve(ctx, requirements, slices.Concat(constraints, kept), target)
}

// inside is a place of the container in a work folder.
func inside(work, place string) string { return filepath.Join(work, filepath.Base(place)) }

// source is where the unpacked source lies in a work folder.
func (a *attempt) source(work string) string {
	return filepath.Join(inside(work, job.Source), a.sourceName())
}

// lib is where libraries lie in a work folder.
func lib(work string) string { return inside(work, job.Libs) }
