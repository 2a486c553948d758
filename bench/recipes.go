package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// small is how long a ready build may take, in seconds, to be built more than once.
const small = 15

// recipes measures every recipe as long as there is time.
func (b *bench) recipes(ctx context.Context, f *farm, data string) error {
	for i, r := range b.chosen {
		if time.Since(b.begin) > b.limit {
			b.result.Unmeasured = append(b.result.Unmeasured, r.Name)
			continue
		}
		err := b.recipe(ctx, f, data, r)
		if failed := (*failure)(nil); errors.As(err, &failed) {
			b.say("%s", failed)
			b.result.Failed = append(b.result.Failed, *failed)
			continue
		}
		if err != nil {
			for _, r := range b.chosen[i:] {
				if !slices.Contains(b.measured(), r.Name) {
					b.result.Unmeasured = append(b.result.Unmeasured, r.Name)
				}
			}
			return err
		}
	}
	return nil
}

// recipe builds one on a farm that has never built it, and then again and again with everything ready, the peer in
// between: what else the machine does meanwhile hits both.
func (b *bench) recipe(ctx context.Context, f *farm, data string, r *recipe.Recipe) error {
	b.say("%s: first build", r.Name)
	res := &recipeResult{Name: r.Name, Version: r.Version, Pure: r.Wasmill.Pure}
	first, rec, err := b.build(ctx, f, r, data)
	if err != nil {
		return err
	}
	res.First = first
	res.describe(rec)
	defer func() { b.keep(res) }()
	other, err := b.peer.of(ctx, r, rec)
	if err != nil {
		return err
	}
	if b.peer != nil {
		res.NoPeer = notComparable(r)
	}
	for n := range b.runs {
		b.say("%s: ready build %d", r.Name, n+1)
		if err := b.touch(r, n+1); err != nil {
			return err
		}
		ready, _, err := b.build(ctx, f, r, data)
		if err != nil {
			return err
		}
		res.Ready = append(res.Ready, *ready)
		if other != nil {
			seconds, err := other.run(ctx)
			if err != nil {
				b.say("pyodide-build on %s: %v", r.Name, err)
				res.NoPeer, other = "it fails there", nil
				continue
			}
			res.Peer = append(res.Peer, seconds)
		}
		if ready.Build > small {
			break
		}
	}
	return nil
}

// keep puts a recipe into the result, also one whose last samples are missing.
func (b *bench) keep(res *recipeResult) {
	if len(res.Ready) > 0 {
		res.Summary = summarize(res.Ready, res.Peer)
		b.result.Recipes = append(b.result.Recipes, res)
	}
}

// touch changes a recipe's tests, which are part of a build's key and not of its lock's: the next build is a new one to
// the farm, and compiles the same.
func (b *bench) touch(r *recipe.Recipe, n int) error {
	name := "test_of_the_benchmark.py" // for a recipe that has none
	if len(r.Tests) > 0 {
		name = r.Tests[0]
	}
	f, err := os.OpenFile(filepath.Join(b.copied, filepath.Base(r.Dir), name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("changing the tests of %s: %w", r.Name, err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "\n\ndef test_of_the_benchmark_%d(): pass\n", n); err != nil {
		return err
	}
	return f.Close()
}

// build is one `wasmill build` of one recipe; what it needs is built already.
func (b *bench) build(ctx context.Context, f *farm, r *recipe.Recipe, data string) (*buildSample, record.Build, error) {
	begin := time.Now()
	run, err := b.wasmill(ctx, data, r.Name)
	if err != nil {
		return nil, record.Build{}, err
	}
	s := &buildSample{Command: time.Since(begin).Seconds(), Run: run.Finished.Sub(run.Created).Seconds()}
	for _, act := range run.Actions {
		if act.Recipe != r.Name {
			continue
		}
		if act.Status != "passed" {
			return nil, record.Build{}, &failure{r.Name, r.Version, act.Status + ": " + act.Cause}
		}
		rec, err := f.Build(ctx, act.Key)
		if err != nil {
			return nil, rec, err
		}
		s.fill(rec)
		return s, rec, nil
	}
	return nil, record.Build{}, fmt.Errorf("building %s: it is not in the run", r.Name)
}

// describe notes what was built, and what its tests said.
func (r *recipeResult) describe(rec record.Build) {
	if len(rec.Artifacts) > 0 {
		r.Size = rec.Artifacts[0].Size
	}
	c := rec.Counts()
	r.Imports, r.Passed, r.Skipped = c.Imports, c.Passed, c.Skipped
}

func (s *buildSample) fill(rec record.Build) {
	s.Phases, s.Memory = rec.Phases, rec.PeakMemory
	for _, p := range rec.Phases {
		if p.Phase == record.PhaseTest {
			s.Test += p.Seconds
		} else {
			s.Build += p.Seconds
		}
	}
	if rec.Compilers != nil {
		s.Compilers, s.Commands = rec.Compilers.Seconds, rec.Compilers.Commands
	}
}

// wasmill runs `wasmill build` and reads what it says.
func (b *bench) wasmill(ctx context.Context, data string, names ...string) (api.Run, error) {
	args := append([]string{"build", "--data", data, "--recipes", b.copied, "--toolchain", b.toolchain, "--out", filepath.Join(b.scratch, "dist"), "--quiet", "--json"}, names...)
	cmd := exec.CommandContext(ctx, b.program(), args...)
	cmd.Stderr = os.Stderr
	// As with Ctrl-C: the command then cancels its run, and the containers go.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	var run api.Run
	text, err := cmd.Output()
	if err != nil {
		return run, fmt.Errorf("wasmill build %v: %w\n%s", names, err, text)
	}
	if err := json.Unmarshal(text, &run); err != nil {
		return run, fmt.Errorf("wasmill build %v: reading what it says: %w", names, err)
	}
	return run, nil
}
