package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// inMemory is up to where content is held in memory rather than in a temporary file: most records, logs and METADATA
// files are below it, most wheels above.
const inMemory = 256 << 10

// spooled is content whose digest is known and which can be read any number of times.
type spooled struct {
	*io.SectionReader
	digest record.Digest
	size   int64
	close  func() error
}

func (s *spooled) Close() error { return s.close() }

// again is an independent reader of the whole content.
func (s *spooled) again() io.ReadCloser {
	return io.NopCloser(io.NewSectionReader(s, 0, s.size))
}

// spool reads r to its end.
func spool(r io.Reader) (*spooled, error) {
	hash := sha256.New()
	tee := io.TeeReader(r, hash)
	head, err := io.ReadAll(io.LimitReader(tee, inMemory+1))
	if err != nil {
		return nil, err
	}
	if len(head) <= inMemory {
		return spooledAs(bytes.NewReader(head), int64(len(head)), hash.Sum(nil), func() error { return nil }), nil
	}
	file, err := os.CreateTemp("", "wasmill-blob-")
	if err != nil {
		return nil, fault.Errorf(kindOfIO(err), "making a temporary file: %w", err)
	}
	// Without a name, nothing is left behind by a process that is killed.
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unlinking a temporary file: %w", err), file.Close())
	}
	size, err := io.Copy(file, io.MultiReader(bytes.NewReader(head), tee))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return spooledAs(file, size, hash.Sum(nil), file.Close), nil
}

// spoolFile opens content that is on disk already, or in memory.
func spoolFile(f File) (*spooled, error) {
	if f.Path == "" {
		sum := sha256.Sum256(f.Data)
		return spooledAs(bytes.NewReader(f.Data), int64(len(f.Data)), sum[:], func() error { return nil }), nil
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, fault.Errorf(kindOfIO(err), "opening %s: %w", f.Name, err)
	}
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	if err != nil {
		return nil, errors.Join(fault.Errorf(kindOfIO(err), "reading %s: %w", f.Name, err), file.Close())
	}
	return spooledAs(file, size, hash.Sum(nil), file.Close), nil
}

func spooledAs(content io.ReaderAt, size int64, sum []byte, done func() error) *spooled {
	return &spooled{
		SectionReader: io.NewSectionReader(content, 0, size),
		digest:        record.Digest("sha256:" + hex.EncodeToString(sum)),
		size:          size,
		close:         done,
	}
}
