package diff

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// derived says of a file in a wheel that it differs whenever another does: it comes last.
func derived(name string) bool {
	return strings.HasSuffix(path.Dir(name), ".dist-info") && path.Base(name) == "RECORD"
}

var errMany = errors.New("it has too many entries")

func (d *differ) zips(n *Node, a, b []byte, depth int) error {
	x, was, err := zipEntries(a)
	if err != nil {
		return err
	}
	y, is, err := zipEntries(b)
	if err != nil {
		return err
	}
	n.change("comment", was, is)
	return d.entries(n, x, y, depth)
}

func zipEntries(b []byte) (list []entry, comment string, err error) {
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, "", err
	}
	if len(r.File) > maxNames {
		return nil, "", errMany
	}
	for _, f := range r.File {
		e := entry{name: f.Name, packed: int64(f.CompressedSize64), about: []field{
			{"time", f.Modified.UTC().Format(time.RFC3339)}, {"mode", f.Mode().String()}, {"attributes", fmt.Sprintf("%#x", f.ExternalAttrs)},
			{"method", method(f.Method)}, {"flags", fmt.Sprintf("%#x", f.Flags)}, {"extra field", fmt.Sprintf("%x", f.Extra)},
			{"comment", f.Comment}, {"made by", fmt.Sprintf("%#x", f.CreatorVersion)}, {"needs", fmt.Sprintf("%#x", f.ReaderVersion)},
		}}
		if !strings.HasSuffix(f.Name, "/") {
			e.open = f.Open
		}
		list = append(list, e)
	}
	return list, r.Comment, nil
}

func method(m uint16) string {
	switch m {
	case zip.Store:
		return "stored"
	case zip.Deflate:
		return "deflated"
	}
	return strconv.Itoa(int(m))
}

func (d *differ) gzips(n *Node, a, b []byte, depth int) error {
	x, was, err := d.gunzip(n.Name, a)
	if err != nil {
		return err
	}
	y, is, err := d.gunzip(n.Name, b)
	if err != nil {
		return err
	}
	for i := range was {
		n.change(was[i].what, was[i].value, is[i].value)
	}
	inside := d.contents(strings.TrimSuffix(n.Name, ".gz"), x, y, depth)
	if inside == nil && len(a) != len(b) {
		n.change("compressed size of the same bytes", strconv.Itoa(len(a)), strconv.Itoa(len(b)))
	}
	n.part(inside)
	return nil
}

func (d *differ) gunzip(name string, b []byte) ([]byte, []field, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, nil, err
	}
	h := r.Header
	said := []field{
		{"name", h.Name}, {"comment", h.Comment}, {"extra field", fmt.Sprintf("%x", h.Extra)}, {"time", stamp(h.ModTime)},
		{"system", strconv.Itoa(int(h.OS))}, {"level", strconv.Itoa(int(b[8]))},
	}
	data, err := d.unpack(r, name)
	return data, said, err
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (d *differ) tars(n *Node, a, b []byte, depth int) error {
	x, err := d.tarEntries(a)
	if err != nil {
		return err
	}
	y, err := d.tarEntries(b)
	if err != nil {
		return err
	}
	return d.entries(n, x, y, depth)
}

func (d *differ) tarEntries(b []byte) (list []entry, err error) {
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return nil, err
		}
		if len(list) == maxNames {
			return nil, errMany
		}
		var pax []string
		for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
			pax = append(pax, key+"="+h.PAXRecords[key])
		}
		e := entry{name: h.Name, packed: -1, about: []field{
			{"type", string(h.Typeflag)}, {"mode", fmt.Sprintf("%#o", h.Mode)}, {"owner", fmt.Sprintf("%d %s", h.Uid, h.Uname)},
			{"group", fmt.Sprintf("%d %s", h.Gid, h.Gname)}, {"time", stamp(h.ModTime)}, {"link", h.Linkname},
			{"device", fmt.Sprint(h.Devmajor, h.Devminor)}, {"records", strings.Join(pax, ", ")}, {"format", h.Format.String()},
		}}
		if h.Typeflag == tar.TypeReg {
			// A sparse file is larger than what it takes.
			data, err := d.unpack(r, h.Name)
			if err != nil {
				return nil, err
			}
			e.data = data
		}
		list = append(list, e)
	}
}

func (d *differ) libraries(n *Node, a, b []byte, depth int) error {
	x, err := members(a)
	if err != nil {
		return err
	}
	y, err := members(b)
	if err != nil {
		return err
	}
	return d.entries(n, x, y, depth)
}

// members reads an ar archive, with names as GNU's and BSD's ar write them; llvm-ar writes the former.
func members(b []byte) (list []entry, err error) {
	const header = 60
	var long []byte
	for b = b[8:]; len(b) > 0; {
		if len(b) < header || b[58] != '`' || b[59] != '\n' {
			return nil, fault.Errorf(fault.Invalid, "a member of the library has no header")
		}
		text := func(from, to int) string { return strings.TrimRight(string(b[from:to]), " ") }
		name, fields := text(0, 16), []field{{"time", text(16, 28)}, {"owner", text(28, 34)}, {"group", text(34, 40)}, {"mode", text(40, 48)}}
		size, err := strconv.ParseInt(text(48, 58), 10, 64)
		if err != nil || size < 0 || size > int64(len(b)-header) {
			return nil, fault.Errorf(fault.Invalid, "the library's member %q is longer than the library", name)
		}
		data := b[header : header+int(size)]
		b = b[min(len(b), header+int(size)+int(size&1)):]
		switch {
		case name == "//":
			long = data
		case name == "/", name == "/SYM64/":
			name = "symbol table"
		case strings.HasPrefix(name, "#1/"):
			if n, err := strconv.Atoi(name[3:]); err == nil && n >= 0 && n <= len(data) {
				name, data = string(bytes.TrimRight(data[:n], "\x00")), data[n:]
			}
		case strings.HasPrefix(name, "/"):
			if at, err := strconv.Atoi(name[1:]); err == nil && at >= 0 && at < len(long) {
				name, _, _ = strings.Cut(string(long[at:]), "/\n")
			}
		default:
			name = strings.TrimSuffix(name, "/")
		}
		if len(list) == maxNames {
			return nil, errMany
		}
		list = append(list, entry{name: name, about: fields, data: append([]byte{}, data...), packed: -1})
	}
	return list, nil
}
