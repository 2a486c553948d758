package recipe

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Limits of a pack. Recipes are text: the largest known folder has less than one MiB. A project's source may be larger.
const (
	maxPackFiles = 50_000
	maxPackSize  = 256 << 20 // bytes of all files together
)

// Pack writes a tar archive of recipe folders, for the way to another machine. Equal folders give equal bytes: nothing
// of times, owners or the folders' places is in it. A project that has no recipe travels as the recipe that FromProject
// made, with its source beside it. What a recipe names outside its folder can't travel: fault.Invalid.
func Pack(w io.Writer, recipes []*Recipe) error {
	set, err := NewSet(recipes...)
	if err != nil {
		return fmt.Errorf("packing recipes: %w", err)
	}
	p := packer{tar: tar.NewWriter(w), size: maxPackSize, files: maxPackFiles}
	for _, r := range set.all() {
		if err := p.recipe(r); err != nil {
			return fmt.Errorf("packing recipe `%s`: %w", r.Name, err)
		}
	}
	if err := p.tar.Close(); err != nil {
		return fmt.Errorf("packing recipes: %w", err)
	}
	return nil
}

type packer struct {
	tar   *tar.Writer
	size  int64 // bytes that may still come
	files int   // files that may still come
}

func (p *packer) recipe(r *Recipe) error {
	switch {
	case r.HasFolder():
		return p.folder(r)
	case r.meta != nil:
		if len(r.Source.Patches)+len(r.Source.Extras) > 0 || r.Source.Path != "" {
			return fault.Errorf(fault.Invalid, "it names files, and has no folder of its own")
		}
		return p.add(r.Name+"/"+MetaFile, false, r.meta)
	}
	return p.project(r)
}

func (p *packer) folder(r *Recipe) error {
	files, err := r.Files()
	if err != nil {
		return err
	}
	if r.Source.Path != "" {
		if leadsOut(r) {
			return fault.Errorf(fault.Invalid, "%s: `source.path` leads out of the recipe's folder", r.At("source.path"))
		}
		source, err := r.SourceFiles() // which may hold what Files leaves out
		if err != nil {
			return err
		}
		for _, f := range source {
			f.Name = path.Join(filepath.ToSlash(r.Source.Path), f.Name)
			if !slices.Contains(files, f) {
				files = append(files, f)
			}
		}
		slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	}
	return p.tree(r.Dir, r.Name, files)
}

// projectSource is where a packed project's source stands in its recipe's folder.
const projectSource = "src"

func (p *packer) project(r *Recipe) error {
	files, err := r.SourceFiles()
	if err != nil {
		return err
	}
	name := Canonical(r.Name)
	if err := p.add(name+"/"+MetaFile, false, projectMeta(r)); err != nil {
		return err
	}
	return p.tree(r.Path(r.Source.Path), name+"/"+projectSource, files)
}

func (p *packer) tree(root, prefix string, files []File) error {
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.Name)))
		if err != nil {
			return err
		}
		if err := p.add(prefix+"/"+f.Name, f.Executable, data); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) add(name string, executable bool, data []byte) error {
	p.size, p.files = p.size-int64(len(data)), p.files-1
	if p.size < 0 || p.files < 0 {
		return fault.Errorf(fault.Invalid, "more than %d files or %d MiB", maxPackFiles, maxPackSize>>20)
	}
	header := &tar.Header{Format: tar.FormatPAX, Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}
	if executable {
		header.Mode = 0o755
	}
	if err := p.tar.WriteHeader(header); err != nil {
		return err
	}
	_, err := p.tar.Write(data)
	return err
}

// leadsOut says whether the source is a path outside the recipe's folder.
func leadsOut(r *Recipe) bool {
	return r.Source.Path != "" && !filepath.IsLocal(filepath.FromSlash(r.Source.Path))
}
