package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/wasmill/wasmill/internal/lockfile"
)

// entry is the place of one hash in the cache: the verified file, what has come of it so far, and a lock.
type entry struct {
	sum                     string
	file, partial, lockfile string
	note                    string // where the partial file comes from
}

func (f *Fetcher) entry(sum string) entry {
	return entry{
		sum:      sum,
		file:     filepath.Join(f.Cache, "sha256", sum),
		partial:  filepath.Join(f.Cache, "partial", sum),
		lockfile: filepath.Join(f.Cache, "partial", sum+".lock"),
		note:     filepath.Join(f.Cache, "partial", sum+".from"),
	}
}

// verify says whether the cache holds the file. It reads all of it each time, since the hash is what everything else
// relies on, and a disk or a stray hand may have changed it; what is wrong is thrown away.
func (e entry) verify() (bool, error) {
	sum, err := hashFile(e.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading the cache: %w", err)
	case sum != e.sum:
		return false, os.Remove(e.file)
	}
	// Who makes room in the cache goes by the time of the last use.
	now := time.Now()
	_ = os.Chtimes(e.file, now, now)
	return true, nil
}

// lock keeps other goroutines and processes from downloading the same.
func (e entry) lock(ctx context.Context) (unlock func(), err error) {
	for _, dir := range []string{e.dir(), filepath.Dir(e.file)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("making the cache: %w", diskError(err))
		}
	}
	unlock, err = lockfile.Lock(ctx, e.lockfile)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("locking the cache: %w", diskError(err))
	}
	return unlock, err
}

func (e entry) dir() string { return filepath.Dir(e.partial) }

// commit makes the partial file the verified one if it has the right hash. It is on the disk before it gets its name:
// a file under that name is whole, also after a power cut.
func (e entry) commit() (bool, error) {
	sum, err := hashFile(e.partial)
	if err != nil || sum != e.sum {
		return false, err
	}
	file, err := os.OpenFile(e.partial, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	// Hard links of it lie in folders that others see: nobody may write through them.
	if err := errors.Join(file.Sync(), file.Chmod(0o444), file.Close()); err != nil {
		return false, diskError(err)
	}
	if err := os.MkdirAll(filepath.Dir(e.file), 0o755); err != nil {
		return false, diskError(err)
	}
	os.Remove(e.note) // of no use any more, and of no harm
	return true, os.Rename(e.partial, e.file)
}

func hashFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
