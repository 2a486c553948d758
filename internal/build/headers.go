package build

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// nativeHeaders fails a build that was compiled with headers which a package's native wheel has brought into the
// environment, and which are about the build machine: the wheel would come out, load, and read memory wrongly. Most
// headers of packages are the same everywhere (pybind11, mypyc); those count that state a size, and a wrong one.
func (a *attempt) nativeHeaders(env string, dirs []string, lock *fetch.Lock) error {
	if len(dirs) == 0 {
		return nil
	}
	root, err := os.OpenRoot(env)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, dir := range dirs {
		file, size := wrongSize(root.FS(), dir)
		if file == "" {
			continue
		}
		name := a.owner(root.FS(), file)
		i := slices.IndexFunc(lock.Packages, func(p fetch.LockedWheel) bool { return recipe.Canonical(p.Name) == recipe.Canonical(name) })
		if i < 0 {
			continue // not from a package: the environment holds nothing else today
		}
		p := lock.Packages[i]
		what := "list " + p.Name + " under requirements.host, of which there must be a recipe with build.cross-build-env"
		if j := slices.IndexFunc(a.job.Hosts, func(h Host) bool { return recipe.Canonical(h.Recipe.Name) == recipe.Canonical(p.Name) }); j >= 0 {
			what = "name the file in build.cross-build-files of the recipe " + a.job.Hosts[j].Recipe.Name + ", with build.cross-build-env"
		}
		return fail(record.PhaseCompile, record.CompileFailed, "it was compiled with headers of the build machine: %s of %s %s says that %s is 8, and it is 4 here; %s",
			strings.TrimPrefix(file, a.sitePackages()+"/"), p.Name, p.Version, size, what)
	}
	return nil
}

func (a *attempt) sitePackages() string {
	return "lib/python" + a.job.Toolchain.Facts.Python + "/site-packages"
}

// headerDepth is how far below an include folder headers are looked at: `<numpy/_numpyconfig.h>` is one folder down.
// Some name all of site-packages, to reach one package in it; that says nothing of the others.
const headerDepth = 1

// wrongSize finds a header that states one of the sizes that differ, and the name under which.
func wrongSize(env fs.FS, dir string) (file, name string) {
	_ = fs.WalkDir(env, dir, func(at string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // a folder that a build names need not be there
		case e.IsDir() && strings.Count(strings.TrimPrefix(at, dir), "/") > headerDepth:
			return fs.SkipDir
		case e.IsDir() || !slices.Contains([]string{".h", ".hh", ".hpp"}, path.Ext(at)):
			return nil
		}
		data, err := fs.ReadFile(env, at)
		if err != nil {
			return nil
		}
		if name = nativeSize(string(data)); name != "" {
			file = at
			return fs.SkipAll
		}
		return nil
	})
	return file, name
}

// sizeStated finds what is 8 bytes long on the build machine and 4 on wasm32, under the names that autoconf and its
// likes give to sizes.
var sizeStated = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+(\w*SIZEOF_(?:U?LONG|UNSIGNED_LONG|LONG_INT|S?SIZE_T|PTR|POINTER|VOID_?P|VOID_?PTR|U?INTP|(?:PY_)?U?INTPTR(?:_T)?|PTRDIFF_T|PY_SSIZE_T))[ \t]+(\d+)`)

// nativeSize is the name of a size that a header states for 64 bits. A header that states it for others too, behind
// conditions, fits.
func nativeSize(header string) string {
	stated := map[string][]string{}
	var names []string
	for _, m := range sizeStated.FindAllStringSubmatch(header, -1) {
		names = append(names, m[1])
		stated[m[1]] = append(stated[m[1]], m[2])
	}
	for _, name := range names {
		if !slices.ContainsFunc(stated[name], func(size string) bool { return size != "8" }) {
			return name
		}
	}
	return ""
}

// owner is the package that has installed a file of an environment, by the RECORDs of its packages.
func (a *attempt) owner(env fs.FS, file string) string {
	site := a.sitePackages()
	records, _ := fs.Glob(env, site+"/*.dist-info/RECORD")
	for _, r := range records {
		data, err := fs.ReadFile(env, r)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if name, _, _ := strings.Cut(line, ","); path.Join(site, strings.Trim(name, `"`)) == file {
				name, _, _ := strings.Cut(path.Base(path.Dir(r)), "-")
				return name
			}
		}
	}
	return ""
}
