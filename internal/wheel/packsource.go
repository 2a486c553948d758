package wheel

import (
	"bytes"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// source is a wheel on its way into an archive: its files, and the name it will have.
type source struct {
	entries  []entry
	distInfo string
	filename Filename
	close    func()
}

// entry is one file. Modes are 0644 or 0755, whatever umask it was built under.
type entry struct {
	name       string
	executable bool
	open       func() (io.ReadCloser, error)
}

func (e entry) mode() fs.FileMode {
	if e.executable {
		return 0o755
	}
	return 0o644
}

func textEntry(name string, b []byte) entry {
	return entry{name: name, open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

func newCRC() hash.Hash32 { return crc32.NewIEEE() }

func openSource(src string) (*source, error) {
	info, err := os.Stat(src)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openFolder(src)
	}
	w, err := open(src)
	if err != nil {
		return nil, err
	}
	s := &source{distInfo: w.DistInfo, close: func() { w.Close() }, filename: w.Filename}
	for _, f := range w.Files {
		s.entries = append(s.entries, entry{f.Name, f.Executable, func() (io.ReadCloser, error) { return w.OpenFile(f.Name) }})
	}
	return s, nil
}

// openFolder takes an unpacked wheel. A link in it is refused: it could lead out, and a wheel can't hold it.
func openFolder(dir string) (*source, error) {
	s := &source{close: func() {}}
	var files []File
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if err := checkEntry(name, info.Mode()); err != nil {
			return err
		}
		files = append(files, File{Name: name})
		s.entries = append(s.entries, entry{name, info.Mode()&0o111 != 0, func() (io.ReadCloser, error) { return os.Open(file) }})
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.distInfo, err = findDistInfo(files)
	return s, err
}

// read gives the bytes of a file that every wheel has in its .dist-info.
func (s *source) read(name string) ([]byte, error) {
	i := s.at(name)
	if i < 0 {
		return nil, fault.Errorf(fault.Invalid, "no %s/%s", s.distInfo, name)
	}
	r, err := s.entries[i].open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxText))
	if err != nil {
		return nil, damaged(name, err)
	}
	return b, nil
}

func (s *source) at(name string) int {
	return slices.IndexFunc(s.entries, func(e entry) bool { return e.name == s.distInfo+"/"+name })
}

// retag makes WHEEL's tags and the file name agree with each other and with opts. The name and version in it come from
// METADATA, normalised as installers expect them.
func (s *source) retag(opts PackOptions) (*Metadata, error) {
	b, err := s.read("METADATA")
	if err != nil {
		return nil, err
	}
	meta, err := ParseMetadata(b)
	if err != nil {
		return nil, err
	}
	version, err := ParseVersion(meta.Version)
	if err != nil {
		return nil, err
	}
	if b, err = s.read("WHEEL"); err != nil {
		return nil, err
	}
	info, err := parseHeaders(b)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading WHEEL: %w", err)
	}
	if s.filename.Python == "" { // an unpacked wheel is known by its WHEEL only
		if s.filename, err = compress(info.All("Tag")); err != nil {
			return nil, err
		}
		s.filename.Build = info.Get("Build")
	}
	s.filename.Name = strings.ReplaceAll(Normalize(meta.Name), "-", "_")
	s.filename.Version = version.String()
	if opts.PlatformTag != "" && s.filename.Platform != "any" {
		s.filename.Platform = opts.PlatformTag
	}
	s.entries[s.at("WHEEL")] = textEntry(s.distInfo+"/WHEEL", retagged(info, s.filename.Tags()))
	return meta, nil
}

// compress finds the compressed set for a list of tags (PEP 425). Tags that no single set spells out are refused.
func compress(tags []string) (Filename, error) {
	var all []Tag
	parts := [3][]string{}
	for _, text := range tags {
		set, err := ParseTags(text)
		if err != nil {
			return Filename{}, fault.Errorf(fault.Invalid, "reading WHEEL: %w", err)
		}
		for _, t := range set {
			if !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	for _, t := range all {
		for i, p := range []string{t.Python, t.ABI, t.Platform} {
			if !slices.Contains(parts[i], p) {
				parts[i] = append(parts[i], p)
			}
		}
	}
	for i := range parts {
		slices.Sort(parts[i])
	}
	f := Filename{
		Python: strings.Join(parts[0], "."), ABI: strings.Join(parts[1], "."), Platform: strings.Join(parts[2], "."),
	}
	if len(all) == 0 || len(f.Tags()) != len(all) {
		return Filename{}, fault.Errorf(fault.Invalid, "WHEEL's tags %q do not make a file name", tags)
	}
	return f, nil
}

// retagged writes WHEEL again, with these tags where the first one stood.
func retagged(info Headers, tags []Tag) []byte {
	var b bytes.Buffer
	line := func(key, value string) { b.WriteString(key + ": " + value + "\n") }
	written := false
	tagLines := func() {
		for _, t := range tags {
			line("Tag", t.String())
		}
		written = true
	}
	for _, h := range info {
		switch {
		case !strings.EqualFold(h.Key, "Tag"):
			line(h.Key, strings.ReplaceAll(h.Value, "\n", "\n "))
		case !written:
			tagLines()
		}
	}
	if !written {
		tagLines()
	}
	return b.Bytes()
}
