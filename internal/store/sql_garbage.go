package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// Pin implements Garbage.
func (s *SQL) Pin(ctx context.Context, name string, at time.Time) error {
	return s.change(ctx, "pinning "+name, func(tx tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO pins (name, created) VALUES (?, ?) ON CONFLICT DO NOTHING`, name, micros(at))
		return err
	})
}

// Unpin implements Garbage.
func (s *SQL) Unpin(ctx context.Context, name string) error {
	return s.change(ctx, "unpinning "+name, func(tx tx) error {
		if err := exists(ctx, tx, `SELECT 1 FROM pins WHERE name = ?`, name); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM pins WHERE name = ?`, name)
		return err
	})
}

// Pins implements Garbage.
func (s *SQL) Pins(ctx context.Context) (list []Pin, err error) {
	err = s.look(ctx, "listing pins", func(tx tx) error {
		list, err = query(ctx, tx, func(rows *sql.Rows) (p Pin, err error) {
			var created int64
			err = rows.Scan(&p.Name, &created)
			p.Created = moment(created)
			return p, err
		}, `SELECT name, created FROM pins ORDER BY name`)
		return err
	})
	return list, err
}

// Collect implements Garbage.
func (s *SQL) Collect(ctx context.Context, p Policy) (c Collected, err error) {
	do := s.change
	if p.Dry {
		do = s.look
	}
	err = do(ctx, "collecting garbage", func(tx tx) error {
		c = Collected{Kept: map[string]Root{}}
		roots, err := rootsOf(ctx, tx, p.Runs)
		if err != nil {
			return err
		}
		builds, err := query(ctx, tx, scanForgotten, `SELECT key, recipe, version, toolchain, outcome, used FROM builds ORDER BY used DESC, key`)
		if err != nil {
			return err
		}
		seen, shown, good := map[[2]string]bool{}, map[[2]string]bool{}, map[[2]string]int{}
		for _, b := range builds {
			line := [2]string{b.Recipe, b.Toolchain}
			newest := !seen[line]
			seen[line] = true
			differs := roots.unseen[b.Key] && !shown[line]
			shown[line] = shown[line] || differs
			if b.Outcome == record.Passed {
				good[line]++
			}
			switch {
			case roots.published[b.Key]:
				c.Kept[b.Key] = Published
			case roots.pinned[b.Key] || roots.pinned[b.Recipe]:
				c.Kept[b.Key] = Pinned
			case roots.inFlight[b.Key] || roots.since != 0 && micros(b.Used) >= roots.since:
				c.Kept[b.Key] = InFlight
			case differs:
				c.Kept[b.Key] = Unseen
			case newest:
				c.Kept[b.Key] = Newest
			case b.Outcome == record.Passed && good[line] <= p.Keep:
				c.Kept[b.Key] = LastGood
			case !b.Used.Before(p.Before):
				c.Kept[b.Key] = Recent
			default:
				c.Forgotten = append(c.Forgotten, b)
			}
		}
		if !p.Dry {
			for _, b := range c.Forgotten {
				if _, err := tx.ExecContext(ctx, `DELETE FROM builds WHERE key = ?`, b.Key); err != nil {
					return err
				}
			}
		}
		return forget(ctx, tx, p, time.Now(), &c)
	})
	return c, err
}

// roots are names of builds that stay, and the moment from which on all stay because of the runs in flight.
type roots struct {
	published, pinned, inFlight, unseen map[string]bool
	since                               int64
}

func rootsOf(ctx context.Context, tx tx, runs []string) (r roots, err error) {
	if r.published, err = names(ctx, tx, `SELECT key FROM publications`); err != nil {
		return r, err
	}
	if r.pinned, err = names(ctx, tx, `SELECT name FROM pins`); err != nil {
		return r, err
	}
	if r.unseen, err = names(ctx, tx, `SELECT key FROM reproductions WHERE same = 0 AND looked = 0`); err != nil {
		return r, err
	}
	r.inFlight = map[string]bool{}
	for _, run := range runs {
		var created int64
		if err := tx.QueryRowContext(ctx, `SELECT created FROM runs WHERE id = ?`, run).Scan(&created); err != nil {
			return r, err
		}
		if r.since == 0 || created < r.since {
			r.since = created
		}
		keys, err := names(ctx, tx, `SELECT key FROM run_actions WHERE run = ? AND key <> ''`, run)
		if err != nil {
			return r, err
		}
		for key := range keys {
			r.inFlight[key] = true
		}
	}
	return r, nil
}

// names reads a column of texts.
func names(ctx context.Context, tx tx, text string, args ...any) (map[string]bool, error) {
	set := map[string]bool{}
	_, err := query(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
		var name string
		err := rows.Scan(&name)
		set[name] = true
		return struct{}{}, err
	}, text, args...)
	return set, err
}

func scanForgotten(rows *sql.Rows) (b Forgotten, err error) {
	var used int64
	err = rows.Scan(&b.Key, &b.Recipe, &b.Version, &b.Toolchain, &b.Outcome, &used)
	b.Used = moment(used)
	return b, err
}
