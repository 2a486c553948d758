package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/record"
)

// reproduced notes what a second build came to. Where somebody has looked at an earlier difference under the key, this one is
// new all the same.
func reproduced(ctx context.Context, tx tx, r *record.Build, made time.Time) error {
	same, stands := 0, 0
	if r.Reproduction.Same {
		same = 1
	}
	if r.Reproduction.Same || !r.Reproduction.Blocks {
		stands = 1
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO reproductions (key, recipe, toolchain_digest, same, stands, made, looked) VALUES (?, ?, ?, ?, ?, ?, 0)
		ON CONFLICT (key) DO UPDATE SET same = excluded.same, stands = excluded.stands, made = excluded.made, looked = 0`,
		r.Key, r.Recipe, r.Toolchain.Digest, same, stands, micros(made))
	return err
}

// Reproduced implements Reproductions.
func (s *SQL) Reproduced(ctx context.Context, recipe string, toolchain record.Digest) (found bool, err error) {
	err = s.look(ctx, "asking whether a build of "+recipe+" was reproduced", func(tx tx) error {
		err := exists(ctx, tx, `SELECT 1 FROM reproductions WHERE recipe = ? AND toolchain_digest = ? AND stands = 1 LIMIT 1`, recipe, toolchain)
		if found = err == nil; errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return found, err
}

// Twice implements Reproductions.
func (s *SQL) Twice(ctx context.Context, recipes []string) (list []Twice, err error) {
	err = s.look(ctx, "listing builds that were made twice", func(tx tx) error {
		list = nil
		for names := range slices.Chunk(recipes, atOnce) {
			some, err := query(ctx, tx, func(rows *sql.Rows) (t Twice, err error) {
				err = rows.Scan(&t.Key, &t.Recipe, &t.Toolchain, &t.Same, &t.Stands)
				return t, err
			}, `SELECT key, recipe, toolchain_digest, same, stands FROM reproductions WHERE recipe IN (`+places(len(names))+`)`, anys(names)...)
			if err != nil {
				return err
			}
			list = append(list, some...)
		}
		return nil
	})
	return list, err
}

// Differing implements Reproductions.
func (s *SQL) Differing(ctx context.Context, recipe string) (b Build, err error) {
	err = s.look(ctx, "finding two builds of "+recipe+" that differ", func(tx tx) error {
		b, err = one(ctx, tx, scanBuild, `SELECT b.record, b.inputs, b.finished, b.used FROM reproductions r JOIN builds b ON b.key = r.key
			WHERE r.recipe = ? AND r.same = 0 ORDER BY r.made DESC, r.key LIMIT 1`, recipe)
		return err
	})
	return b, err
}

// Look implements Reproductions.
func (s *SQL) Look(ctx context.Context, key string, at time.Time) error {
	return s.change(ctx, "noting who looked at build "+key, func(tx tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE reproductions SET looked = ? WHERE key = ? AND looked = 0`, micros(at), key)
		return err
	})
}
