package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
)

// PutBuild implements Builds.
func (s *SQL) PutBuild(ctx context.Context, b Build) (stored bool, err error) {
	r := &b.Record
	if r.Key == "" {
		return false, fault.Errorf(fault.Invalid, "remembering the build of %s: it has no key", r.Recipe)
	}
	inputs, err := json.Marshal(b.Inputs)
	if err != nil {
		return false, fmt.Errorf("encoding the inputs of %s: %w", r.Recipe, err)
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return false, fmt.Errorf("encoding the record of %s: %w", r.Recipe, err)
	}
	err = s.change(ctx, "remembering the build of "+r.Recipe, func(tx tx) error {
		stored = true
		old, err := one(ctx, tx, scanBuild, selectBuilds+` WHERE key = ?`, r.Key)
		if err == nil {
			if stored, err = supersedes(&old.Record, r); err != nil {
				return err
			}
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if r.Reproduction != nil && (stored || r.Reproduction.Same) {
			if err := reproduced(ctx, tx, r, b.Finished); err != nil {
				return err
			}
		}
		if !stored {
			return use(ctx, tx, r.Key, b.Finished)
		}
		var failure record.Failure
		if r.Failure != nil {
			failure = *r.Failure
		}
		var artifact record.Artifact
		if len(r.Artifacts) > 0 {
			artifact = r.Artifacts[0]
		}
		tests := r.Counts()
		if _, err := tx.ExecContext(ctx, `DELETE FROM builds WHERE key = ?`, r.Key); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO builds (key, recipe, version, toolchain, toolchain_digest, outcome, failure_kind,
			failure_message, artifact, digest, size, output, tests_passed, tests_failed, tests_skipped, inputs, record, seconds, peak, class, outgrew,
			finished, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.Key, r.Recipe, r.Version, r.Toolchain.Name, r.Toolchain.Digest, r.Outcome, failure.Kind,
			failure.Message, artifact.Filename, artifact.Digest, artifact.Size, plan.Output(r),
			tests.Passed, tests.Failed, tests.Skipped, string(inputs), string(raw),
			r.Seconds(), r.PeakMemory, r.Class, outgrown(r), micros(b.Finished), micros(b.Finished))
		return err
	})
	return stored && err == nil, err
}

// UseBuilds implements Builds.
func (s *SQL) UseBuilds(ctx context.Context, keys []string, at time.Time) error {
	return s.change(ctx, "noting which builds are used", func(tx tx) error {
		for _, key := range keys {
			if err := use(ctx, tx, key, at); err != nil {
				return err
			}
		}
		return nil
	})
}

func use(ctx context.Context, tx tx, key string, at time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE builds SET used = ? WHERE key = ? AND used < ?`, micros(at), key, micros(at))
	return err
}

const selectBuilds = `SELECT record, inputs, finished, used FROM builds`

// Build implements Builds.
func (s *SQL) Build(ctx context.Context, key string) (b Build, err error) {
	err = s.look(ctx, "reading build "+key, func(tx tx) error {
		b, err = one(ctx, tx, scanBuild, selectBuilds+` WHERE key = ?`, key)
		return err
	})
	return b, err
}

// BuildsOf implements Builds.
func (s *SQL) BuildsOf(ctx context.Context, keys []string) (map[string]Build, error) {
	found := make(map[string]Build, len(keys))
	err := s.look(ctx, "reading builds", func(tx tx) error {
		for part := range slices.Chunk(keys, atOnce) {
			list, err := query(ctx, tx, scanBuild, selectBuilds+` WHERE key IN (`+places(len(part))+`)`, anys(part)...)
			if err != nil {
				return err
			}
			for _, b := range list {
				found[b.Record.Key] = b
			}
		}
		return nil
	})
	return found, err
}

// LatestBuild implements Builds.
func (s *SQL) LatestBuild(ctx context.Context, recipe, toolchain string, outcome record.Outcome) (b Build, err error) {
	what := "reading the latest build of " + recipe
	if outcome != "" {
		what = fmt.Sprintf("reading the latest build of %s that %s", recipe, outcome)
	}
	if toolchain != "" {
		what += " on " + toolchain
	}
	err = s.look(ctx, what, func(tx tx) error {
		b, err = one(ctx, tx, scanBuild, selectBuilds+` WHERE recipe = ? AND (? = '' OR toolchain = ?) AND (? = '' OR outcome = ?)
			ORDER BY used DESC, key LIMIT 1`, recipe, toolchain, toolchain, string(outcome), string(outcome))
		return err
	})
	return b, err
}

func scanBuild(rows *sql.Rows) (b Build, err error) {
	var raw, inputs string
	var finished, used int64
	if err := rows.Scan(&raw, &inputs, &finished, &used); err != nil {
		return b, err
	}
	b.Finished, b.Used = moment(finished), moment(used)
	return b, errors.Join(json.Unmarshal([]byte(raw), &b.Record), json.Unmarshal([]byte(inputs), &b.Inputs))
}

// History implements Builds. The rows of a recipe are walked from the most recently used on, so that the first is its last
// build, the only one whose inputs are decoded.
func (s *SQL) History(ctx context.Context, of plan.Question) (plan.History, error) {
	var h plan.History
	err := s.look(ctx, "reading the history of builds", func(tx tx) error {
		h = plan.History{
			Builds: map[string]plan.Build{}, Last: map[string]plan.Build{}, Good: map[string]plan.Build{},
			Locks: map[string]record.Digest{}, Costs: map[string]plan.Cost{},
		}
		for names := range slices.Chunk(of.Recipes, atOnce) {
			if err := builds(ctx, tx, &h, of.Toolchain, names); err != nil {
				return err
			}
			if err := costs(ctx, tx, h.Costs, of.Toolchain, names); err != nil {
				return err
			}
		}
		for keys := range slices.Chunk(of.Locks, atOnce) {
			if _, err := query(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
				var key string
				var digest record.Digest
				err := rows.Scan(&key, &digest)
				h.Locks[key] = digest
				return struct{}{}, err
			}, `SELECT key, digest FROM locks WHERE key IN (`+places(len(keys))+`)`, anys(keys)...); err != nil {
				return err
			}
		}
		var err error
		h.Usual, err = usual(ctx, tx)
		return err
	})
	return h, err
}

// builds adds those of some recipes to a history.
func builds(ctx context.Context, tx tx, h *plan.History, toolchain string, names []string) error {
	_, err := query(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
		var b plan.Build
		var recipe string
		var kind record.FailureKind
		var inputs sql.RawBytes
		if err := rows.Scan(&b.Key, &recipe, &b.Outcome, &kind, &b.Failure, &b.Output, &inputs); err != nil {
			return struct{}{}, err
		}
		if kind != "" {
			b.Failure = string(kind) + ": " + b.Failure
		}
		h.Builds[b.Key] = b
		if last, seen := h.Last[recipe]; seen {
			if _, found := h.Good[recipe]; !found && b.Outcome == record.Passed && last.Outcome != record.Passed {
				h.Good[recipe] = b
			}
			return struct{}{}, nil
		}
		err := json.Unmarshal(inputs, &b.Inputs)
		h.Last[recipe] = b
		return struct{}{}, err
	}, `SELECT key, recipe, outcome, failure_kind, failure_message, output, inputs FROM builds
		WHERE recipe IN (`+places(len(names))+`) AND toolchain = ? ORDER BY used DESC, key`, append(anys(names), toolchain)...)
	return err
}
