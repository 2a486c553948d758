package temporald

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/schema/sqlite"

	"github.com/wasmill/wasmill/internal/fault"
)

// fileLock holds FILE.version: the flock keeps a second process off the SQLite file (two servers would fight for the
// same shards), its content says which server wrote the file. A nil fileLock stands for a server in memory.
type fileLock struct{ file *os.File }

func (l *fileLock) release() {
	if l != nil {
		_ = l.file.Close() // ends the flock
	}
}

// claimFile makes the SQLite file ready and keeps it for this process. The server has no migrations between its versions
// for SQLite, so a file of another version is refused, and nothing is lost with it but runs in flight.
func claimFile(path string) (*fileLock, error) {
	if path == "" {
		return nil, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "creating the folder of the Temporal file: %w", err)
	}
	f, err := os.OpenFile(path+".version", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "opening the version record of the Temporal file: %w", err)
	}
	lock := &fileLock{f}
	if err := prepareFile(path, f); err != nil {
		lock.release()
		return nil, err
	}
	return lock, nil
}

func prepareFile(path string, version *os.File) error {
	if err := syscall.Flock(int(version.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fault.Errorf(fault.Conflict, "the Temporal file %s is in use by another process: stop it, or give another file", path)
	}
	found, err := io.ReadAll(version)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "reading the version record of the Temporal file: %w", err)
	}
	want := fmt.Sprintf("temporal %s, %d shards\n", headers.ServerVersion, historyShards)
	_, statErr := os.Stat(path)
	switch {
	case string(found) == want && statErr == nil:
		return nil
	case len(found) != 0 && statErr == nil:
		return fault.Errorf(fault.Conflict, "the Temporal file %s was written by %s, this program has %s, and the file can't be converted: "+
			"finish its runs with the old program, or remove it (only runs in flight are lost, builds and artifacts are kept elsewhere)",
			path, strings.TrimSpace(string(found)), strings.TrimSpace(want))
	case statErr != nil && !errors.Is(statErr, os.ErrNotExist):
		return fault.Errorf(fault.Unavailable, "looking for the Temporal file: %w", statErr)
	}
	// No record: there is no file, or one whose creation was cut short. The record is written last.
	return createFile(path, want, version)
}

func createFile(path, record string, version *os.File) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fault.Errorf(fault.Unavailable, "removing a half-made Temporal file: %w", err)
		}
	}
	if err := sqlite.SetupSchema(sqlStore(path)); err != nil {
		return fault.Errorf(fault.Unavailable, "creating the Temporal file %s: %w", path, err)
	}
	if err := version.Truncate(0); err != nil {
		return fault.Errorf(fault.Unavailable, "recording the version of the Temporal file: %w", err)
	}
	if _, err := version.WriteAt([]byte(record), 0); err != nil {
		return fault.Errorf(fault.Unavailable, "recording the version of the Temporal file: %w", err)
	}
	return nil
}
