package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// BeginAttempt implements Attempts.
func (s *SQL) BeginAttempt(ctx context.Context, a Attempt) error {
	return s.change(ctx, "noting attempt "+a.ID, func(tx tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO attempts (id, key, recipe, run, worker, number, outcome, log_path, log, log_size, started, heartbeat, ended)
			VALUES (?, ?, ?, ?, ?, ?, '', ?, '', 0, ?, ?, 0) ON CONFLICT DO NOTHING`,
			a.ID, a.Key, a.Recipe, a.Run, a.Worker, a.Number, a.LogPath, micros(a.Started), micros(a.Started))
		return err
	})
}

// Heartbeat implements Attempts.
func (s *SQL) Heartbeat(ctx context.Context, id, key string, at time.Time) error {
	return s.change(ctx, "noting a sign of life of attempt "+id, func(tx tx) error {
		if err := exists(ctx, tx, `SELECT 1 FROM attempts WHERE id = ?`, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE attempts SET heartbeat = CASE WHEN heartbeat < ? THEN ? ELSE heartbeat END,
			key = CASE ? WHEN '' THEN key ELSE ? END WHERE id = ? AND ended = 0`, micros(at), micros(at), key, key, id)
		return err
	})
}

// EndAttempt implements Attempts.
func (s *SQL) EndAttempt(ctx context.Context, id, outcome string, log *record.Blob, at time.Time) error {
	var blob record.Blob
	if log != nil {
		blob = *log
	}
	return s.change(ctx, "noting the end of attempt "+id, func(tx tx) error {
		if err := exists(ctx, tx, `SELECT 1 FROM attempts WHERE id = ?`, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE attempts SET outcome = ?, log = ?, log_size = ?, ended = ? WHERE id = ? AND ended = 0`,
			outcome, blob.Digest, blob.Size, micros(at), id)
		return err
	})
}

const selectAttempts = `SELECT id, key, recipe, run, worker, number, outcome, log_path, log, log_size, started, heartbeat, ended FROM attempts`

// Attempt implements Attempts.
func (s *SQL) Attempt(ctx context.Context, id string) (a Attempt, err error) {
	err = s.look(ctx, "reading attempt "+id, func(tx tx) error {
		a, err = one(ctx, tx, scanAttempt, selectAttempts+` WHERE id = ?`, id)
		return err
	})
	return a, err
}

// Attempts implements Attempts.
func (s *SQL) Attempts(ctx context.Context, keyOrRecipe string, limit int) (list []Attempt, err error) {
	err = s.look(ctx, "listing the attempts of "+keyOrRecipe, func(tx tx) error {
		list, err = query(ctx, tx, scanAttempt, selectAttempts+` WHERE key = ? OR recipe = ? ORDER BY started DESC, number DESC, id LIMIT ?`,
			keyOrRecipe, keyOrRecipe, limitOf(limit))
		return err
	})
	return list, err
}

func scanAttempt(rows *sql.Rows) (a Attempt, err error) {
	var log record.Blob
	var started, heartbeat, ended int64
	err = rows.Scan(&a.ID, &a.Key, &a.Recipe, &a.Run, &a.Worker, &a.Number, &a.Outcome, &a.LogPath, &log.Digest, &log.Size,
		&started, &heartbeat, &ended)
	if log.Digest != "" {
		a.Log = &log
	}
	a.Started, a.Heartbeat, a.Ended = moment(started), moment(heartbeat), moment(ended)
	return a, err
}
