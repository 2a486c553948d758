package store

import (
	"context"
	"database/sql"
	"encoding/json"
)

// SeeWorker implements Workers.
func (s *SQL) SeeWorker(ctx context.Context, w Worker) (order WorkerOrder, err error) {
	err = s.change(ctx, "noting worker "+w.Name, func(tx tx) error {
		classes, err := json.Marshal(w.Classes)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO workers (name, classes, slots, version, first_seen, last_seen, state, reason, actor, since, heard)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET classes = excluded.classes, slots = excluded.slots, version = excluded.version,
			last_seen = excluded.last_seen, state = excluded.state, reason = excluded.reason, actor = excluded.actor,
			since = excluded.since, heard = excluded.heard WHERE excluded.last_seen >= workers.last_seen`,
			w.Name, string(classes), w.Slots, w.Version, micros(w.LastSeen), micros(w.LastSeen), w.State, w.Reason, w.By, micros(w.Since), micros(w.Heard)); err != nil {
			return err
		}
		kept, err := one(ctx, tx, scanWorker, selectWorkers+` WHERE name = ?`, w.Name)
		order = kept.Order
		return err
	})
	return order, err
}

// OrderWorker implements Workers.
func (s *SQL) OrderWorker(ctx context.Context, name string, order WorkerOrder) error {
	return s.change(ctx, "giving worker "+name+" an order", func(tx tx) error {
		if err := exists(ctx, tx, `SELECT 1 FROM workers WHERE name = ?`, name); err != nil {
			return err
		}
		rest := 0
		if order.Rest {
			rest = 1
		}
		_, err := tx.ExecContext(ctx, `UPDATE workers SET order_rest = ?, order_reason = ?, order_actor = ?, order_at = ? WHERE name = ?`,
			rest, order.Reason, order.By, micros(order.At), name)
		return err
	})
}

const selectWorkers = `SELECT name, classes, slots, version, first_seen, last_seen, state, reason, actor, since, heard,
	order_rest, order_reason, order_actor, order_at FROM workers`

// Workers implements Workers.
func (s *SQL) Workers(ctx context.Context) (list []Worker, err error) {
	err = s.look(ctx, "listing workers", func(tx tx) error {
		list, err = query(ctx, tx, scanWorker, selectWorkers+` ORDER BY name`)
		return err
	})
	return list, err
}

func scanWorker(rows *sql.Rows) (w Worker, err error) {
	var classes string
	var first, last, since, heard, at int64
	var rest int
	if err := rows.Scan(&w.Name, &classes, &w.Slots, &w.Version, &first, &last, &w.State, &w.Reason, &w.By, &since, &heard,
		&rest, &w.Order.Reason, &w.Order.By, &at); err != nil {
		return w, err
	}
	w.FirstSeen, w.LastSeen, w.Since, w.Heard = moment(first), moment(last), moment(since), moment(heard)
	w.Order.Rest, w.Order.At = rest == 1, moment(at)
	return w, json.Unmarshal([]byte(classes), &w.Classes)
}
