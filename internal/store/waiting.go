package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// OpenAction is an action that has not ended, of a run that goes on.
type OpenAction struct {
	Run     string
	Lane    string
	Created time.Time // the run
	Control RunControl
	RunAction
}

// Going is a run that goes on.
type Going struct {
	Run
	Counts map[Status]int // of its actions
	// Joined are the runs whose builds it waits for.
	Joined []string
	// By class: builds that wait for a slot, and those that a worker has begun. Of the latter some may wait for a slot again: for
	// their second build, or their test.
	Queued, Begun map[string]int
}

// Carrying says for each of the open actions which of them carries out the build that it has asked for: itself, one of the run that it
// has joined, or the first that has joined, where the run that has started the build does not want it any more. -1 is for what has
// asked for none.
func Carrying(open []OpenAction) []int {
	type build struct{ recipe, id string }
	by := map[build]int{}
	asked := func(o *OpenAction) bool { return o.Build != "" && o.Status != Planned }
	for _, joined := range []bool{false, true} {
		for i := range open {
			o := &open[i]
			b := build{o.Recipe, o.Build}
			if _, found := by[b]; asked(o) && o.Joined == joined && !found {
				by[b] = i
			}
		}
	}
	carries := make([]int, len(open))
	for i := range open {
		if carries[i] = -1; asked(&open[i]) {
			carries[i] = by[build{open[i].Recipe, open[i].Build}]
		}
	}
	return carries
}

// Past is a build as the run that carried it out knows it.
type Past struct {
	Run    string
	Reason string // why it was built
	Status Status
	Ended  time.Time
}

// Waiting is what tells why something waits, and how long it will.
type Waiting interface {
	// OpenActions are all actions that have not ended: the runs in the order in which they were made, each with its actions
	// in the order of its plan.
	OpenActions(ctx context.Context) ([]OpenAction, error)
	// RunsInFlight are the runs that go on, in the order in which they were made, each with how far it is.
	RunsInFlight(ctx context.Context) ([]Going, error)
	// Seconds are how long each of the recipes took when it was last built, if it ever was: to pass, if it ever did.
	Seconds(ctx context.Context, recipes []string) (map[string]float64, error)
	// NewestRun is the run that has a recipe: of those that go on, the newest, or else the newest of all.
	NewestRun(ctx context.Context, recipe string) (id string, err error)
	// StartedBy are the runs that have started builds, by recipe, of workflows by recipe (RunAction.Build). What nobody remembers is
	// left out.
	StartedBy(ctx context.Context, builds map[string]string) (map[string]string, error)
	// BuiltIn is where a recipe was built under a key, the first time.
	BuiltIn(ctx context.Context, recipe, key string) (Past, error)
}

// OpenActions implements Waiting.
func (s *SQL) OpenActions(ctx context.Context) (list []OpenAction, err error) {
	err = s.look(ctx, "listing what is to be built", func(tx tx) error {
		runs, err := query(ctx, tx, scanRun, selectRuns+` WHERE finished = 0 ORDER BY created, id`)
		if err != nil {
			return err
		}
		list = nil
		for _, r := range runs {
			actions, err := query(ctx, tx, scanAction, selectActions+` WHERE run = ? AND status IN ('planned', 'queued', 'running') ORDER BY position`, r.ID)
			if err != nil {
				return err
			}
			for _, a := range actions {
				list = append(list, OpenAction{Run: r.ID, Lane: r.Lane, Created: r.Created, Control: r.Control, RunAction: a})
			}
		}
		return nil
	})
	return list, err
}

// RunsInFlight implements Waiting.
func (s *SQL) RunsInFlight(ctx context.Context) (list []Going, err error) {
	err = s.look(ctx, "listing the runs that go on", func(tx tx) error {
		list = nil // it may run more than once
		runs, err := query(ctx, tx, scanRun, selectRuns+` WHERE finished = 0 ORDER BY created, id`)
		if err != nil {
			return err
		}
		for _, r := range runs {
			f := Going{Run: r, Counts: map[Status]int{}}
			counts, err := query(ctx, tx, scanCount, `SELECT status, count(*), sum(CASE status WHEN 'queued' THEN joined ELSE 0 END) FROM run_actions WHERE run = ? GROUP BY status`, r.ID)
			if err != nil {
				return err
			}
			joined := 0
			for _, c := range counts {
				f.Counts[c.status] = c.n
				joined += c.joined
			}
			but := ``
			if joined > 0 {
				but = ` AND NOT (joined = 1 AND EXISTS (` + starter + `))`
			}
			if f.Queued, err = byClass(ctx, tx, &f, Queued, but); err != nil {
				return err
			}
			if f.Begun, err = byClass(ctx, tx, &f, Running, ``); err != nil {
				return err
			}
			if joined > 0 {
				f.Joined, err = query(ctx, tx, scanName, `SELECT DISTINCT o.run FROM run_actions JOIN run_actions o ON o.recipe = run_actions.recipe AND o.build = run_actions.build
					WHERE run_actions.run = ? AND run_actions.status = 'queued' AND run_actions.joined = 1 AND o.joined = 0 AND o.status IN ('queued', 'running')
					ORDER BY o.run`, r.ID)
				if err != nil {
					return err
				}
			}
			list = append(list, f)
		}
		return nil
	})
	return list, err
}

// starter is the action that has started the build that an action has joined, and wants it still.
const starter = `SELECT 1 FROM run_actions o WHERE o.recipe = run_actions.recipe AND o.build = run_actions.build AND o.joined = 0
	AND o.status IN ('queued', 'running')`

// byClass counts the actions of a run in a state, but for some.
func byClass(ctx context.Context, tx tx, f *Going, status Status, but string) (map[string]int, error) {
	if f.Counts[status] == 0 {
		return nil, nil
	}
	counts := map[string]int{}
	_, err := query(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
		var class string
		var n int
		err := rows.Scan(&class, &n)
		counts[class] = n
		return struct{}{}, err
	}, `SELECT class, count(*) FROM run_actions WHERE run = ? AND status = ?`+but+` GROUP BY class`, f.ID, status)
	return counts, err
}

func scanName(rows *sql.Rows) (name string, err error) {
	err = rows.Scan(&name)
	return name, err
}

type statusCount struct {
	status    Status
	n, joined int
}

func scanCount(rows *sql.Rows) (c statusCount, err error) {
	err = rows.Scan(&c.status, &c.n, &c.joined)
	return c, err
}

// Seconds implements Waiting.
func (s *SQL) Seconds(ctx context.Context, recipes []string) (map[string]float64, error) {
	const last = `SELECT seconds FROM run_actions WHERE recipe = ? AND seconds > 0 AND status IN ('passed', 'failed')
		ORDER BY status = 'passed' DESC, ended DESC LIMIT 1`
	took := map[string]float64{}
	err := s.look(ctx, "reading how long builds take", func(tx tx) error {
		for _, recipe := range recipes {
			var seconds float64
			switch err := tx.QueryRowContext(ctx, last, recipe).Scan(&seconds); {
			case err == nil:
				took[recipe] = seconds
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
		}
		return nil
	})
	return took, err
}

// NewestRun implements Waiting.
func (s *SQL) NewestRun(ctx context.Context, recipe string) (id string, err error) {
	err = s.look(ctx, "finding a run of "+recipe, func(tx tx) error {
		return tx.QueryRowContext(ctx, `SELECT r.id FROM run_actions a JOIN runs r ON r.id = a.run WHERE a.recipe = ? AND r.forgotten = 0
			ORDER BY r.finished = 0 DESC, r.created DESC, r.id LIMIT 1`, recipe).Scan(&id)
	})
	return id, err
}

// StartedBy implements Waiting.
func (s *SQL) StartedBy(ctx context.Context, builds map[string]string) (map[string]string, error) {
	// The same workflow may have been started before: of those that have ended it is the last.
	const last = `SELECT run FROM run_actions WHERE recipe = ? AND build = ? AND joined = 0
		ORDER BY status IN ('queued', 'running') DESC, ended DESC, run LIMIT 1`
	runs := map[string]string{}
	if len(builds) == 0 {
		return runs, nil
	}
	err := s.look(ctx, "finding who has started builds", func(tx tx) error {
		for recipe, build := range builds {
			var run string
			switch err := tx.QueryRowContext(ctx, last, recipe, build).Scan(&run); {
			case err == nil:
				runs[recipe] = run
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
		}
		return nil
	})
	return runs, err
}

// BuiltIn implements Waiting.
func (s *SQL) BuiltIn(ctx context.Context, recipe, key string) (p Past, err error) {
	err = s.look(ctx, "finding where "+recipe+" was built", func(tx tx) error {
		var ended int64
		err := tx.QueryRowContext(ctx, `SELECT run, reason, status, ended FROM run_actions WHERE recipe = ? AND key = ? AND action = 'build'
			AND status IN ('passed', 'failed') ORDER BY ended, run LIMIT 1`, recipe, key).Scan(&p.Run, &p.Reason, &p.Status, &ended)
		p.Ended = moment(ended)
		return err
	})
	return p, err
}
