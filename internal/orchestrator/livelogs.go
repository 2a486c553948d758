package orchestrator

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/wasmill/wasmill/internal/fault"
)

// liveLogs are what attempts that are under way have printed so far, a file each. When a build has ended its log is
// in the registry and the file goes.
type liveLogs struct{ dir string }

// logName keeps an ID that came over the wire from naming a file elsewhere.
var logName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func (l liveLogs) file(log string) (string, error) {
	if !logName.MatchString(log) {
		return "", fault.Errorf(fault.Invalid, "%q is not the name of a log", log)
	}
	return filepath.Join(l.dir, log+".log"), nil
}

// append writes what follows offset anew; an offset behind the end would leave a gap and is refused.
func (l liveLogs) append(log string, offset int64, r io.Reader) error {
	name, err := l.file(log)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keeping the log of %s: %w", log, err)
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("keeping the log of %s: %w", log, err)
	}
	if offset > end {
		return fault.Errorf(fault.Invalid, "the log of %s ends at %d, nothing can follow at %d", log, end, offset)
	}
	if err := f.Truncate(offset); err != nil {
		return fmt.Errorf("keeping the log of %s: %w", log, err)
	}
	if _, err := io.Copy(io.NewOffsetWriter(f, offset), r); err != nil {
		return fmt.Errorf("keeping the log of %s: %w", log, err)
	}
	return nil
}

// maxPart is how much of a log one answer carries.
const maxPart = 1 << 20

// read gives at most maxPart bytes from offset on; none where the attempt has printed nothing.
func (l liveLogs) read(log string, offset int64) ([]byte, error) {
	name, err := l.file(log)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the log of %s: %w", log, err)
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, offset, maxPart))
}

func (l liveLogs) remove(log string) {
	if name, err := l.file(log); err == nil {
		os.Remove(name)
	}
}
