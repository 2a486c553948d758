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

// PutAnswers implements Releases.
func (s *SQL) PutAnswers(ctx context.Context, schedule string, list []Answer) error {
	return s.change(ctx, "keeping what the index says", func(tx tx) error {
		for _, a := range list {
			if _, err := tx.ExecContext(ctx, `INSERT INTO upstream_answers (schedule, recipe, about, etag, version, meta, problem, asked)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (schedule, recipe) DO UPDATE SET about = excluded.about, etag = excluded.etag,
				version = excluded.version, meta = excluded.meta, problem = excluded.problem, asked = excluded.asked`,
				schedule, a.Recipe, a.About, a.ETag, a.Version, a.Meta, a.Problem, micros(a.Asked)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Answers implements Releases.
func (s *SQL) Answers(ctx context.Context, schedule string) (answers map[string]Answer, err error) {
	err = s.look(ctx, "reading what the index said", func(tx tx) error {
		list, err := query(ctx, tx, func(rows *sql.Rows) (a Answer, err error) {
			var asked int64
			err = rows.Scan(&a.Recipe, &a.About, &a.ETag, &a.Version, &a.Meta, &a.Problem, &asked)
			a.Asked = moment(asked)
			return a, err
		}, `SELECT recipe, about, etag, version, meta, problem, asked FROM upstream_answers WHERE schedule = ?`, schedule)
		answers = make(map[string]Answer, len(list))
		for _, a := range list {
			answers[a.Recipe] = a
		}
		return err
	})
	return answers, err
}
