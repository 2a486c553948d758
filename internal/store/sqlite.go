package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/wasmill/wasmill/internal/fault"
)

// OpenSQLite opens the database in the file at path, makes it if it is not there, and brings its tables up to date. A
// file that a newer version has written is refused with fault.Invalid and not touched.
func OpenSQLite(ctx context.Context, path string) (*SQL, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fault.Errorf(kindOfIO(err), "preparing the database's folder: %w", err)
	}
	s := &SQL{dialect: dialect{
		kind:  kindOfSQLite,
		again: func(error) bool { return false }, // its own busy timeout is for other processes
		look:  sql.TxOptions{ReadOnly: true},
		bind:  func(text string) string { return text },
		value: func(v any) any { return v },
	}}
	var err error
	// Beginning with the write lock avoids transactions that read first and find at their first write that another
	// process was faster. synchronous=FULL makes each commit outlive a power cut.
	if s.write, err = openPool(path, 1, "_txlock=immediate&_pragma=synchronous(FULL)"); err != nil {
		return nil, err
	}
	if s.read, err = openPool(path, max(4, runtime.NumCPU()), "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, s.write.Close())
	}
	if err := migrate(ctx, s.write, goose.DialectSQLite3); err != nil {
		return nil, errors.Join(s.fault(err, "opening the database %s", path), s.Close())
	}
	return s, nil
}

func openPool(path string, connections int, more string) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: "_pragma=busy_timeout(10000)" +
		"&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&" + more}
	pool, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", path, err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool, nil
}

func kindOfSQLite(err error) fault.Kind {
	var coded *sqlite.Error
	if !errors.As(err, &coded) {
		return fault.Internal
	}
	switch coded.Code() & 0xff { // the low byte is the primary result code (sqlite.org/rescode.html)
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM:
		return fault.Exhausted
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR:
		return fault.Unavailable
	case sqlite3.SQLITE_INTERRUPT:
		return fault.Canceled
	case sqlite3.SQLITE_CONSTRAINT:
		return fault.Conflict
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fault.Invalid
	}
	return fault.Internal
}
