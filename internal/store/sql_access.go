package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/wasmill/wasmill/internal/access"
)

// PutToken implements Tokens.
func (s *SQL) PutToken(ctx context.Context, t access.Token) error {
	return s.change(ctx, "keeping token "+t.ID, func(tx tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO tokens (id, name, role, hash, created, expires, revoked, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			t.ID, t.Name, string(t.Role), t.Hash, micros(t.Created), micros(t.Expires), micros(t.Revoked), micros(t.Used))
		return err
	})
}

// Token implements Tokens.
func (s *SQL) Token(ctx context.Context, id string) (t access.Token, err error) {
	err = s.look(ctx, "reading token "+id, func(tx tx) error {
		t, err = one(ctx, tx, scanToken, selectTokens+` WHERE id = ?`, id)
		return err
	})
	return t, err
}

// Tokens implements Tokens.
func (s *SQL) Tokens(ctx context.Context) (list []access.Token, err error) {
	err = s.look(ctx, "listing tokens", func(tx tx) error {
		list, err = query(ctx, tx, scanToken, selectTokens+` ORDER BY created, id`)
		return err
	})
	return list, err
}

const selectTokens = `SELECT id, name, role, hash, created, expires, revoked, used FROM tokens`

func scanToken(rows *sql.Rows) (t access.Token, err error) {
	var created, expires, revoked, used int64
	err = rows.Scan(&t.ID, &t.Name, &t.Role, &t.Hash, &created, &expires, &revoked, &used)
	t.Created, t.Expires, t.Revoked, t.Used = moment(created), moment(expires), moment(revoked), moment(used)
	return t, err
}

// RevokeToken implements Tokens.
func (s *SQL) RevokeToken(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "revoking token "+id, func(tx tx) error {
		if err := exists(ctx, tx, `SELECT 1 FROM tokens WHERE id = ?`, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE tokens SET revoked = ? WHERE id = ? AND revoked = 0`, micros(at), id)
		return err
	})
}

// UseToken implements Tokens.
func (s *SQL) UseToken(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "noting the use of token "+id, func(tx tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE tokens SET used = ? WHERE id = ? AND used < ?`, micros(at), id, micros(at))
		return err
	})
}

// Note implements Journal.
func (s *SQL) Note(ctx context.Context, e Entry) error {
	return s.change(ctx, "writing the journal", func(tx tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO journal (id, at, token, who, role, action, subject, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			e.ID, micros(e.At), e.Token, e.Who, e.Role, e.Action, e.Subject, e.Outcome)
		return err
	})
}

// Journal implements Journal.
func (s *SQL) Journal(ctx context.Context, limit int) (list []Entry, err error) {
	err = s.look(ctx, "reading the journal", func(tx tx) error {
		list, err = query(ctx, tx, func(rows *sql.Rows) (e Entry, err error) {
			var at int64
			err = rows.Scan(&e.ID, &at, &e.Token, &e.Who, &e.Role, &e.Action, &e.Subject, &e.Outcome)
			e.At = moment(at)
			return e, err
		}, `SELECT id, at, token, who, role, action, subject, outcome FROM journal ORDER BY at DESC, id DESC LIMIT ?`, limitOf(limit))
		return err
	})
	return list, err
}
