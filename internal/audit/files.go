package audit

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// file is what one reading of a file in the wheel yields. Files are unpacked once: that is what an audit takes its time
// for.
type file struct {
	name    string
	size    int64 // as the archive claims
	library bool  // by its name
	sum     *wheel.Sum
	head    []byte       // its first bytes
	module  *wasm.Module // nil for what is no library, or no module
	bad     error        // why a library is no module
	paths   *pathScanner // absolute paths in its memory and debug sections
	damage  error        // why the archive does not yield the file
}

// read reads all files, several at a time. Its error is the disk's.
func (a *auditor) read() ([]*file, error) {
	libraries := a.w.Libraries()
	files := make([]*file, len(a.w.Files))
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i, f := range a.w.Files {
		_, library := slices.BinarySearch(libraries, f.Name)
		files[i] = &file{name: f.Name, size: f.Size, library: library}
		work.Go(func() error { return files[i].read(a.w) })
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.damage != nil {
			a.report(BadWheel, f.name, "", "is damaged: %v", f.damage)
		}
	}
	return files, nil
}

func (f *file) read(w *wheel.Wheel) error {
	r, err := w.OpenFile(f.name)
	if err == nil {
		defer r.Close()
		err = f.contents(r)
	}
	if err == nil || errors.As(err, new(*os.PathError)) {
		return err
	}
	f.damage = err
	return nil
}

// contents sums up the whole file, whether or not it can be read as a module.
func (f *file) contents(r io.Reader) error {
	f.sum = wheel.NewSum()
	all := io.TeeReader(r, f.sum)
	f.head = make([]byte, min(f.size, int64(len(peHead))))
	if _, err := io.ReadFull(all, f.head); err != nil {
		return err
	}
	if f.library {
		f.paths = &pathScanner{}
		f.module, f.bad = wasm.ParseAll(io.MultiReader(bytes.NewReader(f.head), all), f.paths)
		if f.bad != nil && fault.KindOf(f.bad) != fault.Invalid {
			return f.bad
		}
	}
	_, err := io.Copy(io.Discard, all)
	return err
}

// peHead is as much of a file as is needed to tell what it is.
const peHead = "MZ\x90\x00"

var (
	elf   = []byte("\x7fELF")
	machO = [][]byte{[]byte("\xcf\xfa\xed\xfe"), []byte("\xce\xfa\xed\xfe"), []byte("\xfe\xed\xfa\xcf"), []byte("\xfe\xed\xfa\xce")}
	// A universal Mach-O begins like a class of Java.
	machOFat = []byte("\xca\xfe\xba\xbe")

	nativeLibrary = regexp.MustCompile(`(?i)\.(so(\.\d+)*|dylib|dll|pyd)$`)
)

// foreign names the format of machine code for other platforms; empty for all else. Programs for Windows are data to
// many packages (launchers of scripts), so there only what can be loaded counts.
func (f *file) foreign() string {
	library := f.library || nativeLibrary.MatchString(f.name)
	switch {
	case bytes.HasPrefix(f.head, elf):
		return "ELF"
	case slices.ContainsFunc(machO, func(magic []byte) bool { return bytes.HasPrefix(f.head, magic) }),
		library && bytes.HasPrefix(f.head, machOFat):
		return "Mach-O"
	case library && bytes.HasPrefix(f.head, []byte("MZ")):
		return "PE"
	}
	return ""
}

// binaries holds what machine code is in the wheel against what its name promises.
func (a *auditor) binaries(files []*file) {
	libraries := 0
	for _, f := range files {
		native := f.library || nativeLibrary.MatchString(f.name)
		if f.library {
			libraries++
		}
		if a.w.Pure() {
			if native {
				a.report(BinaryInPure, f.name, "", "the wheel is tagged for any platform")
			}
			continue
		}
		if format := f.foreign(); format != "" {
			a.report(ForeignBinary, f.name, "", "is machine code in the format %s; the wheel is for %s", format, a.w.Filename.Platform)
		}
	}
	if !a.w.Pure() && libraries == 0 {
		a.report(NoBinary, a.w.Filename.String(), "", "tagged for %s, but without a library", a.w.Filename.Platform)
	}
}

// debug tells of sections that only debuggers read.
func (a *auditor) debug(m *module) {
	var names []string
	var size int64
	for _, c := range m.Customs {
		if wasm.DebugSection(c.Name) {
			names = append(names, c.Name)
			size += c.Size
		}
	}
	if len(names) > 0 {
		a.report(DebugSections, m.file, "", "%d bytes for debuggers: %s", size, strings.Join(slices.Compact(names), ", "))
	}
}
