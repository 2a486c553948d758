package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// fetch brings the source's archive or wheel onto the machine. The path is empty for a source in a folder.
func (a *attempt) fetch(ctx context.Context) (string, error) {
	s := a.job.Recipe.Source
	if s.URL == "" {
		return "", nil
	}
	src := fetch.Source{URL: a.sourceURL(), SHA256: s.SHA256, Package: a.job.Recipe.Name}
	path, err := a.Fetcher.Get(ctx, src)
	return path, fetchFailure(record.PhaseFetch, err)
}

// sourceURL is where the source lies, with the toolchain's values for variables.
func (a *attempt) sourceURL() string {
	facts := a.job.Toolchain.Facts
	_, abi, _ := strings.Cut(facts.PlatformTag, "_") // pyemscripten_2026_5_wasm32
	return a.job.Recipe.SourceURL(recipe.Facts{
		Python: facts.Python, ABI: strings.TrimSuffix(abi, "_wasm32"), Emscripten: facts.Emscripten, Pyodide: facts.PyodideVersion,
	})
}

// sourceName is the folder of the source in the container: the same in every build of a version.
func (a *attempt) sourceName() string {
	r := a.job.Recipe
	if r.Version == "" {
		return r.Name
	}
	return r.Name + "-" + r.Version
}

// unpack makes the source's folder in the work folder of a container.
func (a *attempt) unpack(archive, src string) error {
	if err := os.MkdirAll(src, 0o755); err != nil {
		return diskError(err)
	}
	dest := filepath.Join(src, a.sourceName())
	r := a.job.Recipe
	if archive != "" {
		err := fetch.Unpack(archive, dest, fetch.Unpacking{Folder: r.Source.ExtractDir})
		return fetchFailure(record.PhasePrepare, err)
	}
	if r.Source.Path == "" {
		return diskError(os.Mkdir(dest, 0o755))
	}
	files, err := r.SourceFiles()
	if err != nil {
		return err
	}
	if from := r.Path(r.Source.Path); len(files) == 1 && files[0].Name == "." {
		return fetchFailure(record.PhasePrepare, fetch.Unpack(from, dest, fetch.Unpacking{Folder: r.Source.ExtractDir}))
	}
	return copyFiles(r.Path(r.Source.Path), dest, files)
}

// copyRecipe copies what scripts, patches and extras may use. Tests and meta.yaml stay behind: the build's key does not
// cover their bytes.
func (a *attempt) copyRecipe(dest string) error {
	r := a.job.Recipe
	if !r.HasFolder() {
		return diskError(os.MkdirAll(dest, 0o755))
	}
	files, err := r.Files()
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f recipe.File) bool { return f.Name == recipe.MetaFile || slices.Contains(r.Tests, f.Name) })
	return copyFiles(r.Dir, dest, files)
}

// copyFiles copies files with their "executable" bit and with the time that unpacked sources have, so that nothing
// looks out of date to make.
func copyFiles(from, to string, files []recipe.File) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return diskError(err)
	}
	for _, f := range files {
		mode := os.FileMode(0o644)
		if f.Executable {
			mode = 0o755
		}
		name := filepath.FromSlash(f.Name)
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name), mode); err != nil {
			return fmt.Errorf("copying %s: %w", f.Name, diskError(err))
		}
	}
	return nil
}

func copyFile(from, to string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Chtimes(to, fetch.Mtime, fetch.Mtime)
}

// digestOf is what stands behind the @ of an image's name.
func digestOf(image string) string {
	_, digest, _ := strings.Cut(image, "@")
	return digest
}
