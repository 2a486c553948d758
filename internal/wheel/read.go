package wheel

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// maxText bounds METADATA, WHEEL and RECORD. The longest known, a RECORD of 30,000 files, has 4 MB.
const maxText = 64 << 20

// Wheel is an open wheel file. It is safe for concurrent reading. Close it.
type Wheel struct {
	Filename Filename
	DistInfo string // folder name, "markupsafe-3.0.3.dist-info"
	Files    []File // without folders, in the order of the archive
	Metadata *Metadata
	Info     Headers // of WHEEL

	path  string
	zip   *zip.ReadCloser
	index map[string]*zip.File
}

// File is one file in a wheel.
type File struct {
	Name       string // slash-separated, clean, relative
	Size       int64  // bytes, unpacked, as the archive claims
	Executable bool
}

// Open reads a wheel's directory, METADATA and WHEEL. What is not a wheel at all is fault.Invalid: not a zip archive, a
// name that leads out of the wheel, no .dist-info. A missing file is fault.NotFound.
func Open(file string) (*Wheel, error) {
	w, err := open(file)
	if err != nil {
		return nil, fmt.Errorf("opening wheel %s: %w", filepath.Base(file), err)
	}
	return w, nil
}

func open(file string) (*Wheel, error) {
	name, err := ParseFilename(filepath.Base(file))
	if err != nil {
		return nil, err
	}
	z, err := zip.OpenReader(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Errorf(fault.NotFound, "%w", err)
	case errors.As(err, new(*os.PathError)):
		return nil, err
	case err != nil:
		return nil, fault.Errorf(fault.Invalid, "%w", err)
	}
	w := &Wheel{Filename: name, path: file, zip: z, index: map[string]*zip.File{}}
	if err := w.load(); err != nil {
		z.Close()
		return nil, err
	}
	return w, nil
}

func (w *Wheel) load() error {
	for _, f := range w.zip.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if err := checkEntry(f.Name, f.Mode()); err != nil {
			return err
		}
		if w.index[f.Name] != nil {
			return fault.Errorf(fault.Invalid, "%q is in the archive twice", f.Name)
		}
		w.index[f.Name] = f
		w.Files = append(w.Files, File{f.Name, int64(f.UncompressedSize64), f.Mode()&0o111 != 0})
	}
	var err error
	if w.DistInfo, err = findDistInfo(w.Files); err != nil {
		return err
	}
	for _, name := range []string{"METADATA", "WHEEL", "RECORD"} {
		if w.find(w.DistInfo+"/"+name) == nil {
			return fault.Errorf(fault.Invalid, "no %s/%s", w.DistInfo, name)
		}
	}
	b, err := w.ReadFile(w.DistInfo + "/METADATA")
	if err != nil {
		return err
	}
	if w.Metadata, err = ParseMetadata(b); err != nil {
		return err
	}
	if b, err = w.ReadFile(w.DistInfo + "/WHEEL"); err != nil {
		return err
	}
	if w.Info, err = parseHeaders(b); err != nil {
		return fault.Errorf(fault.Invalid, "reading WHEEL: %w", err)
	}
	return nil
}

// checkEntry refuses what would write outside the folder that a wheel is unpacked into, and what wheels can't hold.
func checkEntry(name string, mode fs.FileMode) error {
	switch {
	case name == "" || path.IsAbs(name) || path.Clean(name) != name || name == ".." || strings.HasPrefix(name, "../") ||
		strings.ContainsAny(name, "\\\x00") || len(name) > 1 && name[1] == ':':
		return fault.Errorf(fault.Invalid, "%q is not a safe path in a wheel", name)
	case mode.Type() != 0:
		return fault.Errorf(fault.Invalid, "%q is not a regular file (%s)", name, mode.Type())
	}
	return nil
}

func findDistInfo(files []File) (string, error) {
	found := ""
	for _, f := range files {
		top, _, _ := strings.Cut(f.Name, "/")
		if !strings.HasSuffix(top, ".dist-info") || top == found {
			continue
		}
		if found != "" {
			return "", fault.Errorf(fault.Invalid, "two .dist-info folders: %s and %s", found, top)
		}
		found = top
	}
	if found == "" {
		return "", fault.Errorf(fault.Invalid, "no .dist-info folder")
	}
	return found, nil
}

// Close frees the file.
func (w *Wheel) Close() error { return w.zip.Close() }

// Path is where the wheel was opened.
func (w *Wheel) Path() string { return w.path }

func (w *Wheel) find(name string) *zip.File { return w.index[name] }

// OpenFile reads one file. What is not there is fault.NotFound. A damaged file shows as fault.Invalid while it is read.
func (w *Wheel) OpenFile(name string) (io.ReadCloser, error) {
	f := w.find(name)
	if f == nil {
		return nil, fault.Errorf(fault.NotFound, "%s is not in the wheel", name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, damaged(name, err)
	}
	return r, nil
}

// ReadFile reads a small file whole.
func (w *Wheel) ReadFile(name string) ([]byte, error) {
	r, err := w.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return nil, damaged(name, err)
	}
	if len(b) > maxText {
		return nil, fault.Errorf(fault.Invalid, "%s is longer than %d bytes", name, maxText)
	}
	return b, nil
}

// damaged tells a broken archive from a broken disk.
func damaged(name string, err error) error {
	if errors.As(err, new(*os.PathError)) {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return fault.Errorf(fault.Invalid, "reading %s: %w", name, err)
}

// Tags are those of the file's name.
func (w *Wheel) Tags() []Tag { return w.Filename.Tags() }

// Pure says that the name promises to install anywhere.
func (w *Wheel) Pure() bool { return w.Filename.Platform == "any" }
