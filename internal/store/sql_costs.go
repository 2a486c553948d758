package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// remembers is how many of a recipe's newest builds tell how much memory it needs.
const remembers = 5

// costs adds what builds of some recipes have taken, by recipe: first those on the toolchain, then all others, newest first.
func costs(ctx context.Context, tx tx, all map[string]plan.Cost, toolchain string, names []string) error {
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
	}, `SELECT recipe, outcome, seconds, peak, class, outgrew FROM builds WHERE recipe IN (`+places(len(names))+`)
		ORDER BY CASE toolchain WHEN ? THEN 0 ELSE 1 END, finished DESC, key`, append(anys(names), toolchain)...)
	return err
}

// recent is how many of the farm's newest builds tell what one usually takes.
const recent = 500

// usual is the median of what the farm's newest builds have taken, in seconds.
func usual(ctx context.Context, tx tx) (float64, error) {
	times, err := query(ctx, tx, func(rows *sql.Rows) (seconds float64, err error) {
		err = rows.Scan(&seconds)
		return seconds, err
	}, `SELECT seconds FROM builds WHERE seconds > 0 ORDER BY finished DESC, seconds LIMIT ?`, recent)
	if err != nil || len(times) == 0 {
		return 0, err
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// outgrown is the largest class in which a build ran out of memory; empty where it never did.
func outgrown(r *record.Build) string {
	if n := len(r.Outgrew); n > 0 {
		return r.Outgrew[n-1]
	}
	return ""
}
