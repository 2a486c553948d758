package wheel

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/wasmill/wasmill/internal/archive"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// PackOptions says what a repacked wheel is like. Equal contents and options give equal bytes.
type PackOptions struct {
	// Epoch is the time of every entry, by convention that of SOURCE_DATE_EPOCH. Zip knows no time before 1980 and only
	// even seconds; earlier times become 1980-01-01.
	Epoch time.Time
	// PlatformTag replaces the platform of every tag but "any". Empty keeps the tags.
	PlatformTag string
	// ExtSuffix replaces ".cpython-315-x86_64-linux-gnu.so" and its like: build backends that read their own
	// interpreter's suffix name extensions so. Empty keeps the names.
	ExtSuffix string
	// Libraries is a folder of shared libraries from which those that the modules need are copied into the wheel. Empty
	// copies none.
	Libraries string
	// SplitTests takes the wheel's tests (IsTest) out of it and into a .tar.gz of their own, with names relative to where
	// the wheel is installed.
	SplitTests bool
	// RetainTests are shell patterns of file names that stay in spite of SplitTests.
	RetainTests []string
}

// Packed is what Repack wrote.
type Packed struct {
	Wheel record.Artifact
	Tests *record.Artifact // nil where there were none to split off
}

var (
	nativeSuffix = regexp.MustCompile(`\.cpython-\d+[a-z]*-[a-z0-9_]+-linux-(gnu|musl)[a-z0-9]*\.so$`)
	nativeStable = regexp.MustCompile(`(\.abi3t?)-[a-z0-9_]+-linux-(gnu|musl)[a-z0-9]*\.so$`) // since Python 3.15
)

// Repack writes the wheel that lies at src, a wheel file or an unpacked wheel, into the folder dst, under the name that
// its metadata and tags demand, and says what it wrote. RECORD is made anew and signatures of the old one are left out.
// Files appear whole or not at all; one of the same name is replaced. Contents that are no wheel are fault.Invalid, a full
// disk is fault.Exhausted.
func Repack(src, dst string, opts PackOptions) (Packed, error) {
	p, err := repack(src, dst, opts)
	if errors.Is(err, syscall.ENOSPC) {
		return Packed{}, fault.Errorf(fault.Exhausted, "packing wheel %s: %w", filepath.Base(src), err)
	}
	if err != nil {
		return Packed{}, fmt.Errorf("packing wheel %s: %w", filepath.Base(src), err)
	}
	return p, nil
}

func repack(src, dst string, opts PackOptions) (packed Packed, err error) {
	s, err := openSource(src)
	if err != nil {
		return packed, err
	}
	defer s.close()
	meta, err := s.retag(opts)
	if err != nil {
		return packed, err
	}
	var tests []entry
	if opts.SplitTests {
		tests = s.splitTests(opts.RetainTests)
	}
	if opts.Libraries != "" {
		if err := s.vendor(opts.Libraries); err != nil {
			return packed, err
		}
	}
	if err := s.arrange(opts); err != nil {
		return packed, err
	}
	if len(tests) > 0 {
		name := s.filename.Name + "-" + s.filename.Version + "-tests.tar.gz"
		if packed.Tests, err = writeFile(dst, name, func(w io.Writer) error { return writeTests(w, s.distInfo, tests, opts) }); err != nil {
			return packed, err
		}
		packed.Tests.Kind = record.KindTests
	}
	file, err := writeFile(dst, s.filename.String(), func(w io.Writer) error {
		p, err := newPacker(w, dst, opts.Epoch)
		if err != nil {
			return err
		}
		defer p.close()
		return p.write(s)
	})
	if err != nil {
		return packed, err
	}
	metadata := sha256.Sum256(meta.Raw)
	packed.Wheel = *file
	packed.Wheel.Kind, packed.Wheel.Metadata = record.KindWheel, record.Digest("sha256:"+hex.EncodeToString(metadata[:]))
	return packed, nil
}

// writeFile keeps an artifact of what write writes.
func writeFile(dir, name string, write func(io.Writer) error) (*record.Artifact, error) {
	kept, err := archive.Keep(dir, name, write)
	if err != nil {
		return nil, err
	}
	return &record.Artifact{Filename: name, Size: kept.Size, Digest: kept.Digest}, nil
}

// writeTests packs what was split off. Names are those that the files have once installed.
func writeTests(w io.Writer, distInfo string, tests []entry, opts PackOptions) error {
	var entries []archive.Entry
	for _, e := range tests {
		entries = append(entries, archive.Entry{
			Name: installedName(distInfo, e.renamed(opts)), Executable: e.executable,
			Open: func() (io.ReadCloser, int64, error) {
				b, err := e.bytes()
				return io.NopCloser(bytes.NewReader(b)), int64(len(b)), err
			},
		})
	}
	return archive.Write(w, entries, opts.Epoch)
}

// renamed is the name with the target's suffix in place of the build machine's.
func (e entry) renamed(opts PackOptions) string {
	if opts.ExtSuffix == "" {
		return e.name
	}
	return nativeStable.ReplaceAllString(nativeSuffix.ReplaceAllLiteralString(e.name, opts.ExtSuffix), "$1.so")
}

// arrange renames extensions, drops RECORD and its signatures, and sorts: the contents by name, behind them .dist-info,
// so that an installer finds it at the archive's end (PEP 427). RECORD is added by the packer.
func (s *source) arrange(opts PackOptions) error {
	seen := map[string]bool{}
	kept := s.entries[:0]
	for _, e := range s.entries {
		e.name = e.renamed(opts)
		if e.name == s.distInfo+"/RECORD" || unrecorded(s.distInfo, e.name) {
			continue
		}
		if seen[e.name] {
			return fault.Errorf(fault.Invalid, "two files would have the name %s", e.name)
		}
		seen[e.name] = true
		kept = append(kept, e)
	}
	s.entries = kept
	info := func(e entry) int {
		if strings.HasPrefix(e.name, s.distInfo+"/") {
			return 1
		}
		return 0
	}
	slices.SortFunc(s.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(info(a), info(b)), cmp.Compare(a.name, b.name))
	})
	return nil
}

// packer writes entries one after the other. Each is compressed into a spool file first: with its sizes known, its
// header can stand before it without a data descriptor behind it, and memory does not grow with the file.
type packer struct {
	zip    *zip.Writer
	spool  *os.File
	deflat *flate.Writer
	time   [2]uint16 // MS-DOS date and time
	lines  []recordLine
}

func newPacker(out io.Writer, dir string, epoch time.Time) (*packer, error) {
	spool, err := os.CreateTemp(dir, ".spool-*")
	if err != nil {
		return nil, err
	}
	os.Remove(spool.Name()) // it lives as long as it is open
	// klauspost's deflate and not the standard library's: its output changes only when go.mod does, not with the Go
	// release that happens to build the farm, and equal contents must stay equal bytes.
	d, err := flate.NewWriter(spool, 6)
	if err != nil {
		spool.Close()
		return nil, err
	}
	return &packer{zip: zip.NewWriter(out), spool: spool, deflat: d, time: dosTime(epoch)}, nil
}

func (p *packer) close() { p.spool.Close() }

func (p *packer) write(s *source) error {
	for _, e := range s.entries {
		if err := p.add(e); err != nil {
			return fmt.Errorf("packing %s: %w", e.name, err)
		}
	}
	self := s.distInfo + "/RECORD"
	b, err := formatRecord(append(p.lines, recordLine{Path: self}))
	if err != nil {
		return err
	}
	if err := p.add(textEntry(self, b)); err != nil {
		return fmt.Errorf("packing RECORD: %w", err)
	}
	return p.zip.Close()
}

func (p *packer) add(e entry) error {
	if _, err := p.spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := p.spool.Truncate(0); err != nil {
		return err
	}
	p.deflat.Reset(p.spool)
	r, err := e.open()
	if err != nil {
		return err
	}
	defer r.Close()
	sum, crc := sha256.New(), newCRC()
	n, err := io.Copy(io.MultiWriter(p.deflat, sum, crc), r)
	if err != nil {
		return damaged(e.name, err)
	}
	if err := p.deflat.Close(); err != nil {
		return err
	}
	packed, err := p.spool.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := p.spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h := &zip.FileHeader{
		Name: e.name, Method: zip.Deflate, CRC32: crc.Sum32(),
		UncompressedSize64: uint64(n), CompressedSize64: uint64(packed),
		ModifiedDate: p.time[0], ModifiedTime: p.time[1], //nolint:staticcheck // Modified is not written by CreateRaw
	}
	h.SetMode(e.mode())
	w, err := p.zip.CreateRaw(h)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, p.spool); err != nil {
		return err
	}
	p.lines = append(p.lines, recordLine{e.name, recordHash(sum), strconv.FormatInt(n, 10)})
	return nil
}

// dosTime is UTC: the zip format has no zones.
func dosTime(t time.Time) [2]uint16 {
	t = t.UTC()
	if t.Year() < 1980 {
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if t.Year() > 2107 {
		t = time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	}
	return [2]uint16{
		uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()),
		uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2),
	}
}
