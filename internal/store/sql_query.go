package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"
)

// query reads all rows of a query.
func query[T any](ctx context.Context, tx tx, scan func(*sql.Rows) (T, error), text string, args ...any) (list []T, err error) {
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, rows.Err()
}

// one reads the first row of a query; sql.ErrNoRows if there is none.
func one[T any](ctx context.Context, tx tx, scan func(*sql.Rows) (T, error), text string, args ...any) (item T, err error) {
	list, err := query(ctx, tx, scan, text, args...)
	if err == nil && len(list) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return item, err
	}
	return list[0], nil
}

// exists is sql.ErrNoRows if a query has no rows.
func exists(ctx context.Context, tx tx, text string, args ...any) error {
	var found int
	return tx.QueryRowContext(ctx, text, args...).Scan(&found)
}

// limitOf is a limit as SQL has it: the largest number for none.
func limitOf(limit int) int {
	if limit <= 0 {
		return math.MaxInt64
	}
	return limit
}

// atOnce is how many values one statement is asked about: few enough for any database's limit on parameters.
const atOnce = 500

// places are those of n values in a statement, which anys gives.
func places(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func anys[T any](list []T) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}
