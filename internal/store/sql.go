package store

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// SQL is the DB in a relational database: SQLite's file, or PostgreSQL. Both are asked with the same statements, which are
// written as SQLite has them, with what PostgreSQL understands as well: conflicts are named by ON CONFLICT, and what one
// of the two alone has (INSERT OR REPLACE, max of two values, greatest) is left out.
type SQL struct {
	// There is one writer at a time, so that no change has to be tried again because of another one. Queueing for it in
	// this process is fair and never fails.
	write *sql.DB
	read  *sql.DB
	// Failed, if set, hears of each transaction that was not carried out. It is set before the first one.
	Failed func(error)
	dialect
}

// dialect is what the databases do not have in common.
type dialect struct {
	// kind gives an error of the driver its kind, Internal where it does not know it.
	kind func(error) fault.Kind
	// again says that an error may be gone when the transaction is begun anew.
	again func(error) bool
	// look is how transactions see the database as it is at one moment.
	look sql.TxOptions
	// bind makes a statement, and a value, what the driver takes.
	bind  func(text string) string
	value func(any) any
}

var _ DB = (*SQL)(nil)

// Close implements DB.
func (s *SQL) Close() error {
	if err := errors.Join(s.read.Close(), s.write.Close()); err != nil {
		return s.fault(err, "closing the database")
	}
	return nil
}

// change runs do in a transaction that writes, and undoes all of it if do fails. do may run more than once.
func (s *SQL) change(ctx context.Context, what string, do func(tx) error) error {
	return s.transact(ctx, s.write, nil, what, do)
}

// look runs do in a transaction that sees the database as it is at one moment. do may run more than once.
func (s *SQL) look(ctx context.Context, what string, do func(tx) error) error {
	return s.transact(ctx, s.read, &s.dialect.look, what, do)
}

// patience is for how long a transaction is tried again: while a database server restarts, say. What takes longer is up to
// who asked.
const patience = 5 * time.Second

func (s *SQL) transact(ctx context.Context, db *sql.DB, options *sql.TxOptions, what string, do func(tx) error) error {
	pause := 50 * time.Millisecond
	for deadline := time.Now().Add(patience); ; pause *= 2 {
		err := s.once(ctx, db, options, do)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil, !s.again(err), time.Now().Add(pause).After(deadline):
			err = s.fault(err, "%s", what)
			if s.Failed != nil {
				s.Failed(err)
			}
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (s *SQL) once(ctx context.Context, db *sql.DB, options *sql.TxOptions, do func(tx) error) error {
	begun, err := db.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	if err := do(tx{begun, &s.dialect}); err != nil {
		// The database has often ended it already, by itself or with its context, or is gone; it never keeps half of it.
		_ = begun.Rollback()
		return err
	}
	return begun.Commit()
}

// errNotThere is what a person reads instead of the driver's words.
var errNotThere = errors.New("there is none")

// fault gives an error of the database its kind. An error that has one keeps it.
func (s *SQL) fault(err error, format string, args ...any) error {
	kind := fault.KindOf(err)
	switch {
	case errors.As(err, new(*fault.Error)):
	case errors.Is(err, sql.ErrNoRows):
		kind, err = fault.NotFound, errNotThere
	case errors.Is(err, sql.ErrConnDone), err.Error() == "sql: database is closed":
		kind = fault.Unavailable
	default:
		if known := s.kind(err); known != fault.Internal {
			kind = known
		}
	}
	return fault.Errorf(kind, format+": %w", append(args, err)...)
}

// tx is a transaction. The parameters of its statements are question marks.
type tx struct {
	begun   *sql.Tx
	dialect *dialect
}

func (t tx) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	return t.begun.ExecContext(ctx, t.dialect.bind(text), t.values(args)...)
}

func (t tx) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return t.begun.QueryContext(ctx, t.dialect.bind(text), t.values(args)...)
}

func (t tx) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	return t.begun.QueryRowContext(ctx, t.dialect.bind(text), t.values(args)...)
}

func (t tx) values(args []any) []any {
	for i, a := range args {
		args[i] = t.dialect.value(a)
	}
	return args
}

// numbered makes $1, $2, … of question marks. No statement has one in a text of its own.
func numbered(text string) string {
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(text, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		text = after
	}
}

// plainText makes of all kinds of texts a string of valid UTF-8 without zero bytes. A compiler's words may have both.
func plainText(v any) any {
	if r := reflect.ValueOf(v); r.Kind() == reflect.String {
		const unknown = "\uFFFD"
		return strings.ReplaceAll(strings.ToValidUTF8(r.String(), unknown), "\x00", unknown)
	}
	return v
}

// bit is a truth as both databases keep it.
func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
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
