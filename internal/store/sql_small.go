package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// PutLock implements Locks.
func (s *SQL) PutLock(ctx context.Context, key string, lock Lock, at time.Time) (kept Lock, err error) {
	err = s.change(ctx, "keeping a lock of build requirements", func(tx tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO locks (key, digest, content, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			key, lock.Digest, string(lock.Content), micros(at)); err != nil {
			return err
		}
		kept, err = one(ctx, tx, scanLock, selectLock, key)
		return err
	})
	return kept, err
}

// Lock implements Locks.
func (s *SQL) Lock(ctx context.Context, key string) (lock Lock, err error) {
	err = s.look(ctx, "reading a lock of build requirements", func(tx tx) error {
		lock, err = one(ctx, tx, scanLock, selectLock, key)
		return err
	})
	return lock, err
}

const selectLock = `SELECT digest, content FROM locks WHERE key = ?`

// LockOf implements Locks.
func (s *SQL) LockOf(ctx context.Context, digest record.Digest) (lock Lock, err error) {
	err = s.look(ctx, "finding a lock of build requirements", func(tx tx) error {
		lock, err = one(ctx, tx, scanLock, `SELECT digest, content FROM locks WHERE digest = ? ORDER BY key LIMIT 1`, digest)
		return err
	})
	return lock, err
}

func scanLock(rows *sql.Rows) (l Lock, err error) {
	var content string
	err = rows.Scan(&l.Digest, &content)
	l.Content = json.RawMessage(content)
	return l, err
}

// Setting implements Settings.
func (s *SQL) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.look(ctx, "reading setting "+name, func(tx tx) error {
		return tx.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = ?`, name).Scan(&value)
	})
	return value, err
}

// SetSetting implements Settings.
func (s *SQL) SetSetting(ctx context.Context, name, value string) error {
	return s.change(ctx, "keeping setting "+name, func(tx tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
		return err
	})
}
