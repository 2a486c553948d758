package build

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/archive"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// install runs a recipe that is only a script, and packs what the script has installed.
func (a *attempt) install(ctx context.Context, archive string) error {
	var mounts []engine.Mount
	if a.job.Recipe.HasRequirements() {
		lock := a.job.Lock
		if lock == nil {
			a.clock.enter(record.PhaseLock)
			var err error
			if lock, err = a.lock(ctx, a.job.Recipe.Requirements.BuildExtras); err != nil {
				return err
			}
		}
		env, err := a.env(ctx, lock)
		if err != nil {
			return err
		}
		a.out.Lock = lock
		a.requires(lock)
		mounts = append(mounts, engine.Mount{Source: env, Target: job.Env})
	}
	a.clock.enter(record.PhasePrepare)
	work, err := a.workFolder(archive)
	if err != nil {
		return err
	}
	if _, err := a.carryOut(ctx, work, a.prepareJob(job.Install), mounts...); err != nil {
		return err
	}
	a.clock.enter(record.PhasePack)
	if a.job.Recipe.Library() {
		return a.packLibrary(work)
	}
	return a.packModule(work)
}

// packLibrary packs what the script has added to $WASM_LIBRARY_DIR or changed there, and shared libraries in $DISTDIR.
func (a *attempt) packLibrary(work string) error {
	files, err := a.installed(lib(work))
	if err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(inside(work, job.Dist), "*.so*"))
	if err != nil {
		return err
	}
	for _, file := range left {
		name := "lib/" + filepath.Base(file)
		if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() || slices.ContainsFunc(files, func(f installedFile) bool { return f.name == name }) {
			continue
		}
		files = append(files, installedFile{name: name, path: file})
	}
	if len(files) == 0 {
		return fail(record.PhasePack, record.CompileFailed, "the script has installed nothing into $WASM_LIBRARY_DIR (%s)", job.Libs)
	}
	if err := a.checkLibrary(files); err != nil {
		return err
	}
	return a.keepArchive(record.KindLibrary, files)
}

// installedFile is one file of a library, or a link.
type installedFile struct {
	name       string
	path       string
	link       string
	executable bool
}

// open reads the file. What pkg-config reads is made to work wherever the library is unpacked.
func (f installedFile) open() (io.ReadCloser, int64, error) {
	if strings.HasSuffix(f.name, ".pc") {
		text, err := os.ReadFile(f.path)
		text = relocatable(text)
		return io.NopCloser(bytes.NewReader(text)), int64(len(text)), err
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// relocatable replaces the folder of the build in a .pc file, which lies in PREFIX/lib/pkgconfig or the like.
func relocatable(pc []byte) []byte {
	pc = bytes.ReplaceAll(pc, []byte("prefix="+job.Libs+"\n"), []byte("prefix=${pcfiledir}/../..\n"))
	return bytes.ReplaceAll(pc, []byte(job.Libs), []byte("${pcfiledir}/../.."))
}

// Manuals are for people; libtool's .la files hold the build's folders, and everything finds libraries without them.
var unwanted = []string{"share/man/", "share/doc/", "share/info/", "share/gtk-doc/"}

// installed are the files below a container's folder of libraries that the host dependencies did not bring.
func (a *attempt) installed(dir string) (files []installedFile, err error) {
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if strings.HasSuffix(name, ".la") || slices.ContainsFunc(unwanted, func(p string) bool { return strings.HasPrefix(name, p) }) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := installedFile{name: name, path: file, executable: info.Mode()&0o111 != 0}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			if f.link, err = linkInside(file, name); err != nil {
				return err
			}
		case !info.Mode().IsRegular():
			return fail(record.PhasePack, record.CompileFailed, "the script left something else than files and links in $WASM_LIBRARY_DIR: %s", name)
		}
		if !sameFile(file, filepath.Join(a.libs, rel)) {
			files = append(files, f)
		}
		return nil
	})
	return files, err
}

// linkInside is a link's target relative to the link. One that leads out would mean something else where the library is
// unpacked.
func linkInside(file, name string) (string, error) {
	target, err := os.Readlink(file)
	if err != nil {
		return "", err
	}
	to := path.Join(path.Dir(name), target)
	if path.IsAbs(target) {
		rest, ok := strings.CutPrefix(target, job.Libs+"/")
		if !ok {
			return "", fail(record.PhasePack, record.CompileFailed, "the link %s leads out of the library, to %s", name, target)
		}
		to = path.Clean(rest)
	}
	if to == ".." || strings.HasPrefix(to, "../") {
		return "", fail(record.PhasePack, record.CompileFailed, "the link %s leads out of the library, to %s", name, target)
	}
	rel, err := filepath.Rel(path.Dir("/"+name), "/"+to)
	return filepath.ToSlash(rel), err
}

// sameFile says whether two files, or two links, are alike. What can't be read is not.
func sameFile(a, b string) bool {
	one, err := os.Lstat(a)
	if err != nil {
		return false
	}
	two, err := os.Lstat(b)
	if err != nil || one.Mode().Type() != two.Mode().Type() || one.Mode().IsRegular() && one.Size() != two.Size() {
		return false
	}
	if one.Mode()&fs.ModeSymlink != 0 {
		x, err1 := os.Readlink(a)
		y, err2 := os.Readlink(b)
		return err1 == nil && err2 == nil && x == y
	}
	x, err1 := fileDigest(a)
	y, err2 := fileDigest(b)
	return err1 == nil && err2 == nil && x == y
}

// checkLibrary finds libraries for the build machine, which the native compiler makes where a script forgets to call
// emconfigure and its like, and shared libraries that are none.
func (a *attempt) checkLibrary(files []installedFile) error {
	shared := 0
	for _, f := range files {
		archive, dynamic := strings.HasSuffix(f.name, ".a"), strings.Contains(path.Base(f.name), ".so")
		if f.link != "" || !archive && !dynamic {
			continue
		}
		native, side, err := machine(f.path, archive)
		if err != nil {
			return err
		}
		if native {
			return fail(record.PhasePack, record.CompileFailed,
				"%s is for the build machine, not for wasm32: call configure, cmake and make by way of emconfigure, emcmake and emmake", f.name)
		}
		if side {
			shared++
		}
	}
	if a.job.Recipe.Build.Type == recipe.SharedLibrary && shared == 0 {
		return fail(record.PhasePack, record.CompileFailed, "build.type is shared_library, but the script installed no side module (lib*.so with a dylink.0 section)")
	}
	return nil
}

var elf = []byte("\x7fELF")

// machine looks into a library: whether it is the build machine's, or a side module.
func machine(file string, archive bool) (native, side bool, err error) {
	f, err := os.Open(file)
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	if !archive {
		m, err := wasm.Parse(f)
		if err != nil {
			head := make([]byte, len(elf))
			_, _ = f.ReadAt(head, 0)
			return bytes.Equal(head, elf), false, nil
		}
		return false, m.Dylink != nil, nil
	}
	data, err := io.ReadAll(io.LimitReader(f, 64<<20))
	if err != nil {
		return false, false, err
	}
	// A member begins on an even place, behind its header, which ends so.
	return bytes.Contains(data, append([]byte("`\n"), elf...)), false, nil
}

// packModule packs what the script left in $DISTDIR: parts of the standard library that are loaded on demand.
func (a *attempt) packModule(work string) error {
	files, err := a.installed(inside(work, job.Dist))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fail(record.PhasePack, record.CompileFailed, "the script has left nothing in $DISTDIR (%s)", job.Dist)
	}
	return a.keepArchive(record.KindModule, files)
}

// keepArchive packs files into the build's only artifact.
func (a *attempt) keepArchive(kind string, files []installedFile) error {
	var entries []archive.Entry
	for _, f := range files {
		entries = append(entries, archive.Entry{Name: f.name, Executable: f.executable, Link: f.link, Open: f.open})
	}
	r := a.job.Recipe
	name := recipe.Canonical(r.Name) + "-" + r.Version + "-" + a.job.Toolchain.Facts.PlatformTag + ".tar.gz"
	return a.keepFile(kind, name, func(w io.Writer) error { return archive.Write(w, entries, epoch) })
}

// keepFile writes an artifact into Job.Out.
func (a *attempt) keepFile(kind, name string, write func(io.Writer) error) error {
	kept, err := archive.Keep(a.job.Out, name, write)
	if err != nil {
		return diskError(err)
	}
	artifact := record.Artifact{Filename: name, Kind: kind, Size: kept.Size, Digest: kept.Digest}
	a.rec.Artifacts = []record.Artifact{artifact}
	a.out.Path = filepath.Join(a.job.Out, name)
	a.log.sayf("%s: %s (%d bytes, %s)", kind, name, artifact.Size, artifact.Digest)
	return nil
}
