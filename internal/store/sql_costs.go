package store

import (
	"context"
	"database/sql"

	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// remembers is how many of a recipe's newest builds tell how much memory it needs.
const remembers = 5

// costs reads what builds have taken, by recipe: first those on the toolchain, then all others, newest first.
func costs(ctx context.Context, tx tx, toolchain string) (map[string]plan.Cost, error) {
	all := map[string]plan.Cost{}
	type seen struct {
		builds int
		passed bool
	}
	counts := map[string]seen{}
	_, err := query(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
		var (
			name           string
			outcome        record.Outcome
			seconds        float64
			peak           int64
			class, outgrew recipe.Class
		)
		if err := rows.Scan(&name, &outcome, &seconds, &peak, &class, &outgrew); err != nil {
			return struct{}{}, err
		}
		c, n := all[name], counts[name]
		passed := outcome == record.Passed
		if seconds > 0 && (c.Seconds == 0 || passed && !n.passed) {
			c.Seconds, n.passed = seconds, passed
		}
		if n.builds < remembers {
			if passed && peak > c.Peak {
				c.Peak, c.Class = peak, class
			}
			if outgrew != "" && (c.Outgrew == "" || outgrew.Larger(c.Outgrew)) {
				c.Outgrew = outgrew
			}
			n.builds++
		}
		all[name], counts[name] = c, n
		return struct{}{}, nil
	}, `SELECT recipe, outcome, seconds, peak, class, outgrew FROM builds ORDER BY CASE toolchain WHEN ? THEN 0 ELSE 1 END, finished DESC, key`, toolchain)
	return all, err
}

// outgrown is the largest class in which a build ran out of memory; empty where it never did.
func outgrown(r *record.Build) string {
	if n := len(r.Outgrew); n > 0 {
		return r.Outgrew[n-1]
	}
	return ""
}
