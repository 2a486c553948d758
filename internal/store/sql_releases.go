package store

import (
	"context"
	"database/sql"
)

// PutReleases implements Releases.
func (s *SQL) PutReleases(ctx context.Context, list []Release) error {
	return s.change(ctx, "noting releases", func(tx tx) error {
		for _, r := range list {
			if r.Version == "" {
				if _, err := tx.ExecContext(ctx, `DELETE FROM releases WHERE schedule = ? AND recipe = ? AND version = ''`, r.Schedule, r.Recipe); err != nil {
					return err
				}
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO releases (schedule, recipe, version, replaced, run, problem, meta, found)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				r.Schedule, r.Recipe, r.Version, r.Replaced, r.Run, r.Problem, r.Meta, micros(r.Found)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Releases implements Releases.
func (s *SQL) Releases(ctx context.Context, schedule string) (list []Release, err error) {
	err = s.look(ctx, "listing releases", func(tx tx) error {
		list, err = query(ctx, tx, scanRelease, `SELECT schedule, recipe, version, replaced, run, problem, meta, found FROM releases
			WHERE schedule = ? ORDER BY found DESC, recipe, version`, schedule)
		return err
	})
	return list, err
}

func scanRelease(rows *sql.Rows) (r Release, err error) {
	var found int64
	err = rows.Scan(&r.Schedule, &r.Recipe, &r.Version, &r.Replaced, &r.Run, &r.Problem, &r.Meta, &found)
	r.Found = moment(found)
	return r, err
}
