package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/wasmill/wasmill/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// SQLite is the DB in a single file.
type SQLite struct {
	// SQLite has one writer at a time. Queueing for it in this process is fair and never fails; only another process
	// makes SQLite's own busy timeout count.
	write *sql.DB
	read  *sql.DB
}

var _ DB = (*SQLite)(nil)

// OpenSQLite opens the database at path, makes it if it is not there, and brings its tables up to date. A file that a
// newer version has written is refused with fault.Invalid and not touched.
func OpenSQLite(ctx context.Context, path string) (*SQLite, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fault.Errorf(kindOfIO(err), "preparing the database's folder: %w", err)
	}
	s := &SQLite{}
	var err error
	// Beginning with the write lock avoids transactions that read first and find at their first write that another
	// process was faster. synchronous=FULL makes each commit outlive a power cut.
	if s.write, err = openPool(path, 1, "_txlock=immediate&_pragma=synchronous(FULL)"); err != nil {
		return nil, err
	}
	if s.read, err = openPool(path, max(4, runtime.NumCPU()), "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, s.write.Close())
	}
	if err := migrate(ctx, s.write); err != nil {
		return nil, errors.Join(sqliteFault(err, "opening the database %s", path), s.Close())
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

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	has, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if has > knows {
		return fault.Errorf(fault.Invalid, "its tables have version %d, and this program knows versions up to %d: use the newer program that wrote it", has, knows)
	}
	_, err = provider.Up(ctx)
	return err
}

// Close implements DB.
func (s *SQLite) Close() error {
	if err := errors.Join(s.read.Close(), s.write.Close()); err != nil {
		return sqliteFault(err, "closing the database")
	}
	return nil
}

// change runs do in a transaction that writes, and undoes all of it if do fails.
func (s *SQLite) change(ctx context.Context, what string, do func(*sql.Tx) error) error {
	return transact(ctx, s.write, nil, what, do)
}

// look runs do in a transaction that sees the database as it is at one moment.
func (s *SQLite) look(ctx context.Context, what string, do func(*sql.Tx) error) error {
	return transact(ctx, s.read, &sql.TxOptions{ReadOnly: true}, what, do)
}

func transact(ctx context.Context, db *sql.DB, options *sql.TxOptions, what string, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, options)
	if err != nil {
		return sqliteFault(err, "%s", what)
	}
	if err := do(tx); err != nil {
		return errors.Join(sqliteFault(err, "%s", what), rollback(tx))
	}
	if err := tx.Commit(); err != nil {
		return sqliteFault(err, "%s", what)
	}
	return nil
}

// rollback ends a transaction that failed. The database has often ended it already, by itself or with its context.
func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) && !errors.As(err, new(*sqlite.Error)) {
		return err
	}
	return nil
}

// errNotThere is what a person reads instead of the driver's words.
var errNotThere = errors.New("there is none")

// sqliteFault gives an error of the database its kind. An error that has one keeps it.
func sqliteFault(err error, format string, args ...any) error {
	kind := fault.KindOf(err)
	var coded *sqlite.Error
	switch {
	case errors.As(err, new(*fault.Error)):
	case errors.Is(err, sql.ErrNoRows):
		kind, err = fault.NotFound, errNotThere
	case errors.Is(err, sql.ErrConnDone), err.Error() == "sql: database is closed":
		kind = fault.Unavailable
	case errors.As(err, &coded):
		switch coded.Code() & 0xff { // the low byte is the primary result code (sqlite.org/rescode.html)
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM:
			kind = fault.Exhausted
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR:
			kind = fault.Unavailable
		case sqlite3.SQLITE_INTERRUPT:
			kind = fault.Canceled
		case sqlite3.SQLITE_CONSTRAINT:
			kind = fault.Conflict
		case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
			kind = fault.Invalid
		}
	}
	return fault.Errorf(kind, format+": %w", append(args, err)...)
}

// micros is a time as the database keeps it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is the inverse of micros.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
