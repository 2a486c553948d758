package python

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// A snapshot is the memory of an interpreter that has been initialised and has run nothing. After it stands, in 16 bytes, what
// tells that the file is whole.
const trailerSize = 16

var (
	trailerMagic = [4]byte{'w', 's', 'n', '1'}
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
)

// snapshot is the file for a key, and says whether it may be used.
type snapshot struct{ file string }

// snapshotFor names the file by all that its contents depend on.
func (h home) snapshotFor(release, host, scripts string, s start) snapshot {
	key, _ := json.Marshal([]any{release, host, scripts, s.arguments, s.environment}) // strings only: it can't fail
	sum := sha256.Sum256(key)
	return snapshot{filepath.Join(h.cache, "snapshots", release+"-"+hex.EncodeToString(sum[:8])+".bin")}
}

// check returns the size of the memory, or why the file can't be used.
func (s snapshot) check() (int64, error) {
	file, err := os.Open(s.file)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size() - trailerSize
	if size <= 0 {
		return 0, errors.New("it is cut off")
	}
	sum := crc32.New(castagnoli)
	if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, io.LimitReader(file, size), make([]byte, 1<<20)); err != nil {
		return 0, err
	}
	var trailer [trailerSize]byte
	if _, err := io.ReadFull(file, trailer[:]); err != nil {
		return 0, err
	}
	if trailer != seal(size, sum.Sum32()) {
		return 0, errors.New("it is damaged")
	}
	// Who makes room goes by the time of the last use.
	now := time.Now()
	_ = os.Chtimes(s.file, now, now)
	return size, nil
}

func seal(size int64, sum uint32) (t [trailerSize]byte) {
	copy(t[:4], trailerMagic[:])
	binary.LittleEndian.PutUint32(t[4:], sum)
	binary.LittleEndian.PutUint64(t[8:], uint64(size))
	return t
}

// make writes the file by fill, which gets another name: under its own it is whole, or not there.
func (s snapshot) make(ctx context.Context, fill func(aside string) error) error {
	dir := filepath.Dir(s.file)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unlock, err := lock(ctx, s.file+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.check(); err == nil {
		return nil // whoever held the lock before has made it
	}
	aside, err := os.CreateTemp(dir, ".making-")
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name())
	defer aside.Close()
	if err := fill(aside.Name()); err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	size, err := io.Copy(sum, aside)
	if err != nil {
		return err
	}
	t := seal(size, sum.Sum32())
	if _, err := aside.Write(t[:]); err != nil {
		return err
	}
	if err := errors.Join(aside.Sync(), os.Chmod(aside.Name(), 0o644)); err != nil {
		return err
	}
	if err := os.Rename(aside.Name(), s.file); err != nil {
		return err
	}
	return s.makeRoom()
}

// kept is how many snapshots stay: those of a few runtimes, nodes and versions of python-wasm.
const kept = 12

// makeRoom removes the snapshots that were not used for longest.
func (s snapshot) makeRoom() error {
	dir := filepath.Dir(s.file)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	used := map[string]time.Time{}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // another process has removed it
		}
		if strings.HasSuffix(e.Name(), ".bin") {
			used[e.Name()] = info.ModTime()
			names = append(names, e.Name())
		} else if strings.HasPrefix(e.Name(), ".making-") && time.Since(info.ModTime()) > time.Hour {
			os.Remove(filepath.Join(dir, e.Name())) // of a process that was killed
		}
	}
	slices.SortFunc(names, func(a, b string) int { return used[b].Compare(used[a]) })
	for _, name := range names[min(kept, len(names)):] {
		os.Remove(filepath.Join(dir, name))
	}
	return nil
}

// lock keeps other processes from making the same. It dies with its process.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// snapshotError gives what kept a snapshot from being made its words.
func snapshotError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Errorf(fault.Exhausted, "the disk is full: %w", err)
	}
	return fmt.Errorf("making a snapshot: %w", err)
}
