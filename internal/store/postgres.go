package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/wasmill/wasmill/internal/fault"
)

// OpenPostgres opens the farm's tables in a PostgreSQL database and brings them up to date. at is a URL or a list of
// settings, as of libpq, whose environment variables and password file count as well. The tables are in the first
// schema of the search path.
//
// While it is open no other process can write there: the one connection that writes holds an advisory lock, and one
// that has lost it does not write. Where another process has the lock the error is fault.Conflict. There must be no
// pooler that shares connections between transactions on the way.
func OpenPostgres(ctx context.Context, at string) (*SQL, error) {
	config, err := pgx.ParseConfig(at)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "reading the database's address: %w", err) // it leaves the password out
	}
	if config.RuntimeParams["application_name"] == "" {
		host, _ := os.Hostname()
		config.RuntimeParams["application_name"] = fmt.Sprintf("wasmill %s %d", host, os.Getpid())
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = patience
	}
	s := &SQL{dialect: dialect{
		kind: kindOfPostgres, again: transient, look: sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
		bind: numbered, value: plainText,
	}}
	s.write = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(own))
	s.write.SetMaxOpenConns(1)
	s.write.SetMaxIdleConns(1) // for ever: it has the lock
	s.read = stdlib.OpenDB(*config)
	s.read.SetMaxOpenConns(max(4, runtime.NumCPU()))
	s.read.SetMaxIdleConns(4)
	s.read.SetConnMaxIdleTime(5 * time.Minute)
	if err = s.claim(ctx); err == nil {
		err = migrate(ctx, s.write, goose.DialectPostgres)
	}
	if err != nil {
		return nil, errors.Join(s.fault(err, "opening the database %s", place(config)), s.Close())
	}
	return s, nil
}

// claim makes this process the one that writes.
func (s *SQL) claim(ctx context.Context) error {
	for deadline := time.Now().Add(patience); ; {
		err := s.write.PingContext(ctx)
		var taken *takenError
		if !errors.As(err, &taken) {
			return err
		}
		// The server needs a moment to notice that a process which had the lock was killed.
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fault.Errorf(fault.Conflict, "%w: stop that one, or give this one a database of its own", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// farmLock is the advisory lock of whoever writes; the second half of its name is the schema.
const farmLock = 0x77616d // "wam"

// own takes the lock for a new connection.
func own(ctx context.Context, conn *pgx.Conn) (err error) {
	defer func() {
		if err != nil {
			_ = conn.Close(ctx) // nobody else does
		}
	}()
	var schema *string
	var mine bool
	err = conn.QueryRow(ctx, `SELECT current_schema(), pg_try_advisory_lock($1, coalesce(hashtext(current_schema()), 0))`, farmLock).Scan(&schema, &mine)
	switch {
	case err != nil:
		return err
	case schema == nil:
		return fault.Errorf(fault.Invalid, "there is no schema of its search path in it: CREATE SCHEMA makes one")
	case !mine:
		return holder(ctx, conn)
	}
	// A lock goes with its connection, and the server would believe for two hours in a client whose machine is gone.
	_, err = conn.Exec(ctx, `SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 25000`)
	return err
}

// takenError says that another process has the lock.
type takenError struct{ by string }

func (e *takenError) Error() string { return "another orchestrator has it (" + e.by + ")" }

func holder(ctx context.Context, conn *pgx.Conn) error {
	var name, from string
	var since time.Time
	err := conn.QueryRow(ctx, `SELECT a.application_name, coalesce(host(a.client_addr), 'a local socket'), a.backend_start
		FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_database d ON d.oid = l.database
		WHERE l.locktype = 'advisory' AND d.datname = current_database() AND l.granted
		AND l.classid::bigint = $1 AND l.objid::bigint = hashtext(current_schema())::bigint & 4294967295`, farmLock).Scan(&name, &from, &since)
	if err != nil {
		return &takenError{by: "it does not say which"}
	}
	return &takenError{by: fmt.Sprintf("%s, connected from %s since %s", name, from, since.UTC().Format(time.DateTime))}
}

// What PostgreSQL's errors are called (postgresql.org/docs/current/errcodes-appendix.html).
const (
	diskFull                   = "53100"
	outOfMemory                = "53200"
	configurationLimitExceeded = "53400"
	queryCanceled              = "57014"
	invalidCatalogName         = "3D000"
	insufficientPrivilege      = "42501"
	dataCorrupted              = "XX001"
	indexCorrupted             = "XX002"
	readOnlySQLTransaction     = "25006"
	tooManyConnections         = "53300"
	adminShutdown              = "57P01"
	crashShutdown              = "57P02"
	cannotConnectNow           = "57P03"
)

func kindOfPostgres(err error) fault.Kind {
	var coded *pgconn.PgError
	if !errors.As(err, &coded) {
		if transient(err) {
			return fault.Unavailable
		}
		return fault.Internal
	}
	switch coded.Code {
	case diskFull, outOfMemory, configurationLimitExceeded:
		return fault.Exhausted
	case queryCanceled:
		return fault.Canceled
	case invalidCatalogName, insufficientPrivilege, dataCorrupted, indexCorrupted:
		return fault.Invalid
	}
	switch coded.Code[:2] {
	case "08", "40", "53", "55", "57", "58": // connections, serialization, resources, objects in use, operators, the system
		return fault.Unavailable
	case "23": // constraints
		return fault.Conflict
	case "28": // who may log in
		return fault.Invalid
	}
	if coded.Code == readOnlySQLTransaction { // a server that another has replaced
		return fault.Unavailable
	}
	return fault.Internal
}

// transient says that an error comes of a connection that was lost, of a server that starts or ends, or of others at work.
func transient(err error) bool {
	var coded *pgconn.PgError
	if errors.As(err, &coded) {
		switch coded.Code[:2] {
		case "08", "40":
			return true
		}
		switch coded.Code {
		case tooManyConnections, adminShutdown, crashShutdown, cannotConnectNow, readOnlySQLTransaction:
			return true
		}
		return false
	}
	return !errors.Is(err, context.Canceled) && (errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, new(*takenError)) || errors.As(err, new(*pgconn.ConnectError)) || errors.As(err, new(net.Error)))
}

// place is an address that people may read.
func place(c *pgx.ConnConfig) string {
	host := net.JoinHostPort(c.Host, fmt.Sprint(c.Port))
	if strings.HasPrefix(c.Host, "/") {
		host = c.Host
	}
	return fmt.Sprintf("%s of %s at %s", c.Database, c.User, host)
}
