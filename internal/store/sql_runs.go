package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
)

// CreateRun implements Runs.
func (s *SQL) CreateRun(ctx context.Context, r Run) error {
	if r.ID == "" {
		return fault.Errorf(fault.Invalid, "noting a run: it has no id")
	}
	return s.change(ctx, "noting run "+r.ID, func(tx tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO runs (id, lane, workflow, request, plan, outcome, error, created, started, finished)
			VALUES (?, ?, ?, ?, '', '', '', ?, 0, 0) ON CONFLICT DO NOTHING`,
			r.ID, r.Lane, r.Workflow, string(r.Request), micros(r.Created))
		return err
	})
}

// AskRun implements Runs.
func (s *SQL) AskRun(ctx context.Context, id string, request json.RawMessage) error {
	return s.change(ctx, "noting what run "+id+" is about", func(tx tx) error {
		if err := exists(ctx, tx, `SELECT 1 FROM runs WHERE id = ?`, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE runs SET request = ? WHERE id = ? AND plan = ''`, string(request), id)
		return err
	})
}

// PlanRun implements Runs.
func (s *SQL) PlanRun(ctx context.Context, id string, p *plan.Plan, at time.Time) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encoding the plan of run %s: %w", id, err)
	}
	return s.change(ctx, "noting the plan of run "+id, func(tx tx) error {
		var kept string
		if err := tx.QueryRowContext(ctx, `SELECT plan FROM runs WHERE id = ?`, id).Scan(&kept); err != nil || kept != "" {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET plan = ?, started = ? WHERE id = ?`, string(raw), micros(at), id); err != nil {
			return err
		}
		// Many rows at a time: a database server may be a millisecond away.
		first := 0
		for actions := range slices.Chunk(p.Actions, 500) {
			if err := insertActions(ctx, tx, id, first, actions, at); err != nil {
				return err
			}
			first += len(actions)
		}
		return nil
	})
}

// insertActions notes actions of a run; the first of them has position first.
func insertActions(ctx context.Context, tx tx, run string, first int, actions []plan.Action, at time.Time) error {
	var args []any
	for i, a := range actions {
		status, cause, ended := Planned, "", int64(0)
		switch a.Kind {
		case plan.KindSkip:
			status, cause, ended = Skipped, a.Reason, micros(at)
		case plan.KindReuse:
			status, ended = Cached, micros(at)
			if a.Reused != nil && a.Reused.Failure != "" {
				status, cause = Failed, a.Reused.Failure
			}
		}
		needs, err := json.Marshal(a.Needs)
		if err != nil {
			return err
		}
		args = append(args, run, a.Recipe, first+i, a.Version, a.Kind, a.Reason, string(needs), a.Key, status, cause, ended, a.Class, a.Seconds)
	}
	rows := strings.Repeat(`, (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, '', 0, 0, ?, ?, ?)`, len(actions))
	_, err := tx.ExecContext(ctx, `INSERT INTO run_actions (run, recipe, position, version, action, reason, needs, key,
		status, cause, phase, attempt, worker, seconds, started, ended, class, expected) VALUES `+strings.TrimPrefix(rows, ", "), args...)
	return err
}

// UpdateAction implements Runs.
func (s *SQL) UpdateAction(ctx context.Context, run string, a RunAction) error {
	what := "noting how far " + a.Recipe + " is in run " + run
	return s.change(ctx, what, func(tx tx) error {
		var status Status
		var attempt int
		var began int64
		err := tx.QueryRowContext(ctx, `SELECT status, attempt, started FROM run_actions WHERE run = ? AND recipe = ?`, run, a.Recipe).Scan(&status, &attempt, &began)
		if err != nil {
			return err
		}
		// A build that another run wants outlives the run that was canceled, and may be tried again.
		if a.Attempt < attempt && a.Status != Planned || !a.Status.Ended() && (a.Attempt == attempt && status.Ended() || status == Canceled) {
			return nil
		}
		started := micros(a.Started)
		if a.Attempt == attempt && a.Status == Running && status == Running { // another phase of it
			started = began
		}
		_, err = tx.ExecContext(ctx, `UPDATE run_actions SET key = CASE ? WHEN '' THEN key ELSE ? END, status = ?, cause = ?, fault = ?, phase = ?,
			attempt = ?, worker = ?, seconds = ?, started = ?, ended = ?, class = CASE ? WHEN '' THEN class ELSE ? END,
			joined = CASE ? WHEN '' THEN joined ELSE ? END, build = CASE ? WHEN '' THEN build ELSE ? END WHERE run = ? AND recipe = ?`,
			a.Key, a.Key, a.Status, a.Cause, a.Fault, a.Phase, a.Attempt, a.Worker, a.Seconds, started, micros(a.Ended), a.Class, a.Class,
			a.Build, bit(a.Joined), a.Build, a.Build, run, a.Recipe)
		return err
	})
}

// ControlRun implements Runs.
func (s *SQL) ControlRun(ctx context.Context, id string, c RunControl) error {
	return s.change(ctx, "noting how run "+id+" is held back", func(tx tx) error {
		if err := exists(ctx, tx, `SELECT 1 FROM runs WHERE id = ?`, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE runs SET paused = ?, paused_by = ?, paused_reason = ?, build_limit = ? WHERE id = ?`,
			micros(c.Paused), c.By, c.Reason, c.Limit, id)
		return err
	})
}

// FinishRun implements Runs.
func (s *SQL) FinishRun(ctx context.Context, id string, end RunEnd, at time.Time) error {
	return s.change(ctx, "noting the end of run "+id, func(tx tx) error {
		if err := exists(ctx, tx, `SELECT 1 FROM runs WHERE id = ?`, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE runs SET outcome = ?, error = ?, fault = ?, finished = ? WHERE id = ? AND finished = 0`,
			end.Outcome, end.Error, end.Fault, micros(at), id)
		return err
	})
}

// Run implements Runs.
func (s *SQL) Run(ctx context.Context, id string) (Run, []RunAction, error) {
	var run Run
	var actions []RunAction
	err := s.look(ctx, "reading run "+id, func(tx tx) error {
		var err error
		if run, err = head(ctx, tx, id); err != nil {
			return err
		}
		var raw string
		if err := tx.QueryRowContext(ctx, `SELECT plan FROM runs WHERE id = ?`, id).Scan(&raw); err != nil {
			return err
		}
		if raw != "" {
			if err := json.Unmarshal([]byte(raw), &run.Plan); err != nil {
				return fmt.Errorf("decoding its plan: %w", err)
			}
		}
		actions, err = query(ctx, tx, scanAction, selectActions+` WHERE run = ? ORDER BY position`, id)
		return err
	})
	return run, actions, err
}

// Head implements Runs.
func (s *SQL) Head(ctx context.Context, id string) (run Run, err error) {
	err = s.look(ctx, "reading run "+id, func(tx tx) error {
		run, err = head(ctx, tx, id)
		return err
	})
	return run, err
}

func head(ctx context.Context, tx tx, id string) (Run, error) {
	run, err := one(ctx, tx, scanRun, selectRuns+` WHERE id = ? AND forgotten = 0`, id)
	if errors.Is(err, sql.ErrNoRows) {
		err = cmp.Or(forgotten(ctx, tx, id), err)
	}
	return run, err
}

// Actions implements Runs.
func (s *SQL) Actions(ctx context.Context, run string, recipes ...string) (actions []RunAction, err error) {
	err = s.look(ctx, "reading the actions of run "+run, func(tx tx) error {
		actions = nil
		if len(recipes) == 0 {
			actions, err = query(ctx, tx, scanAction, selectActions+` WHERE run = ? ORDER BY position`, run)
			return err
		}
		for part := range slices.Chunk(recipes, atOnce) {
			list, err := query(ctx, tx, scanAction, selectActions+` WHERE run = ? AND recipe IN (`+places(len(part))+`) ORDER BY position`,
				append([]any{run}, anys(part)...)...)
			if err != nil {
				return err
			}
			actions = append(actions, list...)
		}
		return nil
	})
	return actions, err
}

const selectActions = `SELECT recipe, version, action, reason, needs, key, status, cause, fault, phase, attempt, worker, seconds, started,
	ended, class, expected, build, joined FROM run_actions`

const selectRuns = `SELECT id, lane, workflow, request, outcome, error, fault, created, started, finished,
	paused, paused_by, paused_reason, build_limit FROM runs`

// Runs implements Runs.
func (s *SQL) Runs(ctx context.Context, limit int) (runs []Run, err error) {
	err = s.look(ctx, "listing runs", func(tx tx) error {
		runs, err = query(ctx, tx, scanRun, selectRuns+` WHERE forgotten = 0 ORDER BY created DESC, id LIMIT ?`, limitOf(limit))
		return err
	})
	return runs, err
}

func scanRun(rows *sql.Rows) (r Run, err error) {
	var request string
	var created, started, finished, paused int64
	err = rows.Scan(&r.ID, &r.Lane, &r.Workflow, &request, &r.Outcome, &r.Error, &r.Fault, &created, &started, &finished,
		&paused, &r.Control.By, &r.Control.Reason, &r.Control.Limit)
	if request != "" {
		r.Request = json.RawMessage(request)
	}
	r.Created, r.Started, r.Finished, r.Control.Paused = moment(created), moment(started), moment(finished), moment(paused)
	return r, err
}

func scanAction(rows *sql.Rows) (a RunAction, err error) {
	var needs string
	var started, ended, joined int64
	if err := rows.Scan(&a.Recipe, &a.Version, &a.Action, &a.Reason, &needs, &a.Key, &a.Status, &a.Cause, &a.Fault, &a.Phase,
		&a.Attempt, &a.Worker, &a.Seconds, &started, &ended, &a.Class, &a.Expected, &a.Build, &joined); err != nil {
		return a, err
	}
	a.Started, a.Ended = moment(started), moment(ended)
	a.Joined = joined == 1
	return a, json.Unmarshal([]byte(needs), &a.Needs)
}
