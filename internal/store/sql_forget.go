package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// forgettable are the runs that have ended before a time, but for those that the report of newer releases rests on.
const forgettable = ` FROM runs WHERE finished > 0 AND finished < ? AND forgotten = 0 AND id NOT IN (SELECT run FROM releases)`

// fact says of an action that it tells where a build that is remembered was made, and how long it took: such rows outlive
// their run.
const fact = `(action = 'build' AND status IN ('passed', 'failed') AND key IN (SELECT key FROM builds))`

// forget removes what is kept of old runs, attempts and changes of the farm, or counts it.
func forget(ctx context.Context, tx tx, p Policy, now time.Time, c *Collected) error {
	type step struct {
		count    *int
		from     string
		before   time.Time
		removing string
	}
	// Actions before runs: which they are is asked of the runs.
	steps := []step{
		{&c.Actions, ` FROM run_actions WHERE run IN (SELECT id` + forgettable + `) AND NOT ` + fact, p.RunsBefore, `DELETE`},
		{&c.Attempts, ` FROM attempts WHERE started < ? AND run NOT IN (SELECT id FROM runs WHERE finished = 0)`, p.RunsBefore, `DELETE`},
		{&c.Runs, forgettable, p.RunsBefore, ``},
		{&c.Entries, ` FROM journal WHERE at < ?`, p.JournalBefore, `DELETE`},
	}
	for _, s := range steps {
		if s.before.IsZero() {
			continue
		}
		if err := tx.QueryRowContext(ctx, `SELECT count(*)`+s.from, micros(s.before)).Scan(s.count); err != nil {
			return err
		}
		if p.Dry || *s.count == 0 {
			continue
		}
		var err error
		if s.removing == "" {
			_, err = tx.ExecContext(ctx, `UPDATE runs SET plan = '', request = '', forgotten = ? WHERE id IN (SELECT id`+s.from+`)`, micros(now), micros(s.before))
		} else {
			_, err = tx.ExecContext(ctx, s.removing+s.from, micros(s.before))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forgotten is fault.NotFound for a run that is.
func forgotten(ctx context.Context, tx tx, id string) error {
	var outcome string
	var finished, at int64
	err := tx.QueryRowContext(ctx, `SELECT outcome, finished, forgotten FROM runs WHERE id = ? AND forgotten > 0`, id).Scan(&outcome, &finished, &at)
	if err == nil {
		return fault.Errorf(fault.NotFound, "it ended %s (%s), and what it did was forgotten %s by a `wasmill gc`; its builds that are kept still say that they are of it",
			moment(finished).UTC().Format(time.DateOnly), outcome, moment(at).UTC().Format(time.DateOnly))
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return fmt.Errorf("looking whether it is forgotten: %w", err)
}
