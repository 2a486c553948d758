package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/wasmill/wasmill/internal/plan"
)

// Quarantine keeps a recipe from being built by nightlies and migrations.
type Quarantine struct {
	Recipe    string
	Reason    string
	Owner     string // who is to look after it
	Automatic bool   // the farm found it
	Since     time.Time
	Until     time.Time // it ends by itself then; of one that was lifted, when that was
}

// Quarantines keeps recipes apart whose outcome says nothing.
type Quarantines interface {
	// Quarantine puts a recipe into quarantine, or changes the one that it is in. An automatic one changes nothing where there
	// is one in force.
	Quarantine(ctx context.Context, q Quarantine) error
	// LiftQuarantine ends one; fault.NotFound where none is in force.
	LiftQuarantine(ctx context.Context, recipe string, at time.Time) error
	// Quarantines lists those that are in force, by recipe.
	Quarantines(ctx context.Context, at time.Time) ([]Quarantine, error)
	// Trials are the newest builds of a recipe that a worker has carried out, newest first, since its last quarantine ended.
	Trials(ctx context.Context, recipe string, limit int) ([]plan.Trial, error)
}

// Quarantine implements Quarantines.
func (s *SQL) Quarantine(ctx context.Context, q Quarantine) error {
	return s.change(ctx, "putting "+q.Recipe+" into quarantine", func(tx tx) error {
		if q.Automatic {
			err := exists(ctx, tx, `SELECT 1 FROM quarantines WHERE recipe = ? AND until > ?`, q.Recipe, micros(q.Since))
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO quarantines (recipe, reason, owner, automatic, since, until) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (recipe) DO UPDATE SET reason = excluded.reason, owner = excluded.owner, automatic = excluded.automatic,
			since = excluded.since, until = excluded.until`, q.Recipe, q.Reason, q.Owner, bit(q.Automatic), micros(q.Since), micros(q.Until))
		return err
	})
}

// LiftQuarantine implements Quarantines.
func (s *SQL) LiftQuarantine(ctx context.Context, recipe string, at time.Time) error {
	return s.change(ctx, "lifting the quarantine of "+recipe, func(tx tx) error {
		if err := exists(ctx, tx, `SELECT 1 FROM quarantines WHERE recipe = ? AND until > ?`, recipe, micros(at)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE quarantines SET until = ? WHERE recipe = ?`, micros(at), recipe)
		return err
	})
}

// Quarantines implements Quarantines.
func (s *SQL) Quarantines(ctx context.Context, at time.Time) (list []Quarantine, err error) {
	err = s.look(ctx, "listing what is in quarantine", func(tx tx) error {
		list, err = query(ctx, tx, func(rows *sql.Rows) (q Quarantine, err error) {
			var automatic int
			var since, until int64
			err = rows.Scan(&q.Recipe, &q.Reason, &q.Owner, &automatic, &since, &until)
			q.Automatic, q.Since, q.Until = automatic != 0, moment(since), moment(until)
			return q, err
		}, `SELECT recipe, reason, owner, automatic, since, until FROM quarantines WHERE until > ? ORDER BY recipe`, micros(at))
		return err
	})
	return list, err
}

// Trials implements Quarantines.
func (s *SQL) Trials(ctx context.Context, recipe string, limit int) (list []plan.Trial, err error) {
	err = s.look(ctx, "reading how builds of "+recipe+" ended", func(tx tx) error {
		list, err = query(ctx, tx, func(rows *sql.Rows) (t plan.Trial, err error) {
			var status Status
			err = rows.Scan(&t.Key, &status)
			t.Passed = status == Passed
			return t, err
		}, `SELECT key, status FROM run_actions WHERE recipe = ? AND action = 'build' AND status IN ('passed', 'failed') AND fault = '' AND key <> ''
			AND seconds > 0 AND ended > coalesce((SELECT min(until) FROM quarantines WHERE recipe = run_actions.recipe), 0)
			ORDER BY ended DESC, run LIMIT ?`, recipe, limitOf(limit))
		return err
	})
	return list, err
}
