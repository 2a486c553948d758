package wheel

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// recordLine is one line of RECORD (PEP 376, PEP 627). Hash and Size are empty for RECORD itself.
type recordLine struct{ Path, Hash, Size string }

func parseRecord(b []byte) ([]recordLine, error) {
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading RECORD: %w", err)
	}
	var out []recordLine
	for i, row := range rows {
		if len(row) != 3 {
			return nil, fault.Errorf(fault.Invalid, "reading RECORD: line %d has %d fields, not path, hash, size", i+1, len(row))
		}
		out = append(out, recordLine{row[0], row[1], row[2]})
	}
	return out, nil
}

func formatRecord(lines []recordLine) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, l := range lines {
		if err := w.Write([]string{l.Path, l.Hash, l.Size}); err != nil {
			return nil, fmt.Errorf("writing RECORD: %w", err)
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// unrecorded files vouch for RECORD, so RECORD can't list them (PEP 427).
func unrecorded(distInfo, name string) bool {
	return name == distInfo+"/RECORD.jws" || name == distInfo+"/RECORD.p7s"
}

// recordHash is the form in which RECORD gives a sha256.
func recordHash(h hash.Hash) string {
	return "sha256=" + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Mismatch is one place where RECORD and the files differ.
type Mismatch struct{ File, Reason string }

// Sum is what RECORD says of a file's contents. Write the contents to it.
type Sum struct {
	hash hash.Hash
	size int64
}

// NewSum starts a sum.
func NewSum() *Sum { return &Sum{hash: sha256.New()} }

func (s *Sum) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	return s.hash.Write(p)
}

// VerifyRecord compares RECORD with the contents: each file is listed once, with its hash and size, and nothing else.
// Files whose sums the caller knows are not read again. An error means that the wheel could not be read.
func (w *Wheel) VerifyRecord(known map[string]*Sum) ([]Mismatch, error) {
	self := w.DistInfo + "/RECORD"
	b, err := w.ReadFile(self)
	if err != nil {
		return nil, err
	}
	lines, err := parseRecord(b)
	if err != nil {
		return []Mismatch{{self, err.Error()}}, nil
	}
	var out []Mismatch
	listed := map[string]recordLine{}
	for _, l := range lines {
		switch _, twice := listed[l.Path]; {
		case twice:
			out = append(out, Mismatch{l.Path, "is listed twice"})
		case w.find(l.Path) == nil:
			out = append(out, Mismatch{l.Path, "is listed, but not in the wheel"})
		}
		listed[l.Path] = l
	}
	for _, f := range w.Files {
		l, ok := listed[f.Name]
		switch {
		case f.Name == self || unrecorded(w.DistInfo, f.Name):
		case !ok:
			out = append(out, Mismatch{f.Name, "is not listed"})
		default:
			sum := known[f.Name]
			if sum == nil {
				sum = NewSum()
				if err := w.copy(sum, f.Name); err != nil {
					return nil, err
				}
			}
			if reason := l.differs(sum); reason != "" {
				out = append(out, Mismatch{f.Name, reason})
			}
		}
	}
	return out, nil
}

// differs says how contents with this sum are not what the line lists; empty where they are.
func (l recordLine) differs(s *Sum) string {
	switch got := recordHash(s.hash); {
	case !strings.HasPrefix(l.Hash, "sha256="):
		return "is listed without a sha256 hash"
	case got != strings.TrimRight(l.Hash, "="): // some tools leave the padding
		return fmt.Sprintf("is listed as %s, but is %s", l.Hash, got)
	case l.Size != "" && l.Size != strconv.FormatInt(s.size, 10):
		return fmt.Sprintf("is listed with %s bytes, but has %d", l.Size, s.size)
	}
	return ""
}

func (w *Wheel) copy(dst io.Writer, name string) error {
	r, err := w.OpenFile(name)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(dst, r); err != nil {
		return damaged(name, err)
	}
	return nil
}
